"""The charts of the lesson on output scales show what its result holds: every trace, at every α, by another route."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.experiments import lazy, neurons
from ntkviz.experiments.lazy import Result
from ntkviz.figures import theme
from ntkviz.figures.lazy import view
from ntkviz.scales import Families, Family
from tests.canned import canned
from tests.drawn import before_guess, chart, drawn, names, same, sentences
from tests.families import ALPHA, SPEC, band_of, rows, scaled

pytestmark = pytest.mark.drawn

AXIS = "output scale α    (← rich | lazy →)"


@pytest.fixture(scope="module")
def result() -> Result:
    return canned(lazy, SPEC)


@pytest.fixture(scope="module")
def alone(result) -> Result:
    """The result of one seed, without a second width."""
    runs = replace(result.families, members=result.families.members[:1])
    spec = replace(SPEC, seeds=1, narrower=1)
    return replace(result, spec=spec, families=runs, narrow=replace(result.narrow, members=()))


def assert_band(seen, expected) -> None:
    """Markers with bars over α, one for each (mean, low, high)."""
    mean, low, high = np.array(expected).T
    np.testing.assert_allclose(seen.x[0], ALPHA, rtol=1e-6)
    np.testing.assert_allclose(seen.y[0], mean, rtol=1e-6)
    np.testing.assert_allclose(seen.trace.error_y.array, high - mean, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(seen.trace.error_y.arrayminus, mean - low, rtol=1e-4, atol=1e-7)
    assert (seen.answer, seen.meaning, seen.trace.mode) == (True, "network", "lines+markers")
    assert seen.trace.line.color == theme.FINITE.color


def in_range(made, axis: str, values, *, after: bool = False) -> bool:
    """Whether the values lie on a logarithmic axis, before or after the answer."""
    low, high = made.layout_answer[axis]["range"] if after else made.figure.layout[axis].range
    return all(low <= math.log10(value) <= high for value in values)


def test_six_charts_stand_in_two_rows_and_the_slider_goes_along_alpha(result):
    shown = view(result)
    assert [one.name for one in shown.charts] == ["data", "test-error", "drift", "neurons", "curves", "alignment"]
    assert (shown.columns, {one.span for one in shown.charts}) == (3, {1})
    assert (shown.scrub.label, shown.scrub.values.tolist(), shown.scrub.start) == ("output scale α", ALPHA, 0)
    assert set(names(shown, "neurons")) >= {"neurons, a > 0", "neurons, a < 0"}


@pytest.mark.parametrize("name", ["test-error", "drift", "alignment"])
def test_charts_over_alpha_have_its_axis_and_a_cursor_at_each_value(result, name):
    made = chart(view(result), name)
    np.testing.assert_allclose(made.cursor, ALPHA)
    assert made.figure.layout.xaxis.title.text == AXIS
    assert made.figure.layout.xaxis.type == "log"
    assert made.figure.layout.xaxis.range == pytest.approx((-1 - math.log10(1.3), 3 + math.log10(1.3)))


def test_the_test_error_is_drawn_over_alpha_with_the_spread_of_the_seeds(result):
    seen = drawn(view(result), "test-error", "network")
    assert_band(seen, [band_of(values) for values in rows(result.families, "test_error")])
    assert chart(view(result), "test-error").figure.layout.yaxis.title.text == "test error (mean square)"


@pytest.mark.parametrize(
    ("name", "field", "meaning"),
    [
        ("kernel regression, infinite width", "kernel_error", "theory (infinite width)"),
        ("linearised network", "linear_error", "linearised network"),
        ("always the mean target", "constant_error", "target"),
    ],
)
def test_errors_that_are_known_before_training_are_levels(result, name, field, meaning):
    seen = drawn(view(result), "test-error", name)
    level = sum(getattr(family, field) for family in result.families.members) / 3
    np.testing.assert_allclose(seen.x[0], [0.1, 1000.0], rtol=1e-6)
    np.testing.assert_allclose(seen.y[0], [level, level], rtol=1e-6)
    assert (seen.meaning, seen.answer) == (meaning, False)
    assert f"{name} {level:.3g}" in chart(view(result), "test-error").alt


def test_the_axis_of_errors_holds_the_levels_first_and_all_errors_then(result):
    made = chart(view(result), "test-error")
    levels = [result.families.level(name) for name in ("kernel_error", "linear_error", "constant_error")]
    ends = made.figure.layout.yaxis.range
    assert ends == pytest.approx((math.log10(min(levels) / 300 / 1.3), math.log10(max(levels) * 1.3)))
    low = [band[1] for band in map(band_of, rows(result.families, "test_error"))]
    high = [band[2] for band in map(band_of, rows(result.families, "test_error"))]
    assert in_range(made, "yaxis", [*levels, *low, *high], after=True)
    far = replace(result, families=scaled(result.families, "test_curve", np.geomspace(1e-7, 1e5, 5)[:, None]))
    reached = [family.test_error[at] for family in far.families.members for at in (0, -1)]
    assert in_range(chart(view(far), "test-error"), "yaxis", reached, after=True)
    assert not in_range(chart(view(far), "test-error"), "yaxis", reached)


def test_the_drift_is_drawn_for_both_widths(result):
    shown = view(result)
    assert_band(drawn(shown, "drift", "network"), [band_of(values) for values in rows(result.families, "drift")])
    narrow = drawn(shown, "drift", "network of width 8")
    assert_band(narrow, [band_of(values) for values in rows(result.narrow, "drift")])
    assert narrow.trace.line.dash == "dot"
    assert names(shown, "drift") == ["first order in 1/α", "network of width 8", "network"]
    assert chart(shown, "drift").figure.layout.yaxis.title.text == "kernel drift ‖Θ − Θ₀‖/‖Θ₀‖"


def test_without_a_second_width_there_is_one_curve_and_with_one_seed_no_bar(alone):
    shown = view(alone)
    assert names(shown, "drift") == ["first order in 1/α", "network"]
    assert not np.any(drawn(shown, "drift", "network").trace.error_y.array)
    assert not any("Bars" in one.prompt_answer + one.alt_answer for one in shown.charts)


def test_the_first_order_falls_like_one_over_alpha(result):
    seen = drawn(view(result), "drift", "first order in 1/α")
    first = sum(family.first_order for family in result.families.members) / 3
    np.testing.assert_allclose(seen.x[0], ALPHA, rtol=1e-6)
    np.testing.assert_allclose(seen.y[0], [first / alpha for alpha in ALPHA], rtol=1e-6)
    assert (seen.meaning, seen.answer, seen.trace.line.color) == ("linearised network", True, theme.LINEARISED.color)


def test_grey_bands_name_the_regimes(result):
    layout = chart(view(result), "drift").figure.layout
    regimes = [("lazy: below 0.1", 1e-7, 0.1), ("between", 0.1, 1.0), ("features: above 1", 1.0, 1e6)]
    assert len(layout.shapes) == len(layout.annotations) == 3
    tops = [note.y for note in layout.annotations]
    assert tops == pytest.approx([math.log10(top) for top in (0.1, 1.0, 10.0)])
    for (name, low, high), shape, note in zip(regimes, layout.shapes, layout.annotations, strict=True):
        assert (shape.type, shape.xref, shape.x0, shape.x1, shape.layer) == ("rect", "paper", 0, 1, "below")
        assert (shape.y0, shape.y1) == pytest.approx((low, high))
        assert shape.fillcolor == theme.MUTED
        assert (note.text, note.xref, note.xanchor, note.yanchor) == (name, "paper", "right", "top")
        assert (note.x, note.showarrow) == (pytest.approx(0.99), False)
    tints = [shape.opacity for shape in layout.shapes]
    assert tints == sorted(tints)
    assert len(set(tints)) == 3


def test_the_axis_of_the_drift_holds_the_regimes_first_and_all_drifts_then(result):
    made = chart(view(result), "drift")
    assert made.figure.layout.yaxis.range == pytest.approx((math.log10(0.01 / 1.3), math.log10(10 * 1.3)))
    assert made.layout_answer["yaxis"]["range"][0] <= math.log10(0.01)
    assert made.layout_answer["yaxis"]["range"][1] >= 1
    for runs, field in ((result.families, "families"), (result.narrow, "narrow")):
        far = replace(result, **{field: scaled(runs, "drift", np.geomspace(1e6, 1e-6, 5))})
        extremes = [band[0] for band in map(band_of, rows(getattr(far, field), "drift"))]
        assert in_range(chart(view(far), "drift"), "yaxis", extremes, after=True), field
    first = result.families.level("first_order")
    assert in_range(made, "yaxis", [first / ALPHA[0], first / ALPHA[-1]], after=True)


@pytest.mark.parametrize(
    ("name", "field", "of"), [("test-error", "test_curve", "test_error"), ("drift", "drift", "drift")]
)
def test_the_axes_hold_the_bars_too(result, name, field, of):
    factors = (1e-5, 1.0, 1e5)
    members = (
        replace(one, **{field: getattr(one, field) * by})
        for one, by in zip(result.families.members, factors, strict=True)
    )
    spread = replace(result, families=replace(result.families, members=tuple(members)))
    ends = [end for values in rows(spread.families, of) for end in band_of(values)[1:]]
    assert in_range(chart(view(spread), name), "yaxis", ends, after=True)
    assert not in_range(chart(view(result), name), "yaxis", [min(ends)], after=True)
    assert not in_range(chart(view(result), name), "yaxis", [max(ends)], after=True)


def test_the_run_is_drawn_at_each_alpha(result):
    shown, first = view(result), result.families.members[0]
    expected = {
        "linearised, test points": (first.linear_curve, "linearised network", False),
        "network, test points": (first.test_curve, "network", True),
        "network, training points": (first.train_curve, "network", True),
    }
    assert names(shown, "curves") == ["kernel regression, infinite width", *expected]
    for name, (curves, meaning, answer) in expected.items():
        seen = drawn(shown, "curves", name)
        np.testing.assert_allclose(seen.x[0], first.steps[1:])
        assert seen.y.shape == (5, len(first.steps) - 1)
        for frame in range(5):
            np.testing.assert_allclose(seen.y[frame], [curves[frame, k] for k in range(1, len(first.steps))])
        assert (seen.meaning, seen.answer, seen.trace.mode) == (meaning, answer, "lines")
        np.testing.assert_allclose(seen.trace.y, curves[0, 1:], rtol=1e-6)
    dashes = [drawn(shown, "curves", f"network, {points} points").trace.line.dash for points in ("test", "training")]
    assert dashes == ["solid", "dot"]
    level = drawn(shown, "curves", "kernel regression, infinite width")
    np.testing.assert_allclose(level.y[0], [first.kernel_error] * 2, rtol=1e-6)
    np.testing.assert_allclose(level.x[0], [1, 150])
    assert (level.meaning, level.answer) == ("theory (infinite width)", False)


def test_the_axes_of_the_run_hold_theory_first_and_all_errors_then(result):
    made, first = chart(view(result), "curves"), result.families.members[0]
    layout = made.figure.layout
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("step k", "mean squared error")
    assert layout.xaxis.range == pytest.approx((-math.log10(1.3), math.log10(150 * 1.3)))
    known = [first.kernel_error, *first.linear_curve[:, 1:].ravel()]
    assert layout.yaxis.range == pytest.approx((math.log10(min(known) / 1.3), math.log10(max(known) * 1.3)))
    measured = [*first.test_curve[:, 1:].ravel(), *first.train_curve[:, 1:].ravel()]
    both = [*known, *measured]
    after = made.layout_answer["yaxis"]["range"]
    assert after == pytest.approx([math.log10(min(both) / 1.3), math.log10(max(both) * 1.3)])
    tall = replace(result, families=scaled(result.families, "test_curve", 1e3))
    top = 1e3 * first.test_curve[:, 1:].max()
    assert in_range(chart(view(tall), "curves"), "yaxis", [top], after=True)
    assert made.cursor is None


def test_it_is_said_whose_run_it_is(result, alone):
    for words_of in ("alt", "alt_answer", "prompt_answer"):
        assert "the first seed's run" in getattr(chart(view(result), "curves"), words_of)
        assert "the run" in getattr(chart(view(alone), "curves"), words_of)
        assert "seed" not in getattr(chart(view(alone), "curves"), words_of)
    two = replace(result.families, members=result.families.members[:1], pending=1)
    assert "the first seed's run" in chart(view(replace(result, families=two)), "curves").alt


def test_the_alignment_is_drawn_before_and_after(result):
    seen = drawn(view(result), "alignment", "after training")
    values = np.array(rows(result.families, "aligned"))
    mean, spread = values.sum(axis=1) / 3, values.std(axis=1, ddof=1)
    assert_band(seen, np.stack([mean, mean - spread, mean + spread], axis=1))
    start = drawn(view(result), "alignment", "before training")
    level = sum(family.aligned_start for family in result.families.members) / 3
    np.testing.assert_allclose(start.y[0], [level, level], rtol=1e-6)
    np.testing.assert_allclose(start.x[0], [0.1, 1000.0], rtol=1e-6)
    assert (start.meaning, start.answer, start.trace.line.dash) == ("start", True, "dot")
    made = chart(view(result), "alignment")
    assert made.figure.layout.yaxis.title.text == "alignment (CKA)"
    assert made.figure.layout.yaxis.range == (0.0, 1.0)
    assert made.layout_answer["yaxis"]["range"] == pytest.approx([0.0, 1.1 * (mean + spread).max()])
    low = replace(result, families=scaled(result.families, "aligned", 1e-3))
    assert chart(view(low), "alignment").layout_answer["yaxis"]["range"] == pytest.approx([0.0, 1.1 * 0.05])


@pytest.mark.parametrize(
    ("name", "begin"),
    [("test-error", ["Test error"]), ("drift", ["Kernel drift", "Exponent"]), ("alignment", ["Alignment"])],
)
def test_the_words_for_those_who_cannot_see_hold_the_findings(result, name, begin):
    made, found = chart(view(result), name), lazy.findings(result)
    for finding in found:
        said = f"{finding.name}: " in made.alt_answer
        assert said == (finding.value is not None and finding.name.startswith(tuple(begin))), finding.name
    fewer = replace(result, narrow=replace(result.narrow, members=result.narrow.members[:2]))
    assert "Bars are one standard deviation over 3 seeds." in chart(view(fewer), name).alt_answer
    assert "Bars are one standard deviation over 3 seeds." in made.prompt_answer
    assert "trained network" in made.prompt_answer or "training" in made.prompt_answer


def test_nothing_of_the_answer_is_seen_before_the_guess(result):
    def other(runs: Families) -> Families:
        return replace(runs, members=tuple(moved(one) for one in runs.members))

    def moved(one: Family) -> Family:
        return replace(
            one,
            train_curve=one.train_curve * 0.01,
            test_curve=one.test_curve * 77,
            movement=one.movement + 3,
            drift=one.drift * 1e3,
            aligned=one.aligned / 2,
            aligned_start=0.3,
        )

    plane = replace(result.neurons, movement=result.neurons.movement * 2, left=result.neurons.left * 9)
    changed = replace(result, families=other(result.families), narrow=other(result.narrow), neurons=plane)
    assert same(before_guess(view(result)), before_guess(view(changed)))
    assert [one.alt_answer for one in view(result).charts] != [one.alt_answer for one in view(changed).charts]
    assert all(finding.answer for finding in lazy.findings(result))
    assert all(remark.answer for remark in lazy.remarks(result))


def test_what_grows_while_runs_go_on_is_part_of_the_answer(result):
    begun = replace(result.families, members=result.families.members[:1], pending=2)
    running = replace(result, families=scaled(begun, "train_curve", np.nan))
    further = replace(result, families=scaled(begun, "train_curve", 3.0))
    assert same(before_guess(view(running)), before_guess(view(further)))


def test_a_result_without_any_run_is_drawn(result):
    nothing = replace(
        result, families=replace(result.families, members=(), pending=3), narrow=replace(result.narrow, members=())
    )
    assert names(view(nothing), "curves") == []
    assert names(view(nothing), "drift") == names(view(nothing), "test-error") == ["network"]
    assert all(finding.value is None for finding in lazy.findings(nothing))
    assert sentences(lazy, nothing) == sentences(neurons, result.neurons)
