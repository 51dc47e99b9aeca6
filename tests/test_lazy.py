"""The lesson on output scales: what it claims of features and kernels, and its theory by other routes."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkviz import nets
from ntkviz.data import CirclePoints, Digits, Linear, Xor, load
from ntkviz.dynamics import Descent, linearise
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.experiments import lazy
from ntkviz.figures.lazy import view
from ntkviz.kernels import infinite_ntk
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.nets import Architecture
from ntkviz.spectra import target_alignment

SMALL = lazy.Spec(data=Xor(n=60, dim=8), arch=Architecture(width=32, sigma_b=0.3), count=5, steps=200)


@pytest.fixture(scope="module")
def xor() -> lazy.Result:
    return lazy.run(lazy.Spec())


@pytest.fixture(scope="module")
def smooth() -> lazy.Result:
    return lazy.run(lazy.Spec(arch=Architecture(width=128, sigma_b=0.3, activation="gelu")))


@pytest.fixture(scope="module")
def small() -> lazy.Result:
    return lazy.run(SMALL)


def jacobian(arch: Architecture, params: nets.Params, x: np.ndarray) -> np.ndarray:
    """(N, P), one gradient a row."""
    rows = jax.jacrev(lambda weights: nets.apply(arch, weights, x)[:, 0])(params)
    return np.concatenate([np.asarray(leaf).reshape(len(x), -1) for leaf in jax.tree.leaves(rows)], axis=1)


def weights(spec: lazy.Spec, dtype: Any = jnp.float64) -> nets.Params:
    """What `lazy.run` starts from: drawn in float32."""
    start = nets.init(spec.arch, spec.data.dim, key=jax.random.key(spec.seed), dtype=jnp.float32)
    return jax.tree.map(lambda w: w.astype(dtype), start)


def test_features_beat_the_kernel_on_xor(xor: lazy.Result) -> None:
    """30 to 70 times over five seeds; kernel regression at infinite width is of no help either."""
    sweep = xor.sweeps[0]
    assert sweep.test_error[-1] > 20 * sweep.test_error[0]
    assert sweep.kernel_error > 20 * sweep.test_error[0]
    assert np.all(sweep.train_error < 0.05)  # of 1: all have fitted: the difference is the solution found


def test_the_reference_line_is_kernel_regression_solved_directly(small: lazy.Result) -> None:
    """By a pseudo-inverse: 60 of the 256 corners, drawn with repetition, make Θ singular."""
    data = load(SMALL.data)
    theta, across = infinite_ntk(SMALL.arch, data.x), infinite_ntk(SMALL.arch, data.x_test, data.x)
    predicted = np.asarray(across) @ np.linalg.pinv(np.asarray(theta), rcond=1e-10, hermitian=True) @ data.y
    error = np.mean((predicted - data.y_test) ** 2)
    assert small.sweeps[0].kernel_error == pytest.approx(error, rel=1e-8)


def test_the_kernel_beats_features_under_noise() -> None:
    """A linear target with noise of its own size: the rich error is 1.1 to 1.4 times the lazy one, over five seeds."""
    noisy = lazy.Spec(data=Linear(n=150, dim=20, label_noise=1.0), seeds=3, steps=1000)
    result = lazy.run(noisy)
    error = result.over_seeds("test_error").mean(axis=0)
    assert error[0] > 1.1 * error[-1]
    assert np.all(result.over_seeds("train_error") < 0.1)  # of a variance of 2: both ends have fitted the noise


def test_the_lazy_end_is_the_linearised_network_at_every_step(xor: lazy.Result) -> None:
    """At α = 100 the drift is 0.004, so that outputs agree to about that; 0.2 % of the error was measured."""
    sweep = xor.sweeps[0]
    np.testing.assert_allclose(sweep.test_curve[-1], sweep.linear_curve[-1], rtol=0.01)
    assert abs(sweep.test_curve[0, -1] - sweep.linear_curve[0, -1]) > 0.3  # and the rich end is not


def test_the_linearised_curve_by_the_jacobian_and_by_stepping(small: lazy.Result) -> None:
    data, sweep = load(SMALL.data), small.sweeps[0]
    params = weights(SMALL)
    rows, rows_test = (jacobian(SMALL.arch, params, x) for x in (data.x, data.x_test))
    moved, seen = np.zeros(rows.shape[1]), []
    for step in range(SMALL.steps + 1):
        if step in sweep.steps:
            seen.append(np.mean((rows_test @ moved - data.y_test[:, 0]) ** 2))
        moved -= sweep.eta[-1] * rows.T @ (rows @ moved - data.y[:, 0])
    np.testing.assert_allclose(sweep.linear_curve[-1], seen, rtol=1e-8)


def test_drift_of_a_smooth_network_is_its_first_order(smooth: lazy.Result) -> None:
    """The next order in 1/α is 15 % of the drift at α = 10, so 1.5 % at 100; nothing is fitted."""
    sweep = smooth.sweeps[0]
    assert smooth.alpha[-1] * sweep.drift[-1] == pytest.approx(sweep.first_order, rel=0.03)
    assert smooth.slope == pytest.approx(-1, abs=0.15)


def test_kinks_add_to_the_drift_and_flatten_it(xor: lazy.Result) -> None:
    """ReLU's neurons switch, which the derivative does not see; slopes of −0.5 to −0.75 were measured."""
    assert np.all(xor.alpha * xor.sweeps[0].drift > xor.sweeps[0].first_order)
    assert xor.slope is not None
    assert -0.95 < xor.slope < -0.4


