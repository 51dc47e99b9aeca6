"""What is drawn, said and asked of networks beside their linearisations, against their outputs by other routes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.experiments import linear, widths
from ntkviz.figures import theme
from ntkviz.figures.linear import view
from ntkviz.findings import Finding
from ntkviz.lessons.linear import FALL, FATE, HOW_FAR, LESSON, ORDER, WHEN
from ntkviz.writing import percent, with_error
from tests.canned import canned
from tests.drawn import chart, drawn, names, numbers, sentences
from tests.trained import ends

pytestmark = pytest.mark.drawn

SPECS = {preset.key: preset.spec for preset in LESSON.presets}
KEYS = list(SPECS)
WIDTHS = (16, 128, 1024)


def found(key: str) -> linear.Result:
    return canned(linear, SPECS[key])


def swept(key: str) -> widths.Result:
    return canned(widths, SPECS[key].widths)


def gaps(result: linear.Result, place: int) -> np.ndarray:
    """At each recorded step, from the outputs."""
    network, size = result.networks[place], math.sqrt(np.mean(result.theory.data.y**2))
    pairs = zip(network.curves.f, network.linearised.f, strict=False)
    return np.array([math.sqrt(np.mean((f - own) ** 2)) / size for f, own in pairs])


@pytest.mark.parametrize("key", KEYS)
def test_each_width_has_its_network_and_its_linearisation(key: str) -> None:
    result, of = found(key), view(found(key))
    assert [one.name for one in of.charts] == ["16 neurons", "128 neurons", "1024 neurons", "gap over time"]
    np.testing.assert_array_equal(of.scrub.values, result.theory.steps)
    bound = 100 * np.abs(result.theory.data.y).max()
    for width, network in zip(WIDTHS, result.networks, strict=True):
        name = f"{width} neurons"
        assert names(of, name) == ["linearised network", "network", "data"]
        own, trained, data = (drawn(of, name, trace) for trace in names(of, name))
        for curve, f in ((own, network.linearised.f), (trained, network.curves.f)):
            for frame in (0, 1, len(f) // 2, len(f) - 1):
                np.testing.assert_allclose(curve.y[frame], np.clip(f[frame, :, 0], -bound, bound), rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(curve.x[0], np.rad2deg(result.theory.data.angle_test), rtol=1e-5)
        assert (own.answer, trained.answer, data.answer) == (True, True, False)
        assert own.trace.line.color == theme.LINEARISED.color and trained.trace.line.color == theme.FINITE.color
        np.testing.assert_allclose(data.y[0], result.theory.data.y[:, 0])


@pytest.mark.parametrize("key", KEYS)
def test_the_gap_of_each_width_is_drawn_over_the_steps(key: str) -> None:
    result, of = found(key), view(found(key))
    assert names(of, "gap over time") == [f"{width} neurons" for width in WIDTHS]
    for place, width in enumerate(WIDTHS):
        curve = drawn(of, "gap over time", f"{width} neurons")
        np.testing.assert_array_equal(curve.x[0], result.theory.steps[1:])
        np.testing.assert_allclose(
            curve.y[0][: len(gaps(result, place)) - 1], np.minimum(gaps(result, place)[1:], 1e6), rtol=1e-4
        )
        assert curve.answer and curve.trace.line.color == theme.hue(place)
    np.testing.assert_array_equal(chart(of, "gap over time").cursor, [1, *result.theory.steps[1:]])
    np.testing.assert_allclose(ends(of, "gap over time", "yaxis"), [1e-4 / 1.3, 1.3])
    largest = max(gaps(result, place).max() for place in range(3))
    np.testing.assert_allclose(ends(of, "gap over time", "yaxis", after=True)[1], 1.3 * min(10, max(1, largest)))


@pytest.mark.parametrize("key", KEYS)
def test_the_numbers_are_the_largest_gaps(key: str) -> None:
    result, told = found(key), numbers(linear, found(key))
    for place, width in enumerate(WIDTHS):
        one = told[f"Largest gap, {width} neurons"]
        assert one.claim == 2 and one.unit == "% of the targets"
        if key == "step":
            assert one.value is None and one.caveat == "Its linearisation diverges at this step."
        else:
            assert one.value == pytest.approx(100 * gaps(result, place).max()) and one.caveat == ""


def test_what_is_not_there_yet_has_no_number() -> None:
    result = found("first")
    going = replace(result, networks=(result.networks[0], None, None))
    told = numbers(linear, going)
    assert told["Largest gap, 16 neurons"].value is not None
    assert told["Largest gap, 128 neurons"].caveat == "The network is still training."
    growing = replace(result.networks[1], drift=None)
    going = replace(result, networks=(result.networks[0], growing, None))
    assert numbers(linear, going)["Largest gap, 128 neurons"].value is None
    of = view(replace(result, networks=(None, None, None)))
    assert np.isnan(drawn(of, "16 neurons", "network").y).all()
    for question in (HOW_FAR, WHEN, ORDER, FATE):
        assert question.asked(result.spec, replace(result, networks=(None, None, None)))["answer"] is None
    gone = replace(result.networks[2], diverged_at=40)
    told = numbers(linear, replace(result, networks=(*result.networks[:2], gone)))
    assert told["Largest gap, 1024 neurons"].caveat == "The network diverged by step 40."
    assert FATE.asked(result.spec, replace(result, networks=(*result.networks[:2], gone)))["answer"] == 2


def test_the_sentences_name_what_diverges_and_what_has_not_converged() -> None:
    assert sentences(linear, found("first")) == []
    first = sentences(linear, found("step"))[0]
    assert first.startswith("At c = 2.50 the linearised networks with 16, 128 and 1024 neurons diverge")
    result = found("first")
    start = result.theory.curves.loss[0]
    for left, said in ((0.0099, False), (0.0101, True)):
        curves = result.networks[1].curves
        late = replace(curves, loss=np.append(curves.loss[:-1], left * start))
        made = replace(
            result, networks=(result.networks[0], replace(result.networks[1], curves=late), result.networks[2])
        )
        words = [f"These networks have not converged; what is left of their loss: 128 neurons ({percent(left)})."]
        assert sentences(linear, made) == (words if said else [])


def test_the_words_of_the_charts_have_the_numbers() -> None:
    of, told = view(found("first")), numbers(linear, found("first"))
    for name, finding in told.items():
        words = f"{name}: {with_error(finding.value, finding.error, finding.unit)}"
        assert words in chart(of, "gap over time").alt_answer
        assert words in chart(of, name.removeprefix("Largest gap, ")).alt_answer


def test_nothing_before_the_guess_depends_on_the_networks() -> None:
    def before(of) -> list:
        shown = []
        for one in of.charts:
            traces = [trace.to_plotly_json() for trace in one.figure.data if trace.name not in one.answers]
            shown.append((one.alt, one.prompt, repr(traces), repr(one.figure.layout.to_plotly_json())))
        return shown

    result = found("first")
    turned = replace(result, networks=result.networks[::-1])
    assert before(view(result)) == before(view(turned)) == before(view(replace(result, networks=(None,) * 3)))


def test_the_answers_are_the_measured_numbers() -> None:
    result = found("first")
    told = HOW_FAR.asked(result.spec, result)
    assert told["answer"] == pytest.approx(100 * gaps(result, 1).max())
    shares = [f"{percent(gaps(result, place).max())} with {width} neurons" for place, width in enumerate(WIDTHS)]
    assert told["explains"] == f"The largest gap over the steps was {shares[0]}, {shares[1]} and {shares[2]}."
    assert "128 neurons" in told["asks"] and "500 steps" in told["asks"]
    sketch = FALL.asked(SPECS["relu"].widths, swept("relu"))
    np.testing.assert_allclose(sketch["answer"]["y"], np.exp(np.log(swept("relu").linearised.values).mean(axis=1)))
    fit = swept("relu").linearised.fit
    assert sketch["explains"] == f"The gap goes like n to the power {with_error(fit.exponent, fit.error)}."
    assert FALL.asked(SPECS["step"].widths, swept("step"))["answer"] is None


def test_whether_the_gap_falls_again_is_seen_at_its_end() -> None:
    result = found("time")
    told = WHEN.asked(result.spec, result)
    assert told["answer"] == 1
    largest = int(gaps(result, 1).argmax())
    assert f"largest at step {result.theory.steps[largest]}" in told["explains"]
    assert told["explains"].endswith(f"{percent(gaps(result, 1)[-1])} at the end.")
    network = result.networks[1]
    for share, answer in ((0.71, 1), (0.69, 0)):
        f, own = network.curves.f.copy(), network.linearised.f
        f[-1] = own[-1] + (f[-1] - own[-1]) * share * gaps(result, 1).max() / gaps(result, 1)[-1]
        f[-2] = own[-2] + (f[-2] - own[-2]) * gaps(result, 1).max() / gaps(result, 1)[-2]
        made = replace(network, curves=replace(network.curves, f=f))
        made = replace(result, networks=(result.networks[0], made, result.networks[2]))
        assert WHEN.asked(result.spec, made)["answer"] == answer


def test_the_order_is_that_of_the_gaps() -> None:
    result = found("deep")
    told = ORDER.asked(result.spec, result)
    assert told["items"] == ["128 neurons a layer", "1024 neurons a layer", "16 neurons a layer"]
    largest = {128: gaps(result, 1).max(), 1024: gaps(result, 2).max(), 16: gaps(result, 0).max()}
    order = sorted(range(3), key=lambda item: -list(largest.values())[item])
    assert told["answer"] == order == [2, 0, 1]
    turned = replace(result, networks=result.networks[::-1])
    assert ORDER.asked(result.spec, turned)["answer"] == [1, 0, 2]


def test_the_fate_of_a_network_and_of_its_linearisation_is_read_from_the_run() -> None:
    result = found("step")
    told = FATE.asked(result.spec, result)
    assert told["answer"] == 1 and percent(result.networks[2].drift) in told["explains"]
    assert FATE.asked(found("first").spec, found("first"))["answer"] == 0
    up = result.networks[2].curves
    risen = replace(up, loss=np.append(up.loss[:-1], 2 * result.theory.curves.loss[0]))
    made = replace(result, networks=(*result.networks[:2], replace(result.networks[2], curves=risen)))
    assert FATE.asked(result.spec, made)["answer"] is None


def test_what_the_presets_show_and_set_up_follows_from_their_runs() -> None:
    assert percent(gaps(found("first"), 1).max()) in LESSON.preset("first").shows(found("first"))
    assert percent(gaps(found("time"), 0).max()) in LESSON.preset("time").shows(found("time"))
    assert "diverge" in LESSON.preset("step").shows(found("step")) and SPECS["step"].c == 2.5
    assert LESSON.preset("step").shows(found("first")).startswith("The linearisation converges.")
    assert (
        "16, 128 and 1024 neurons learn 16 points" in LESSON.default.setup and len(found("first").theory.data.x) == 16
    )
    assert SPECS["relu"].steps == 2000 and SPECS["deep"].arch.depth == 3 and SPECS["time"].arch.sigma_b == 1.0


def test_claim_2_holds_in_the_limit_only() -> None:
    (rule,) = LESSON.rules
    there = {(key, one.name): one for key in ("first",) for one in linear.findings(found(key))}
    there |= {("first", one.name): one for one in widths.findings(swept("first"))}
    assert rule.claim == 2 and rule.verdict(there) == "limit only"
    narrow, wide = ("first", "Largest gap, 16 neurons"), ("first", "Largest gap, 1024 neurons")
    exponent = ("first", "Gap to the linearisation: exponent")
    assert rule.verdict(there | {narrow: Finding("g", 1.0)}) == "holds"
    assert rule.verdict(there | {wide: Finding("g", 5.0)}) == "open"
    assert rule.verdict(there | {exponent: Finding("e", -0.1)}) == "not supported"
