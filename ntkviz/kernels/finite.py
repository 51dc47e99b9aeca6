r"""The empirical neural tangent kernel of a finite network, computed layer by layer and without a Jacobian.

    Θ(x, x′) = Σ_l (a_l² ⟨h_{l−1}(x), h_{l−1}(x′)⟩ + c_l²) ⟨∂f/∂z_l(x), ∂f/∂z_l(x′)⟩

The gradient in a weight is the product of an input h_{l−1} of its layer and the back-propagated ∂f/∂z_l. Inner products
of gradients are therefore products of two matrix products of shape (N, n)(n, N). They take O(N n² + N² n) operations
and O(N n) memory beside the result, where the Jacobian takes O(N² n²) and O(N n²). For the kernel of a set with itself
little more than half is computed, in blocks, and mirrored.

The parameterization decides the factors a_l and c_l (`ntkviz.nets.scales`). ∂f/∂z_l is computed as the gradient in a
zero that is added to the pre-activations. It works for every activation that JAX differentiates, and for every
operation that treats points one by one. For a layer that is applied at each position of an image, the products are
summed over positions (`shared`).

Source: Jacot, Gabriel & Hongler 2018 (the kernel). The factorisation is the chain rule.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ntkviz.compiling import quickly
from ntkviz.errors import InvalidInput
from ntkviz.kernels.room import room_for
from ntkviz.kernels.shared import bias_share, weights_share
from ntkviz.nets import Architecture, Params, Scale, forward, multiplications, scales, shapes, sizes
from ntkviz.nets.padding import cut, padded
from ntkviz.nets.widening import with_room

Outputs = Literal["trace", "full"]

SQUARE = 256  # points on a side of a diagonal block; smaller ones save more work, but multiply more slowly
SPARE = 2e-3  # seconds by which a kernel may take longer for the sake of a program that many widths share
HALVINGS = 2  # most times that a kernel is halved; each block is one more program to compile


def empirical_ntk(
    arch: Architecture, params: Params, x1: ArrayLike, x2: ArrayLike | None = None, *, outputs: Outputs = "trace"
) -> Array:
    """The neural tangent kernel of one network at its present weights. In traced code use `layerwise`.

    Args:
        arch: the architecture.
        params: the weights; the kernel has their precision.
        x1: (N1, d), the inputs.
        x2: (N2, d), other inputs. None stands for `x1`; the kernel is then exactly symmetric.
        outputs: "trace" is (1/K) Σ_k ⟨∇f_k(x), ∇f_k(x′)⟩, (N1, N2), which converges to the infinite-width kernel.
            "full" has every pair of outputs, (N1·K, N2·K), with row n·K + k for output k of point n.

    Raises:
        InvalidInput: where shapes do not fit, numbers are not finite, or the kernel overflows.
        TooExpensive: where the kernel is larger than the memory of the machine.
    """
    if outputs not in ("trace", "full"):
        raise InvalidInput(f'The outputs must be "trace" or "full", not {outputs!r}.')
    x1, x2 = _inputs(x1, "x1"), None if x2 is None else _inputs(x2, "x2")
    rows = arch.outputs if outputs == "full" else 1
    room_for(rows * len(x1), rows * len(x1 if x2 is None else x2), params[0][0].dtype.itemsize)
    room, weights = _with_room(arch, params, x1, x1 if x2 is None else x2)
    made = _layerwise(room, weights, padded(x1), None if x2 is None else padded(x2), outputs=outputs)
    return _finite(cut(made, (rows * len(x1), rows * len(x1 if x2 is None else x2))), params)


def empirical_nngp(arch: Architecture, params: Params, x1: ArrayLike, x2: ArrayLike | None = None) -> Array:
    """The products (1/K) Σ_k f_k(x) f_k(x′) of a network's outputs, (N1, N2).

    Their mean over random weights is the NNGP kernel. The kernel of one network with K outputs has rank K at most.

    Args:
        arch: the architecture.
        params: the weights.
        x1: (N1, d), the inputs.
        x2: (N2, d), other inputs; None stands for `x1`.

    Raises:
        InvalidInput: see `empirical_ntk`.
    """
    x1, x2 = _inputs(x1, "x1"), None if x2 is None else _inputs(x2, "x2")
    return _finite(_output_products(arch, params, x1, x2), params)


def layerwise(
    arch: Architecture, params: Params, x1: Array, x2: Array | None = None, *, outputs: Outputs = "trace"
) -> Array:
    """The kernel of `empirical_ntk` for traced code, with the same arguments; only shapes are checked.

    The kernels of many networks are `jax.vmap(lambda params: layerwise(arch, params, x))(stacked)`. With `jax.lax.map`
    in place of `jax.vmap` they take the memory of one network.
    """
    factors1 = _factors(arch, params, x1)
    factors2 = factors1 if x2 is None else _factors(arch, params, x2)
    layers = list(zip(scales(arch, x1.shape[1]), params, *factors1, *factors2, strict=True))
    rows = arch.outputs if outputs == "full" else 1  # rows of the kernel for each point

    def block(points1: slice, points2: slice) -> Array:
        kernel: Array | float = 0.0
        for scale, (_, bias), h1, d1, h2, d2 in layers:
            h1, d1, h2, d2 = h1[points1], d1[points1], h2[points2], d2[points2]
            if h1.ndim > 2:  # an image, whose positions share the weights
                shared = _shared(scale, bias is not None, h1, h2, d1, d2, full=outputs == "full")
                kernel = kernel + shared.reshape(len(h1), rows, len(h2), rows)
                continue
            forwards = scale.weight**2 * (h1 @ h2.T) + (0.0 if bias is None else scale.bias**2)
            backwards = d1.reshape(rows * len(h1), -1) @ d2.reshape(rows * len(h2), -1).T
            kernel = kernel + forwards[:, None, :, None] * backwards.reshape(len(h1), rows, len(h2), rows)
        return jnp.asarray(kernel).reshape(rows * len(h1), rows * len(h2)) * (rows / arch.outputs)

    return block(slice(len(x1)), slice(len(x2))) if x2 is not None else _mirrored(block, 0, len(x1), HALVINGS)


def _mirrored(block: Callable[[slice, slice], Array], start: int, stop: int, halvings: int) -> Array:
    """The symmetric kernel of the points from `start` to `stop`, of which little more than half is computed."""
    if halvings == 0 or stop - start <= SQUARE:
        square = block(slice(start, stop), slice(start, stop))
        return (square + square.T) / 2  # matrix products may round (i, j) and (j, i) differently
    middle = (start + stop) // 2
    corner = block(slice(middle, stop), slice(start, middle))
    first, second = _mirrored(block, start, middle, halvings - 1), _mirrored(block, middle, stop, halvings - 1)
    return jnp.block([[first, corner.T], [corner, second]])


def _shared(scale: Scale, biased: bool, h1: Array, h2: Array, d1: Array, d2: Array, *, full: bool) -> Array:
    """The part in the kernel of a layer that has the same weights at each position, for h (N, *positions, …)."""
    one, other = (h.reshape(len(h), -1, h.shape[-1]) for h in (h1, h2))
    back1, back2 = (d.reshape(*d.shape[:2], -1, d.shape[-1]) for d in (d1, d2))
    weights = scale.weight**2 * weights_share(one, other, back1, back2, full=full)
    return weights + scale.bias**2 * bias_share(back1, back2, full=full) if biased else weights


def _factors(arch: Architecture, params: Params, x: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """The inputs (N, …, fan_in) of each layer, and its ∂f_k/∂z for each output k, (N, K, …, fan_out)."""
    taps = tuple(
        jnp.zeros((x.shape[0], *size.positions, size.fan_out), weight.dtype)
        for size, (weight, _) in zip(sizes(arch, x.shape[1]), params, strict=True)
    )
    f, pull, inputs = jax.vjp(lambda taps: forward(arch, params, x, taps), taps, has_aux=True)
    outputs = jnp.eye(arch.outputs, dtype=f.dtype)
    # Row n of f depends on row n of the taps alone, so that one backward pass gives the gradients at all points.
    (back,) = jax.vmap(lambda output: pull(jnp.broadcast_to(output, f.shape)), out_axes=1)(outputs)
    return inputs, back


def _with_room(arch: Architecture, params: Params, x1: np.ndarray, x2: np.ndarray) -> tuple[Architecture, Params]:
    """The network in arrays whose program other widths share, where this costs little."""
    points, dim = len(x1) + len(x2), x1.shape[1]

    def seconds(arch: Architecture) -> float:
        sizes = shapes(arch, dim)
        products = len(x1) * len(x2) * sum(fan_in + arch.outputs**2 * fan_out for fan_in, fan_out in sizes)
        passes = (1 + arch.outputs) * points * multiplications(arch, dim)
        return 5e-9 * points * sum(fan_out for _, fan_out in sizes) + 2 * (passes + products) / 5e10

    return with_room(arch, params, x1.shape, seconds, SPARE)


_layerwise = quickly(layerwise, static_argnames="outputs")


@quickly
def _output_products(arch: Architecture, params: Params, x1: Array, x2: Array | None) -> Array:
    f1 = forward(arch, params, x1)[0]
    f2 = f1 if x2 is None else forward(arch, params, x2)[0]
    kernel = f1 @ f2.T / arch.outputs
    return kernel if x2 is not None else (kernel + kernel.T) / 2


def _inputs(x: ArrayLike, name: str) -> np.ndarray:
    points = np.asarray(x)
    if points.ndim != 2 or 0 in points.shape:
        raise InvalidInput(f"The inputs {name} have shape {points.shape}; pass at least one point as (N, d).")
    if not np.isfinite(points).all():
        raise InvalidInput(f"The inputs {name} hold numbers that are not finite; remove or replace those points.")
    return points


def _finite(kernel: Array, params: Params) -> Array:
    if not all(_is_finite(np.asarray(array)) for array in jax.tree.leaves((kernel, params))):
        raise InvalidInput(
            "The kernel or the weights are not finite; the training diverged or the scales are too large."
        )
    return kernel


def _is_finite(array: np.ndarray) -> bool:
    """Whether all numbers are finite, without an array of answers: the extremes of others are not finite either."""
    return bool(np.isfinite(array.min()) and np.isfinite(array.max()))
