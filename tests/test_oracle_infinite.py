"""Infinite-width kernels against the reference tables (tests/data/README.md)."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from ntkviz.activations import Activation
from ntkviz.kernels import Kernels, infinite_kernels
from ntkviz.nets import Architecture
from tests import oracle

# Nonlinearities of the tables that the course does not offer: here they are a user's own.
OWN = {
    "sigmoid_like": Activation(
        "sigmoid_like", "sigmoid-like", r"\Phi(x/1.7)", lambda x: 0.5 * erf(x / 2.4020563531719796) + 0.5
    ),
    "rbf": Activation("rbf", "RBF", r"\sin", lambda x: math.sqrt(2) * jnp.sin(math.sqrt(2) * x + math.pi / 4)),
    "poly": Activation("poly", "cubic", "x^3", lambda x: 0.1 + x + 0.3 * x**2 - 0.05 * x**3),
}


def architecture(name: str) -> Architecture:
    entry = oracle.configurations()[name]
    return Architecture(
        depth=entry["depth"],
        width=entry.get("width", 512),
        activation=OWN.get(entry["act"], entry["act"]),
        parameterization=entry["param"],
        sigma_w=entry["W_std"],
        sigma_b=entry["b_std"],
    )


def error(got: Kernels, wanted: dict[str, np.ndarray], block: str) -> float:
    """Largest error relative to the largest entry, of both kernels."""
    pairs = zip(got, (wanted[f"K{block}"], wanted[f"T{block}"]), strict=True)
    return max(float(np.abs(np.asarray(a) - b).max() / np.abs(b).max()) for a, b in pairs)


def worst(name: str) -> float:
    """Over the blocks of the table: between the two sets, and within each, from one call on both sets together."""
    arch, inputs, wanted = architecture(name), oracle.library(name), oracle.exact(name)
    x1, x2 = inputs["X1"], inputs["X2"]
    n = len(x1)
    both = infinite_kernels(arch, np.concatenate([x1, x2]))
    return max(
        error(infinite_kernels(arch, x1, x2), wanted, "12"),
        error(Kernels(*(kernel[:n, :n] for kernel in both)), wanted, "11"),
        error(Kernels(*(kernel[n:, n:] for kernel in both)), wanted, "22"),
    )


@pytest.mark.parametrize("name", oracle.of_kind("analytic_mlp"))
def test_kernels_agree_with_fifty_digits(name: str) -> None:
    # ReLU's slope at the near-duplicates loses eps/θ, θ = 1e-4 apart, ten layers deep: 4e-12 measured.
    assert worst(name) < 2e-11


@pytest.mark.parametrize("name", oracle.of_kind("analytic_mlp_zero_row"))
def test_the_origin_without_biases_is_a_point_like_any_other(name: str) -> None:
    assert worst(name) < 1e-12


@pytest.mark.parametrize("name", oracle.of_kind("analytic_mlp_numerical"))
def test_kernels_without_a_closed_form_agree_with_independent_quadrature(name: str) -> None:
    # The threefold copies of tanh's pre-activations reach the largest degree of the series: 1e-9 measured.
    assert worst(name) < 1e-8
