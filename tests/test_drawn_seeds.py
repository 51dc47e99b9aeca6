"""What is drawn, said and asked of networks of several seeds, against their functions by other routes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from ntkviz.experiments import seeds, spreads
from ntkviz.figures import theme
from ntkviz.figures.seeds import view as fan_view
from ntkviz.figures.spreads import view as width_view
from ntkviz.findings import Finding
from ntkviz.lessons.seeds import ADAM_END, AGREE, CENTRED, DECAY_END, EARLY, LESSON, MOMENTUM_END, WIDE
from ntkviz.writing import percent, with_error
from tests.canned import canned
from tests.drawn import chart, drawn, names, numbers, sentences
from tests.trained import ends

pytestmark = pytest.mark.drawn

SPECS = {preset.key: preset.spec for preset in LESSON.presets}
KEYS = list(SPECS)
FAN = ["theory, one standard deviation", "networks", "theory, mean", "data"]
LINES = ["networks", "theory (infinite width)", "Bayesian regression, NNGP kernel"]


def fan(key: str) -> seeds.Result:
    return canned(seeds, SPECS[key])


def swept(key: str) -> spreads.Result:
    return canned(spreads, spreads.shared(SPECS[key]))


def size(result: seeds.Result) -> float:
    return math.sqrt(np.mean(result.data.y**2))


def deviation(f: np.ndarray) -> float:
    """Over networks (S, M), rms over points."""
    return math.sqrt(np.mean((f - f.mean(axis=0)) ** 2) * len(f) / (len(f) - 1))


def line(sweep) -> tuple[float, float, float]:
    """Exponent, its standard error and prefactor of a power law, by SciPy's other routine."""
    u, v = np.log(np.broadcast_to(sweep.at[:, None], sweep.values.shape).ravel()), np.log(sweep.values.ravel())
    (slope, start), covariance = curve_fit(lambda u, a, b: a * u + b, u, v)
    return float(slope), math.sqrt(covariance[0, 0]), math.exp(start)


