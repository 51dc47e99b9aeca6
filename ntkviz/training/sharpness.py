r"""Sharpness: the largest eigenvalue of the loss's Hessian in the weights, by Lanczos on Hessian-vector products.

    H = ∇²_w L/α²,    L = ½ Σ ‖F - y‖²,    F = α (f(w) - offset)

Gradient descent with step η is locally stable while it is below 2/η. In the lazy regime it is λ_max of the kernel.

Source: Cohen et al. 2021 (its part in training).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike

from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture, Params, apply, parameter_count
from ntkviz.spectra.lanczos import tridiagonal


class Sharpness(NamedTuple):
    """The top eigenvalue, its distance to an eigenvalue at most (up to rounding), and its direction (P,)."""

    value: Array
    error: Array
    direction: Array


def sharpness(
    arch: Architecture,
    params: Params,
    x: ArrayLike,
    y: ArrayLike,
    *,
    alpha: float = 1.0,
    offset: ArrayLike = 0.0,
    direction: Array | None = None,
    products: int = 20,
) -> Sharpness:
    """Top Hessian eigenvalue at `params` on x (N, d), y (N,) or (N, K), from `products` Hessian-vector products.

    `direction` (P,) warm-starts it: where the weights moved little since, five products do. `offset` (N, K) are the
    outputs that a centred model subtracts.
    """
    points = jnp.asarray(x, params[0].weight.dtype)
    if products < 1:
        raise InvalidInput(f"The sharpness needs at least one Hessian product, not {products}.")
    targets = jnp.asarray(y, points.dtype).reshape(len(points), arch.outputs)
    offset = jnp.broadcast_to(jnp.asarray(offset, points.dtype), targets.shape)
    if direction is None:
        direction = first_direction(arch, points)
    scale = jnp.asarray(alpha, points.dtype)
    found: Sharpness = _sharpness(arch, products, params, points, targets, scale, offset, direction)
    return found


def first_direction(arch: Architecture, x: Array) -> Array:
    """A fixed random direction (P,) to begin with."""
    return jax.random.normal(jax.random.key(0), (parameter_count(arch, x.shape[1]),), x.dtype)


def top_hessian(
    arch: Architecture,
    products: int,
    params: Params,
    x: Array,
    y: Array,
    alpha: Array,
    offset: Array,
    direction: Array,
) -> Sharpness:
    """`sharpness` for traced code."""
    flat, unravel = ravel_pytree(params)

    def loss(w: Array) -> Array:
        residual = apply(arch, unravel(w), x) - offset - y / alpha
        return jnp.sum(residual**2) / 2

    gradient = jax.grad(loss)
    return lanczos(lambda v: jax.jvp(gradient, (flat,), (v,))[1], direction, min(products, len(flat)))


_sharpness = partial(jax.jit, static_argnums=1)(top_hessian)


def lanczos(product: Callable[[Array], Array], direction: Array, products: int) -> Sharpness:
    """Top eigenpair of a symmetric operator on the Krylov space of `direction`."""
    found = tridiagonal(product, direction, products)
    values, vectors = found.eigh()
    top = vectors[:, -1]
    return Sharpness(values[-1], found.rest * jnp.abs(top[-1]), top @ found.basis)
