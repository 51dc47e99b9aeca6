r"""Sharpness: the largest eigenvalue of the loss's Hessian in the weights.

    H = ∇²_w L/α²,    F = α (f(w) − offset)

It is found by the Lanczos method from products of H with vectors. Gradient descent with step η is locally stable where
the sharpness is below 2/η. For squared loss and large α it is the largest eigenvalue of the kernel.

Source: Cohen et al. 2021 (sharpness during training).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike

from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture, Params, parameter_count
from ntkviz.spectra.lanczos import tridiagonal
from ntkviz.training.losses import SQUARED, Loss, objective


class Sharpness(NamedTuple):
    """The largest eigenvalue that the Lanczos method found, and its eigenvector."""

    value: Array
    error: Array  # up to rounding, an eigenvalue of H lies within this distance of `value`
    direction: Array  # (P,) the eigenvector, of unit length


def sharpness(
    arch: Architecture,
    params: Params,
    x: ArrayLike,
    y: ArrayLike,
    *,
    alpha: float = 1.0,
    offset: ArrayLike = 0.0,
    loss: Loss = SQUARED,
    point_weights: ArrayLike = 1.0,
    direction: Array | None = None,
    products: int = 20,
) -> Sharpness:
    """The largest eigenvalue of the Hessian of L/α² at the weights `params`.

    Args:
        arch: the architecture.
        params: the weights at which the Hessian is taken; their precision is that of the computation.
        x: (N, d), the inputs.
        y: (N,) or (N, K), the targets.
        alpha: the output scale α.
        offset: (N, K), the outputs that a centred model subtracts.
        loss: the loss function.
        point_weights: (N,), the weight of each point in the loss, or one number for all.
        direction: (P,), where the search starts. The direction found a few steps earlier makes five products enough.
        products: how many products of the Hessian with a vector to compute.

    Raises:
        InvalidInput: where `products` is less than 1, or the targets do not suit the loss.
    """
    points = np.asarray(x, params[0].weight.dtype)
    if products < 1:
        raise InvalidInput(f"The sharpness needs at least one Hessian product, not {products}.")
    targets = np.asarray(y, points.dtype).reshape(len(points), arch.outputs)
    loss.check(targets)
    offset, weights, scale = (np.asarray(value, points.dtype) for value in (offset, point_weights, alpha))
    found: Sharpness = _sharpness(
        arch,
        loss,
        products,
        params,
        points,
        targets,
        np.broadcast_to(offset, targets.shape),
        np.broadcast_to(weights, len(points)),
        scale,
        first_direction(arch, points) if direction is None else direction,
    )
    return found


def first_direction(arch: Architecture, x: ArrayLike) -> np.ndarray:
    """A fixed random direction (P,) from which the search for the sharpness starts."""
    points = np.asarray(x)
    direction = np.random.default_rng(0).standard_normal(parameter_count(arch, points.shape[1]))
    return direction.astype(points.dtype)


@partial(jax.jit, static_argnums=2)
def _sharpness(
    arch: Architecture,
    loss: Loss,
    products: int,
    params: Params,
    x: Array,
    y: Array,
    offset: Array,
    point_weights: Array,
    alpha: Array,
    direction: Array,
) -> Sharpness:
    scaled = objective(loss, arch, x, y, alpha=alpha, offset=offset, point_weights=point_weights)
    return top_hessian(scaled, params, products, direction)


def top_hessian(function: Callable[[Params], Array], params: Params, products: int, direction: Array) -> Sharpness:
    """The largest eigenvalue of the Hessian of a function of the weights, for traced code.

    Args:
        function: takes weights to one number.
        params: the weights at which the Hessian is taken.
        products: how many products of the Hessian with a vector to compute.
        direction: (P,), where the search starts.
    """
    flat, unravel = ravel_pytree(params)
    gradient = jax.grad(lambda w: function(unravel(w)))
    return lanczos(lambda v: jax.jvp(gradient, (flat,), (v,))[1], direction, min(products, len(flat)))


def lanczos(product: Callable[[Array], Array], direction: Array, products: int) -> Sharpness:
    """The largest eigenvalue of a symmetric operator on the Krylov space of a direction, for traced code.

    Args:
        product: takes a vector (P,) to the operator's product with it.
        direction: (P,), where the space starts.
        products: the dimension of the space.
    """
    found = tridiagonal(product, direction, products)
    values, vectors = found.eigh()
    top = vectors[:, -1]
    return Sharpness(values[-1], found.rest * jnp.abs(top[-1]), top @ found.basis)
