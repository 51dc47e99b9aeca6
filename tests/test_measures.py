"""Fits, distances and eigenspaces: against closed forms, a second route, and the cases where nothing is to be said."""

import doctest
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import curve_fit

from ntkviz.data import CircleFunction, load
from ntkviz.dynamics import Descent, linearise
from ntkviz.errors import InvalidInput
from ntkviz.kernels import infinite_ntk
from ntkviz.measures import (
    crossing,
    decay_law,
    drift,
    drifts,
    exponential,
    feature_alignment,
    fit_decay,
    gap,
    hidden_alignment,
    power_law,
    steps_bound,
    stretched,
)
from ntkviz.modes import eigenspaces, space_shares, top_share
from ntkviz.nets import Architecture, forward, init, init_many
from ntkviz.spectra import circle_spectrum, spectrum, target_alignment, target_power
from ntkviz.training import train

RNG = np.random.default_rng(0)
WIDTHS = np.array([64, 128, 256, 512, 1024])


def noisy(exponent: float, seeds: int, spread: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, spread, (len(WIDTHS), seeds))
    return 3.0 * WIDTHS[:, None] ** exponent * np.exp(noise)


@pytest.mark.parametrize("module", ["measures.fits", "measures.distances", "modes.eigenspaces", "modes.followed"])
def test_the_examples_run(module: str) -> None:
    found = doctest.testmod(__import__(f"ntkviz.{module}", fromlist=["x"]))
    assert found.attempted > 0 and not found.failed


# Fits


def test_a_power_law_is_found_exactly() -> None:
    law = power_law(WIDTHS, 3.0 * WIDTHS**-0.5)
    assert law is not None
    assert law.exponent == pytest.approx(-0.5, abs=1e-12) and law.prefactor == pytest.approx(3.0)
    assert law.error == pytest.approx(0.0, abs=1e-9) and (law.first, law.last) == (64.0, 1024.0)
    np.testing.assert_allclose(law(WIDTHS), 3.0 * WIDTHS**-0.5)


def test_a_fit_over_seeds_is_the_least_squares_of_all_points() -> None:
    """SciPy's `curve_fit` of a line, with its covariance, is another route to slope and standard error."""
    y = noisy(-0.5, 3, 0.2, 1)
    law = power_law(WIDTHS, y)
    assert law is not None
    u, v = np.log(np.repeat(WIDTHS, 3)), np.log(y.ravel())
    found, covariance = curve_fit(lambda u, a, b: a * u + b, u, v)
    assert law.exponent == pytest.approx(found[0], rel=1e-5) and law.prefactor == pytest.approx(
        math.exp(found[1]), rel=1e-5
    )
    assert law.error == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-5)


def test_the_standard_error_is_the_spread_of_repeated_measurements() -> None:
    """Of 400 fits, within 15 %; their 95 % intervals hold the true exponent in 95 % of them, within 4 %."""
    laws = [law for seed in range(400) if (law := power_law(WIDTHS, noisy(-0.5, 2, 0.3, seed)))]
    assert np.std([law.exponent for law in laws]) == pytest.approx(np.mean([law.error for law in laws]), rel=0.15)
    assert np.mean([law.low < -0.5 < law.high for law in laws]) == pytest.approx(0.95, abs=0.04)


def test_what_is_not_measured_is_left_out() -> None:
    y = noisy(-1.0, 2, 0.0, 0)
    y[0], y[1, 0] = np.nan, 0.0
    law = power_law(WIDTHS, y)
    assert law is not None and law.first == 128.0 and law.exponent == pytest.approx(-1.0)
    y[1:3] = np.nan
    assert power_law(WIDTHS, y) is None, "two widths lie on every line"
    assert power_law([], []) is None


def test_fits_refuse_lists_that_do_not_pair_up() -> None:
    for fit in (power_law, exponential):
        with pytest.raises(InvalidInput, match="pair up"):
            fit([1, 2, 3], [1.0, 2.0])


def test_an_exponential_gives_its_factor_and_its_error() -> None:
    k = np.arange(12)
    line = exponential(k, 5.0 * 0.3**k)
    assert line is not None and line.factor == pytest.approx(0.3) and line.prefactor == pytest.approx(5.0)
    np.testing.assert_allclose(line(k), 5.0 * 0.3**k)
    errors, factors = [], []
    for seed in range(300):
        fit = exponential(k, 0.3**k * np.exp(np.random.default_rng(seed).normal(0, 0.2, 12)))
        assert fit is not None and fit.low < fit.factor < fit.high
        errors.append(fit.error)
        factors.append(fit.factor)
    assert np.std(factors) == pytest.approx(np.mean(errors), rel=0.2)
    assert exponential([0, 1], [1.0, 0.5]) is None