def test_first_order_drift_by_a_small_step_of_the_weights() -> None:
    """Θ along w₀ + εu: the central difference errs by ε², 1e-6 here."""
    arch = Architecture(width=20, sigma_b=0.3, activation="tanh", parameterization="standard")
    spec = replace(SMALL, arch=arch)
    data, params = load(spec.data), weights(spec)
    own = linearise(empirical_ntk(arch, params, data.x), data.y)
    clock = Descent(0.5 / own.eigenvalues[0], 50)
    theta = np.asarray(empirical_ntk(arch, params, data.x))
    left, pull = data.y, np.zeros_like(data.y)  # Θ⁻¹ (1 − (1 − ηΘ)^k) y = η Σ_j (1 − ηΘ)^j y, singular or not
    for _ in range(50):
        pull = pull + clock.eta * left
        left = left - clock.eta * theta @ left
    direction = jax.vjp(lambda w: nets.apply(arch, w, data.x), params)[1](jnp.asarray(pull))[0]

    def moved(by: float) -> np.ndarray:
        return np.asarray(empirical_ntk(arch, jax.tree.map(lambda w, u: w + by * u, params, direction), data.x))

    expected = np.linalg.norm(moved(1e-3) - moved(-1e-3)) / 2e-3 / np.linalg.norm(theta)
    assert lazy.first_order_drift(arch, params, data.x, own, clock) == pytest.approx(expected, rel=1e-5)


def test_the_hidden_layer_aligns_in_the_rich_run_alone(xor: lazy.Result) -> None:
    """0.014 before training; 0.45 after it at α = 0.01, 0.014 at α = 100."""
    sweep = xor.sweeps[0]
    assert sweep.aligned[0] > 10 * sweep.aligned_start
    assert sweep.aligned[-1] == pytest.approx(sweep.aligned_start, rel=0.05)


def test_alignment_by_its_definition(small: lazy.Result) -> None:
    """float32 features: errors of a relative 1e-4 at most."""
    data, params = load(SMALL.data), weights(SMALL)
    scale, _ = nets.scales(SMALL.arch, 8)
    before = scale.weight * data.x_test @ np.asarray(params[0].weight) + scale.bias * np.asarray(params[0].bias)
    hidden = np.maximum(before, 0.0)
    expected = target_alignment(hidden @ hidden.T, data.y_test)
    assert small.sweeps[0].aligned_start == pytest.approx(expected, rel=1e-4)


def test_mup_is_the_ntk_parameterization_at_alpha_over_root_n(small: lazy.Result) -> None:
    """The same draws, the same path; float32 leaves a per mille after 200 steps."""
    root = np.sqrt(SMALL.arch.width)
    mup = replace(SMALL, arch=replace(SMALL.arch, parameterization="mup"), low=SMALL.low * root, high=SMALL.high * root)
    one, other = small.sweeps[0], lazy.run(mup).sweeps[0]
    np.testing.assert_allclose(other.test_curve, one.test_curve, rtol=1e-2)
    np.testing.assert_allclose(other.drift, one.drift, rtol=1e-2)


@pytest.mark.parametrize("parameterization", ["ntk", "standard", "mup"])
def test_every_scale_trains(parameterization: str) -> None:
    wide = replace(SMALL, arch=replace(SMALL.arch, parameterization=parameterization), low=1e-3, high=1e3, steps=1000)
    result = lazy.run(wide)
    assert not result.over_seeds("diverged").any()
    assert np.all(result.over_seeds("train_error") < 0.1)  # of a variance of 1
    assert np.isfinite(result.plane.path).all()


