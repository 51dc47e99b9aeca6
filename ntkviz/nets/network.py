r"""Weights and outputs of finite networks.

    z^1 = a_1 W^1 x + c_1 b^1,    z^{l+1} = a_{l+1} W^{l+1} φ(z^l) + c_{l+1} b^{l+1},    f = z^{L+1}

for a fully connected network; other architectures put other operations between their layers (`operations`). Scales,
shapes, weights and taps of the layers are tuples in the order in which the network applies the layers. The factors a, c
come from `scales` everywhere in the project.
"""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from ntkviz.errors import InvalidInput
from ntkviz.nets.architectures import PARAMETERIZATIONS, Architecture
from ntkviz.nets.operations import Layer, Params, Run, Scale, Size, forward_through, sizes_of


def sizes(arch: Architecture, input_dim: int) -> tuple[Size, ...]:
    """The size of each layer for inputs of `input_dim` numbers, input layer first."""
    return sizes_of(arch.operations, arch.input_shape(input_dim))[0]


def scales(arch: Architecture, input_dim: int) -> tuple[Scale, ...]:
    """The scale of each layer for inputs of `input_dim` numbers, input layer first."""
    rule = PARAMETERIZATIONS[arch.parameterization]
    layers = sizes(arch, input_dim)
    return tuple(rule(arch, arch.fan_in(i, size), i == len(layers) - 1) for i, size in enumerate(layers))


def shapes(arch: Architecture, input_dim: int) -> tuple[tuple[int, int], ...]:
    """The pair (fan_in, fan_out) of each layer for inputs of `input_dim` numbers, input layer first."""
    return tuple((size.fan_in, size.fan_out) for size in sizes(arch, input_dim))


def parameter_count(arch: Architecture, input_dim: int) -> int:
    """The number P of weights and biases in the network for inputs of `input_dim` numbers."""
    return sum(m * n + (n if arch.sigma_b is not None else 0) for m, n in shapes(arch, input_dim))


def multiplications(arch: Architecture, input_dim: int) -> int:
    """The number of multiplications by weights in the forward pass of one point.

    It equals `parameter_count`, except for convolutions, which use each weight at every position of the image.
    """
    biases = arch.sigma_b is not None
    return sum(size.uses * size.fan_out * (size.fan_in + biases) for size in sizes(arch, input_dim))


def init(
    arch: Architecture,
    input_dim: int,
    *,
    seed: int | None = None,
    key: Array | None = None,
    dtype: DTypeLike = np.float64,
) -> Params:
    """Random weights: normal, with the standard deviations of the parameterization.

    The weights and the biases of each layer come from a NumPy generator of their own, which (seed, layer) starts. Both
    precisions have the same weights up to rounding.

    Args:
        arch: the architecture.
        input_dim: d, the numbers in an input.
        seed: a whole number from 0; the same seed draws the same weights.
        key: of JAX, in place of a seed. It is accepted in this release only.
        dtype: the precision of the weights.

    Raises:
        InvalidInput: where there is no seed, or it is not a whole number from 0.
    """
    if key is not None and seed is None:
        warnings.warn("init takes seed=… in place of key=…, which the next release refuses.", stacklevel=2)
        return _put(_drawn(arch, input_dim, jax.random.key_data(key).tolist(), dtype))
    return _put(_drawn(arch, input_dim, [_checked_seed(seed)], dtype))


def init_many(arch: Architecture, input_dim: int, seeds: Iterable[int], *, dtype: DTypeLike = np.float64) -> Params:
    """The weights of S networks, with a leading axis S: those that `init` draws from each of the seeds.

    Args:
        arch: the architecture.
        input_dim: d, the numbers in an input.
        seeds: (S,), whole numbers from 0.
        dtype: the precision of the weights.

    Raises:
        InvalidInput: where a seed is not a whole number from 0, or there is none.
    """
    drawn = [_drawn(arch, input_dim, [_checked_seed(seed)], dtype) for seed in seeds]
    if not drawn:
        raise InvalidInput("Give at least one seed.")
    stacked: Params = jax.tree.map(lambda *weights: np.stack(weights), *drawn)
    return _put(stacked)


