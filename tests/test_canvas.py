"""The way to build a chart: traces with meanings, frames that fit the slider, axes, and the theme that all share."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from ntkviz.errors import InvalidInput
from ntkviz.figures import theme
from ntkviz.figures.axes import Axis, above_zero, around, levels, linear, log, positive
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View
from tests.drawn import drawn, names

pytestmark = pytest.mark.drawn

STEPS = np.array([0, 1, 10, 100])
FIRST = Scrub("step", STEPS, start=0)
ROWS = np.arange(8.0).reshape(4, 2)
MEANINGS = [value for value in vars(theme).values() if isinstance(value, theme.Meaning)]


def canvas(scrub: Scrub | None = None, **options: Any) -> Canvas:
    return Canvas("loss", linear("x"), linear("y"), alt="A chart.", scrub=scrub, **options)


# A chart, its traces and its words


def test_a_chart_keeps_its_words_and_its_place() -> None:
    words = {"alt": "A.", "prompt": "Look.", "alt_answer": "It falls.", "prompt_answer": "Does it fall?"}
    made = Canvas("loss", linear("step k"), log("loss"), **words, span=2, height=123, legend={"x": 0.5}).chart()
    assert (made.name, made.alt, made.prompt, made.alt_answer, made.prompt_answer) == ("loss", *words.values())
    assert (made.span, made.figure.layout.height, made.figure.layout.legend.x) == (2, 123, 0.5)
    assert made.figure.layout.xaxis.title.text == "step k"
    assert made.figure.layout.yaxis.title.text == "loss"
    assert (made.figure.layout.xaxis.type, made.figure.layout.yaxis.type) == (None, "log")
    assert (made.frames, made.answers, made.cursor, made.layout_answer) == ({}, (), None, {})


def test_a_chart_says_nothing_more_than_it_is_told() -> None:
    made = Canvas("map", alt="A map.").chart()
    assert (made.prompt, made.alt_answer, made.prompt_answer, made.span) == ("", "", "", 1)
    assert made.figure.layout.height == theme.TALL
    assert (made.figure.layout.xaxis.visible, made.figure.layout.yaxis.visible) == (False, False)


def test_the_range_of_an_answer_is_kept_for_the_axis_that_has_one() -> None:
    both = Canvas("a", linear("x", (0, 1), answer=(0, 2)), linear("y", (3, 4), answer=(3, 5)), alt="").chart()
    assert both.layout_answer == {"xaxis": {"range": [0, 2]}, "yaxis": {"range": [3, 5]}}
    assert (list(both.figure.layout.xaxis.range), list(both.figure.layout.yaxis.range)) == ([0, 1], [3, 4])
    assert Canvas("b", linear("x", answer=(0, 2)), linear("y"), alt="").chart().layout_answer == {
        "xaxis": {"range": [0, 2]}
    }


def test_a_curve_has_the_look_of_its_meaning() -> None:
    made = canvas()
    made.line(theme.THEORY, [1, 2], [3, 4])
    made.line(theme.FINITE, [1, 2], [5, 6], name="seed 1", width=theme.THIN, showlegend=False)
    theory, network = made.chart().figure.data
    assert (theory.name, theory.meta, theory.mode) == (theme.THEORY.name, {"meaning": theme.THEORY.name}, "lines")
    assert (theory.line.color, theory.line.dash, theory.line.width) == (
        theme.THEORY.color,
        theme.THEORY.dash,
        theme.LINE,
    )
    assert (list(theory.x), list(theory.y)) == ([1, 2], [3, 4])
    assert (network.name, network.meta) == ("seed 1", {"meaning": theme.FINITE.name})
    assert (network.line.color, network.line.width, network.showlegend) == (theme.FINITE.color, theme.THIN, False)


def test_markers_have_the_look_of_their_meaning() -> None:
    made = canvas()
    made.points(theme.DATA, [1, 2], [3, 4])
    made.points(theme.FINITE, [1], [2], size=theme.LARGE_DOT, marker={"symbol": "x"}, error_y={"array": [1.0]})
    data, network = made.chart().figure.data
    assert (data.mode, data.marker.color, data.marker.size) == ("markers", theme.DATA.color, theme.DOT)
    assert (data.marker.line.color, data.marker.line.width) == (theme.PAPER, 1)
    assert (list(data.x), list(data.y)) == ([1, 2], [3, 4])
    assert (network.marker.symbol, network.marker.size, network.marker.color) == (
        "x",
        theme.LARGE_DOT,
        theme.FINITE.color,
    )
    assert list(network.error_y.array) == [1.0]


def test_bars_have_their_place_their_height_and_their_width() -> None:
    made = canvas(FIRST)
    made.bars(theme.FINITE, [1, 2], [3, 4], [0.5, 0.25], name="bars", answer=True, hoverinfo="skip")
    made.bars(theme.THEORY, [1, 2], width=[1, 1], frames={"y": ROWS})
    view = View((made.chart(),), FIRST)
    still, moving = drawn(view, "loss", "bars"), drawn(view, "loss", theme.THEORY.name)
    assert (still.trace.type, still.trace.hoverinfo, still.answer) == ("bar", "skip", True)
    for values, wanted in ((still.x, [1, 2]), (still.y, [3, 4]), (still.trace.width, [0.5, 0.25])):
        np.testing.assert_array_equal(np.ravel(values), wanted)
        assert np.asarray(values).dtype == np.float32
    assert (still.trace.marker.color, still.trace.marker.line.color) == (theme.FINITE.color, theme.PAPER)
    np.testing.assert_array_equal(moving.y, ROWS)
    np.testing.assert_array_equal(moving.trace.y, ROWS[0])


def test_a_level_goes_from_the_first_to_the_last_of_x() -> None:
    made = canvas()
    made.level(theme.FLOOR, [2.0, 3.0, 9.0], 0.25, name="floor", answer=True, showlegend=False)
    (line,) = made.chart().figure.data
    assert (list(line.x), list(line.y)) == ([2.0, 9.0], [0.25, 0.25])
    assert (line.name, line.line.dash, line.showlegend, made.chart().answers) == (
        "floor",
        theme.FLOOR.dash,
        False,
        ("floor",),
    )


def test_a_note_is_read_with_the_numbers() -> None:
    made = canvas()
    made.note("Every second row is shown.")
    assert made.chart().figure.layout.meta == {"note": "Every second row is shown."}


def test_names_are_unique_in_a_chart() -> None:
    made = canvas()
    made.line(theme.THEORY, [1], [1])
    made.line(theme.THEORY, [1], [1], name="theory, mode 2")
    with pytest.raises(InvalidInput, match=r"Chart loss has two traces named theory \(infinite width\)"):
        made.line(theme.THEORY, [1], [1])
    assert [trace.name for trace in made.chart().figure.data] == [theme.THEORY.name, "theory, mode 2"]


def test_answers_are_the_traces_that_are_marked_so_in_their_order() -> None:
    made = canvas()
    made.line(theme.THEORY, [1], [1])
    made.line(theme.FINITE, [1], [1], answer=True)
    made.points(theme.DATA, [1], [1])
    made.add(go.Heatmap(z=[[1.0]]), theme.SELECTED, name="map", answer=True)
    chart = made.chart()
    assert chart.answers == (theme.FINITE.name, "map")
    view = View((chart,))
    assert names(view, "loss") == [theme.THEORY.name, theme.FINITE.name, theme.DATA.name, "map"]
    assert [drawn(view, "loss", name).answer for name in names(view, "loss")] == [False, True, False, True]
    assert drawn(view, "loss", "map").meaning == theme.SELECTED.name


# Frames


@pytest.mark.parametrize(("start", "row"), [(0, 0), (2, 2), (-1, 3), (-2, 2)])
def test_a_trace_starts_with_the_frame_that_is_shown_first(start: int, row: int) -> None:
    scrub = Scrub("step", STEPS, start=start)
    made = canvas(scrub)
    made.line(theme.FINITE, [1, 2], frames={"y": ROWS})
    made.points(theme.DATA, frames={"x": ROWS, "y": 2 * ROWS})
    made.line(theme.THEORY, [1, 2], [1, 2])
    chart = made.chart(cursor=STEPS)
    line, points, _ = chart.figure.data
    np.testing.assert_array_equal(line.y, ROWS[row])
    np.testing.assert_array_equal(points.x, ROWS[row])
    np.testing.assert_array_equal(points.y, 2 * ROWS[row])
    assert set(chart.frames) == {theme.FINITE.name, theme.DATA.name}
    np.testing.assert_array_equal(chart.frames[theme.DATA.name]["y"], 2 * ROWS)
    assert set(chart.frames[theme.FINITE.name]) == {"y"}
    assert chart.cursor is not None
    assert chart.cursor.dtype == np.float64
    np.testing.assert_array_equal(chart.cursor, STEPS)


@pytest.mark.parametrize("count", [3, 5])
@pytest.mark.parametrize(
    "draw",
    [
        lambda made, rows: made.line(theme.FINITE, [1, 2], frames={"y": rows}),
        lambda made, rows: made.points(theme.FINITE, [1, 2], frames={"x": ROWS, "y": rows}),
        lambda made, rows: made.bars(theme.FINITE, [1, 2], frames={"y": rows}),
        lambda made, rows: made.add(go.Heatmap(), theme.FINITE, frames={"z": rows}),
    ],
)
def test_frames_that_do_not_fit_the_slider_are_refused(draw: Callable[[Canvas, Any], None], count: int) -> None:
    made = canvas(FIRST)
    with pytest.raises(InvalidInput, match=rf"Chart loss: network\.\w has {count} frames, and the slider has 4 values"):
        draw(made, np.zeros((count, 2)))
    assert made.chart().figure.data == ()


def test_frames_without_a_slider_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no slider"):
        canvas().line(theme.FINITE, [1, 2], frames={"y": ROWS})
    with pytest.raises(InvalidInput, match="no slider"):
        canvas().chart(cursor=STEPS)


@pytest.mark.parametrize("count", [3, 5])
def test_a_cursor_that_does_not_fit_the_slider_is_refused(count: int) -> None:
    with pytest.raises(InvalidInput, match=f"Chart loss: cursor has {count} frames, and the slider has 4 values"):
        canvas(FIRST).chart(cursor=np.zeros(count))


def test_a_view_checks_its_charts_against_its_slider() -> None:
    made = canvas(FIRST)
    made.line(theme.FINITE, [1, 2], frames={"y": ROWS})
    View((made.chart(),), FIRST)
    with pytest.raises(InvalidInput, match="has 4 frames, and the slider has 3 values"):
        View((made.chart(),), Scrub("step", STEPS[:3]))
    with pytest.raises(InvalidInput, match="no slider"):
        View((made.chart(),))
    with pytest.raises(InvalidInput, match="cursor has 4 frames"):
        View((canvas(FIRST).chart(cursor=STEPS),), Scrub("step", STEPS[:3]))


def test_the_charts_of_a_view_have_names_of_their_own() -> None:
    one, other = canvas().chart(), Canvas("gap", alt="").chart()
    assert View((one, other)).columns == 0
    with pytest.raises(InvalidInput, match="same name: loss, gap, loss"):
        View((one, other, canvas().chart()))


def test_a_slider_shows_its_last_frame_and_offers_to_play_unless_told_otherwise() -> None:
    scrub = Scrub("step", STEPS)
    assert (scrub.start, scrub.play) == (-1, True)
    assert Chart("a", go.Figure(), "alt").span == 1


def test_a_slider_begins_at_one_of_its_values() -> None:
    for start in (4, -5):
        with pytest.raises(InvalidInput, match=f"4 values and cannot begin at {start}"):
            Scrub("step", STEPS, start=start)
    with pytest.raises(InvalidInput, match="no value"):
        Scrub("step", STEPS[:0])


# Axes


def test_a_linear_axis_has_the_range_that_it_is_given() -> None:
    assert linear("x") == Axis("x")
    assert linear("x", (0.0, 2.0), dtick=0.5) == Axis("x", {"range": [0.0, 2.0], "dtick": 0.5})
    assert linear("x", (0.0, 2.0), answer=(0.0, 9.0)).answer == {"range": [0.0, 9.0]}


def test_a_logarithmic_axis_holds_all_positive_values() -> None:
    values = np.array([[3.0, 0.0, -7.0], [np.nan, np.inf, 40000.0]])
    axis = log("loss", values)
    assert axis.title == "loss"
    low, high = axis.settings["range"]
    assert 10**low == pytest.approx(3 / 1.3)
    assert 10**high == pytest.approx(40000 * 1.3)
    assert (axis.settings["type"], axis.settings["exponentformat"], axis.answer) == ("log", "power", {})
    low, high = log("loss", [1.0, 10.0], margin=2.0).settings["range"]
    assert (low, high) == pytest.approx((-math.log10(2), 1 + math.log10(2)))
    assert log("loss", [1.0, 10.0], dtick=7, showgrid=False).settings.items() >= {"dtick": 7, "showgrid": False}.items()


@pytest.mark.parametrize("values", [(), [0.0, -1.0], [np.nan]])
def test_a_logarithmic_axis_without_positive_values_has_no_range(values: Any) -> None:
    assert log("loss", values).settings == {"type": "log", "exponentformat": "power"}


def test_a_logarithmic_axis_may_have_another_range_for_the_answer() -> None:
    axis = log("loss", [1.0, 10.0], answer=[1.0, 1e9], margin=1.0)
    assert axis.settings["range"] == [0.0, 1.0]
    assert axis.answer == {"range": [0.0, 9.0], "dtick": 1}


@pytest.mark.parametrize(
    ("decades", "dtick"),
    [(0.5, "D2"), (1.99, "D2"), (2.01, 1), (3.0, 1), (10.0, 1), (11.0, 2), (14.0, 2), (20.0, 3), (35.0, 5)],
)
def test_a_logarithmic_axis_has_seven_ticks_or_so(decades: float, dtick: int | str) -> None:
    assert log("loss", [1.0, 10**decades], margin=1.0).settings["dtick"] == dtick


def test_margins_levels_and_bounds() -> None:
    assert around([0.0, 3.0]) == (-1.0, 4.0)
    assert around([[5.0, -5.0]], share=0.1) == (-6.0, 6.0)
    assert around([2.0, 2.0]) == (1.0, 3.0)
    assert levels(-1.0, 3.0, 8) == {"start": -0.5, "end": 2.5, "size": 0.5}
    np.testing.assert_array_equal(above_zero([1.0, 0.0, -2.0, 3.0]), [1.0, np.nan, np.nan, 3.0])
    np.testing.assert_array_equal(positive([0.0, -1.0, 2.0, 1e99]), [1e-30, 1e-30, 2.0, 1e30])
    np.testing.assert_array_equal(positive([0.0, 2.0, 9.0], 1.0, 8.0), [1.0, 2.0, 8.0])
    assert np.isfinite(positive([0.0, 1e99]).astype(np.float32)).all()
    assert (positive([0.0]).astype(np.float32) > 0).all()


# The theme


def test_each_meaning_has_a_look_of_its_own() -> None:
    assert len(MEANINGS) >= 7
    for look in ([m.name for m in MEANINGS], [(m.color, m.dash) for m in MEANINGS]):
        assert len(set(look)) == len(MEANINGS)
    assert theme.THEORY.color not in theme.HUES
    assert theme.FINITE.color not in theme.HUES
    assert len(set(theme.HUES)) == len(theme.HUES)


def test_a_dark_page_keeps_colours_apart() -> None:
    used = {meaning.color for meaning in MEANINGS} | set(theme.HUES) | {color for _, color in theme.DIVERGING}
    used |= {theme.INK, theme.MUTED, theme.GRID, theme.PAPER}
    dark = {color: theme.DARK.get(color, color) for color in used}
    assert len(set(dark.values())) == len(used)
    assert {meaning.color for meaning in MEANINGS} <= theme.DARK.keys()
    assert not set(theme.DARK) & set(theme.DARK.values()), "a colour that is exchanged twice"


def luminance(color: str) -> float:
    """Relative luminance of a colour (WCAG 2.2)."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_curves_stand_out_from_the_page_in_light_and_dark() -> None:
    dark = theme.DARK[theme.PAPER]
    for meaning in MEANINGS:
        assert contrast(meaning.color, theme.PAPER) >= 3 or meaning is theme.SELECTED
        assert contrast(theme.DARK[meaning.color], dark) >= 3
    assert contrast(theme.INK, theme.PAPER) >= 7
    assert contrast(theme.MUTED, theme.PAPER) >= 4.5
    assert contrast(theme.DARK[theme.MUTED], dark) >= 4.5