def test_neurons_move_far_when_rich_and_hardly_when_lazy() -> None:
    """Lazy: ‖Δw‖ ~ 1/α. Rich: the outputs need weights of size α^(−1/2), and a small network loses its start."""
    alphas = (0.001, 0.01, 1.0, 10.0, 100.0)
    moved = lazy.neurons("ntk", alphas, 0).movement
    assert np.all(np.diff(moved) < 0)
    assert moved[3] / moved[4] == pytest.approx(10, rel=0.1)
    assert moved[0] / moved[1] == pytest.approx(np.sqrt(10), rel=0.15)
    assert moved[1] > 3
    assert moved[4] < 0.003


def test_rich_neurons_gather_and_lazy_ones_stay() -> None:
    """Weighted by length, the mean distance to the nearest teacher falls; uniform directions have about 30 degrees."""
    plane = lazy.neurons("ntk", (0.01, 100.0), 0)
    np.testing.assert_allclose(np.linalg.norm(plane.path[:, 0], axis=-1), 1.0, rtol=1e-6)

    def apart(points: np.ndarray) -> float:
        length = np.linalg.norm(points, axis=1)
        nearest = np.max(points @ plane.teacher.T, axis=1) / length
        return float(np.average(np.degrees(np.arccos(np.clip(nearest, -1, 1))), weights=length))

    start, rich, still = apart(plane.path[0, 0]), apart(plane.path[0, -1]), apart(plane.path[1, -1])
    assert rich < 0.5 * start
    assert still == pytest.approx(start, rel=0.02)


def test_the_same_seed_gives_the_same_numbers(small: lazy.Result) -> None:
    again, other = lazy.run(SMALL), lazy.run(replace(SMALL, seed=1))
    np.testing.assert_array_equal(again.sweeps[0].test_curve, small.sweeps[0].test_curve)
    assert not np.array_equal(other.sweeps[0].test_curve, small.sweeps[0].test_curve)


def test_numbers_are_finite(xor: lazy.Result) -> None:
    for name in ("test_curve", "train_curve", "linear_curve", "movement", "drift", "aligned", "kernel_error"):
        assert np.isfinite(xor.over_seeds(name)).all(), name


def test_partial_results_are_drawn_and_a_run_can_be_stopped() -> None:
    seen: list[lazy.Result] = []

    def report(fraction: float, partial: Any = None) -> None:
        assert 0 <= fraction <= 1
        if partial is not None:
            assert len(view(partial).charts) == 6
            seen.append(partial)
        if len(seen) == 3:
            raise Cancelled("The run was stopped.")

    with pytest.raises(Cancelled):
        lazy.run(replace(SMALL, seeds=3, steps=300), report)
    assert np.isnan(seen[0].sweeps[0].drift).all()


def test_a_diverged_run_is_left_out_and_said(xor: lazy.Result) -> None:
    lost = np.array([True] + [False] * 8)
    sweep = replace(xor.sweeps[0], diverged=lost, drift=np.where(lost, np.nan, xor.sweeps[0].drift))
    told = view(replace(xor, sweeps=(sweep,))).warnings
    assert any("α = 0.01" in sentence for sentence in told)


def test_frames_follow_the_sweep(xor: lazy.Result) -> None:
    """Every moving trace has one row an α, and all of them together stay light enough for a phone."""
    shown = view(xor)
    rows = [rows for chart in shown.charts for updates in chart.frames.values() for rows in updates.values()]
    assert {len(row) for row in rows} == {len(xor.alpha)}
    assert sum(4 * row.size for row in rows) < 400_000


def test_cost_grows_with_what_costs() -> None:
    base = lazy.cost(SMALL)
    for more in (
        {"steps": 4000},
        {"seeds": 5},
        {"count": 25},
        {"data": Xor(n=300, dim=20)},
        {"arch": Architecture(width=512)},
    ):
        grown = lazy.cost(replace(SMALL, **more))
        assert grown.seconds > base.seconds
        assert grown.bytes >= base.bytes


@pytest.mark.parametrize(
    "wrong",
    [
        {"low": 2.0, "high": 1.0},
        {"data": Digits(question="classes")},
        {"data": CirclePoints()},
        {"arch": Architecture(outputs=2)},
        {"arch": Architecture(depth=9)},
        {"count": 1},
        {"factor": 0.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        lazy.Spec(**wrong)
