r"""Empirical kernels of many networks in one program: a sweep over seeds, and a sweep over widths by masks.

    h_i ← √(w/n) φ(z_i) for i ≤ n,  0 for i > n:    the first n of w neurons of each layer are a network of width n

In the NTK parameterization the factor σ_w/√w of the layers becomes σ_w/√n in this way. The kernel in the maximal update
parameterization is the same. In the standard parameterization the weights are multiplied by √(w/n) instead. Masked
neurons have neither outputs nor gradients.

A sweep over widths is therefore compiled once, and each of its networks is a part of the next wider one. This holds
where neurons of different layers are connected only through φ. For networks with skip connections or layer norm every
width is compiled by itself. So it is for images, whose wide networks take most of the time.
"""

import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from ntkviz.activations import activation
from ntkviz.compiling import quickly
from ntkviz.errors import InvalidInput
from ntkviz.kernels.finite import empirical_ntk, layerwise
from ntkviz.nets import Architecture, Layer, Params, init_many
from ntkviz.nets.operations import LayerNorm, Residual


def seeds_ntk(arch: Architecture, x: ArrayLike, seeds: Iterable[int]) -> Array:
    """The trace NTK (S, N, N) of networks with random weights from S seeds, in the precision of x.

    Args:
        arch: the architecture.
        x: (N, d), the inputs.
        seeds: (S,), the seeds of the random weights.
    """
    points = _points(x)
    return _over_seeds(arch, points, init_many(arch, points.shape[1], seeds, dtype=points.dtype))


@quickly
def _over_seeds(arch: Architecture, x: Array, params: Params) -> Array:
    return jax.vmap(lambda one: layerwise(arch, one, x))(params)


def narrowed(arch: Architecture, params: Params, width: int) -> tuple[Architecture, Params]:
    """The network of the first `width` neurons of each hidden layer, with the distribution of weights of that width.

    Args:
        arch: the architecture of the wide network.
        params: its weights.
        width: the number of neurons to keep in each hidden layer.

    Raises:
        InvalidInput: where `width` is not between 1 and that of `arch`.
    """
    _fits(arch, (width,))
    root = math.sqrt(arch.width / width)
    rest = 1.0 if arch.parameterization == "ntk" else root  # these weights have standard deviations in 1/√n
    first, biases = (root, root) if arch.parameterization == "mup" else (1.0, 1.0)
    cut = []
    for layer, (weight, bias) in enumerate(params):
        offsets = weight if layer == 0 else weight.reshape(-1, arch.width, weight.shape[1])[:, :width]
        columns = slice(None if layer == len(params) - 1 else width)
        kept = offsets.reshape(-1, weight.shape[1])[:, columns]
        cut.append(Layer((rest if layer else first) * kept, None if bias is None else biases * bias[columns]))
    return replace(arch, width=width), tuple(cut)


def maskable(arch: Architecture) -> bool:
    """Whether one compiled program serves all widths of an architecture."""
    return arch.input_dim is None and not any(isinstance(each, Residual | LayerNorm) for each in arch.block())


def widths_ntk(arch: Architecture, params: Params, x: ArrayLike, widths: Sequence[int]) -> Array:
    """The trace NTK (W, N, N) of the `narrowed` networks of W widths, in the precision of the weights.

    Where the architecture is `maskable`, one program computes all of them, in the time of W networks of full width.

    Args:
        arch: the architecture of the widest network.
        params: its weights.
        x: (N, d), the inputs.
        widths: (W,), the widths, at most that of `arch`.

    Raises:
        InvalidInput: where a width is out of range, or the inputs are not finite.
    """
    _fits(arch, widths)
    points = _points(x).astype(params[0].weight.dtype)
    if not maskable(arch):
        return jnp.stack([empirical_ntk(*narrowed(arch, params, width), points) for width in widths])
    return _over_widths(arch, params, points, np.asarray(widths))


@quickly
def _over_widths(arch: Architecture, params: Params, x: Array, widths: Array) -> Array:
    phi = activation(arch.activation)

    def kernel(width: Array) -> Array:
        root = jnp.sqrt(arch.width / width).astype(x.dtype)
        standard = arch.parameterization == "standard"
        alive = jnp.where(jnp.arange(arch.width) < width, 1 if standard else root, 0).astype(x.dtype)
        masked = copy.copy(arch)  # without the checks of the bounds, because σ is a traced number here
        object.__setattr__(masked, "activation", replace(phi, function=lambda z: alive * phi.function(z)))
        first, *rest = params
        scaled = [Layer(root * weight, bias) for weight, bias in rest] if standard else rest
        return layerwise(masked, (first, *scaled), x)

    return lax.map(kernel, widths)


def _fits(arch: Architecture, widths: Sequence[int]) -> None:
    if not widths or not all(1 <= width <= arch.width for width in widths):
        raise InvalidInput(f"The widths must lie between 1 and {arch.width}, that of the network, not {tuple(widths)}.")


def _points(x: ArrayLike) -> np.ndarray:
    points = np.asarray(x)
    if points.ndim != 2 or 0 in points.shape or not np.isfinite(points).all():
        raise InvalidInput(f"The inputs have shape {points.shape}; pass at least one point as (N, d), all finite.")
    return points
