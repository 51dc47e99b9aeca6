"""The data of a task as a chart that gives nothing away: what a network is trained on, before any training.

A function on the circle is drawn over the angle, points in the plane by their target, images as images, and points in
more dimensions as rows of a table with their target in the last column.
"""

from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go

from ntkviz.data import Dataset
from ntkviz.figures import theme
from ntkviz.figures.axes import linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub

ROWS = 16  # of a table
ACROSS, DOWN = 4, 3  # images
FAR = 2.0  # the size from which a number has the full colour
TURN = (0.0, 360.0)  # degrees


def chart(data: Dataset, scrub: Scrub | None = None) -> Chart:
    """The training data, named “data”.

    Args:
        data: with one output.
        scrub: the slider of the view, which does not move this chart.
    """
    drawn: dict[str, Callable[[Dataset, Scrub | None], Chart]] = {
        "circle": _circle,
        "plane": _plane,
        "image": _images,
    }
    return drawn.get(data.kind, _table)(data, scrub)


def _circle(data: Dataset, scrub: Scrub | None) -> Chart:
    canvas = Canvas(
        "data",
        linear("angle γ in degrees", TURN, dtick=90),
        linear("target y"),
        alt=f"{len(data.x)} training points on the circle, and the target over the angle.",
        prompt=f"The task: learn the grey curve from {len(data.x)} points on the circle, the black dots.",
        scrub=scrub,
    )
    if data.known and data.angle_test is not None:
        canvas.line(theme.TARGET, np.degrees(data.angle_test), data.y_test[:, 0])
    canvas.points(theme.DATA, np.degrees(np.asarray(data.angle)), data.y[:, 0])
    return canvas.chart()


def _plane(data: Dataset, scrub: Scrub | None) -> Chart:
    canvas = Canvas(
        "data",
        linear("first input"),
        linear("second input", scaleanchor="x"),
        alt=f"{len(data.x)} training points in the plane, coloured by their target.",
        prompt=f"The task: learn the target, drawn as colour, from {len(data.x)} points in the plane.",
        scrub=scrub,
    )
    colors = {"color": theme.compact(data.y[:, 0]), "colorscale": theme.DIVERGING, "cmid": 0.0, "showscale": True}
    canvas.points(theme.DATA, data.x[:, 0], data.x[:, 1], marker=colors)
    return canvas.chart()


def _images(data: Dataset, scrub: Scrub | None) -> Chart:
    """The first images side by side, each with its class above it."""
    height, width = data.image_shape or (1, data.x.shape[1])
    shown = min(ACROSS * DOWN, len(data.x))
    sheet = np.full((DOWN * (height + 2), ACROSS * (width + 1)), np.nan)
    canvas = Canvas(
        "data",
        linear("", visible=False, constrain="domain"),
        linear("", visible=False, autorange="reversed", scaleanchor="x", constrain="domain"),
        alt=f"The first {shown} of {len(data.x)} training images, with their classes.",
        prompt=f"The task: tell {' from '.join(data.classes)} from {len(data.x)} images, of which {shown} are shown.",
        scrub=scrub,
    )
    for place in range(shown):
        row, column = divmod(place, ACROSS)
        top, left = 2 + row * (height + 2), column * (width + 1)
        sheet[top : top + height, left : left + width] = data.x[place].reshape(height, width)
        where = {"x": left + (width - 1) / 2, "y": top - 1.2, "showarrow": False}
        canvas.figure.add_annotation(text=data.classes[data.label[place]], font={"size": 13}, **where)
    image = go.Heatmap(z=theme.compact(sheet), colorscale="Greys", showscale=False, hoverinfo="skip")
    canvas.add(image, theme.DATA)
    return canvas.chart()


def _table(data: Dataset, scrub: Scrub | None) -> Chart:
    """The first points as rows of coloured cells: the inputs, a gap, and the target."""
    rows = min(ROWS, len(data.x))
    inputs = data.x.shape[1]
    gap = np.full((rows, 1), np.nan)
    cells = np.concatenate([data.x[:rows], gap, data.y[:rows]], axis=1)
    canvas = Canvas(
        "data",
        linear(
            f"inputs 1 to {inputs}", tickvals=[0, inputs + 1], ticktext=["1", "target"], tickangle=0, showgrid=False
        ),
        linear("training point", autorange="reversed", dtick=5, showgrid=False),
        alt=f"A table of the first {rows} of {len(data.x)} training points: {inputs} inputs and the target of each.",
        prompt=f"The task: predict the last column from the {inputs} inputs beside it. Each row is one of "
        f"{len(data.x)} training points, of which {rows} are shown. Which inputs matter?",
        scrub=scrub,
    )
    scale = {"colorscale": theme.DIVERGING, "zmin": -FAR, "zmax": FAR, "colorbar": {"thickness": theme.BAR}}
    canvas.add(go.Heatmap(z=theme.compact(cells), y=np.arange(1, rows + 1), xgap=1, ygap=1, **scale), theme.DATA)
    return canvas.chart()
