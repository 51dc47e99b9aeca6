"""What is drawn, said and asked of what moves in training, against the sweeps by other routes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from ntkviz.experiments import movement, stays
from ntkviz.figures import theme
from ntkviz.figures.movement import view as movement_view
from ntkviz.figures.stays import view as kernel_view
from ntkviz.findings import Finding
from ntkviz.lessons.stays import FALL, HOW_FAR, LESSON, MOST, MUP, READOUT, SMALL, STEP
from ntkviz.writing import percent, with_error, written
from tests.canned import canned
from tests.drawn import chart, drawn, names, numbers, sentences
from tests.trained import ends

pytestmark = pytest.mark.drawn

SPECS = {preset.key: preset.spec for preset in LESSON.presets}
KEYS = list(SPECS)
NORMS = ("all weights", "strongest direction", "largest weight")
LAYERS = {"first": "first layer", "hidden": "hidden layers", "last": "last layer"}


def kernel(key: str) -> stays.Result:
    return canned(stays, SPECS[key])


def swept(key: str) -> movement.Result:
    return canned(movement, movement.shared(SPECS[key]))


def line(sweep) -> tuple[float, float, float]:
    """Exponent, its standard error and prefactor of a power law, by SciPy's other routine."""
    u, v = np.log(np.broadcast_to(sweep.at[:, None], sweep.values.shape).ravel()), np.log(sweep.values.ravel())
    (slope, start), covariance = curve_fit(lambda u, a, b: a * u + b, u, v)
    return float(slope), math.sqrt(covariance[0, 0]), math.exp(start)


