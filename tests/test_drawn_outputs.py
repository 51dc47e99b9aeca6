"""What is drawn of the outputs of network and theory: over a circle, over the plane, and against each other."""

from dataclasses import replace

import numpy as np
import pytest

from ntkviz.experiments import train
from ntkviz.figures import theme
from ntkviz.figures.train import view
from tests.drawn import chart, drawn, names
from tests.trained import (
    BALL,
    FIRST,
    MOONS,
    POINTS,
    TABLES,
    WINES,
    axis,
    found,
    kernel,
    seen,
    step,
    stepwise,
)

pytestmark = pytest.mark.drawn

BLUE, ORANGE = theme.THEORY.color, theme.FINITE.color

# The learned function


def test_the_function_of_network_and_theory_at_every_step() -> None:
    of, result = seen(FIRST), found(FIRST)
    degrees = 360 * np.arange(256) / 256
    assert names(of, "function") == ["target", "network", "theory (infinite width)", "data"]
    network, theory = drawn(of, "function", "network"), drawn(of, "function", "theory (infinite width)")
    np.testing.assert_allclose(theory.y, stepwise(FIRST)[1][:, :, 0], atol=1e-6)
    np.testing.assert_array_equal(network.y, result.network.curves.f[:, :, 0])
    for curve, color, dash, meaning in ((network, ORANGE, "solid", theme.FINITE), (theory, BLUE, "dash", theme.THEORY)):
        np.testing.assert_allclose(curve.x[0], degrees, rtol=1e-6)
        assert (curve.trace.line.color, curve.trace.line.dash, curve.meaning) == (color, dash, meaning.name)
        assert curve.answer and curve.y.shape == (len(of.scrub.values), 256)
        np.testing.assert_allclose(curve.trace.y, curve.y[of.scrub.start], atol=1e-6)


def test_the_data_and_the_target_are_shown_before_the_guess() -> None:
    of, data = seen(FIRST), found(FIRST).theory.data
    dots, target = drawn(of, "function", "data"), drawn(of, "function", "target")
    np.testing.assert_allclose(dots.x[0], 22.5 * np.arange(16), rtol=1e-6)
    np.testing.assert_allclose(dots.y[0], data.y[:, 0], rtol=1e-6)
    angle = np.deg2rad(target.x[0])
    wanted = np.cos(angle) + 0.5 * np.cos(2 * angle) + 0.5 * np.cos(3 * angle) + 0.3 * np.cos(5 * angle)
    np.testing.assert_allclose(target.y[0], wanted, atol=1e-5)
    assert not dots.answer and not target.answer
    assert (dots.meaning, dots.trace.mode) == ("data", "markers")
    assert (target.meaning, target.trace.line.color) == ("target", theme.TARGET.color)


def test_the_axes_of_the_function_hold_the_targets_and_a_third_more() -> None:
    of, y = seen(FIRST), found(FIRST).theory.data.y
    assert list(axis(of, "function", "xaxis").range) == [0, 360] and axis(of, "function", "xaxis").dtick == 90
    assert axis(of, "function", "xaxis").title.text == "angle γ in degrees"
    assert axis(of, "function", "yaxis").title.text == "output f(γ)"
    third = (y.max() - y.min()) / 3
    np.testing.assert_allclose(axis(of, "function", "yaxis").range, [y.min() - third, y.max() + third])
    assert not chart(of, "function").layout_answer


def test_points_that_are_placed_have_no_target_and_wrap_around() -> None:
    of, result = seen(POINTS), found(POINTS)
    assert names(of, "function") == ["network", "theory (infinite width)", "data"]
    np.testing.assert_allclose(sorted(drawn(of, "function", "data").x[0]), [0, 10, 100], atol=1e-4)
    assert "target" not in chart(of, "function").alt + chart(of, "function").prompt
    assert "target" in chart(seen(FIRST), "function").alt and "grey" in chart(seen(FIRST), "function").prompt
    assert names(of, "loss") == [
        "network", "theory (infinite width)", *[name for name in names(of, "loss") if ":" in name], "wanted loss"
    ]  # fmt: skip
    assert result.theory.curves.test_loss is None


# The plane


def plane_points(of, name: str) -> np.ndarray:
    """Every point of a map in the plane, row by row: (P, 2)."""
    trace = drawn(of, "surface", name).trace
    return np.array([(x, y) for y in trace.y for x in trace.x], np.float64)


