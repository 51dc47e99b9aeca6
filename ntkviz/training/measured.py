"""What is measured of the networks of a sweep beside their outputs: their kernels and their sharpness."""

from functools import partial

import jax
from jax import Array

from ntkviz.compiling import quickly
from ntkviz.kernels.finite import layerwise
from ntkviz.nets import Architecture, Params
from ntkviz.training.descent import Problem
from ntkviz.training.losses import objective
from ntkviz.training.sharpness import Sharpness, top_hessian


@quickly
def kernels(arch: Architecture, params: Params, x: Array) -> Array:
    """The empirical tangent kernel of each network, (S, N, N).

    Args:
        arch: the architecture.
        params: the weights, with leading axes S.
        x: (N, d), the inputs.
    """
    return jax.lax.map(lambda params: layerwise(arch, params, x), params)


@partial(quickly, static_argnums=1)
def sharpnesses(arch: Architecture, products: int, problem: Problem, params: Params, directions: Array) -> Sharpness:
    """The sharpness of each network.

    Args:
        arch: the architecture.
        products: how many products of the Hessian with a vector to compute.
        problem: what is trained.
        params: the weights, with leading axes S.
        directions: (S, P), where the search for the largest eigenvalue starts.
    """

    def of_one(network: tuple[Params, Array, Array, Array, Array]) -> Sharpness:
        params, alpha, offset, weights, direction = network
        scaled = objective(problem.loss, arch, problem.x, problem.y, alpha=alpha, offset=offset, point_weights=weights)
        return top_hessian(scaled, params, products, direction)

    sweep = (params, problem.alpha, problem.offset, problem.point_weights, directions)
    found: Sharpness = jax.lax.map(of_one, sweep)
    return found
