"""What is drawn, said and asked of networks before training, against their kernels and sweeps by other routes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from ntkviz.experiments import birth, concentration
from ntkviz.figures import theme
from ntkviz.figures.birth import view as neurons_view
from ntkviz.figures.concentration import view as distance_view
from ntkviz.findings import Finding
from ntkviz.lessons.birth import ARCH, DEEPER, FALL, HEAP, LESSON
from ntkviz.writing import with_error, written
from tests.canned import canned
from tests.drawn import chart, drawn, names, numbers, same, sentences
from tests.trained import ends

pytestmark = pytest.mark.drawn

FIRST, DEEP = (LESSON.preset(key).spec for key in ("first", "deep"))
SPECS = [preset.spec for preset in LESSON.presets]
KEYS = [preset.key for preset in LESSON.presets]
NEURONS = [f"mean, network {number}" for number in (1, 2, 3)]


def entry(spec: birth.Spec) -> birth.Result:
    return canned(birth, spec)


def swept(spec: birth.Spec) -> concentration.Result:
    return canned(concentration, spec.concentration)


def line(at: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """Exponent, its standard error and prefactor of a power law, by SciPy's other routine."""
    u, v = np.log(np.broadcast_to(at[:, None], values.shape).ravel()), np.log(values.ravel())
    (slope, start), covariance = curve_fit(lambda u, a, b: a * u + b, u, v)
    return float(slope), math.sqrt(covariance[0, 0]), math.exp(start)


