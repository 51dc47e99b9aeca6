"""What is drawn and said of the gaps over the width, against the sweeps and fits by other routes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from ntkviz.experiments import widths
from ntkviz.figures import theme
from ntkviz.figures.widths import view
from ntkviz.lessons.train import LESSON
from ntkviz.sweeps import Sweep
from ntkviz.writing import with_error
from tests.canned import canned
from tests.drawn import chart, drawn, names, numbers, sentences
from tests.trained import ends, narrow

pytestmark = pytest.mark.drawn

SPEC = widths.Spec()
RELU = widths.shared(LESSON.preset("relu").spec)
PAST = replace(SPEC, train=replace(SPEC.train, c=2.5))
SHORT = widths.Spec(train=narrow(512))
GAPS = {
    "gap to the linearisation": ("linearised", theme.LINEARISED.color, "circle"),
    "gap to infinite width": ("infinite", theme.THEORY.color, "diamond"),
}


def found(spec: widths.Spec) -> widths.Result:
    return canned(widths, spec)


def line(sweep: Sweep) -> tuple[float, float, float]:
    """Exponent, its standard error, and prefactor, by a fit of a line with SciPy's other routine."""
    seen = np.isfinite(sweep.values)
    u, v = np.log(np.broadcast_to(sweep.at[:, None], sweep.values.shape)[seen]), np.log(sweep.values[seen])
    (slope, start), covariance = curve_fit(lambda u, a, b: a * u + b, u, v)
    return float(slope), math.sqrt(covariance[0, 0]), math.exp(start)


@pytest.mark.parametrize("spec", [SPEC, RELU], ids=["smooth", "kink"])
def test_each_network_is_a_dot_and_each_gap_has_its_fit(spec: widths.Spec) -> None:
    result, of = found(spec), view(found(spec))
    drawn_names = names(of, "gap")
    assert len(drawn_names) == 4
    for (name, (field, color, symbol)), fitted in zip(GAPS.items(), (drawn_names[1], drawn_names[3]), strict=True):
        sweep = getattr(result, field)
        dots, fit = drawn(of, "gap", name), drawn(of, "gap", fitted)
        np.testing.assert_array_equal(dots.x[0], np.repeat(widths.WIDTHS, spec.seeds))
        np.testing.assert_allclose(dots.y[0], sweep.values.ravel(), rtol=1e-6)
        assert (dots.trace.mode, dots.trace.marker.symbol, dots.trace.marker.color) == ("markers", symbol, color)
        slope, error, start = line(sweep)
        assert fitted == f"{name}, fit: exponent {with_error(slope, error)}"
        np.testing.assert_allclose(fit.x[0], [128, 2048])
        np.testing.assert_allclose(fit.y[0], start * np.array([128.0, 2048.0]) ** slope, rtol=1e-4)
        assert (fit.trace.mode, fit.trace.line.color) == ("lines", color)
        assert dots.answer and fit.answer and dots.meaning == fit.meaning == name


def test_the_axes_are_there_before_any_gap_is_and_hold_all_of_them_afterwards() -> None:
    of, result = view(found(SPEC)), found(SPEC)
    layout = chart(of, "gap").figure.layout
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("width n", "gap, share of rms(y)")
    assert layout.xaxis.type == layout.yaxis.type == "log" and layout.yaxis.tickformat == ".2~%"
    assert list(layout.xaxis.tickvals) == [128, 256, 512, 1024, 2048]
    np.testing.assert_allclose(ends(of, "gap", "xaxis"), [128 / 1.3, 2048 * 1.3])
    np.testing.assert_allclose(ends(of, "gap", "yaxis"), [1e-3 / 1.3, 1.3])
    np.testing.assert_allclose(ends(of, "gap", "yaxis", after=True), [1e-3 / 1.3, 1.3])
    small = replace(result, infinite=replace(result.infinite, values=1e-3 * result.infinite.values))
    least = 1e-3 * result.infinite.values.min()
    np.testing.assert_allclose(ends(view(small), "gap", "yaxis", after=True), [least / 1.3, 1.3])
    large = replace(result, linearised=replace(result.linearised, values=100 * result.linearised.values))
    most = 100 * result.linearised.values.max()
    np.testing.assert_allclose(ends(view(large), "gap", "yaxis", after=True), [1e-3 / 1.3, most * 1.3])


def test_the_numbers_are_the_exponents_with_their_errors() -> None:
    for spec, low, high in ((SPEC, -1.0, -1.0), (RELU, -1.0, -0.5)):
        result = found(spec)
        told = numbers(widths, result)
        assert list(told) == ["Gap to the linearisation: exponent", "Gap to infinite width: exponent"]
        for finding, sweep, claim, words in zip(
            told.values(),
            (result.linearised, result.infinite),
            (2, 18),
            ("linearisation", "infinite width"),
            strict=True,
        ):
            slope, error, _ = line(sweep)
            assert (finding.value, finding.error) == (pytest.approx(slope, rel=1e-4), pytest.approx(error, rel=1e-3))
            assert (finding.over, finding.claim, finding.caveat) == ("10 networks", claim, "")
            assert words in finding.help
        expected = [finding.expected for finding in told.values()]
        assert (expected[0].low, expected[0].high) == (low, high)
        assert (expected[1].low, expected[1].high) == (-0.5, -0.5)