def test_a_figure_has_the_common_template() -> None:
    made = theme.figure("x", "y", height=77, showlegend=False)
    assert (made.layout.xaxis.title.text, made.layout.yaxis.title.text) == ("x", "y")
    assert (made.layout.height, made.layout.showlegend) == (77, False)
    assert made.layout.template.layout.colorway == theme.HUES
    legend = made.layout.template.layout.legend
    assert (legend.x, legend.xanchor, legend.yanchor) == (0, "left", "bottom")
    assert 1 < legend.y < 1.1, "above the chart"


def test_the_diverging_scale_is_symmetric_about_its_pale_middle() -> None:
    (low, _), (middle, pale), (high, _) = theme.DIVERGING
    assert (low, middle, high) == (0.0, 0.5, 1.0)
    assert luminance(str(pale)) > 0.9


def test_hues_repeat_and_make_scales_of_equal_steps() -> None:
    assert [theme.hue(number) for number in range(7)] == [*theme.HUES, *theme.HUES[:2]]
    assert theme.stepped(2) == [
        [0.0, theme.HUES[0]],
        [0.5, theme.HUES[0]],
        [0.5, theme.HUES[1]],
        [1.0, theme.HUES[1]],
    ]


def test_words_above_a_part_of_a_chart_are_centred_there() -> None:
    place = theme.above(0.25)
    assert (place["x"], place["xref"], place["xanchor"]) == (0.25, "paper", "center")
    assert (place["yref"], place["yanchor"]) == ("paper", "bottom")
    assert 1 < place["y"] < 1.1
    assert (theme.LOWER_LEFT["xanchor"], theme.LOWER_LEFT["yanchor"]) == ("left", "bottom")
    assert 0 < theme.LOWER_LEFT["x"] < 0.02
    assert 0 < theme.LOWER_LEFT["y"] < 0.02


def test_floats_travel_as_float32_and_whole_numbers_and_words_as_they_are() -> None:
    assert theme.compact([1.0, 2.0]).dtype == np.float32
    assert theme.compact(np.array([1, 2])).dtype.kind == "i"
    assert list(theme.compact(["a", "b"])) == ["a", "b"]
    assert theme.compact(np.zeros(2, np.float64)).nbytes == 8