@pytest.mark.parametrize("spec", SPECS, ids=KEYS)
def test_the_dots_are_neurons_and_the_curves_their_means(spec: birth.Spec) -> None:
    result, of = entry(spec), neurons_view(entry(spec))
    width = spec.arch.width
    assert names(of, "neurons") == ["neurons of network 1", *NEURONS, theme.THEORY.name]
    dots = drawn(of, "neurons", "neurons of network 1")
    np.testing.assert_array_equal(dots.x[0], np.arange(1, width + 1))
    np.testing.assert_allclose(dots.y[0], result.terms[0] + result.bias[0], rtol=1e-5, atol=1e-6)
    assert dots.answer and dots.trace.mode == "markers"
    for network, name in enumerate(NEURONS):
        mean = drawn(of, "neurons", name)
        np.testing.assert_array_equal(mean.x[0], np.arange(4, width + 1))
        for j in (4, 5, width // 2, width):
            expected = result.terms[network, :j].mean() + result.bias[network]
            assert mean.y[0][j - 4] == pytest.approx(expected, rel=1e-5, abs=1e-6)
        assert (mean.answer, mean.trace.line.color) == (True, theme.FINITE.color)
    assert [drawn(of, "neurons", name).trace.line.width for name in NEURONS] == [3.0, 1.5, 1.5]
    level = drawn(of, "neurons", theme.THEORY.name)
    np.testing.assert_allclose(level.y[0], result.theory, rtol=1e-6)
    assert list(level.x[0]) == [1, width] and not level.answer and level.trace.line.dash == "dash"


@pytest.mark.parametrize("spec", SPECS, ids=KEYS)
def test_a_histogram_has_the_networks_of_its_width(spec: birth.Spec) -> None:
    result, of = entry(spec), neurons_view(entry(spec))
    assert names(of, "entry") == ["16 neurons", "48 neurons", "144 neurons", theme.THEORY.name]
    tops = []
    for entries, width in zip(result.drawn, (16, 48, 144), strict=True):
        bars = drawn(of, "entry", f"{width} neurons")
        middle, height, wide = (np.asarray(values, np.float64)[0] for values in (bars.x, bars.y, bars.width))
        assert len(middle) == 24 and bars.answer
        assert (height * wide).sum() == pytest.approx(1.0, rel=1e-5)
        for at in (3, 8, 12):
            low, high = middle[at] - wide[at] / 2, middle[at] + wide[at] / 2
            inside = ((entries >= low) & (entries < high)).sum()
            assert height[at] * wide[at] * 400 == pytest.approx(inside, abs=1.01)  # one may lie on an edge
        assert middle[0] - wide[0] / 2 == pytest.approx(entries.min(), rel=1e-4, abs=1e-4)
        tops.append(height.max())
    theory = drawn(of, "entry", theme.THEORY.name)
    np.testing.assert_allclose(theory.x[0], result.theory, rtol=1e-6)
    np.testing.assert_allclose(theory.y[0], [0, max(tops)], rtol=1e-5)


def test_the_ranges_before_the_guess_are_those_of_theory_and_later_hold_what_is_drawn() -> None:
    result, of = entry(FIRST), neurons_view(entry(FIRST))
    for name, axis in (("neurons", "yaxis"), ("entry", "xaxis")):
        shown = chart(of, name).figure.layout[axis].range
        np.testing.assert_allclose(shown, [-result.theory, 3 * result.theory])
    low, high = chart(of, "neurons").layout_answer["yaxis"]["range"]
    dots = result.terms[0] + result.bias[0]
    assert 0.94 < np.mean((dots >= low) & (dots <= high)) < 1.0
    assert low <= result.running[:, 3:].min() and high >= result.running[:, 3:].max()
    low, high = chart(of, "entry").layout_answer["xaxis"]["range"]
    assert 0.98 < np.mean((result.drawn >= low) & (result.drawn <= high)) < 1.0
    assert chart(of, "neurons").figure.layout.xaxis.title.text == "neurons counted, j"
    assert chart(of, "entry").figure.layout.xaxis.title.text == "entry Θ(x, x′)"


@pytest.mark.parametrize("spec", SPECS, ids=KEYS)
def test_the_numbers_of_the_entry(spec: birth.Spec) -> None:
    result, told = entry(spec), numbers(birth, entry(spec))
    ends_at = result.terms.mean(axis=1) + result.bias
    mean = told[f"Entry of 3 networks of {spec.arch.width} neurons"]
    assert mean.value == pytest.approx(ends_at.mean())
    assert mean.error == pytest.approx(ends_at.std(ddof=1) / math.sqrt(3))
    assert [(one.name, one.value) for one in mean.references] == [("theory", result.theory)]
    off = told["Its distance to theory"]
    assert off.value == pytest.approx(100 * np.abs(ends_at / result.theory - 1).mean()) and off.unit == "%"
    deviations = np.array(
        [[entries[100 * group :][:100].std(ddof=1) for group in range(4)] for entries in result.drawn]
    )
    for place, width in ((0, 16), (2, 144)):
        spread = told[f"Standard deviation of the entry, {width} neurons"]
        assert spread.value == pytest.approx(np.exp(np.log(deviations[place]).mean()))
    slope, error, _ = line(np.array([16.0, 48.0, 144.0]), deviations)
    exponent = told["Spread of the entry: exponent"]
    assert (exponent.value, exponent.error) == (pytest.approx(slope, rel=1e-4), pytest.approx(error, rel=1e-3))
    assert (exponent.claim, exponent.over) == (
        5,
        "12 networks",
    ) and exponent.expected.low == exponent.expected.high == -0.5
    deep = "adds up the terms of neuron j of each layer" in " ".join(sentences(birth, result))
    assert deep == (spec.arch.depth > 1) and not any(remark.answer for remark in birth.remarks(result))


def test_an_entry_that_is_zero_in_theory_has_no_share() -> None:
    told = numbers(birth, replace(entry(FIRST), theory=0.0))["Its distance to theory"]
    assert told.value is None and "zero" in told.caveat


@pytest.mark.parametrize("spec", SPECS, ids=KEYS)
def test_each_network_is_a_dot_over_its_width(spec: birth.Spec) -> None:
    result, of = swept(spec), distance_view(swept(spec))
    expected = [("network", result.distance, theme.FINITE.color, "circle")]
    if spec.arch.depth > 1:
        expected.append(("one hidden layer", result.shallow, theme.hue(1), "diamond"))
    fits = names(of, "distance")[1::2]
    assert names(of, "distance")[::2] == [name for name, *_ in expected] and len(fits) == len(expected)
    for (name, sweep, color, symbol), fitted in zip(expected, fits, strict=True):
        dots, fit = drawn(of, "distance", name), drawn(of, "distance", fitted)
        np.testing.assert_array_equal(dots.x[0], np.repeat([32, 64, 128, 256, 512, 1024], 10))
        np.testing.assert_allclose(dots.y[0], sweep.values.ravel(), rtol=1e-5)
        assert (dots.trace.marker.color, dots.trace.marker.symbol, fit.trace.line.color) == (color, symbol, color)
        slope, error, start = line(sweep.at, sweep.values)
        assert fitted == f"{name}, fit: exponent {with_error(slope, error)}" and dots.answer and fit.answer
        np.testing.assert_allclose(fit.y[0], start * np.array([32.0, 1024.0]) ** slope, rtol=1e-4)
    np.testing.assert_allclose(ends(of, "distance", "yaxis"), [0.02 / 1.3, 2.0 * 1.3])
    reached = max(2.0, *(sweep.values.max() for _, sweep, *_ in expected))
    np.testing.assert_allclose(ends(of, "distance", "yaxis", after=True)[1], reached * 1.3)


@pytest.mark.parametrize("spec", SPECS, ids=KEYS)
def test_the_numbers_of_the_distance(spec: birth.Spec) -> None:
    result, told = swept(spec), numbers(concentration, swept(spec))
    slope, error, start = line(result.distance.at, result.distance.values)
    exponent = told["Distance to infinite width: exponent"]
    assert (exponent.value, exponent.error) == (pytest.approx(slope, rel=1e-4), pytest.approx(error, rel=1e-3))
    assert (exponent.claim, exponent.expected.low, exponent.expected.high) == (5, -0.5, -0.5)
    for place, width in ((0, 32), (5, 1024)):
        logs = np.log(100 * result.distance.values[place])
        at = told[f"Distance at {width} neurons"]
        assert at.value == pytest.approx(math.exp(logs.mean())) and (at.unit, at.claim) == ("%", 5)
        assert at.error == pytest.approx(at.value * logs.std(ddof=1) / math.sqrt(10))
    needed = told["Width for a distance of 10 %"].value
    assert start * needed**slope == pytest.approx(0.1, rel=1e-3) and result.needed == needed
    beside = told.get("Width needed, over that of one hidden layer")
    assert (beside is not None) == (spec.arch.depth > 1)
    if beside is not None:
        assert (beside.value, beside.error) == result.deeper and beside.claim == 5
        assert (beside.expected.low, beside.expected.high) == (spec.arch.depth / 2, 2 * spec.arch.depth)
    words = sentences(concentration, result)
    assert bool(words) == (abs(slope + 0.5) > 2 * error)


def test_an_exponent_that_is_not_the_law_is_named_and_in_which_way() -> None:
    result = swept(FIRST)
    slope, error, _ = line(result.distance.at, result.distance.values)

    def turned(exponent: float) -> list[str]:
        factor = (result.distance.at[:, None] / 128) ** (exponent - slope)
        return sentences(
            concentration, replace(result, distance=replace(result.distance, values=factor * result.distance.values))
        )

    assert turned(-0.5 + 1.5 * error) == turned(-0.5 - 1.5 * error) == []
    (flat,), (steep,) = turned(-0.5 + 3 * error), turned(-0.5 - 3 * error)
    assert f"{with_error(-0.5 + 3 * error, error)} is flatter than −0.5" in flat and "1 hidden layer" in flat
    assert "is steeper than −0.5" in steep
    unfinished = replace(result, distance=replace(result.distance, pending=3))
    assert (
        sentences(concentration, unfinished) == []
        and "still to be measured: 3"
        in numbers(concentration, unfinished)["Distance to infinite width: exponent"].caveat
    )


def test_a_sweep_that_goes_on_has_no_factor_and_a_flat_one_no_width() -> None:
    result = swept(DEEP)
    going = replace(result, shallow=replace(result.shallow, pending=1))
    told = numbers(concentration, going)["Width needed, over that of one hidden layer"]
    assert told.value is None and told.caveat == "The networks are still being drawn."
    assert going.deeper is None and DEEPER.asked(going.spec, going)["answer"] is None
    flat = replace(result, distance=replace(result.distance, values=np.full((6, 10), 0.3)))
    assert flat.needed is None and numbers(concentration, flat)["Width for a distance of 10 %"].caveat


def test_the_words_of_the_charts() -> None:
    for spec in (FIRST, DEEP):
        for of, experiment, result in (
            (neurons_view(entry(spec)), birth, entry(spec)),
            (distance_view(swept(spec)), concentration, swept(spec)),
        ):
            said = " ".join(one.alt_answer for one in of.charts)
            for finding in numbers(experiment, result).values():
                assert f"{finding.name}: {with_error(finding.value, finding.error, finding.unit)}" in said
            for one in of.charts:
                assert one.alt and one.prompt and one.prompt_answer
    heaps = chart(neurons_view(entry(FIRST)), "entry")
    last = entry(FIRST).drawn[-1]
    assert f"between {written(last.min())} and {written(last.max())}" in heaps.alt_answer


def test_nothing_before_the_guess_depends_on_what_the_networks_are() -> None:
    one, other = entry(FIRST), entry(FIRST)
    other = replace(other, terms=2 * other.terms, drawn=other.drawn[::-1], bias=other.bias + 1)
    assert _before(neurons_view(one)) == _before(neurons_view(other))
    result = swept(DEEP)
    turned = replace(result, distance=replace(result.distance, values=result.distance.values[::-1]), shallow=None)
    assert _before(distance_view(result)) == _before(distance_view(turned))


def _before(view) -> list:
    shown = []
    for one in view.charts:
        traces = [trace.to_plotly_json() for trace in one.figure.data if trace.name not in one.answers]
        shown.append((one.alt, one.prompt, repr(traces), repr(one.figure.layout.to_plotly_json())))
    return shown


def test_the_answers_are_the_measured_numbers() -> None:
    first = LESSON.preset("first")
    told = first.question.asked(first.spec.concentration, swept(FIRST))
    slope, _, start = line(swept(FIRST).distance.at, swept(FIRST).distance.values)
    assert told["answer"] == pytest.approx(100 * start * 256.0**slope, rel=1e-3) and "256 neurons" in told["asks"]
    assert "13 % at 256" in told["explains"].replace("12 %", "13 %") and with_error(slope, 0.02)[:5] in told["explains"]
    narrow = LESSON.preset("narrow")
    told = narrow.question.asked(narrow.spec.concentration, swept(narrow.spec))
    slope, _, start = line(swept(narrow.spec).distance.at, swept(narrow.spec).distance.values)
    assert told["answer"] == pytest.approx(100 * start * 32.0**slope, rel=1e-3)
    assert "8 hidden layers, 32 neurons wide" in told["asks"]


def test_the_heap_is_as_many_times_narrower_as_its_spread() -> None:
    result = entry(LESSON.preset("smooth").spec)
    told = HEAP.asked(result.spec, result)
    assert told["options"][told["answer"]] == "3 times narrower"
    spreads = [entries.reshape(4, 100).std(axis=1, ddof=1) for entries in result.drawn]
    factor = math.exp(np.log(spreads[0]).mean() - np.log(spreads[2]).mean())
    assert f"standard deviation is {written(factor, 2)} times smaller; the square root of 9 is 3" in told["explains"]
    for stretch, answer in ((2.5, 0), (1.0, 1), (1 / 2.5, 2)):
        wide = replace(result, drawn=result.drawn * np.array([[stretch], [1.0], [1.0]]))
        assert HEAP.asked(result.spec, wide)["answer"] == answer


def test_the_deeper_network_is_wider_by_the_measured_factor() -> None:
    result = swept(DEEP)
    told = DEEPER.asked(result.spec, result)
    assert told["answer"] == 1 and "5 hidden layers" in told["asks"]
    assert f"needs {with_error(*result.deeper)} times the width" in told["explains"]
    values = result.shallow.values
    for factor, answer in ((1.0, 0), (5.0, 1), (25.0, 2)):
        made = replace(result, distance=replace(result.distance, values=values * math.sqrt(factor)))
        assert DEEPER.asked(result.spec, made)["answer"] == answer
    assert DEEPER.asked(FIRST.concentration, swept(FIRST))["answer"] is None


def test_the_sketch_is_compared_with_the_mean_over_the_networks() -> None:
    result = swept(LESSON.preset("two").spec)
    told = FALL.asked(result.spec, result)
    np.testing.assert_allclose(told["answer"]["y"], np.exp(np.log(result.distance.values).mean(axis=1)))
    assert (told["chart"], told["x"], told["y"]) == ("distance", [32, 1024], [0.02, 2.0])
    one_over_n = told["replies"][1]["like"]["y"]
    assert one_over_n[0] / one_over_n[1] == pytest.approx(32)


def test_what_the_presets_show_is_computed() -> None:
    for key in ("first", "two", "deep", "narrow"):
        preset = LESSON.preset(key)
        result = swept(preset.spec)
        assert f"needs about {written(result.needed, 2)} neurons" in preset.shows(result)
    smooth = LESSON.preset("smooth")
    result = entry(smooth.spec)
    off = np.std(result.terms.mean(axis=1) + result.bias)
    assert f"scatter by {written(result.terms[0].std(), 2)}" in smooth.shows(result)
    assert smooth.shows(result).endswith(f"by {written(off, 2)}.")


def test_what_is_set_up_is_what_the_spec_says() -> None:
    depths = {key: LESSON.preset(key).spec.arch.depth for key in KEYS}
    assert depths == {"first": 1, "smooth": 1, "two": 2, "deep": 5, "narrow": 8}
    assert f"{FIRST.data.n} points" in LESSON.default.setup and ARCH.activation == "relu"
    assert [LESSON.preset(key).spec.arch.activation for key in KEYS] == ["relu", "tanh", "erf", "relu", "relu"]
    assert LESSON.preset("narrow").spec.arch.width == 32


def test_claim_5_holds_in_the_limit_only() -> None:
    (rule,) = LESSON.rules
    there = {
        (key, finding.name): finding
        for key in ("first", "narrow")
        for finding in concentration.findings(swept(LESSON.preset(key).spec))
    }
    assert rule.claim == 5 and rule.verdict(there) == "limit only"
    exponent, narrow = ("first", "Distance to infinite width: exponent"), ("narrow", "Distance at 32 neurons")
    assert rule.verdict(there | {narrow: Finding("n", 5.0, "%")}) == "holds"
    flat = replace(there[exponent], value=-0.1)
    assert rule.verdict(there | {exponent: flat}) == "not supported"
    assert not same(there[exponent].value, flat.value)
