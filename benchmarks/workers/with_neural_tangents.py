"""Kernels by neural-tangents 0.6.5, with the versions of JAX and NumPy that it was made for."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import jax.numpy as jnp
import neural_tangents as nt
import numpy as np
from neural_tangents import stax
from protocol import Call, serve

from tests import oracle

jax.config.update("jax_enable_x64", True)
RNG = np.random.default_rng(0)
NODES = 25  # of its quadrature, a side


def layers(depth: int, width: int, nonlinearity: Any, sigma_w: float, sigma_b: float | None) -> Any:
    hidden = [stax.Dense(width, W_std=sigma_w, b_std=sigma_b), nonlinearity] * depth
    return stax.serial(*hidden, stax.Dense(1, W_std=sigma_w, b_std=sigma_b))


def empirical(case: dict[str, Any]) -> Call:
    """The empirical kernel by structured derivatives in batches, its fastest implementation for one output."""
    _, apply, _ = layers(case["depth"], case["width"], stax.Relu(), 2**0.5, None)
    sizes = pairwise([case["inputs"], *[case["width"]] * case["depth"], 1])
    weights = [jnp.asarray(RNG.standard_normal(size, case["dtype"])) for size in sizes]
    params = [entry for weight in weights for entry in ((weight, None), ())][:-1]
    x = jnp.asarray(RNG.standard_normal((case["points"], case["inputs"]), case["dtype"]))
    structured = nt.NtkImplementation.STRUCTURED_DERIVATIVES
    kernel = jax.jit(nt.empirical_ntk_fn(apply, implementation=structured, vmap_axes=0))
    return lambda: kernel(x, None, params).block_until_ready()


def nonlinearity(name: str) -> Any:
    return stax.Relu() if name == "relu" else stax.ElementwiseNumerical(getattr(jnp, name), deg=NODES)


def infinite(case: dict[str, Any]) -> Call:
    kernel = layers(case["depth"], 1, nonlinearity(case["activation"]), 1.5, 0.1)[2]
    x = jnp.asarray(RNG.standard_normal((case["points"], case["inputs"])))
    compiled = jax.jit(lambda x: kernel(x, None, "ntk"))
    return lambda: compiled(x).block_until_ready()


def accuracy(case: dict[str, Any]) -> Call:
    config, table = oracle.configurations()[case["table"]], oracle.library(case["table"])
    kernel = layers(config["depth"], 1, nonlinearity(config["act"]), config["W_std"], config["b_std"])[2]
    return lambda: oracle.distance(case["table"], np.asarray(kernel(table["X1"], table["X2"], "ntk")))


serve({task.__name__: task for task in (empirical, infinite, accuracy)})