def test_two_classes_in_the_plane_have_a_border_each_for_network_and_theory() -> None:
    of, result = seen(MOONS), found(MOONS)
    data = result.theory.data
    assert names(of, "surface") == ["network", "theory (infinite width)", "y = −1", "y = +1"]
    network, theory = drawn(of, "surface", "network"), drawn(of, "surface", "theory (infinite width)")
    left = np.linalg.matrix_power(np.eye(len(data.x)) - step(MOONS), MOONS.steps) @ data.y
    weights = np.linalg.solve(kernel(MOONS, data.x, data.x), data.y - left)
    wanted = kernel(MOONS, plane_points(of, "theory (infinite width)"), data.x) @ weights
    np.testing.assert_allclose(theory.z[-1].ravel(), wanted[:, 0], atol=1e-4)
    np.testing.assert_allclose(plane_points(of, "network"), data.grid(36), rtol=1e-6)
    np.testing.assert_array_equal(network.z.reshape(len(network.z), -1), result.network.curves.f[:, :1296, 0])
    assert (network.trace.line.color, theory.trace.line.color, theory.trace.line.dash) == (ORANGE, BLUE, "dash")
    for one, coloring in ((network, "heatmap"), (theory, "none")):
        lines = one.trace.contours
        assert (lines.start, lines.end, lines.coloring) == (0, 0, coloring)
        assert one.answer and one.trace.showlegend
    assert (network.meaning, theory.meaning) == (theme.FINITE.name, theme.THEORY.name)
    np.testing.assert_allclose([network.trace.zmin, network.trace.zmax], [-1 - 2 / 3, 1 + 2 / 3])
    assert [list(stop) for stop in network.trace.colorscale] == theme.DIVERGING
    assert not {ORANGE, BLUE} & {color for _, color in theme.DIVERGING}


def test_the_points_of_two_classes_are_open_and_filled() -> None:
    of, data = seen(MOONS), found(MOONS).theory.data
    for sign, name, symbol in ((-1, "y = −1", "circle-open"), (1, "y = +1", "circle")):
        dots = drawn(of, "surface", name)
        np.testing.assert_allclose(np.stack([dots.x[0], dots.y[0]], 1), data.x[data.y[:, 0] == sign], rtol=1e-6)
        assert (dots.trace.marker.symbol, dots.answer, dots.meaning) == (symbol, False, "data")
        assert dots.trace.marker.line.color == theme.INK
    left, right, bottom, top = data.window
    assert list(axis(of, "surface", "xaxis").range) == [left, right] and axis(of, "surface", "xaxis").title.text == "x₁"
    assert list(axis(of, "surface", "yaxis").range) == [bottom, top] and axis(of, "surface", "yaxis").title.text == "x₂"
    assert axis(of, "surface", "yaxis").scaleanchor == "x"


@pytest.mark.parametrize("spec", [MOONS, TABLES[2, "three"]], ids=["two", "three"])
def test_past_the_limit_the_border_of_theory_is_known(spec: train.Spec) -> None:
    past = replace(found(spec), theory=replace(found(spec).theory, c=2.0))
    assert not drawn(view(past), "surface", "theory (infinite width)").answer
    assert drawn(view(past), "surface", "network").answer


# Elsewhere


