"""Empirical kernels by NetKet 3.23, which keeps neural-tangents' method by Jacobians for today's JAX."""

import math
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import jax
import jax.numpy as jnp
import numpy as np
from netket.jax._ntk import empirical_ntk_by_jacobian
from protocol import Call, serve

jax.config.update("jax_enable_x64", True)
RNG = np.random.default_rng(0)


def network(weights: list[jax.Array], x: jax.Array) -> jax.Array:
    """The outputs (N, 1) of a ReLU network without biases in the NTK parameterization."""
    for i, weight in enumerate(weights):
        x = x @ weight * math.sqrt(2 / len(weight))
        x = x if i == len(weights) - 1 else jax.nn.relu(x)
    return x


def empirical(case: dict[str, Any]) -> Call:
    sizes = [case["inputs"], *[case["width"]] * case["depth"], 1]
    weights = [jnp.asarray(RNG.standard_normal(size, case["dtype"])) for size in pairwise(sizes)]
    x = jnp.asarray(RNG.standard_normal((case["points"], case["inputs"]), case["dtype"]))
    kernel = jax.jit(empirical_ntk_by_jacobian(network, trace_axes=(-1,), vmap_axes=0))
    return lambda: kernel(x, None, weights).block_until_ready()


serve({"empirical": empirical})