def _checked_seed(seed: int | None) -> int:
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidInput(f"The seed of the weights must be a whole number from 0, not {seed!r}.")
    return int(seed)


def _drawn(arch: Architecture, input_dim: int, seeds: list[int], dtype: DTypeLike) -> Params:
    """The weights, in NumPy: a generator of JAX would have to be compiled for each shape."""

    def normals(number: int, size: tuple[int, ...], std: float) -> Any:
        values = np.random.default_rng([*seeds, number]).standard_normal(size)
        values *= std
        return values.astype(dtype, copy=False)

    layers = zip(shapes(arch, input_dim), scales(arch, input_dim), strict=True)
    return tuple(
        Layer(
            normals(2 * number, size, scale.weight_std),
            None if arch.sigma_b is None else normals(2 * number + 1, size[1:], scale.bias_std),
        )
        for number, (size, scale) in enumerate(layers)
    )


def _put(params: Params) -> Params:
    """The weights as arrays of JAX; nothing is compiled for it."""
    on_device: Params = jax.device_put(params)
    return on_device


def apply(arch: Architecture, params: Params, x: ArrayLike) -> Array:
    """The outputs f(x) of the network.

    Args:
        arch: the architecture.
        params: the weights.
        x: (N, d), the inputs.

    Returns:
        (N, outputs), in the precision of the weights.

    Raises:
        InvalidInput: where inputs or weights do not have the shapes of the architecture.
    """
    return forward(arch, params, x)[0]


def forward(
    arch: Architecture, params: Params, x: ArrayLike, taps: tuple[Array, ...] | None = None
) -> tuple[Array, tuple[Array, ...]]:
    """The outputs of the network and the inputs of its layers, in the precision of the weights.

    Args:
        arch: the architecture.
        params: the weights.
        x: (N, d), the inputs.
        taps: an array for each layer, (N, …, fan_out), which is added to its pre-activations. The gradient in the tap
            of a layer, taken at zero, is ∂f/∂z of that layer.

    Returns:
        The outputs (N, outputs), and the input (N, …, fan_in) of each layer. For the layers of a convolutional network
        … stands for the positions of the image (`sizes`).

    Raises:
        InvalidInput: where inputs or weights do not have the shapes of the architecture.
    """
    h = jnp.asarray(x, params[0][0].dtype)
    _check(arch, params, h.shape)
    run = Run(params, scales(arch, h.shape[1]), taps)
    h = h.reshape(len(h), *arch.input_shape(h.shape[1]))
    return forward_through(arch.operations, h, run), tuple(run.inputs)


def _check(arch: Architecture, params: Params, points: tuple[int, ...]) -> None:
    if len(points) != 2:
        raise InvalidInput(f"The inputs have shape {points}; pass one row a point, (N, d).")
    expected = shapes(arch, points[1])
    given = tuple(weight.shape for weight, _ in params)
    if given != expected:
        raise InvalidInput(
            f"Inputs {points} and weights {given} do not fit a network of depth {arch.depth}, width {arch.width} and "
            f"{arch.outputs} outputs; pass inputs (N, d) and weights {expected}."
        )
    if any((bias is None) != (arch.sigma_b is None) for _, bias in params):
        raise InvalidInput(
            "A network has biases unless its sigma_b is None; make the weights with the same architecture."
        )


def centred(arch: Architecture, start: Params, alpha: float = 1.0) -> Callable[[Params, ArrayLike], Array]:
    """The centred model α (f(w) − f(w₀)), which is zero at the start (Chizat, Oyallon & Bach 2019).

    Args:
        arch: the architecture.
        start: the weights w₀.
        alpha: the output scale α; training is lazy where it is large.

    Returns:
        A function that takes weights and inputs (N, d) to outputs (N, outputs).
    """

    def model(params: Params, x: ArrayLike) -> Array:
        return alpha * (apply(arch, params, x) - apply(arch, start, x))

    return model
