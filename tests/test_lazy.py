"""The lesson on output scales: what it claims of features and kernels, and its theory by other routes."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkviz import nets
from ntkviz.data import CirclePoints, Digits, Linear, SingleIndex, Xor, load
from ntkviz.dynamics import Descent, linearise
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.experiments import lazy
from ntkviz.experiments.lazy import QUARTER
from ntkviz.figures.lazy import view
from ntkviz.kernels import infinite_ntk
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.measures.first_order import first_order_drift
from ntkviz.nets import Architecture
from ntkviz.scales import Scales
from ntkviz.spectra import target_alignment
from tests.drawn import numbers

SMALL = lazy.Spec(
    data=Xor(n=60, dim=8), arch=Architecture(width=32, sigma_b=0.3), scales=Scales(count=5), steps=200, seeds=1
)


@pytest.fixture(scope="module")
def xor() -> lazy.Result:
    return lazy.run(lazy.Spec(seeds=1))


@pytest.fixture(scope="module")
def smooth() -> lazy.Result:
    return lazy.run(lazy.Spec(arch=Architecture(width=128, sigma_b=0.3, activation="gelu"), seeds=1))


@pytest.fixture(scope="module")
def small() -> lazy.Result:
    return lazy.run(SMALL)


def jacobian(arch: Architecture, params: nets.Params, x: np.ndarray) -> np.ndarray:
    """(N, P), one gradient a row."""
    rows = jax.jacrev(lambda weights: nets.apply(arch, weights, x)[:, 0])(params)
    return np.concatenate([np.asarray(leaf).reshape(len(x), -1) for leaf in jax.tree.leaves(rows)], axis=1)


def weights(spec: lazy.Spec, dtype: Any = jnp.float64) -> nets.Params:
    """What `lazy.run` starts from: drawn in float32."""
    start = nets.init(spec.arch, spec.data.dim, seed=spec.seed, dtype=jnp.float32)
    return jax.tree.map(lambda w: w.astype(dtype), start)


def test_features_beat_the_kernel_on_xor(xor: lazy.Result) -> None:
    """30 to 70 times over five seeds; kernel regression at infinite width is of no help either."""
    family = xor.families.members[0]
    assert family.test_error[-1] > 20 * family.test_error[0]
    assert family.kernel_error > 20 * family.test_error[0]
    assert xor.families.converged.all()  # all have fitted: the difference is the solution found


def test_the_reference_line_is_kernel_regression_solved_directly(small: lazy.Result) -> None:
    """By a pseudo-inverse: 60 of the 256 corners, drawn with repetition, make Θ singular."""
    data = load(SMALL.data)
    theta, across = infinite_ntk(SMALL.arch, data.x), infinite_ntk(SMALL.arch, data.x_test, data.x)
    predicted = np.asarray(across) @ np.linalg.pinv(np.asarray(theta), rcond=1e-10, hermitian=True) @ data.y
    error = np.mean((predicted - data.y_test) ** 2)
    assert small.families.members[0].kernel_error == pytest.approx(error, rel=1e-8)


def test_the_kernel_beats_features_under_noise() -> None:
    """A linear target with noise of its own size: the rich error is 1.1 to 1.4 times the lazy one, over five seeds."""
    noisy = lazy.Spec(data=Linear(n=150, dim=20, label_noise=1.0), seeds=3, steps=1000)
    result = lazy.run(noisy)
    assert np.all(result.families.gain < 1 / 1.1)
    ratio = numbers(lazy, result)["Test error at the largest α over the smallest"]
    assert ratio.agrees is True
    assert result.families.converged.all()


def test_the_lazy_end_is_the_linearised_network_at_every_step(xor: lazy.Result) -> None:
    """At α = 100 the drift is 0.004, so that outputs agree to about that; 0.2 % of the error was measured."""
    family = xor.families.members[0]
    np.testing.assert_allclose(family.test_curve[-1], family.linear_curve[-1], rtol=0.01)
    assert abs(family.test_curve[0, -1] - family.linear_curve[0, -1]) > 0.3  # and the rich end is not


def test_the_linearised_curve_by_the_jacobian_and_by_stepping(small: lazy.Result) -> None:
    data, family = load(SMALL.data), small.families.members[0]
    params = weights(SMALL)
    rows, rows_test = (jacobian(SMALL.arch, params, x) for x in (data.x, data.x_test))
    moved, seen = np.zeros(rows.shape[1]), []
    for step in range(SMALL.steps + 1):
        if step in family.steps:
            seen.append(np.mean((rows_test @ moved - data.y_test[:, 0]) ** 2))
        moved -= family.eta[-1] * rows.T @ (rows @ moved - data.y[:, 0])
    np.testing.assert_allclose(family.linear_curve[-1], seen, rtol=1e-8)
    assert family.linear_error == family.linear_curve[-1, -1]
    end = rows_test @ np.linalg.pinv(rows, rcond=1e-7) @ data.y[:, 0]
    assert family.linear_end == pytest.approx(np.mean((end - data.y_test[:, 0]) ** 2), rel=1e-6)
    assert family.constant_error == pytest.approx(np.mean((data.y_test - data.y.mean()) ** 2))


def test_drift_of_a_smooth_network_is_its_first_order(smooth: lazy.Result) -> None:
    """The next order in 1/α is 15 % of the drift at α = 10, so 1.5 % at 100; nothing is fitted."""
    family, found = smooth.families.members[0], numbers(lazy, smooth)
    assert smooth.families.alpha[-1] * family.drift[-1] == pytest.approx(family.first_order, rel=0.03)
    assert found["Drift at the largest α over its first order"].agrees is True
    assert found["Exponent of the drift in α"].value == pytest.approx(-1, abs=0.2)
    assert found["Exponent of the drift in α"].agrees is True


def test_kinks_add_to_the_drift_and_flatten_it(xor: lazy.Result) -> None:
    """ReLU's neurons switch, which the derivative does not see; exponents of −0.5 to −0.75 were measured."""
    family, found = xor.families.members[0], numbers(lazy, xor)
    assert np.all(xor.families.alpha * family.drift > family.first_order)
    assert -0.95 < found["Exponent of the drift in α"].value < -0.4
    assert found["Drift at the largest α over its first order"].expected is None


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
    assert first_order_drift(arch, params, data.x, own, clock) == pytest.approx(expected, rel=1e-5)


