"""Hermite series of nonlinearities without a closed form: against closed forms, quadrature and their own bound."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from ntkviz.activations import ACTIVATIONS, Activation, Dual, activation
from ntkviz.errors import InvalidInput
from ntkviz.kernels import duals, hermite
from ntkviz.kernels.hermite import Rule
from tests.gauss import expectation

NUMERICAL = [name for name, entry in ACTIVATIONS.items() if entry.dual is None]
compiled = jax.jit(duals.dual, static_argnums=0)


@cache
def covariance() -> np.ndarray:
    """Of points with a duplicate, an antipode, a near-duplicate, a scaled copy and the origin."""
    x = np.random.default_rng(0).normal(size=(10, 4)) / 2
    x[1], x[2], x[3], x[4], x[5] = x[0], -x[0], 3 * x[0], x[0] * (1 + 1e-6), 0
    return x @ x.T


def evaluate(entry: Activation, base: int) -> Dual:
    """By the closed form, or by the orders below 2 · base."""
    k = jnp.asarray(covariance())
    return compiled(entry, jnp.diag(k), jnp.diag(k), k, hermite.basis(Rule(base)) if base else None)


def worst(got: Dual, wanted: Dual) -> list[float]:
    return [float(abs(a - b).max() / abs(b).max()) for a, b in zip(got, wanted, strict=True)]


@pytest.mark.parametrize("name", ["erf", "gelu", "cos"])
def test_the_series_of_a_smooth_function_is_its_closed_form(name: str) -> None:
    entry = ACTIVATIONS[name]
    got = evaluate(replace(entry, dual=None), 64)
    assert max(worst(got, evaluate(entry, 0))) < 1e-10  # TOLERANCE of the library


@pytest.mark.parametrize("name", ["relu", "abs", "abrelu_-0.5_2"])
def test_a_kink_at_zero_is_taken_out_and_costs_no_accuracy(name: str) -> None:
    entry = activation(name)
    got = evaluate(replace(entry, dual=None), 16)
    # The row of the origin has no direction: only its value is defined.
    keep = np.delete(np.arange(10), 5)
    wanted = evaluate(entry, 0)
    # Both round the angle of the near-duplicate, 1e-16/1e-6, in their own way.
    assert worst(Dual(got.value, got.slope[keep][:, keep]), Dual(wanted.value, wanted.slope[keep][:, keep])) < [
        1e-13,
        1e-9,
    ]


@pytest.mark.parametrize("name", [name for name in NUMERICAL if name != "hardtanh"])  # the quadrature splits at 0 only
def test_the_series_is_the_gaussian_integral(name: str) -> None:
    entry = ACTIVATIONS[name]
    q1, q2, rho = np.array([0.3, 2.0, 1.0, 1.2]), np.array([1.0, 2.0, 0.2, 1.2]), np.array([0.6, -0.95, 0.2, 1.0])
    k = np.diag(rho * np.sqrt(q1 * q2))
    value, slope = map(jnp.diag, compiled(entry, q1, q2, k, hermite.basis(duals.choose_rule(entry, [0.2, 2.0]))))

    def derivative(x: np.ndarray) -> jax.Array:
        return jax.jvp(entry.function, (jnp.asarray(x),), (jnp.ones(x.shape),))[1]

    for i in range(4):
        pair = (q1[i], q2[i], rho[i])
        assert value[i] == pytest.approx(expectation(entry.function, entry.function, *pair), rel=1e-11)
        assert slope[i] == pytest.approx(expectation(derivative, derivative, *pair), rel=1e-10)


@pytest.mark.parametrize("rule", [*duals.DENSE, duals.SPARSE[0]])
@pytest.mark.parametrize("name", ["erf", "gelu"])
def test_the_error_stays_below_the_bound_that_is_stated(name: str, rule: Rule) -> None:
    entry = replace(ACTIVATIONS[name], dual=None)
    bounds = duals.truncation(entry, np.diag(covariance()))
    k = jnp.asarray(covariance())
    got, wanted = compiled(entry, jnp.diag(k), jnp.diag(k), k, hermite.basis(rule)), evaluate(ACTIVATIONS[name], 0)
    at = bounds.rules.index(rule)
    sizes = bounds.value_size, bounds.slope_size
    for part, stated, size in zip((0, 1), (bounds.value, bounds.slope), sizes, strict=True):
        error = float(abs(got[part] - wanted[part]).max())
        assert error <= stated[at] + 1e-14 * size


def test_the_diagonal_and_duplicates_are_exact_at_any_degree() -> None:
    k = 9 * covariance()  # large enough for 32 terms to leave out a tenth of E[φ'²]
    q = jnp.diag(k)
    value, slope = compiled(ACTIVATIONS["tanh"], q, q, k, hermite.basis(Rule(16)))
    whole = duals.moments(ACTIVATIONS["tanh"], q, hermite.basis(Rule(16)))
    np.testing.assert_allclose(jnp.diag(value), whole.value, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(jnp.diag(slope), whole.slope, rtol=1e-13)
    assert value[0, 1] == pytest.approx(float(whole.value[0]), rel=1e-13)
    assert value[0, 2] == pytest.approx(-float(whole.value[0]), rel=1e-13)


def test_a_truncated_series_is_still_a_covariance() -> None:
    k = 9 * covariance()
    for part in compiled(ACTIVATIONS["silu"], jnp.diag(k), jnp.diag(k), k, hermite.basis(Rule(16))):
        assert np.linalg.eigvalsh(part)[0] > -1e-13 * np.linalg.eigvalsh(part)[-1]


def test_the_rule_grows_with_the_variance_and_is_one_of_few() -> None:
    rules = [duals.choose_rule(ACTIVATIONS["tanh"], q) for q in (0.01, 1.0, 10.0, 1e5)]
    assert [duals.RULES.index(rule) for rule in rules] == sorted(duals.RULES.index(rule) for rule in rules)
    assert rules[0] == duals.DENSE[0] and rules[-1] == duals.SPARSE[-1]
    assert duals.choose_rule(ACTIVATIONS["relu"], 1.0) is None


def test_orders_that_are_left_out_are_interpolated() -> None:
    """Σ 1/(1 + i)² to the end of the rule, from 24 terms an octave: 3e-11 of the octaves' share."""
    i, weight = hermite.halves(Rule(48, 6))
    whole = (1 / (1 + np.arange(48 * 2.0**6)) ** 2).sum()
    assert len(i) == 48 + 6 * 24
    assert weight @ (1 / (1 + i) ** 2) == pytest.approx(whole, rel=1e-11)