def test_a_fit_that_is_not_at_its_law_says_so_and_in_which_way() -> None:
    """The sentence goes once the fit lies within two standard errors of the law."""
    expected = []
    for spec, nearest in ((SPEC, "−1"), (RELU, "−1 to −0.5")):
        laws = {
            "the linearisation": (found(spec).linearised, nearest),
            "infinite width": (found(spec).infinite, "−0.5"),
        }
        for name, (sweep, law) in laws.items():
            slope, error, _ = line(sweep)
            if slope - 2 * error > -float(law.split("−")[-1]):
                expected.append(
                    f"Gap to {name}: exponent: −{-slope:.2f} ± {error:.2f} is flatter than expected for large n "
                    f"({law}). Narrow networks feel higher orders, which the standard error does not contain."
                )
    assert sentences(widths, found(SPEC)) + sentences(widths, found(RELU)) == expected
    assert expected
    result = found(RELU)
    slope, error, _ = line(result.linearised)

    def turned(exponent: float) -> list[str]:
        sweep = result.linearised
        values = sweep.values * (sweep.at[:, None] / 512) ** (exponent - slope)
        return [
            word
            for word in sentences(widths, replace(result, linearised=replace(sweep, values=values)))
            if "linear" in word
        ]

    assert turned(-0.7) == turned(-0.5 + 1.5 * error) == turned(-1 - 1.5 * error) == []
    assert "is steeper than expected" in turned(-1 - 2.5 * error)[0]
    assert "is flatter than expected" in turned(-0.5 + 2.5 * error)[0]
    assert all(remark.answer for remark in widths.remarks(result))


def test_runs_that_have_not_converged_say_so() -> None:
    result = found(SHORT)
    assert 0.01 < result.left < 1
    left = f"{100 * result.left:.2g} %"
    words = f"After 60 steps the predicted loss is {left} of its first value: these runs have not converged."
    for finding in numbers(widths, result).values():
        assert finding.value is not None and finding.caveat == words
    for left, said in ((0.0101, True), (0.0099, False)):
        told = numbers(widths, replace(result, left=left))["Gap to infinite width: exponent"]
        assert bool(told.caveat) == said


def test_past_the_limit_there_is_an_empty_chart_and_a_reason() -> None:
    result = found(PAST)
    assert names(view(result), "gap") == [] and sentences(widths, result) == []
    for finding in numbers(widths, result).values():
        assert finding.value is None
        assert finding.caveat == "The closed form diverges at this step: there is no gap to measure."
    assert [finding.claim for finding in numbers(widths, result).values()] == [2, 18]
    np.testing.assert_allclose(ends(view(result), "gap", "yaxis", after=True), [1e-3 / 1.3, 1.3])


def some(sweep: Sweep, networks: int) -> Sweep:
    """The sweep after so many networks."""
    values = sweep.values.copy()
    values.ravel()[networks:] = np.nan
    return replace(sweep, values=values, pending=values.size - networks)


def test_a_sweep_that_goes_on_shows_what_there_is() -> None:
    whole = found(SPEC)
    for networks, fitted in ((0, False), (4, False), (5, True)):
        part = replace(whole, linearised=some(whole.linearised, networks), infinite=some(whole.infinite, networks))
        of = view(part)
        assert np.isfinite(drawn(of, "gap", "gap to the linearisation").y[0]).sum() == networks
        assert len(names(of, "gap")) == (4 if fitted else 2)
        told = numbers(widths, part)["Gap to the linearisation: exponent"]
        assert (told.value is not None) == fitted
        assert told.caveat == f"Networks that are still to be measured: {10 - networks}."


def test_widths_that_are_left_out_are_named() -> None:
    whole = found(SPEC)
    said, *others = widths.remarks(replace(whole, linearised=replace(whole.linearised, skipped=(1024.0, 2048.0))))
    assert tuple(others) == widths.remarks(whole)
    assert said.text == "Networks of these widths would take too long and are left out: 1024, 2048."
    assert not said.answer


def test_the_words_of_the_chart() -> None:
    one, told = chart(view(found(SPEC)), "gap"), numbers(widths, found(SPEC))
    for finding in told.values():
        assert f"{finding.name}: {with_error(finding.value, finding.error)}." in one.alt_answer
    assert "exponent" not in one.alt + one.prompt
    assert chart(view(found(PAST)), "gap").alt_answer == "The gaps of networks over their width, with logarithmic axes."


def test_nothing_that_is_seen_before_the_guess_depends_on_what_is_measured() -> None:
    def visible(result: widths.Result) -> list:
        one = chart(view(result), "gap")
        assert {trace.name for trace in one.figure.data} == set(one.answers)
        layout = {name: value for name, value in one.figure.layout.to_plotly_json().items() if name != "template"}
        shown = [remark.text for remark in widths.remarks(result) if not remark.answer]
        return [one.alt, one.prompt, repr(layout), shown, [f for f in widths.findings(result) if not f.answer]]

    whole = found(RELU)
    other = replace(
        whole,
        left=0.5,
        linearised=replace(whole.linearised, values=whole.linearised.values[::-1] ** 2),
        infinite=replace(whole.infinite, values=5 * whole.infinite.values),
    )
    assert visible(whole) == visible(other) == visible(found(PAST))