@pytest.mark.parametrize("spec", [BALL, WINES], ids=["numbers", "classes"])
def test_outputs_elsewhere_stand_against_their_prediction(spec: train.Spec) -> None:
    of, result = seen(spec), found(spec)
    outputs = result.theory.data.y.shape[1]
    dots = drawn(of, "agreement", "network")
    shown = min(len(result.theory.data.x_test), 600 // outputs)
    np.testing.assert_allclose(dots.x, stepwise(spec)[1][:, :shown].reshape(len(dots.x), -1), atol=1e-5)
    np.testing.assert_allclose(dots.y, result.network.curves.f[:, :shown].reshape(len(dots.y), -1))
    assert dots.x.shape[1] == shown * outputs and dots.answer and dots.trace.mode == "markers"
    assert (dots.meaning, dots.trace.marker.color) == ("network", ORANGE)
    line = drawn(of, "agreement", "network = theory")
    y = result.theory.data.y
    third = (y.max() - y.min()) / 3
    ends = [y.min() - third, y.max() + third]
    np.testing.assert_allclose([line.x[0], line.y[0]], [ends, ends], rtol=1e-6)
    assert not line.answer and line.trace.line.color == theme.MUTED
    for which, title in (("xaxis", "predicted output"), ("yaxis", "output of the network")):
        assert axis(of, "agreement", which).title.text == title
        np.testing.assert_allclose(axis(of, "agreement", which).range, ends)
    meta = chart(of, "agreement").figure.layout.meta
    assert meta is None if shown == len(result.theory.data.x_test) else f"first {shown} of" in meta["note"]


def test_a_picture_that_leaves_points_out_says_so() -> None:
    few = replace(found(WINES), theory=replace(found(WINES).theory, pictured=20))
    of = view(few)
    assert "first 20 of 44 test points" in chart(of, "agreement").figure.layout.meta["note"]
    assert drawn(of, "agreement", "network").x.shape[1] == 60


# Tables of one's own: any number of inputs, any kind of target


@pytest.mark.parametrize(("columns", "target"), TABLES)
def test_a_table_with_any_inputs_and_any_target_is_drawn(columns: int, target: str) -> None:
    spec = TABLES[columns, target]
    of, result = seen(spec), found(spec)
    f = stepwise(spec)[1]
    assert result.theory.data.y.shape == (24, 3 if target == "three" else 1)
    if columns != 2:
        assert of.charts[0].name == "agreement"
        np.testing.assert_allclose(drawn(of, "agreement", "network").x, f.reshape(len(f), -1), atol=1e-5)
        return
    theory, network = drawn(of, "surface", "theory (infinite width)"), drawn(of, "surface", "network")
    wanted = [outputs[:, :1296] for outputs in (f, result.network.curves.f)]
    if target == "three":
        wanted = [np.argmax(outputs, axis=2) for outputs in wanted]
        agree = np.mean(theory.z.reshape(len(f), -1) == wanted[0])
        assert agree > 0.999, "but for points where two outputs are equal"
        np.testing.assert_array_equal(network.z.reshape(len(f), -1), wanted[1])
    else:
        np.testing.assert_allclose(theory.z.reshape(len(f), -1), wanted[0][:, :, 0], atol=1e-5)
        np.testing.assert_allclose(network.z.reshape(len(f), -1), wanted[1][:, :, 0])
    assert (
        network.answer and theory.answer and (network.meaning, theory.meaning) == (theme.FINITE.name, theme.THEORY.name)
    )


def test_a_numeric_target_in_the_plane_has_contour_lines_and_colours() -> None:
    spec = TABLES[2, "numbers"]
    of, data = seen(spec), found(spec).theory.data
    assert names(of, "surface") == ["network", "theory (infinite width)", "data"]
    low, high = data.y.min(), data.y.max()
    for name in ("network", "theory (infinite width)"):
        lines = drawn(of, "surface", name).trace.contours
        np.testing.assert_allclose(
            np.arange(lines.start, lines.end + 1e-9, lines.size), np.linspace(low, high, 7)[1:-1]
        )
    dots, map_ = drawn(of, "surface", "data"), drawn(of, "surface", "network").trace
    np.testing.assert_allclose(np.stack([dots.x[0], dots.y[0]], 1), data.x, rtol=1e-6)
    np.testing.assert_allclose(dots.trace.marker.color, data.y[:, 0], rtol=1e-6)
    third = (high - low) / 3
    for ends in ((dots.trace.marker.cmin, dots.trace.marker.cmax), (map_.zmin, map_.zmax)):
        np.testing.assert_allclose(ends, (low - third, high + third))
    assert dots.trace.marker.colorscale == map_.colorscale
    assert "contour lines" in chart(of, "surface").alt_answer + chart(of, "surface").prompt_answer


def test_three_classes_in_the_plane_are_all_drawn() -> None:
    spec = TABLES[2, "three"]
    of, data = seen(spec), found(spec).theory.data
    assert names(of, "surface") == ["network", "theory (infinite width)", "y = blue", "y = green", "y = red"]
    for label, name in enumerate(data.classes):
        dots = drawn(of, "surface", f"y = {name}")
        np.testing.assert_allclose(
            np.stack([dots.x[0], dots.y[0]], 1), data.x[np.argmax(data.y, axis=1) == label], rtol=1e-6
        )
        assert dots.trace.marker.color == theme.HUES[label]
        assert dots.trace.marker.symbol == ("circle", "square", "diamond")[label]
    map_, borders = (drawn(of, "surface", name).trace for name in ("network", "theory (infinite width)"))
    assert (map_.zmin, map_.zmax, borders.contours.start, borders.contours.end, borders.contours.size) == (
        -0.5, 2.5, 0.5, 1.5, 1
    )  # fmt: skip
    third = 1 / 3
    assert [list(stop) for stop in map_.colorscale] == [
        [pytest.approx(third * (label + end)), theme.HUES[label]] for label in range(3) for end in (0, 1)
    ]
    empty = view(replace(found(spec), network=None))
    assert np.isnan(drawn(empty, "surface", "network").z).all()