@pytest.mark.parametrize("key", KEYS)
def test_the_kernel_and_its_change_are_drawn_at_each_recorded_step(key: str) -> None:
    result, of = kernel(key), kernel_view(kernel(key))
    np.testing.assert_array_equal(of.scrub.values, result.steps)
    assert names(of, "kernel") == ["kernel before training", "kernel"] and names(of, "change") == ["change"]
    start = drawn(of, "kernel", "kernel before training")
    np.testing.assert_allclose(start.z[0], result.kernels[0], rtol=1e-5, atol=1e-6)
    assert not start.answer
    now, change = drawn(of, "kernel", "kernel"), drawn(of, "change", "change")
    assert now.answer and change.answer
    for frame in range(len(result.steps)):
        np.testing.assert_allclose(now.z[frame], result.kernels[frame], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(change.z[frame], result.kernels[frame] - result.kernels[0], rtol=1e-4, atol=1e-5)
    most = np.abs(result.kernels[0]).max()
    assert (change.trace.zmin, change.trace.zmax) == pytest.approx((-most, most))
    assert (now.trace.zmin, now.trace.zmax) == pytest.approx((result.kernels[0].min(), result.kernels[0].max()))
    for trace in (start, now, change):
        np.testing.assert_allclose(trace.x[0], result.place)
        np.testing.assert_allclose(trace.y[0], result.place)


@pytest.mark.parametrize("key", KEYS)
def test_the_drift_is_drawn_over_the_steps_beside_what_is_known_of_it(key: str) -> None:
    result, of = kernel(key), kernel_view(kernel(key))
    expected = ["network"] + (["theory (infinite width)"] if key == "readout" else [])
    assert names(of, "drift over time") == expected
    drift = drawn(of, "drift over time", "network")
    np.testing.assert_array_equal(drift.x[0], result.steps[1:])
    of_kernels = [np.linalg.norm(one - result.kernels[0]) / np.linalg.norm(result.kernels[0]) for one in result.kernels]
    np.testing.assert_allclose(drift.y[0], of_kernels[1:], rtol=1e-4)
    assert drift.answer
    np.testing.assert_array_equal(chart(of, "drift over time").cursor, [1, *result.steps[1:]])
    after = chart(of, "drift over time").layout_answer["yaxis"]["range"]
    assert after[0] == 0 and after[1] >= max(0.5, *of_kernels)
    if key == "readout":
        level = drawn(of, "drift over time", "theory (infinite width)")
        np.testing.assert_allclose(level.y[0], result.level, rtol=1e-6)
        assert level.answer and result.level == pytest.approx(of_kernels[-1], rel=0.1)


@pytest.mark.parametrize("key", KEYS)
def test_the_numbers_of_one_network(key: str) -> None:
    result, told = kernel(key), numbers(stays, kernel(key))
    drift = told["Drift of the kernel, 256 neurons"]
    assert drift.value == pytest.approx(100 * result.drift[-1]) and drift.unit == "%"
    assert [reference.value for reference in drift.references] == ([100 * result.level] if key == "readout" else [])
    assert told["Loss at the end"].value == pytest.approx(100 * result.left)
    assert sentences(stays, result) == []


def test_a_training_that_diverged_or_is_not_at_its_end_says_so() -> None:
    result = replace(kernel("first"), diverged=True)
    assert all(finding.value is None for finding in numbers(stays, result).values())
    assert sentences(stays, result) == ["The training diverged at c = 1.00. Choose a smaller step."]
    (words,) = sentences(stays, replace(kernel("first"), left=0.2))
    assert "has not converged: its loss is still 20 % of the first one" in words
    assert sentences(stays, replace(kernel("first"), left=0.049)) == []
    warned = stays.remarks(replace(kernel("first"), warnings=("Beware.",)))
    assert [(remark.text, remark.answer) for remark in warned] == [("Beware.", False)]


@pytest.mark.parametrize("key", KEYS)
def test_each_network_is_a_dot_and_each_layer_a_curve_in_each_norm(key: str) -> None:
    result, of = swept(key), movement_view(swept(key))
    dots, fit = drawn(of, "drift", "network"), drawn(of, "drift", names(of, "drift")[1])
    np.testing.assert_array_equal(dots.x[0], np.repeat(result.drift.at, 3))
    np.testing.assert_allclose(dots.y[0], result.drift.values.ravel(), rtol=1e-5)
    slope, error, start = line(result.drift)
    assert fit.trace.name == f"network, fit: exponent {with_error(slope, error)}"
    np.testing.assert_allclose(fit.y[0], start * result.drift.at[[0, -1]] ** slope, rtol=1e-4)
    assert (len(names(of, "drift")) == 3) == (key == "readout")
    if key == "readout":
        np.testing.assert_allclose(drawn(of, "drift", "theory (infinite width)").y[0], result.level, rtol=1e-6)
    shown = [name for name in LAYERS if name in result.moved]
    assert ("hidden" in shown) == (key == "deep")
    for place, norm in enumerate(NORMS):
        assert names(of, norm) == [LAYERS[name] for name in shown]
        for name in shown:
            curve, values = drawn(of, norm, LAYERS[name]), np.log(result.moved[name][place].values)
            np.testing.assert_array_equal(curve.x[0], result.drift.at)
            np.testing.assert_allclose(curve.y[0], np.exp(values.mean(axis=1)), rtol=1e-5)
            high = np.exp(values.mean(axis=1) + values.std(axis=1, ddof=1))
            np.testing.assert_allclose(curve.y[0] + curve.trace.error_y.array, high, rtol=1e-4)
            assert curve.answer and curve.trace.line.color == theme.hue(list(LAYERS).index(name))


def test_the_axes_hold_all_networks_and_tell_nothing_before() -> None:
    for key in KEYS:
        of, result = movement_view(swept(key)), swept(key)
        np.testing.assert_allclose(ends(of, "drift", "yaxis"), [1e-3 / 1.3, 2.0 * 1.3])
        low, high = ends(of, "drift", "yaxis", after=True)
        assert low <= result.drift.values.min() / 1.2 and high >= result.drift.values.max() * 1.2
        for place, norm in enumerate(NORMS):
            np.testing.assert_allclose(ends(of, norm, "yaxis"), [1e-3 / 1.3, 1.3])
            low, high = ends(of, norm, "yaxis", after=True)
            every = np.array([moved[place].values for moved in result.moved.values()])
            assert low <= every.min() / 1.2 and high >= every.max() * 1.2


@pytest.mark.parametrize("key", KEYS)
def test_the_numbers_of_the_sweep(key: str) -> None:
    result, told = swept(key), numbers(movement, swept(key))
    slope, error, _ = line(result.drift)
    exponent = told["Drift of the kernel: exponent"]
    assert (exponent.value, exponent.error) == (pytest.approx(slope, rel=1e-3), pytest.approx(error, rel=1e-3))
    assert exponent.claim == 6 and exponent.expected == movement.laws(SPECS[key])[0]
    for place in (0, -1):
        logs = np.log(100 * result.drift.values[place])
        at = told[f"Drift at {result.drift.at[place]:.0f} neurons"]
        assert at.value == pytest.approx(math.exp(logs.mean())) and at.claim == 6
        assert at.error == pytest.approx(at.value * logs.std(ddof=1) / math.sqrt(3))
        if key == "readout" and place:
            assert (at.expected.low, at.expected.high) == pytest.approx((90 * result.level, 110 * result.level))
            assert at.agrees
        else:
            assert at.expected is None
    words = ("all weights", "strongest direction", "largest single weight")
    for name, sweeps in result.moved.items():
        for norm, sweep, law in zip(words, sweeps, movement.laws(SPECS[key])[1][name], strict=True):
            found = told.get(f"{LAYERS[name].capitalize()}, {norm}: exponent")
            assert (found is None) == (name == "last" and norm == "strongest direction")
            if found is not None:
                assert found.value == pytest.approx(line(sweep)[0], rel=1e-3, abs=1e-6)
                assert (found.claim, found.expected) == (3, law)
    vector = result.moved["last"]
    np.testing.assert_allclose(vector[0].values, vector[1].values, rtol=1e-9)


def test_what_is_left_out_and_what_is_not_at_its_law_is_said() -> None:
    assert sentences(movement, swept("deep"))[0] == (
        "Networks of these widths would take too long and are left out: 1024, 2048."
    )
    result = swept("first")
    slope, error, _ = line(result.drift)

    def turned(exponent: float) -> list[str]:
        factor = (result.drift.at[:, None] / 256) ** (exponent - slope)
        return sentences(movement, replace(result, drift=replace(result.drift, values=factor * result.drift.values)))

    assert turned(-1 + 1.5 * error) == turned(-1 - 1.5 * error) == []
    (flat,), (steep,) = turned(-1 + 3 * error), turned(-1 - 3 * error)
    assert f"exponent {with_error(-1 + 3 * error, error)}, which is flatter than expected for large n (−1)" in flat
    assert "steeper" in steep
    going = replace(result.drift, pending=2, values=(result.drift.at[:, None] / 256) ** 0.5 * result.drift.values)
    assert sentences(movement, replace(result, drift=going)) == []
    gone = np.where(result.drift.at[:, None] < 100, np.nan, result.drift.values)
    told = numbers(movement, replace(result, drift=replace(result.drift, values=gone)))
    assert "diverged at some widths" in told["Drift of the kernel: exponent"].caveat


def test_the_words_of_the_charts_have_the_numbers() -> None:
    for key in ("first", "deep", "readout"):
        told, of = numbers(movement, swept(key)), movement_view(swept(key))
        said = " ".join(one.alt_answer for one in of.charts)
        for name, finding in told.items():
            assert f"{name}: {with_error(finding.value, finding.error, finding.unit)}" in said
        over_time = chart(kernel_view(kernel(key)), "drift over time").alt_answer
        assert over_time.endswith(f"It ends at {percent(float(kernel(key).drift[-1]))}.")
        matrix = chart(kernel_view(kernel(key)), "kernel").alt_answer
        assert with_error(100 * kernel(key).drift[-1], None, "%") in matrix


def test_nothing_before_the_guess_depends_on_what_moves() -> None:
    def before(view) -> list:
        shown = []
        for one in view.charts:
            traces = [trace.to_plotly_json() for trace in one.figure.data if trace.name not in one.answers]
            shown.append((one.alt, one.prompt, repr(traces), repr(one.figure.layout.to_plotly_json())))
        return shown

    one = kernel("first")
    moved = one.kernels.copy()
    moved[1:] *= 2
    assert before(kernel_view(one)) == before(
        kernel_view(replace(one, kernels=moved, drift=one.drift + 0.7, level=0.2))
    )
    result = swept("first")
    other = replace(result, drift=replace(result.drift, values=result.drift.values[::-1] * 5), level=0.3)
    assert before(movement_view(result)) == before(movement_view(other))


def test_the_answers_are_the_measured_numbers() -> None:
    result = swept("first")
    slope, error, start = line(result.drift)
    told = HOW_FAR.asked(SPECS["first"], result)
    assert told["answer"] == pytest.approx(100 * start * 256.0**slope, rel=1e-3)
    assert f"to the power {with_error(slope, error)}" in told["explains"]
    for place in (0, 5):
        mean = math.exp(np.log(result.drift.values[place]).mean())
        assert f"{percent(mean)} at {result.drift.at[place]:.0f}" in told["explains"]
    small = SMALL.asked(SPECS["small"], swept("small"))
    slope, _, start = line(swept("small").drift)
    assert start * small["answer"] ** slope == pytest.approx(0.1, rel=1e-3) and "α = 0.1" in small["asks"]
    assert written(small["answer"], 2) in small["explains"]
    assert SMALL.asked(SPECS["step"], swept("step"))["answer"] is None
    sketch = FALL.asked(SPECS["relu"], swept("relu"))
    np.testing.assert_allclose(sketch["answer"]["y"], np.exp(np.log(swept("relu").drift.values).mean(axis=1)))
    assert (sketch["chart"], sketch["x"], sketch["y"]) == ("drift", [64, 2048], [1e-3, 2.0])


def test_the_fate_of_the_drift_is_that_of_its_exponent() -> None:
    for question, key in ((STEP, "step"), (MUP, "mup"), (READOUT, "readout")):
        assert question.asked(SPECS[key], swept(key))["answer"] == 1
        result = swept(key)
        for exponent, answer in ((-1.0, 0), (-0.51, 0), (-0.49, None), (-0.21, None), (-0.19, 1), (0.19, 1), (0.21, 2)):
            factor = (result.drift.at[:, None] / 256) ** (exponent - line(result.drift)[0])
            turned = replace(result, drift=replace(result.drift, values=factor * result.drift.values))
            assert question.asked(SPECS[key], turned)["answer"] == answer


def test_the_order_of_the_layers_is_that_of_their_movement() -> None:
    result = swept("deep")
    told = MOST.asked(SPECS["deep"], result)
    moved = [math.exp(np.log(sweeps[0].values[-1]).mean()) for sweeps in result.moved.values()]
    assert told["answer"] == list(np.argsort(moved)[::-1]) and told["answer"][-1] == 1
    assert told["items"] == ["first layer", "hidden layers", "last layer"]
    for name, share in zip(LAYERS.values(), moved, strict=True):
        assert f"{name} {percent(share)}" in told["explains"]
    going = {name: tuple(replace(sweep, pending=1) for sweep in sweeps) for name, sweeps in result.moved.items()}
    assert MOST.asked(SPECS["deep"], replace(result, moved=going))["answer"] is None


def test_what_the_presets_show_and_set_up_follows_from_their_runs() -> None:
    for preset in LESSON.presets:
        result = swept(preset.key)
        shown = preset.shows(result)
        if preset.key == "readout":
            assert percent(result.level) in shown and percent(math.exp(np.log(result.drift.values[-1]).mean())) in shown
            continue
        for name, sweeps in result.moved.items():
            slope, error, _ = line(sweeps[0])
            assert f"{LAYERS[name]} {with_error(slope, error)}" in shown
    assert SPECS["step"].c == 3.0 and "c = 3" in LESSON.preset("step").setup
    assert SPECS["small"].alpha == 0.1 and "α = 0.1" in LESSON.preset("small").setup
    assert SPECS["deep"].arch.depth == 3 and "three hidden layers" in LESSON.preset("deep").setup
    assert SPECS["mup"].arch.parameterization == "mup" and SPECS["readout"].readout == "arsinh"
    assert f"{SPECS['first'].data.n} points" in LESSON.default.setup


def test_both_claims_hold_in_the_limit_only() -> None:
    there = {(key, finding.name): finding for key in KEYS for finding in movement.findings(swept(key))}
    constancy, movements = LESSON.rules
    assert [rule.claim for rule in LESSON.rules] == [6, 3]
    assert constancy.verdict(there) == movements.verdict(there) == "limit only"

    def with_exponent(key: str, name: str, value: float) -> dict:
        return there | {(key, name): Finding(name, value)}

    drift, first = "Drift of the kernel: exponent", "First layer, all weights: exponent"
    assert constancy.verdict(with_exponent("first", drift, -0.1)) == "not supported"
    for key in ("step", "mup", "readout"):
        assert constancy.verdict(with_exponent(key, drift, -0.9)) == "open"
    every = there | {(key, drift): Finding(drift, -0.9) for key in ("step", "mup", "readout")}
    assert constancy.verdict(every) == "holds"
    assert movements.verdict(with_exponent("first", first, 0.0)) == "not supported"
    for key, name in (("first", "Last layer, all weights: exponent"), ("deep", "Hidden layers, all weights: exponent")):
        assert movements.verdict(with_exponent(key, name, 0.0)) == "open"
