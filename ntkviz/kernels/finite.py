r"""The neural tangent kernel of a real network, layer by layer and without a Jacobian.

    Θ(x, x′) = Σ_l (a_l² ⟨h_{l−1}(x), h_{l−1}(x′)⟩ + c_l²) ⟨∂f/∂z_l(x), ∂f/∂z_l(x′)⟩

A weight's gradient is the product of what enters its layer, h_{l−1}, and the back-propagated ∂f/∂z_l, so inner products
of gradients factor into two matrix products of shape (N, n)(n, N): O(N n² + N² n) work in place of O(N² n²), O(N n)
memory beside the result in place of O(N n²). Of a kernel of one set with itself little more than half is computed, in
blocks, and mirrored. The factors a_l and c_l are the parameterization (`ntkviz.nets.scales`), and ∂f/∂z_l is the
gradient in a zero that is added to the pre-activations, so every activation that JAX differentiates works as it is, and
every operation that treats the points one by one. A layer that is applied at each position of an image sums over them
(`shared`).

Source: Jacot, Gabriel & Hongler 2018 (the kernel). The factorisation is the chain rule.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ntkviz.errors import InvalidInput
from ntkviz.kernels.room import room_for
from ntkviz.kernels.shared import bias_share, weights_share
from ntkviz.nets import Architecture, Params, Scale, forward, scales, sizes

Outputs = Literal["trace", "full"]

SQUARE = 256  # points a side of a block on the diagonal: smaller ones save more, and multiply slower
HALVINGS = 2  # at most: each block is one more program to compile


def empirical_ntk(
    arch: Architecture, params: Params, x1: ArrayLike, x2: ArrayLike | None = None, *, outputs: Outputs = "trace"
) -> Array:
    """The neural tangent kernel of one network at its present weights.

    Args:
        arch: the network; its parameterization sets the factors of the layers.
        params: its weights, one (weight, bias or None) a layer. Their dtype is the kernel's.
        x1, x2: inputs (N1, d) and (N2, d); without `x2` the kernel is that of `x1` with itself, exactly symmetric.
        outputs: "trace" is (1/K) Σ_k ⟨∇f_k(x), ∇f_k(x′)⟩, comparable with the infinite-width kernel, (N1, N2);
            "full" has every pair of outputs, (N1·K, N2·K), row n·K + k.

    Raises `InvalidInput` for shapes that do not fit, numbers that are not finite and a kernel that overflows.
    Under `jax.vmap`, `jax.lax.scan` and the like use `layerwise`.
    """
    if outputs not in ("trace", "full"):
        raise InvalidInput(f'The outputs must be "trace" or "full", not {outputs!r}.')
    x1, x2 = _inputs(x1, "x1"), None if x2 is None else _inputs(x2, "x2")
    rows = arch.outputs if outputs == "full" else 1
    room_for(rows * len(x1), rows * len(x1 if x2 is None else x2), params[0][0].dtype.itemsize)
    return _finite(_layerwise(arch, params, x1, x2, outputs=outputs), params)


def empirical_nngp(arch: Architecture, params: Params, x1: ArrayLike, x2: ArrayLike | None = None) -> Array:
    """Products of a network's outputs, (1/K) Σ_k f_k(x) f_k(x′), (N1, N2): its mean over seeds estimates the NNGP.

    One network with K outputs gives a kernel of rank K at most. Raises `InvalidInput` as `empirical_ntk` does.
    """
    x1, x2 = _inputs(x1, "x1"), None if x2 is None else _inputs(x2, "x2")
    return _finite(_output_products(arch, params, x1, x2), params)


def layerwise(
    arch: Architecture, params: Params, x1: Array, x2: Array | None = None, *, outputs: Outputs = "trace"
) -> Array:
    """`empirical_ntk` for traced code: nothing but shapes is checked and nothing is compiled here.

    Many networks at once are `jax.vmap(lambda params: layerwise(arch, params, x))(stacked)`; `jax.lax.map` does the
    same with the memory of one network.
    """
    factors1 = _factors(arch, params, x1)
    factors2 = factors1 if x2 is None else _factors(arch, params, x2)
    layers = list(zip(scales(arch, x1.shape[1]), params, *factors1, *factors2, strict=True))
    rows = arch.outputs if outputs == "full" else 1  # rows of the kernel to one point

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
    """The symmetric kernel of the points from `start` to `stop`, of which little more than one half is computed."""
    if halvings == 0 or stop - start <= SQUARE:
        square = block(slice(start, stop), slice(start, stop))
        return (square + square.T) / 2  # matrix products may round (i, j) and (j, i) differently
    middle = (start + stop) // 2
    corner = block(slice(middle, stop), slice(start, middle))
    first, second = _mirrored(block, start, middle, halvings - 1), _mirrored(block, middle, stop, halvings - 1)
    return jnp.block([[first, corner.T], [corner, second]])


def _shared(scale: Scale, biased: bool, h1: Array, h2: Array, d1: Array, d2: Array, *, full: bool) -> Array:
    """The share of a layer with the same weights at each position (N, *positions, …)."""
    one, other = (h.reshape(len(h), -1, h.shape[-1]) for h in (h1, h2))
    back1, back2 = (d.reshape(*d.shape[:2], -1, d.shape[-1]) for d in (d1, d2))
    weights = scale.weight**2 * weights_share(one, other, back1, back2, full=full)
    return weights + scale.bias**2 * bias_share(back1, back2, full=full) if biased else weights


def _factors(arch: Architecture, params: Params, x: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Each layer's inputs (N, …, fan_in) and its ∂f_k/∂z for each output k, (N, K, …, fan_out)."""
    taps = tuple(
        jnp.zeros((x.shape[0], *size.positions, size.fan_out), weight.dtype)
        for size, (weight, _) in zip(sizes(arch, x.shape[1]), params, strict=True)
    )
    f, pull, inputs = jax.vjp(lambda taps: forward(arch, params, x, taps), taps, has_aux=True)
    outputs = jnp.eye(arch.outputs, dtype=f.dtype)
    # Row n of f depends on row n of the taps alone: one pull of an output gives its gradients at all points.
    (back,) = jax.vmap(lambda output: pull(jnp.broadcast_to(output, f.shape)), out_axes=1)(outputs)
    return inputs, back


_layerwise = jax.jit(layerwise, static_argnames="outputs")


@jax.jit
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
    if not _all_finite((kernel, params)):
        raise InvalidInput(
            "The kernel or the weights are not finite; the training diverged or the scales are too large."
        )
    return kernel


@jax.jit
def _all_finite(arrays: tuple[Array, Params]) -> Array:
    return jnp.array([jnp.isfinite(array).all() for array in jax.tree.leaves(arrays)]).all()