def test_a_function_that_changes_away_from_zero_is_given_every_order() -> None:
    """Its coefficients oscillate in the order: what interpolation misses is seen."""
    own = Activation("own", "own", "", lambda x: jnp.tanh(3 * (x - 2)))
    assert duals.choose_rule(own, [0.3, 1.0]) in (*duals.DENSE, *duals.LONG)


def test_kinks_away_from_zero_are_taken_out_and_cost_no_accuracy() -> None:
    rho = 0.9
    # By hand: over u by panels that end at the kinks, over v given u in closed form.
    unit, weight = np.polynomial.legendre.leggauss(200)
    edges = np.array([-13.0, -1.0, 1.0, 13.0])
    half = np.diff(edges)[:, None] / 2
    u = (edges[:-1, None] + half * (1 + unit)).ravel()
    wanted = ((half * weight).ravel() * norm.pdf(u)) @ (np.clip(u, -1, 1) * clipped_mean(rho * u, np.sqrt(1 - rho**2)))
    one, k = jnp.ones(1), jnp.full((1, 1), rho)
    value, _ = compiled(ACTIVATIONS["hardtanh"], one, one, k, hermite.basis(Rule(16)))
    assert float(value[0, 0]) == pytest.approx(wanted, rel=1e-13)


def clipped_mean(mean: np.ndarray, spread: float) -> np.ndarray:
    """E[clip(v, −1, 1)] for v ~ N(mean, spread²)."""
    low, high = (-1 - mean) / spread, (1 - mean) / spread
    inside = mean * (norm.cdf(high) - norm.cdf(low)) + spread * (norm.pdf(low) - norm.pdf(high))
    return inside - norm.cdf(low) + norm.sf(high)


def test_a_step_has_no_tangent_kernel() -> None:
    step = Activation("step", "step", r"1_{x > 0}", lambda x: jnp.where(x > 0, 1.0, 0.0) + 0 * x, (0.0,))
    with pytest.raises(InvalidInput, match="continuous"):
        evaluate(step, 16)
