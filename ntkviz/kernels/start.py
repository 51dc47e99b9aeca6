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
    """The kernels of the inputs, K⁰ = x·x′/d and Θ = 0.

    Args:
        arch: the architecture.
        x1: (N1, d), the inputs.
        x2: (N2, d), other inputs; None stands for `x1`.
        shaken: a relative error of the inner products.
        same: (N1, N2) whether two points are one, so that K⁰ is exactly their variance. None stands for the diagonal
            of a set with itself.
    """
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
    one = jnp.eye(len(x1), dtype=bool) if same is None and x2 is None else same
    if one is not None:
        one = jnp.kron(jnp.eye(len(q1) // len(x1), dtype=int), one.astype(int)) > 0 if pairs else one
        k = jnp.where(one, q1[..., :, None], k)
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
