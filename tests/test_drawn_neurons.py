"""The picture of the neurons says what the result holds: every trace at every frame, rings, axes and words."""

from dataclasses import replace

import numpy as np
import pytest

from ntkviz.experiments import neurons
from ntkviz.experiments.neurons import Result, Spec
from ntkviz.figures import theme
from ntkviz.figures.neurons import view
from ntkviz.scales import Scales
from tests.canned import canned
from tests.drawn import before_guess, chart, drawn, names, same

pytestmark = pytest.mark.drawn

SPEC = Spec(scales=Scales(count=4), neurons=12, points=20, steps=300)
GREEN, PURPLE = "#1B7837", "#7B3294"  # of a > 0 and a < 0; blue and vermillion mean theory and network
GROUPS = ((1.0, "a > 0", GREEN, "circle"), (-1.0, "a < 0", PURPLE, "diamond"))


@pytest.fixture(scope="module")
def result() -> Result:
    return canned(neurons, SPEC)


def placed(x: float, y: float) -> tuple[float, float]:
    """Where a neuron is drawn: in its direction, at the radius log₁₀(1 + 9r)."""
    radius = np.hypot(x, y)
    drawn_at = np.log10(1 + 9 * radius)
    return x / radius * drawn_at, y / radius * drawn_at


def test_the_slider_goes_along_alpha_from_the_smallest(result):
    shown = view(result)
    assert shown.scrub.label == "output scale α"
    assert shown.scrub.values.tolist() == [0.01, 0.215, 4.64, 100]
    assert shown.scrub.start == 0
    assert [one.name for one in shown.charts] == ["neurons"]


@pytest.mark.parametrize(("sign", "group", "color", "symbol"), GROUPS)
def test_neurons_stand_where_training_left_them(result, sign, group, color, symbol):
    seen = drawn(view(result), "neurons", f"neurons, {group}")
    ours = np.flatnonzero(result.sign == sign)
    for frame in range(len(result.alpha)):
        expected = [placed(*result.path[frame, -1, j]) for j in ours]
        np.testing.assert_allclose(np.stack([seen.x[frame], seen.y[frame]], axis=1), expected, rtol=1e-6)
    assert (seen.meaning, seen.answer) == (group, True)
    assert (seen.trace.marker.color, seen.trace.marker.symbol, seen.trace.mode) == (color, symbol, "markers")


@pytest.mark.parametrize(("sign", "group", "color", "symbol"), GROUPS)
def test_a_path_goes_from_the_ring_to_the_neuron_with_a_gap_behind(result, sign, group, color, symbol):
    seen = drawn(view(result), "neurons", f"path, {group}")
    for frame in range(len(result.alpha)):
        expected: list[tuple[float, float]] = []
        for j in np.flatnonzero(result.sign == sign):
            expected += [placed(*result.path[frame, step, j]) for step in range(result.path.shape[1])]
            expected.append((np.nan, np.nan))
        np.testing.assert_allclose(np.stack([seen.x[frame], seen.y[frame]], axis=1), expected, rtol=1e-6)
    assert (seen.meaning, seen.answer, seen.trace.line.color, seen.trace.mode) == (group, True, color, "lines")
    assert seen.trace.showlegend is False


@pytest.mark.parametrize(("sign", "group", "color", "symbol"), GROUPS)
def test_the_start_is_known_before_the_answer(result, sign, group, color, symbol):
    seen = drawn(view(result), "neurons", f"start, {group}")
    expected = [placed(*result.path[0, 0, j]) for j in np.flatnonzero(result.sign == sign)]
    np.testing.assert_allclose(np.stack([seen.x[0], seen.y[0]], axis=1), expected, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(seen.x[0], seen.y[0]), 1.0, rtol=1e-5)
    assert (seen.meaning, seen.answer, seen.trace.marker.symbol) == ("start", False, symbol)
    assert seen.trace.showlegend is False


