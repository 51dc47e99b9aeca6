"""The kernels of the inputs, with which the recursion over the layers of an infinitely wide network starts."""

from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from ntkviz.kernels.limit import Kernel, pairs_meet
from ntkviz.nets import Architecture

AnyArray = TypeVar("AnyArray", Array, np.ndarray)  # traced by JAX, or of NumPy


def start_of(
    arch: Architecture, x1: Array, x2: Array | None, shaken: float | Array, same: Array | None = None
) -> Kernel:
    """The kernels of the inputs, K⁰ = x·x′/d and Θ = 0; `same` says whether two sets hold the same points."""
    first = positioned(arch, x1)
    second = first if x2 is None else positioned(arch, x2)
    features, pairs = first.shape[-1], pairs_meet(arch)
    q1, q2 = ((points**2).sum(axis=-1) / features for points in (first, second))  # (*positions, N)
    if pairs:
        own = _within(first), _within(second)
        k = first.reshape(-1, features) @ second.reshape(-1, features).T
        q1, q2 = q1.ravel(), q2.ravel()
    else:
        own = q1, q2
        k = first @ jnp.swapaxes(second, -1, -2)
    k = k * ((1 - shaken) / features)
    if x2 is None or (same is not None and len(x1) == len(x2)):
        diagonal = jnp.eye(q1.shape[-1], dtype=bool) & (True if same is None else same)
        k = jnp.where(diagonal, q1[..., None, :], k)
    k = k.reshape(*first.shape[:-1], *second.shape[:-1]) if pairs else k
    return Kernel(k, jnp.zeros_like(k), None if x2 is None else own)


def positioned(arch: Architecture, x: AnyArray) -> AnyArray:
    """Inputs (N, d) in the shape (*positions, N, features)."""
    images = x.reshape(len(x), *arch.input_shape(x.shape[1]))
    axes = range(1, images.ndim)
    return images.transpose(*axes[:-1], 0, axes[-1])


def _within(points: Array) -> Array:
    """Inner products (*positions, *positions, N) between the positions (*positions, N, features) of each sample."""
    flat = points.reshape(-1, *points.shape[-2:])
    products = jnp.einsum("pnc,qnc->pqn", flat, flat) / points.shape[-1]
    return products.reshape(*points.shape[:-2], *points.shape[:-1])