@pytest.mark.parametrize("key", KEYS)
def test_the_fan_is_the_networks_and_the_band_is_theory_at_each_step(key: str) -> None:
    result, of = fan(key), fan_view(fan(key))
    angle = np.rad2deg(result.data.angle_test)
    np.testing.assert_array_equal(of.scrub.values, result.steps)
    assert names(of, "functions") == FAN
    band, networks, mean, data = (drawn(of, "functions", name) for name in FAN)
    np.testing.assert_allclose(networks.x[0].reshape(12, 257)[:, :256], np.tile(angle, (12, 1)), rtol=1e-5)
    np.testing.assert_allclose(band.x[0], np.concatenate([angle, angle[::-1]]), rtol=1e-5)
    for frame in range(len(result.steps)):
        each = networks.y[frame].reshape(12, 257)
        np.testing.assert_allclose(each[:, :256], result.f[frame, :12], rtol=1e-4, atol=1e-5)
        assert np.isnan(each[:, 256]).all()
        np.testing.assert_allclose(mean.y[frame], result.mean[frame], rtol=1e-4, atol=1e-5)
        high, low = band.y[frame][:256], band.y[frame][256:][::-1]
        np.testing.assert_allclose(high, result.mean[frame] + result.std[frame], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(low, result.mean[frame] - result.std[frame], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(data.y[0], result.data.y[:, 0])
    np.testing.assert_allclose(data.x[0], np.rad2deg(result.data.angle) % 360, rtol=1e-6)
    assert (band.answer, networks.answer, mean.answer, data.answer) == (True, True, True, False)
    assert (networks.meaning, mean.meaning) == (theme.FINITE.name, theme.THEORY.name)


@pytest.mark.parametrize("key", KEYS)
def test_the_spread_is_drawn_over_the_angle(key: str) -> None:
    result, of = fan(key), fan_view(fan(key))
    assert names(of, "spread") == LINES
    networks, theory, posterior = (drawn(of, "spread", name) for name in LINES)
    for frame in (0, len(result.steps) - 1):
        np.testing.assert_allclose(networks.y[frame], result.f[frame].std(axis=0, ddof=1) / size(result), rtol=1e-4)
        np.testing.assert_allclose(theory.y[frame], result.std[frame] / size(result), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(posterior.y[0], result.posterior / size(result), rtol=1e-4, atol=1e-6)
    assert networks.answer and theory.answer and posterior.answer
    assert chart(of, "spread").figure.layout.yaxis.range == (0.0, 1.0)
    top = chart(of, "spread").layout_answer["yaxis"]["range"][1]
    assert top >= max(networks.y[-1].max(), theory.y[-1].max())


@pytest.mark.parametrize("key", KEYS)
def test_the_numbers_of_the_fan(key: str) -> None:
    result, told = fan(key), numbers(seeds, fan(key))
    measured, predicted = deviation(result.f[-1]), math.sqrt(np.mean(result.std[-1] ** 2))
    between = told["Spread between the points"]
    assert between.value == pytest.approx(100 * measured / size(result)) and between.claim == 12
    assert 0 < between.error < 0.2 * between.value and between.over == "24 networks"
    posterior = math.sqrt(np.mean(result.posterior**2))
    assert {one.name: one.value for one in between.references} == {
        "theory": pytest.approx(100 * predicted / size(result)),
        "NNGP": pytest.approx(100 * posterior / size(result)),
    }
    assert told["Spread on the points"].value == pytest.approx(100 * deviation(result.on_data[-1]) / size(result))
    ratio = told["Spread, measured over predicted"]
    if key == "centred":
        assert ratio.value is None and "no spread" in ratio.caveat
    else:
        assert ratio.value == pytest.approx(measured / predicted)
        assert ratio.error / ratio.value == pytest.approx(between.error / between.value)
    if key in ("first", "width", "early"):
        assert (ratio.expected.low, ratio.expected.high) == (0.8, 1.2) and ratio.agrees
    else:
        assert ratio.expected is None
    apart = told.get("Distance to the end of gradient descent")
    assert (apart is not None) == (key in ("momentum", "adam", "decay"))
    if apart is not None:
        distance = math.sqrt(np.mean((result.f[-1] - result.by_descent) ** 2))
        assert apart.value == pytest.approx(100 * distance / deviation(result.by_descent))


def test_the_sentences_say_what_theory_is_of_and_whether_the_training_has_ended() -> None:
    assert sentences(seeds, fan("first")) == sentences(seeds, fan("centred")) == []
    for key in ("momentum", "adam", "decay"):
        assert sentences(seeds, fan(key)) == ["The band of theory is that of gradient descent without weight decay."]
    (words,) = sentences(seeds, fan("early"))
    assert words == f"The training has not ended: the loss is still {percent(fan('early').left)} of the first one."
    assert sentences(seeds, replace(fan("first"), left=0.0101)) and not sentences(
        seeds, replace(fan("first"), left=0.0099)
    )


@pytest.mark.parametrize("key", ["first", "width"])
def test_each_group_is_a_dot_over_its_width(key: str) -> None:
    result, of = swept(key), width_view(swept(key))
    drawn_names = names(of, "spread over width")
    assert drawn_names[0::2][:2] == ["network", "centred models f − f₀"] and len(drawn_names) == 5
    for name, fitted, sweep in (
        (drawn_names[0], drawn_names[1], result.plain),
        (drawn_names[2], drawn_names[3], result.centred),
    ):
        dots, fit = drawn(of, "spread over width", name), drawn(of, "spread over width", fitted)
        np.testing.assert_array_equal(dots.x[0], np.repeat([32, 64, 128, 256, 512, 1024], 3))
        np.testing.assert_allclose(dots.y[0], sweep.values.ravel(), rtol=1e-5)
        slope, error, start = line(sweep)
        assert fitted == f"{name}, fit: exponent {with_error(slope, error)}"
        np.testing.assert_allclose(fit.y[0], start * np.array([32.0, 1024.0]) ** slope, rtol=1e-4)
        assert dots.answer and fit.answer
    level = drawn(of, "spread over width", "theory (infinite width)")
    np.testing.assert_allclose(level.y[0], result.level, rtol=1e-6)
    assert level.answer
    np.testing.assert_allclose(ends(of, "spread over width", "yaxis"), [0.01 / 1.3, 1.3])


@pytest.mark.parametrize("key", ["first", "width"])
def test_the_numbers_and_sentences_of_the_sweep(key: str) -> None:
    result, told = swept(key), numbers(spreads, swept(key))
    for name, sweep, low, high in (
        ("Spread of the networks: exponent", result.plain, -0.1, 0.1),
        ("Spread of centred models: exponent", result.centred, -0.5, -0.5),
    ):
        slope, error, _ = line(sweep)
        found = told[name]
        assert (found.value, found.error) == (pytest.approx(slope, rel=1e-3, abs=1e-5), pytest.approx(error, rel=1e-3))
        assert (found.claim, found.expected.low, found.expected.high) == (12, low, high)
        words = f"{name}: {with_error(slope, error)} is flatter than expected for large n (−0.5)."
        assert (found.agrees is False) == any(said.startswith(words) for said in sentences(spreads, result))
    for name, sweep in (
        ("Spread at 1024 neurons", result.plain),
        ("Spread of centred models at 1024 neurons", result.centred),
    ):
        logs = np.log(100 * sweep.values[-1])
        assert told[name].value == pytest.approx(math.exp(logs.mean())) and told[name].unit == "%"
        assert told[name].over == "3 groups of 8 networks"
    at = told["Spread at 1024 neurons"].expected
    assert (at.low, at.high) == pytest.approx((80 * result.level, 120 * result.level))


def test_what_is_left_out_and_what_is_steeper_is_said() -> None:
    result = swept("first")
    skipped = replace(result, plain=replace(result.plain, skipped=(512.0, 1024.0)))
    said = sentences(spreads, skipped)[0]
    assert said == "Networks of these widths would take too long and are left out: 512, 1024."
    steep = replace(result.centred, values=result.centred.values * (result.centred.at[:, None] / 256) ** -0.5)
    (words,) = sentences(spreads, replace(result, centred=steep))
    assert "is steeper than expected for large n (−0.5)" in words
    going = replace(result, plain=replace(result.plain, pending=1), centred=steep)
    assert sentences(spreads, going) == []


def test_the_words_of_the_charts_have_the_numbers() -> None:
    for key in ("first", "adam"):
        said = " ".join(one.alt_answer for one in fan_view(fan(key)).charts)
        for finding in numbers(seeds, fan(key)).values():
            assert f"{finding.name}: {with_error(finding.value, finding.error, finding.unit)}" in said
    said = chart(width_view(swept("first")), "spread over width").alt_answer
    for finding in numbers(spreads, swept("first")).values():
        assert f"{finding.name}: {with_error(finding.value, finding.error, finding.unit)}" in said


def test_nothing_before_the_guess_depends_on_the_networks() -> None:
    def before(view) -> list:
        shown = []
        for one in view.charts:
            traces = [trace.to_plotly_json() for trace in one.figure.data if trace.name not in one.answers]
            shown.append((one.alt, one.prompt, repr(traces), repr(one.figure.layout.to_plotly_json())))
        return shown

    one = fan("first")
    other = replace(
        one, f=one.f * 3, on_data=one.on_data + 1, std=2 * one.std, mean=-one.mean, posterior=one.posterior * 2
    )
    assert before(fan_view(one)) == before(fan_view(other))
    result = swept("first")
    turned = replace(result, plain=result.centred, centred=result.plain, level=0.5)
    assert before(width_view(result)) == before(width_view(turned))


def test_how_well_the_functions_agree_is_their_spread() -> None:
    result = fan("first")
    told = AGREE.asked(result.spec, result)
    share = deviation(result.f[-1]) / size(result)
    assert told["answer"] == 2 and "24 networks with 512 neurons" in told["asks"]
    assert f"between them by {percent(share)}. Theory says" in told["explains"]
    assert percent(math.sqrt(np.mean(result.std[-1] ** 2)) / size(result)) in told["explains"]
    centre = result.f.mean(axis=1, keepdims=True)
    for wanted, answer in ((0.0099, 0), (0.0101, 1), (0.049, 1), (0.051, 2)):
        made = replace(result, f=centre + (result.f - centre) * wanted / share)
        assert AGREE.asked(result.spec, made)["answer"] == answer
    assert "Theory" not in AGREE.asked(SPECS["centred"], fan("centred"))["explains"]


def test_whether_another_optimiser_ends_elsewhere_is_measured() -> None:
    for question, key, answer in ((MOMENTUM_END, "momentum", 0), (ADAM_END, "adam", 1), (DECAY_END, "decay", 1)):
        result = fan(key)
        told = question.asked(result.spec, result)
        assert told["answer"] == answer
        distance = math.sqrt(np.mean((result.f[-1] - result.by_descent) ** 2)) / deviation(result.by_descent)
        assert f"end {percent(distance)} of the spread away" in told["explains"]
        assert question.asked(SPECS["first"], fan("first"))["answer"] is None
        for wanted, expected in ((0.249, 0), (0.251, 1)):
            moved = result.by_descent + (result.f[-1] - result.by_descent) * wanted / distance
            made = replace(result, f=np.concatenate([result.f[:-1], moved[None]]))
            assert question.asked(result.spec, made)["answer"] == expected


def test_the_answers_over_the_width_and_of_an_early_end() -> None:
    result = swept("width")
    told = WIDE.asked(result.spec, result)
    np.testing.assert_allclose(told["answer"]["y"], np.exp(np.log(result.plain.values).mean(axis=1)))
    assert (told["chart"], told["x"], told["y"]) == ("spread over width", [32, 1024], [0.01, 1.0])
    plain, centred = (with_error(*line(sweep)[:2]) for sweep in (result.plain, result.centred))
    assert f"n to the power {plain}. " in told["explains"] and told["explains"].endswith(f"power {centred}.")
    result = swept("centred")
    slope, *_ = line(result.centred)
    assert CENTRED.asked(result.spec, result)["answer"] == pytest.approx(32**-slope, rel=1e-3)
    early = EARLY.asked(SPECS["early"], fan("early"))
    assert early["answer"] == pytest.approx(100 * deviation(fan("early").f[-1]) / size(fan("early")))
    assert "8 steps" in early["asks"]


def test_what_the_presets_show_and_set_up_follows_from_their_runs() -> None:
    posterior = math.sqrt(np.mean(fan("first").posterior ** 2)) / size(fan("first"))
    assert f"theory would expect {percent(posterior)}" in LESSON.preset("first").shows(fan("first"))
    result = swept("width")
    shown = LESSON.preset("width").shows(result)
    for number in (
        np.exp(np.log(result.plain.values[-1]).mean()),
        result.level,
        np.exp(np.log(result.centred.values[-1]).mean()),
    ):
        assert percent(float(number)) in shown
    assert LESSON.preset("width").shows(replace(result, plain=replace(result.plain, pending=2))) == ""
    assert SPECS["momentum"].arch.width == 2048 and "2048 neurons" in LESSON.preset("momentum").setup
    assert (SPECS["momentum"].optimiser, SPECS["adam"].optimiser, SPECS["decay"].decay) == ("momentum", "adam", 0.01)
    assert SPECS["centred"].centred and SPECS["early"].steps == 8 and SPECS["width"].arch.activation == "tanh"
    assert LESSON.default.setup.startswith("24 ReLU networks") and len(fan("first").data.y) == 5


def test_claim_12_is_false_as_worded() -> None:
    (rule,) = LESSON.rules
    there = {(key, one.name): one for key in KEYS for one in seeds.findings(fan(key))}
    there |= {(key, one.name): one for key in KEYS for one in spreads.findings(swept(key))}
    assert rule.claim == 12 and rule.verdict(there) == "false as worded"
    between, ratio = ("first", "Spread between the points"), ("first", "Spread, measured over predicted")
    exponent = ("width", "Spread of the networks: exponent")
    assert rule.verdict(there | {between: Finding("s", 0.5)}) == "holds"
    assert rule.verdict(there | {exponent: Finding("e", -0.5)}) == "limit only"
    assert rule.verdict(there | {ratio: replace(there[ratio], value=3.0)}) == "open"