def test_the_teachers_directions_are_dotted_lines_in_the_colour_of_their_sign(result):
    shown = view(result)
    for number, (turn, sign) in enumerate(zip(result.teacher, result.teacher_sign, strict=True), start=1):
        group, color = {1.0: ("a > 0", GREEN), -1.0: ("a < 0", PURPLE)}[float(sign)]
        seen = drawn(shown, "neurons", f"teacher {number}, {group}")
        end = np.log10(1 + 9 * 1000) * turn
        np.testing.assert_allclose(np.stack([seen.x[0], seen.y[0]]), [[0, end[0]], [0, end[1]]], rtol=1e-6)
        assert (seen.meaning, seen.answer) == ("teacher", False)
        assert (seen.trace.line.color, seen.trace.line.dash, seen.trace.showlegend) == (color, "dot", False)
    assert len(names(shown, "neurons")) == 3 + 2 * 3


def test_rings_mark_powers_of_ten_of_the_length_at_the_start(result):
    figure = chart(view(result), "neurons").figure
    radii = [np.log10(10.0), np.log10(91.0), np.log10(901.0), np.log10(9001.0)]
    for shape, radius in zip(figure.layout.shapes, radii, strict=True):
        assert shape.type == "circle"
        assert (shape.x0, shape.x1, shape.y0, shape.y1) == pytest.approx((-radius, radius, -radius, radius))
        assert shape.layer == "below"
    words = [(one.text, one.x, one.y, one.showarrow) for one in figure.layout.annotations]
    assert [word for word, *_ in words] == ["start", "× 10", "× 100", "× 1000"]
    assert [(x, y, arrow) for _, x, y, arrow in words] == [(0, pytest.approx(radius), False) for radius in radii]


def test_the_axes_hold_the_ring_before_and_all_paths_after(result):
    made = chart(view(result), "neurons")
    points = result.path.reshape(-1, 2)
    reach = 1.05 * max(1.3, np.abs([placed(*point) for point in points]).max())
    for axis in ("xaxis", "yaxis"):
        assert made.figure.layout[axis].range == pytest.approx((-1.05 * 1.3, 1.05 * 1.3))
        assert made.layout_answer[axis]["range"] == pytest.approx([-reach, reach])
        assert made.figure.layout[axis].visible is False
    assert made.figure.layout.yaxis.scaleanchor == "x"
    still = replace(result, path=0.5 * result.path / np.abs(result.path).max())
    assert chart(view(still), "neurons").layout_answer["xaxis"]["range"][1] == pytest.approx(1.05 * 1.3)


def test_its_words_name_what_is_seen_and_the_findings_afterwards(result):
    made = chart(view(result), "neurons")
    assert "12 neurons" in made.alt
    assert "before training" in made.alt
    assert "before training" in made.prompt
    assert "3 neurons" in made.prompt
    assert "after training" in made.alt_answer
    assert f"Angle to the teacher, smallest α: {result.apart[0]:.3g} degrees" in made.alt_answer
    assert f"Angle to the teacher, largest α: {result.apart[-1]:.3g} degrees" in made.alt_answer
    assert "trained at this α" in made.prompt_answer
    assert made.cursor is None


def test_nothing_of_the_answer_is_seen_before_the_guess(result):
    other = replace(
        result,
        path=np.concatenate([result.path[:, :1], 3.0 * result.path[:, 1:]], axis=1),
        movement=result.movement + 1,
        left=result.left / 2,
    )
    assert same(before_guess(view(result)), before_guess(view(other)))
    assert chart(view(result), "neurons").alt_answer != chart(view(other), "neurons").alt_answer
    answers = [name for name in names(view(result), "neurons") if drawn(view(result), "neurons", name).answer]
    assert answers == ["path, a > 0", "neurons, a > 0", "path, a < 0", "neurons, a < 0"]


def test_signs_have_neither_the_colour_of_theory_nor_of_the_network(result):
    figure = chart(view(result), "neurons").figure
    used = {trace.line.color for trace in figure.data} | {trace.marker.color for trace in figure.data}
    assert not used & {theme.THEORY.color, theme.FINITE.color}