def test_the_hidden_layer_aligns_in_the_rich_run_alone(xor: lazy.Result) -> None:
    """0.014 before training; 0.45 after it at α = 0.01, 0.014 at α = 100."""
    family = xor.families.members[0]
    assert family.aligned[0] > 10 * family.aligned_start
    assert family.aligned[-1] == pytest.approx(family.aligned_start, rel=0.05)


def test_alignment_by_its_definition(small: lazy.Result) -> None:
    """float32 features: errors of a relative 1e-4 at most."""
    data, params = load(SMALL.data), weights(SMALL)
    scale, _ = nets.scales(SMALL.arch, 8)
    before = scale.weight * data.x_test @ np.asarray(params[0].weight) + scale.bias * np.asarray(params[0].bias)
    hidden = np.maximum(before, 0.0)
    expected = target_alignment(hidden @ hidden.T, data.y_test)
    assert small.families.members[0].aligned_start == pytest.approx(expected, rel=1e-4)


def test_mup_is_the_ntk_parameterization_at_alpha_over_root_n(small: lazy.Result) -> None:
    """The same draws, the same path; float32 leaves a per mille after 200 steps."""
    root = np.sqrt(SMALL.arch.width)
    scales = Scales(low=SMALL.scales.low * root, high=SMALL.scales.high * root, count=SMALL.scales.count)
    mup = replace(SMALL, arch=replace(SMALL.arch, parameterization="mup"), scales=scales)
    one, other = small.families.members[0], lazy.run(mup).families.members[0]
    np.testing.assert_allclose(other.test_curve, one.test_curve, rtol=1e-2)
    np.testing.assert_allclose(other.drift, one.drift, rtol=1e-2)


def test_a_wider_network_is_lazier_but_not_in_mup() -> None:
    """Exponents of −0.89 and 0.02 from 128 to 512 neurons over three seeds; here from 32 to 128."""
    wide = lazy.Spec(narrower=QUARTER, scales=Scales(low=0.1, high=10.0, count=3), seeds=2)
    ntk, mup = (
        numbers(lazy, lazy.run(replace(wide, arch=replace(wide.arch, parameterization=name))))
        for name in ("ntk", "mup")
    )
    assert ntk["Exponent of the drift in the width"].value < -0.5
    assert ntk["Exponent of the drift in the width"].agrees is True
    assert abs(mup["Exponent of the drift in the width"].value) < 0.2


def test_a_second_width_is_trained_on_the_same_data() -> None:
    spec = replace(SMALL, narrower=QUARTER)
    result = lazy.run(spec)
    alone = lazy.run(replace(SMALL, arch=replace(SMALL.arch, width=8)))
    assert result.narrow.arch.width == 8
    np.testing.assert_array_equal(result.narrow.members[0].test_curve, alone.families.members[0].test_curve)
    assert "Exponent of the drift in the width" not in numbers(lazy, alone)


