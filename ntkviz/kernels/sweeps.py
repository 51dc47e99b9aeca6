r"""Kernels of many networks in one program: seeds side by side, widths under a mask.

    h_i ← √(w/n) φ(z_i) for i ≤ n,  0 for i > n:    the first n of w neurons of each layer are a network of width n

in the NTK parameterization, whose factor σ_w/√w then is σ_w/√n, and in the maximal update one, whose kernel is the
same; in the standard one the weights take the factor instead. What is masked has neither outputs nor gradients. So a
sweep over widths compiles once, and its networks share their neurons: each is a part of the next. That is so where a
layer sees other neurons through φ alone; with skips and layer norm, and for images, whose wide networks cost the most,
each width is a program of its own.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from ntkviz.activations import activation
from ntkviz.errors import InvalidInput
from ntkviz.kernels.finite import empirical_ntk, layerwise
from ntkviz.nets import Architecture, Layer, Params, init
from ntkviz.nets.operations import LayerNorm, Residual


def seeds_ntk(arch: Architecture, x: ArrayLike, keys: Array) -> Array:
    """The trace NTK (S, N, N) on x (N, d) of networks drawn from S keys, in the dtype of x."""
    points = _points(x)
    return _over_seeds(arch, points, keys)


@jax.jit
def _over_seeds(arch: Architecture, x: Array, keys: Array) -> Array:
    def kernel(key: Array) -> Array:
        return layerwise(arch, init(arch, x.shape[1], key=key, dtype=x.dtype), x)

    return jax.vmap(kernel)(keys)


def narrowed(arch: Architecture, params: Params, width: int) -> tuple[Architecture, Params]:
    """The network of the first `width` neurons of each hidden layer, drawn as one of that width would be."""
    _fits(arch, (width,))
    root = math.sqrt(arch.width / width)
    rest = 1.0 if arch.parameterization == "ntk" else root  # std 1/√n of the weights behind hidden neurons, or of all
    first, biases = (root, root) if arch.parameterization == "mup" else (1.0, 1.0)
    cut = []
    for layer, (weight, bias) in enumerate(params):
        offsets = weight if layer == 0 else weight.reshape(-1, arch.width, weight.shape[1])[:, :width]
        columns = slice(None if layer == len(params) - 1 else width)
        kept = offsets.reshape(-1, weight.shape[1])[:, columns]
        cut.append(Layer((rest if layer else first) * kept, None if bias is None else biases * bias[columns]))
    return replace(arch, width=width), tuple(cut)


def maskable(arch: Architecture) -> bool:
    """Whether one program serves all widths."""
    return arch.input_dim is None and not any(isinstance(each, Residual | LayerNorm) for each in arch.block())


def widths_ntk(arch: Architecture, params: Params, x: ArrayLike, widths: Sequence[int]) -> Array:
    """The trace NTK (W, N, N) of `narrowed` networks of W widths ≤ `arch.width`, in the dtype of the weights.

    One program for all, if they are `maskable`: it takes the time of W networks of the full width.
    """
    _fits(arch, widths)
    points = _points(x).astype(params[0].weight.dtype)
    if not maskable(arch):
        return jnp.stack([empirical_ntk(*narrowed(arch, params, width), points) for width in widths])
    return _over_widths(arch, params, points, jnp.asarray(widths))


@jax.jit
def _over_widths(arch: Architecture, params: Params, x: Array, widths: Array) -> Array:
    phi = activation(arch.activation)

    def kernel(width: Array) -> Array:
        root = jnp.sqrt(arch.width / width).astype(x.dtype)
        standard = arch.parameterization == "standard"
        alive = jnp.where(jnp.arange(arch.width) < width, 1 if standard else root, 0).astype(x.dtype)
        masked = copy.copy(arch)  # σ is traced here: nothing can be checked
        object.__setattr__(masked, "activation", replace(phi, function=lambda z: alive * phi.function(z)))
        first, *rest = params
        scaled = [Layer(root * weight, bias) for weight, bias in rest] if standard else rest
        return layerwise(masked, (first, *scaled), x)

    return lax.map(kernel, widths)


def _fits(arch: Architecture, widths: Sequence[int]) -> None:
    if not widths or not all(1 <= width <= arch.width for width in widths):
        raise InvalidInput(f"The widths must lie between 1 and {arch.width}, that of the network, not {tuple(widths)}.")


def _points(x: ArrayLike) -> Array:
    points = np.asarray(x)
    if points.ndim != 2 or 0 in points.shape or not np.isfinite(points).all():
        raise InvalidInput(f"The inputs have shape {points.shape}; pass at least one point as (N, d), all finite.")
    return jnp.asarray(points)