def test_the_decay_law_is_fit_decay_with_an_error() -> None:
    values = np.arange(1, 201.0) ** -2 * np.exp(RNG.normal(0, 0.1, 200))
    robust, law = fit_decay(values), decay_law(values)
    assert robust is not None and law is not None
    assert (law.exponent, law.low, law.high, law.prefactor) == (
        robust.exponent,
        robust.low,
        robust.high,
        robust.prefactor,
    )
    assert law.high - law.low == pytest.approx(2 * 1.96 * law.error, rel=1e-4)
    assert decay_law(values[:30]) is None, "fewer than eight points between 10 and N/5"


@pytest.mark.parametrize("power", [0.4, 0.5, 2 / 3, 1.0, 1.5])
def test_a_stretched_exponential_gives_its_power_and_its_error(power: float) -> None:
    """Exactly without noise; with it, the spread of 200 fits is their standard error within 20 %."""
    k = np.arange(1, 40)
    law = stretched(k, 3.0 * np.exp(-0.4 * k**power))
    assert law is not None and law.power == pytest.approx(power, rel=1e-5) and (law.first, law.last) == (1.0, 39.0)
    assert law.rate == pytest.approx(0.4, rel=1e-4) and law.prefactor == pytest.approx(3.0, rel=1e-4)
    np.testing.assert_allclose(law(k), 3.0 * np.exp(-0.4 * k**power), rtol=1e-4)
    noise = (np.random.default_rng(seed).normal(0, 0.05, len(k)) for seed in range(200))
    found = [fit for each in noise if (fit := stretched(k, np.exp(-0.4 * k**power + each)))]
    assert len(found) == 200
    assert np.std([fit.power for fit in found]) == pytest.approx(np.mean([fit.error for fit in found]), rel=0.2)


def test_a_stretched_exponential_needs_six_points_and_a_decay() -> None:
    k = np.arange(1, 12)
    assert stretched(k[:5], 0.5 ** k[:5]) is None
    assert stretched(k, 2.0**k) is None, "growth is no decay"


@pytest.mark.parametrize(("name", "power"), [("erf", 1.0), ("tanh", 0.75)])
def test_the_kernel_of_erf_decays_exponentially_and_that_of_tanh_more_slowly(name: str, power: float) -> None:
    """tanh has poles at ±iπ/2, erf has none: tanh's eigenvalues fall like exp(−c k^p) with p near 2/3."""
    data = load(CircleFunction(n=256))
    circle = circle_spectrum(infinite_ntk(Architecture(activation=name, sigma_b=0.3), data.x)[0])
    usable = (circle.frequencies >= 2) & (circle.eigenvalues > 100 * circle.floor)
    law = stretched(circle.frequencies[usable], circle.eigenvalues[usable])
    assert law is not None and law.power == pytest.approx(power, abs=0.06) and law.error < 0.03


# Distances


def test_drift_is_zero_at_the_start_and_scales() -> None:
    kernels = RNG.normal(size=(3, 5, 5)).astype(np.float32)
    assert drift(kernels[0], kernels[0]) == 0.0
    assert drift(3 * kernels[0], kernels[0]) == pytest.approx(2.0, rel=1e-6)
    each = drifts(kernels, kernels[0])
    assert each[0] == 0.0 and each.dtype == np.float64
    assert each.tolist() == [drift(kernel, kernels[0]) for kernel in kernels]
    assert drifts(kernels[::-1], kernels)[2] == drift(kernels[0], kernels[2])


def test_drift_holds_the_squares_of_a_kernel_near_the_end_of_float32() -> None:
    start = np.full((1, 2, 2), 1e30, np.float32)
    assert drifts(2 * start, start).tolist() == [pytest.approx(1.0)]


def test_a_network_that_diverged_has_no_drift() -> None:
    kernels = np.ones((2, 2, 2))
    kernels[1, 0, 0] = np.inf
    assert drifts(kernels, np.ones((2, 2))).tolist() == [0.0, pytest.approx(np.nan, nan_ok=True)]
    with pytest.raises(InvalidInput, match="same points"):
        drifts(kernels, np.ones((3, 3)))
    with pytest.raises(InvalidInput, match="zero"):
        drifts(kernels, np.zeros((2, 2)))