@pytest.mark.parametrize("parameterization", ["ntk", "standard", "mup"])
def test_every_scale_trains(parameterization: str) -> None:
    arch = replace(SMALL.arch, parameterization=parameterization)
    result = lazy.run(replace(SMALL, arch=arch, scales=Scales(low=1e-3, high=1e3, count=5), steps=1000))
    assert not result.families.diverged.any()
    assert np.all(result.families.members[0].left < 0.1)
    assert np.isfinite(result.neurons.path).all()


def test_the_same_seed_gives_the_same_numbers(small: lazy.Result) -> None:
    again, other = lazy.run(SMALL), lazy.run(replace(SMALL, seed=1))
    one = small.families.members[0]
    np.testing.assert_array_equal(again.families.members[0].test_curve, one.test_curve)
    assert not np.array_equal(other.families.members[0].test_curve, one.test_curve)


def test_each_seed_has_its_own_data_and_weights() -> None:
    """The second seed of a run is the first of the run whose data and weights have the next seed."""
    both = lazy.run(replace(SMALL, seeds=2)).families.members
    next_one = lazy.run(replace(SMALL, seed=1, data=replace(SMALL.data, seed=1))).families.members[0]
    np.testing.assert_array_equal(both[1].test_curve, next_one.test_curve)
    assert both[0].kernel_error != both[1].kernel_error


def test_a_headline_is_of_converged_runs() -> None:
    """|w·x| after 600 steps: at large α an eighth of the training error is left, and the ratio would be 28."""
    short = lazy.run(lazy.Spec(data=SingleIndex(n=300, dim=15), seeds=1))
    ratio = numbers(lazy, short)["Test error at the largest α over the smallest"]
    assert ratio.value is None
    assert "have not converged" in ratio.caveat
    rich = short.families.members[0].test_error[0]
    beside = {reference.name: reference.value for reference in ratio.references}
    assert beside["kernel regression, infinite width"] == pytest.approx(short.families.members[0].kernel_error / rich)
    assert beside["kernel regression, infinite width"] == pytest.approx(11, rel=0.1)
    assert any("have not converged" in remark.text for remark in lazy.remarks(short))


def test_numbers_are_finite(xor: lazy.Result) -> None:
    for name in ("test_curve", "train_curve", "linear_curve", "movement", "drift", "aligned", "kernel_error"):
        assert np.isfinite(xor.families.values(name)).all(), name


def test_partial_results_are_drawn_and_a_run_can_be_stopped() -> None:
    seen: list[lazy.Result] = []

    def report(fraction: float, partial: Any = None) -> None:
        assert 0 <= fraction <= 1
        if partial is not None:
            assert len(view(partial).charts) == 6
            assert all(finding.value is None for finding in lazy.findings(partial) if finding.claim == 14)
            assert not partial.families.remarks()
            seen.append(partial)
        if len(seen) == 6:
            raise Cancelled("The run was stopped.")

    with pytest.raises(Cancelled):
        lazy.run(replace(SMALL, seeds=3, steps=300, narrower=QUARTER), report)
    assert np.isnan(seen[0].families.members[0].drift).all()
    assert seen[0].families.pending == 3


def test_a_diverged_run_is_left_out_and_said(xor: lazy.Result) -> None:
    lost = np.array([True] + [False] * 8)
    family = replace(xor.families.members[0], diverged=lost)
    result = replace(xor, families=replace(xor.families, members=(family,)))
    assert any("α = 0.01 diverged" in remark.text for remark in lazy.remarks(result))
    assert numbers(lazy, result)["Test error, smallest α"].value is None
    assert view(result).charts


def test_cost_grows_with_what_costs() -> None:
    base = lazy.cost(SMALL)
    for more in (
        {"steps": 4000},
        {"seeds": 5},
        {"scales": Scales(count=25)},
        {"data": Xor(n=300, dim=20)},
        {"arch": Architecture(width=512)},
        {"narrower": QUARTER},
    ):
        grown = lazy.cost(replace(SMALL, **more))
        assert grown.seconds > base.seconds
        assert grown.bytes >= base.bytes


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": Digits(question="classes")},
        {"data": CirclePoints()},
        {"arch": Architecture(outputs=2)},
        {"arch": Architecture(depth=9)},
        {"narrower": 3},
        {"factor": 0.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        lazy.Spec(**wrong)


@pytest.mark.parametrize("wrong", [{"low": 2.0, "high": 1.0}, {"count": 1}])
def test_scales_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Scales(**wrong)
