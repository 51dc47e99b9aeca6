"""Kernels and training steps by ntkviz."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import jax.numpy as jnp
import numpy as np
from protocol import Call, serve

from ntkviz.kernels import empirical_ntk, infinite_ntk
from ntkviz.nets import Architecture, Layer, Params, scales, shapes
from ntkviz.training import descent
from tests import oracle

RNG = np.random.default_rng(0)


def network(case: dict[str, Any]) -> tuple[Architecture, Params, np.ndarray]:
    """The weights of a ReLU network without biases, drawn by NumPy so that nothing else takes memory."""
    arch = Architecture(depth=case["depth"], width=case["width"], sigma_b=None)
    params = tuple(
        Layer(jnp.asarray(scale.weight_std * RNG.standard_normal(size, case["dtype"])), None)
        for size, scale in zip(shapes(arch, case["inputs"]), scales(arch, case["inputs"]), strict=True)
    )
    x = RNG.standard_normal((case["points"], case["inputs"]), case["dtype"])
    return arch, params, x


def empirical(case: dict[str, Any]) -> Call:
    arch, params, x = network(case)
    return lambda: empirical_ntk(arch, params, x).block_until_ready()


def infinite(case: dict[str, Any]) -> Call:
    arch = Architecture(depth=case["depth"], activation=case["activation"], sigma_w=1.5, sigma_b=0.1)
    x = RNG.standard_normal((case["points"], case["inputs"]))
    return lambda: infinite_ntk(arch, x).block_until_ready()


def accuracy(case: dict[str, Any]) -> Call:
    config, table = oracle.configurations()[case["table"]], oracle.library(case["table"])
    arch = Architecture(
        depth=config["depth"], activation=config["act"], sigma_w=config["W_std"], sigma_b=config["b_std"]
    )
    return lambda: oracle.distance(case["table"], np.asarray(infinite_ntk(arch, table["X1"], table["X2"])))


def multiply(case: dict[str, Any]) -> Call:
    """JAX's own product (points, width) by (width, width), the largest of a training step."""
    sizes = (case["points"], case["width"]), (case["width"], case["width"])
    left, right = (jnp.asarray(RNG.standard_normal(size, case["dtype"])) for size in sizes)
    product = jax.jit(jnp.matmul)
    return lambda: product(left, right).block_until_ready()


def train(case: dict[str, Any]) -> Call:
    """Training steps of `ntkviz.training` between two records."""
    arch, params, x = network(case)
    stacked = jax.tree.map(lambda weight: weight[None], params)
    targets, dtype = np.zeros(len(x)), jnp.dtype(case["dtype"])
    problem = descent.problem(arch, stacked, x, targets, 1e-6, dtype=dtype)
    state = descent.start(problem, None)
    steps = jax.jit(descent.trained, static_argnums=1)
    return lambda: steps(arch, None, problem, state, case["steps"]).step.block_until_ready()


serve({task.__name__: task for task in (empirical, infinite, accuracy, multiply, train)})
