"""Nonlinearities without a closed form against values with 50 digits (tests/data/README.md), and the error estimate."""

import math
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkviz.activations import ACTIVATIONS, Activation
from ntkviz.kernels import Kernels, duals, hermite, infinite_kernels, kernel_error
from ntkviz.nets import Architecture

NUMERICAL = [name for name, entry in ACTIVATIONS.items() if entry.dual is None]
compiled = jax.jit(duals.dual, static_argnums=0)


@cache
def table() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "data" / "duals_hp.npz") as arrays:
        return dict(arrays)


def rows(low: float, high: float) -> list[int]:
    """Rows whose larger variance lies between the bounds."""
    largest = np.maximum(table()["q1"], table()["q2"])
    return [int(i) for i in np.flatnonzero((largest > low) & (largest <= high))]


def errors(name: str, at: list[int], spread: list[float]) -> np.ndarray:
    """Of both expectations, (rows, 2), over the largest E[φ²] and E[φ'²] of `spread`, which the rule is chosen for."""
    entry, numbers = ACTIVATIONS[name], table()
    basis = hermite.basis(duals.choose_rule(entry, spread))
    sizes = duals.truncation(entry, spread)
    out = []
    for i in at:
        q1, q2, rho = (float(numbers[key][i]) for key in ("q1", "q2", "rho"))
        k = rho * math.sqrt(q1) * math.sqrt(q2)
        got = compiled(entry, *(jnp.asarray([each]) for each in (q1, q2)), jnp.asarray([[k]]), basis)
        out.append([abs(float(part[0, 0]) - wanted) for part, wanted in zip(got, numbers[name][i], strict=True)])
    return np.array(out) / np.array([sizes.value_size, sizes.slope_size])


def test_every_nonlinearity_without_a_closed_form_is_in_the_table() -> None:
    assert set(NUMERICAL) == set(table()) - {"q1", "q2", "rho"}


@pytest.mark.parametrize("name", NUMERICAL)
def test_duals_agree_with_fifty_digits_for_variances_to_ten(name: str) -> None:
    # Measured: 8e-12 for SELU, 2e-10 for softsign, else below 1e-11.
    assert errors(name, rows(0, 10), [0.01, 0.1, 1.0, 10.0]).max() < 1e-9


@pytest.mark.parametrize("name", NUMERICAL)
def test_duals_agree_with_fifty_digits_for_variances_to_a_thousand(name: str) -> None:
    assert errors(name, rows(10, 1000), [1.0, 10.0, 100.0, 1000.0]).max() < 1e-8  # softsign: 5e-9 measured


def points(i: int) -> tuple[np.ndarray, np.ndarray]:
    """Two inputs whose network with σ_w = 1 has the variances and the correlation of a row."""
    q1, q2, rho = (float(table()[key][i]) for key in ("q1", "q2", "rho"))
    sine = math.sqrt((1 - rho) * (1 + rho))
    return math.sqrt(2 * q1) * np.array([[1.0, 0.0]]), math.sqrt(2 * q2) * np.array([[rho, sine]])


def kernels_of_row(name: str, i: int) -> Kernels:
    """K = E[φφ] and Θ = K + k E[φ'φ']: depth 1, no biases."""
    q1, q2, rho = (table()[key][i] for key in ("q1", "q2", "rho"))
    value, slope = table()[name][i]
    return Kernels(value, value + rho * math.sqrt(q1 * q2) * slope)


@pytest.mark.parametrize("name", ["tanh", "softsign", "hardtanh"])  # smooth, a kink at 0, kinks elsewhere
def test_the_error_estimate_is_not_below_the_error_and_not_far_above(name: str) -> None:
    arch = Architecture(depth=1, activation=name, sigma_w=1.0, sigma_b=0.0)
    for i in [6, 18, 23]:
        x1, x2 = points(i)
        got, wanted, estimate = infinite_kernels(arch, x1, x2), kernels_of_row(name, i), kernel_error(arch, x1, x2)
        for kernel, exact, stated in zip(got, wanted, estimate, strict=True):
            error = abs(float(kernel[0, 0]) - exact) / abs(exact)
            # 1e-9: near-duplicates lose what rounding takes of their angle, which these inputs may or may not.
            assert error <= stated <= 100 * error + 1e-9, (i, error, stated)


def test_the_error_estimate_grows_where_the_series_no_longer_reaches() -> None:
    x = np.random.default_rng(0).normal(size=(6, 3))
    x[1], x[2] = x[0] * (1 + 1e-4), 3 * x[0]
    small, large, huge = (
        kernel_error(Architecture(depth=2, activation="tanh", sigma_w=1.0), scale * x).ntk for scale in (1, 100, 1e4)
    )
    assert small < 1e-10 < large < huge


@pytest.mark.parametrize("name", ["relu", "erf"])
def test_the_error_of_a_closed_form_is_rounding(name: str) -> None:
    x = np.random.default_rng(0).normal(size=(6, 3))
    assert all(1e-15 < error < 1e-12 for error in kernel_error(Architecture(activation=name, depth=3), x))


def _own(x: np.ndarray) -> np.ndarray:
    return np.abs(x - 0.7) + np.where(x > -0.4, 0.5 * (x + 0.4) ** 2, 0.0)


def test_a_function_of_ones_own_may_have_its_kinks_anywhere() -> None:
    """A corner and a jump of φ″, against nested quadrature by panels that end where either factor has a kink."""
    own = Activation(
        "own", "own", "", lambda x: jnp.abs(x - 0.7) + jnp.where(x > -0.4, 0.5 * (x + 0.4) ** 2, 0.0), (0.7, -0.4)
    )
    q, rho, kinks = 1.7, 0.8, np.array([-0.4, 0.7]) / math.sqrt(1.7)
    sine, total = 0.6, 0.0
    for at, share in zip(*normal_panels(np.concatenate([kinks, kinks / rho])), strict=True):
        z, weight = normal_panels((kinks - rho * at) / sine)
        total += share * _own(math.sqrt(q) * at) * float(weight @ _own(math.sqrt(q) * (rho * at + sine * z)))
    basis = hermite.basis(duals.choose_rule(own, q))
    got = compiled(own, jnp.asarray([q]), jnp.asarray([q]), jnp.asarray([[rho * q]]), basis)
    assert float(got.value[0, 0]) == pytest.approx(total, rel=1e-11)


def normal_panels(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of E over a unit normal, split at the points."""
    unit, weight = np.polynomial.legendre.leggauss(24)
    ends = np.sort(np.clip(np.concatenate([points, np.linspace(-9, 9, 19)]), -9, 9))
    half = np.diff(ends)[:, None] / 2
    x = (ends[:-1, None] + half * (1 + unit)).ravel()
    return x, (half * weight).ravel() * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
