"""The chart of a task shows its training data, for every kind of data."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.data import BreastCancer, CircleFunction, CirclePoints, Digits, Moons, Xor, load
from ntkviz.figures import task
from ntkviz.figures.chart import View
from tests.drawn import drawn

pytestmark = pytest.mark.drawn

DATA = Xor(n=40, dim=6)


def test_points_in_many_dimensions_are_a_table_with_the_target_last():
    data = load(DATA)
    made = task.chart(data)
    seen = drawn(View((made,)), "data", "data")
    cells = seen.trace.z
    assert cells.shape == (16, 8)
    for row in range(16):
        np.testing.assert_allclose(cells[row, :6], data.x[row])
        assert np.isnan(cells[row, 6])
        assert cells[row, 7] == data.y[row, 0]
    assert list(seen.trace.y) == list(range(1, 17))
    assert (seen.meaning, seen.answer, seen.trace.zmin, seen.trace.zmax) == ("data", False, -2.0, 2.0)
    layout = made.figure.layout
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("inputs 1 to 6", "training point")
    assert list(layout.xaxis.tickvals) == [0, 7]
    assert list(layout.xaxis.ticktext) == ["1", "target"]
    assert (layout.yaxis.autorange, layout.yaxis.dtick, layout.xaxis.tickangle) == ("reversed", 5, 0)
    assert "6 inputs" in made.alt
    assert "first 16 of 40 training points" in made.alt
    assert "from the 6 inputs" in made.prompt
    assert "40 training points, of which 16 are shown" in made.prompt
    few = load(replace(DATA, n=5))
    assert task.chart(few).figure.data[0].z.shape == (5, 8)


def test_a_function_on_the_circle_is_drawn_over_the_angle():
    data = load(CircleFunction(n=12, terms="2:1, 5:0.5"))
    made = task.chart(data)
    target, points = made.figure.data
    np.testing.assert_allclose(points.x, np.arange(12) * 30.0, atol=1e-4)
    expected = [math.cos(2 * math.radians(x)) + 0.5 * math.cos(5 * math.radians(x)) for x in np.arange(12) * 30.0]
    np.testing.assert_allclose(points.y, expected, atol=1e-6)
    np.testing.assert_allclose(
        target.y, np.cos(2 * np.radians(target.x)) + 0.5 * np.cos(5 * np.radians(target.x)), atol=1e-5
    )
    assert (target.name, target.mode, points.name, points.mode) == ("target", "lines", "data", "markers")
    assert made.figure.layout.xaxis.title.text == "angle γ in degrees"
    assert made.figure.layout.xaxis.range == (0, 360)
    assert made.figure.layout.xaxis.dtick == 90
    assert made.figure.layout.yaxis.title.text == "target y"
    assert "12 training points" in made.alt
    assert "12 points" in made.prompt
    assert made.answers == ()


def test_a_target_that_is_known_at_the_points_alone_is_not_drawn_between_them():
    data = load(CirclePoints())
    assert data.kind == "circle" and not data.known
    (points,) = task.chart(data).figure.data
    np.testing.assert_allclose(points.y, data.y[:, 0], rtol=1e-6)


def test_points_in_the_plane_have_the_colour_of_their_target():
    data = load(Moons(n=20))
    made = task.chart(data)
    (points,) = made.figure.data
    np.testing.assert_allclose(points.x, data.x[:, 0], rtol=1e-6)
    np.testing.assert_allclose(points.y, data.x[:, 1], rtol=1e-6)
    np.testing.assert_allclose(points.marker.color, data.y[:, 0])
    assert (points.name, points.marker.cmid, points.marker.showscale) == ("data", 0.0, True)
    assert [made.figure.layout[axis].title.text for axis in ("xaxis", "yaxis")] == ["first input", "second input"]
    assert made.figure.layout.yaxis.scaleanchor == "x"
    assert "20 training points" in made.alt
    assert "20 points" in made.prompt


def test_images_are_drawn_with_their_classes_above_them():
    data = load(Digits(n=14))
    made = task.chart(data)
    (sheet,) = made.figure.data
    height, width = data.image_shape
    assert sheet.z.shape == (3 * (height + 2), 4 * (width + 1))
    for place in range(12):
        top, left = 2 + place // 4 * (height + 2), place % 4 * (width + 1)
        np.testing.assert_allclose(
            sheet.z[top : top + height, left : left + width], data.x[place].reshape(height, width), rtol=1e-6
        )
        note = made.figure.layout.annotations[place]
        assert note.text == data.classes[int(data.y[place, 0] > 0)]
        assert (note.x, note.y) == pytest.approx((left + (width - 1) / 2, top - 1.2))
        assert note.showarrow is False
    assert np.isnan(sheet.z).sum() == sheet.z.size - 12 * height * width
    assert made.figure.layout.yaxis.autorange == "reversed"
    assert (made.figure.layout.yaxis.visible, made.figure.layout.xaxis.visible) == (False, False)
    assert made.figure.layout.yaxis.scaleanchor == "x"
    assert (sheet.showscale, sheet.colorscale is not None) == (False, True)
    assert "first 12 of 14" in made.alt
    assert "14 images, of which 12 are shown" in made.prompt
    assert all(name in made.prompt for name in data.classes)
    few = task.chart(load(Digits(n=5)))
    assert len(few.figure.layout.annotations) == 5


def test_measurements_are_a_table_too():
    data = load(BreastCancer(n=20))
    assert task.chart(data).figure.data[0].z.shape == (16, data.x.shape[1] + 2)