def test_the_gap_is_of_the_worst_step_in_units_of_the_targets() -> None:
    f = RNG.normal(size=(4, 6, 2))
    g = f.copy()
    assert gap(f, g, [2.0]) == 0.0
    g[2] += 0.5
    g[1] += 0.1
    assert gap(f, g, [2.0, -2.0]) == pytest.approx(0.25)
    assert gap(f[:2], g, [2.0]) == pytest.approx(0.05), "only the steps that both have"
    assert gap(g, f[:2], [2.0]) == gap(f[:2], g, [2.0])
    with pytest.raises(InvalidInput, match="zero"):
        gap(f, g, [0.0])
    with pytest.raises(InvalidInput, match="same steps"):
        gap(f, g[:, :3], [1.0])


def test_the_crossing_of_a_power_law_is_exact_between_records() -> None:
    """L = k^{−1/2} is a straight line in the logarithms: it is at .2 at step 25, whatever was recorded."""
    steps = np.array([0, 1, 3, 10, 40, 100])
    loss = np.concatenate([[2.0], steps[1:] ** -0.5])
    assert crossing(steps, loss, 0.2) == pytest.approx(25.0)
    assert crossing(steps, loss, 2.0) == 0.0
    assert crossing(steps, loss, 1.5) == 1.0, "nothing to interpolate between step 0 and step 1"
    assert crossing(steps, loss, 0.01) is None
    assert crossing(steps, loss[:4], 0.2) is None, "the run ended before"
    loss[4] = 0.0
    assert crossing(steps, loss, 0.2) == 40.0


def test_the_bound_counts_the_mode_that_overshoots() -> None:
    """On the circle with n = 4 and c = 1.95, the loss of the worst target reaches 1 % at step 45, not at 20."""
    data = load(CircleFunction(n=4))
    model = linearise(
        np.asarray(infinite_ntk(Architecture(activation="erf", sigma_w=1.5, sigma_b=0.3), data.x)), data.y
    )
    eta = 1.95 / model.eigenvalues[0]
    assert steps_bound(eta, model.eigenvalues, 0.01) == 45


@pytest.mark.parametrize("c", [0.3, 1.0, 1.7, 1.95])
@pytest.mark.parametrize("fraction", [0.5, 0.01, 1e-4])
def test_the_bound_is_the_step_of_the_worst_target(c: float, fraction: float) -> None:
    """The loss of the slowest mode alone is at most the fraction at the bound, and above it one step before."""
    eigenvalues = np.array([2.0, 0.7, 0.15])
    bound = steps_bound(c / 2.0, eigenvalues, fraction)
    assert bound is not None
    left = np.max(Descent(c / 2.0, [bound - 1, bound]).decay(eigenvalues) ** 2, axis=1)
    assert left[1] <= fraction * (1 + 1e-9) and left[0] > fraction


def test_there_is_no_bound_where_a_mode_does_not_decay() -> None:
    assert steps_bound(1.0, [2.0, 0.5], 0.1) is None, "ηλ = 2 oscillates for ever"
    assert steps_bound(1.0, [1.0, 0.0], 0.1) is None
    assert steps_bound(1.0, [1.0, -1e-12], 0.1) is None
    assert steps_bound(1.0, [1.0], 0.1) == 1, "ηλ = 1 is done in one step"
    assert steps_bound(0.1, [9.0], 0.01) == 1, "a loss of exactly 1 % is 1 %"
    for fraction in (0.0, 1.0):
        with pytest.raises(InvalidInput):
            steps_bound(1.0, [1.0], fraction)


@pytest.mark.parametrize("features", [5, 60])
@pytest.mark.parametrize("outputs", [1, 3])
def test_feature_alignment_is_the_alignment_of_the_kernel(features: int, outputs: int) -> None:
    h, y = RNG.normal(size=(20, features)), RNG.normal(size=(20, outputs))
    h[:, 0] += y[:, 0]
    assert float(feature_alignment(h, y)) == pytest.approx(target_alignment(h @ h.T, y), rel=1e-10)
    assert float(feature_alignment(y, y)) == pytest.approx(1.0)


