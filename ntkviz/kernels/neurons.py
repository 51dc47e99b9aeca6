r"""The empirical kernel of two inputs, neuron by neuron: what each neuron's own weights contribute to one entry.

    Θ(x, x′) = Σ_j T_j + (bias of the output),    T_j = Σ over the weights w of neuron j of ∂f(x)/∂w · ∂f(x′)/∂w

The weights of a neuron are those that lead into it, with its bias, and for the last hidden layer also its weight in the
output. Each weight but the bias of the output therefore belongs to one neuron. With one hidden layer the T_j are
independent and equally distributed; each is of size 1/n in the NTK parameterization.

Source: Jacot, Gabriel & Hongler 2018 (the kernel as a sum over weights).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from ntkviz.compiling import quickly
from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture, Params, apply

Floats = NDArray[np.float64]


def neuron_terms(arch: Architecture, params: Params, x: ArrayLike, other: ArrayLike) -> tuple[Floats, float]:
    """The terms of one entry of the kernel of a fully connected network with one output.

    Args:
        arch: the architecture, fully connected, without skips or normalisation.
        params: the weights.
        x: (d,), one input.
        other: (d,), the other input.

    Returns:
        The terms (L, n), one for each neuron of each hidden layer, and that of the bias of the output, 0 without
        biases. Their sum is the entry of the kernel.

    Raises:
        InvalidInput: for another architecture, or inputs that are not two points of one space.
    """
    if type(arch) is not Architecture or arch.outputs != 1:
        raise InvalidInput("The terms of neurons are those of a fully connected network with one output.")
    points = np.asarray([x, other], np.float64)
    *hidden, last = _products(arch, params, points)
    terms = np.array([np.asarray(layer.sum(axis=0)) for layer in hidden], np.float64)
    ends = np.asarray(last, np.float64)
    terms[-1] += ends[: arch.width, 0]
    return terms, float(ends[arch.width :].sum())


@quickly
def _products(arch: Architecture, params: Params, points: Array) -> tuple[Array, ...]:
    """For each layer, the products of the two gradients in its weights; with biases, a last row has theirs."""

    def output(params: Params, point: Array) -> Array:
        return apply(arch, params, point[None])[0, 0]

    one, other = (jax.grad(output)(params, points[i]) for i in range(2))
    products = jax.tree.map(jnp.multiply, one, other)
    return tuple(w if b is None else jnp.concatenate([w, b[None]]) for w, b in products)
