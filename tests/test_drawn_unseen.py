"""What is drawn and said of starts that the points cannot tell apart, against the closed form by other routes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.data import CirclePoints, load
from ntkviz.experiments import unseen
from ntkviz.figures import theme
from ntkviz.figures.unseen import view
from ntkviz.lessons.guarantee import LESSON
from ntkviz.writing import written
from tests.canned import canned
from tests.drawn import before_guess, chart, drawn, names, numbers, same, sentences
from tests.test_guaranteed import erf_kernel

pytestmark = pytest.mark.drawn

SPEC = LESSON.slots["c"].part(LESSON.preset("start").spec)
KINK = LESSON.slots["c"].part(LESSON.preset("kink").spec)
SHIFTS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
THEORY = "theory (infinite width)"


def found(spec: unseen.Spec = SPEC) -> unseen.Result:
    return canned(unseen, spec)


def closed_form() -> tuple[np.ndarray, np.ndarray, float, float]:
    """The minimum-norm function and what a shift of 1 adds, at the 256 angles; yᵀΘ⁻¹y, and 1/s, by one inverse.

    A function with f = y at the points and f(x*) = m(x*) + h is the interpolant through six points.
    """
    data = load(CirclePoints())
    star = data.x_test[77:78]
    kernel = erf_kernel(np.concatenate([data.x, star, data.x_test]))
    y = data.y[:, 0]
    least = kernel[6:, :5] @ np.linalg.solve(kernel[:5, :5], y)
    values = np.append(y, least[77] + 1)
    inverse = np.linalg.inv(kernel[:6, :6])
    through = kernel[6:, :6] @ inverse @ values
    norm = float(y @ np.linalg.solve(kernel[:5, :5], y))
    return least, through - least, norm, float(values @ inverse @ values) - norm


def test_theory_is_the_interpolant_through_the_points_and_the_shifted_one() -> None:
    result, of = found(), view(found())
    least, more, norm, cost = closed_form()
    np.testing.assert_allclose(drawn(of, "between", THEORY).y, least + np.outer(SHIFTS, more), atol=1e-5)
    np.testing.assert_allclose(drawn(of, "between", "theory without a shift").y[0], least, atol=1e-5)
    np.testing.assert_allclose(drawn(of, "between", "shift before training").y, np.outer(SHIFTS, more), atol=1e-5)
    np.testing.assert_allclose(drawn(of, "movement", THEORY).y[0], np.sqrt(norm + cost * SHIFTS**2), rtol=1e-5)
    np.testing.assert_allclose(drawn(of, "movement", THEORY).x[0], SHIFTS)
    assert more[77] == pytest.approx(1) and result.theory.shape == (5, 256)


def test_the_functions_go_through_the_points_and_differ_between_them() -> None:
    of = view(found())
    points = drawn(of, "between", "data")
    np.testing.assert_allclose(points.x[0], [0, 72, 144, 216, 288])
    np.testing.assert_allclose(points.y[0], [1, -1, 0.5, 1, -0.5])
    for name in ("network", THEORY):
        curve = drawn(of, "between", name)
        for row in curve.y:
            at = np.interp(points.x[0], curve.x[0], row)
            np.testing.assert_allclose(at, points.y[0], atol=0.02)
        assert np.all(np.diff(curve.y[:, 77]) > 0.9)


def test_the_network_is_the_mean_of_those_that_were_trained() -> None:
    result, of = found(), view(found())
    curve = drawn(of, "between", "network")
    np.testing.assert_allclose(curve.y, sum(result.network[seed] for seed in range(4)) / 4, atol=1e-6)
    np.testing.assert_allclose(curve.x[0], 360 * np.arange(256) / 256, rtol=1e-6)
    dots = drawn(of, "movement", "network")
    np.testing.assert_allclose(dots.x[0], np.tile(SHIFTS, 4))
    np.testing.assert_allclose(dots.y[0], np.concatenate([result.movement[seed] for seed in range(4)]), rtol=1e-6)


def test_traces_mean_what_they_show_and_the_answer_is_hidden() -> None:
    of = view(found())
    before, hidden = ["shift before training", "x*"], ["theory without a shift", "network", THEORY]
    assert names(of, "between") == [*before, *hidden, "data"]
    assert [drawn(of, "between", name).answer for name in names(of, "between")] == [False] * 2 + [True] * 3 + [False]
    assert names(of, "movement") == ["network", THEORY]
    assert all(drawn(of, "movement", name).answer for name in ("network", THEORY))
    for name in ("between", "movement"):
        theory, network = drawn(of, name, THEORY).trace, drawn(of, name, "network").trace
        assert (theory.line.color, theory.line.dash) == (theme.THEORY.color, "dash")
        assert (network.line.color or network.marker.color) == theme.FINITE.color
    assert drawn(of, "movement", "network").trace.mode == "markers"
    place = drawn(of, "between", "x*")
    np.testing.assert_allclose(place.x[0], 360 * 77 / 256, rtol=1e-6)
    np.testing.assert_allclose(place.y[0], [-3.5, 3.5])


def test_the_slider_moves_along_the_shifts_and_begins_at_one() -> None:
    of = view(found())
    assert (of.scrub.label, of.scrub.start, of.scrub.play) == ("shift h at x*", 3, False)
    np.testing.assert_array_equal(of.scrub.values, SHIFTS)
    np.testing.assert_array_equal(chart(of, "movement").cursor, SHIFTS)
    assert drawn(of, "between", "network").y.shape == (5, 256)


def test_the_axes() -> None:
    for spec in (SPEC, KINK):
        of, result = view(found(spec)), found(spec)
        layout = chart(of, "between").figure.layout
        assert (
            layout.xaxis.dtick == 90
            and list(layout.xaxis.range) == [0, 360]
            and list(layout.yaxis.range) == [-3.5, 3.5]
        )
        assert np.abs(result.network.mean(axis=0)).max() < 3.5
        movement = chart(of, "movement")
        assert list(movement.figure.layout.xaxis.range) == [-2.3, 2.3]
        assert list(movement.figure.layout.yaxis.range) == [0, 1]
        low, high = movement.layout_answer["yaxis"]["range"]
        assert low == 0
        assert high == pytest.approx(1.15 * max(result.movement.max(), result.theory_movement.max()))


def test_the_numbers() -> None:
    for spec in (SPEC, KINK):
        result, told = found(spec), numbers(unseen, found(spec))
        left, seen, extra = told.values()
        kept = 100 * (result.network[:, 3, 77] - result.network[:, 2, 77])
        assert left.value == pytest.approx(kept.mean())
        assert left.error == pytest.approx(kept.std(ddof=1) / 2) and (left.unit, left.over) == ("%", "4 seeds")
        assert (seen.value, seen.unit) == (5, "of 8193")
        assert {finding.claim for finding in told.values()} == {26}
        assert [one.value for one in left.references] == [100]
        added = np.sqrt(result.movement[:, 3] ** 2 - result.movement[:, 2] ** 2)
        theory = math.sqrt(result.theory_movement[3] ** 2 - result.theory_movement[2] ** 2)
        assert extra.value == pytest.approx(np.exp(np.mean(np.log(added / theory)))) and extra.agrees
        assert not left.caveat and not extra.caveat
    assert numbers(unseen, found(SPEC))["Shift at x* that is left"].value == pytest.approx(98.8, abs=1)
    _, _, _, cost = closed_form()
    assert found().theory_movement[3] ** 2 - found().theory_movement[2] ** 2 == pytest.approx(cost, rel=1e-5)


def test_runs_that_have_not_fitted_the_points_say_so() -> None:
    result = found()
    for worst, said in ((0.9e-3, ""), (0.25, "Some networks have not fitted the points: 25 % of the loss is left.")):
        left = result.left.copy()
        left[1, 2] = worst
        told = numbers(unseen, replace(result, left=left))
        assert {told[name].caveat for name in told if name != "Directions of the weights that the points see"} == {said}


def test_sentences_are_computed() -> None:
    result = found()
    kept = written(float(100 * result.kept[:, 3].mean()))
    worst = written(float(result.left.max()), 2)
    assert unseen.kept_in_words(result) == (
        f"After {result.steps} steps, {kept} % of the shift at x* are left. The loss is at most {worst} of its first "
        "value."
    )
    assert result.steps == math.ceil(10 * result.condition)
    assert unseen.kept_in_words(result) in chart(view(result), "between").alt_answer
    assert sentences(unseen, result) == []
    (said,) = sentences(unseen, found(KINK))
    kept = written(float(100 * found(KINK).kept[:, 3].mean()))
    assert f"These networks with 2048 neurons a layer keep {kept} %" in said
    assert "smallest at the shift 0 in theory" in chart(view(result), "movement").alt_answer


@pytest.mark.parametrize(("kept", "there"), [(0.951, False), (0.949, True), (1.049, False), (1.051, True)])
def test_a_sentence_is_said_where_more_than_five_percent_are_lost_or_won(kept: float, there: bool) -> None:
    result = found()
    network = result.network.copy()
    network[:, 3, 77] = network[:, 2, 77] + kept
    assert bool(sentences(unseen, replace(result, network=network))) is there


def test_nothing_measured_is_seen_before_the_guess() -> None:
    result = found()
    other = replace(result, network=2 * result.network, movement=result.movement + 9, left=result.left + 1)
    assert same(before_guess(view(result)), before_guess(view(other)))