def test_the_alignment_of_hidden_layers_is_that_of_their_kernels() -> None:
    arch = Architecture(width=30, depth=2, sigma_b=0.3)
    params = init_many(arch, 4, range(3), dtype=jnp.float32)
    x, y = RNG.normal(size=(40, 4)), RNG.normal(size=40)
    found = hidden_alignment(arch, params, x, y)
    for lane in range(3):
        one = jax.tree.map(lambda w, lane=lane: jnp.asarray(w[lane], jnp.float64), params)
        hidden = np.asarray(forward(arch, one, x)[1][-1])
        assert found[lane] == pytest.approx(target_alignment(hidden @ hidden.T, y), rel=1e-4)  # float32


def test_training_moves_what_is_measured() -> None:
    """A narrow network that learns a wave: its loss crosses 10 % of the start, its kernel drifts."""
    data, arch = load(CircleFunction(n=8, terms="1:1")), Architecture(width=32, sigma_b=0.3)
    params = init(arch, 2, seed=0, dtype=jnp.float32)
    run = train(arch, params, data.x, data.y, eta=0.05, steps=300, kernel=True, record=np.arange(301))
    at = crossing(run.steps, run.loss, 0.1 * run.loss[0])
    assert at is not None and run.loss[math.ceil(at)] <= 0.1 * run.loss[0] < run.loss[math.floor(at)]
    assert run.kernel_end is not None and run.kernel_start is not None and run.drift is not None
    assert drift(run.kernel_end, run.kernel_start) == pytest.approx(run.drift[-1], rel=1e-6)
    assert gap(run.f_train, run.f_train[:1].repeat(301, axis=0), data.y) > 0.5


# Eigenspaces


def test_the_eigenspaces_of_a_circle_are_pairs_of_waves() -> None:
    data = load(CircleFunction(n=16))
    modes = spectrum(np.asarray(infinite_ntk(Architecture(sigma_b=0.3, depth=2), data.x)))
    sizes = sorted(len(space) for space in eigenspaces(modes.eigenvalues))
    assert sizes == [1, 1] + [2] * 7
    assert np.concatenate(eigenspaces(modes.eigenvalues)).tolist() == list(range(16))


def test_shares_of_eigenspaces_do_not_depend_on_the_basis() -> None:
    values = np.array([5.0, 3.0, 3.0, 1.0])
    basis, y = np.eye(4), np.array([1.0, 2.0, -1.0, 0.5])
    angle = 0.7
    turned = basis.copy()
    turned[1:3, 1:3] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    one, other = (np.asarray((vectors.T @ y) ** 2 / (y @ y)) for vectors in (basis, turned))
    assert not np.allclose(one, other)
    np.testing.assert_allclose(space_shares(values, one), space_shares(values, other))
    assert top_share(values, one, 2) == pytest.approx(top_share(values, other, 2))
    assert top_share(values, one, 2).modes == 3
    assert top_share(values, one, 3).modes == 3 and top_share(values, one, 1).modes == 1
    assert top_share(values, one, 99) == (pytest.approx(1.0), 4)


def test_the_null_space_is_one_space_and_is_not_counted() -> None:
    values, shares = [1.0, 0.5, 3e-9, 1e-9, -1e-9], [0.2, 0.3, 0.1, 0.3, 0.1]
    assert [len(space) for space in eigenspaces(values, floor=1e-8)] == [1, 1, 3]
    assert len(eigenspaces(values, floor=0.0)) == 5
    assert space_shares(values, shares, floor=1e-8).tolist() == pytest.approx([0.2, 0.3, 0.5])
    assert top_share(values, shares, 4, floor=1e-8) == (pytest.approx(0.5), 2)


def test_a_degenerate_target_is_whole_in_its_eigenspace() -> None:
    """The case of the review: a cut through a pair gave shares that moved with the width of another network."""
    data = load(CircleFunction(n=64, terms="5:1"))
    modes = spectrum(np.asarray(infinite_ntk(Architecture(sigma_b=0.3), data.x)))
    shares = target_power(modes, data.y)
    at = int(np.flatnonzero(np.cumsum(shares) > 0.999)[0]) + 1
    first = next(space for space in eigenspaces(modes.eigenvalues) if at - 1 in space)
    assert top_share(modes.eigenvalues, shares, int(first[0]) + 1).share == pytest.approx(1.0)


def test_eigenvalues_come_in_descending_order() -> None:
    with pytest.raises(InvalidInput, match="descending"):
        eigenspaces([1.0, 2.0])
    with pytest.raises(InvalidInput, match="pair up"):
        space_shares([2.0, 1.0], [1.0])
