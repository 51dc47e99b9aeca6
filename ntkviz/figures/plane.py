"""The outputs of a network beside those of theory, over the plane.

One output is a colour map with contour lines; with two classes the line f = 0 is their border. With more classes, the
map shows the class that has the largest output.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ntkviz.comparison import Comparison, outputs_in_words
from ntkviz.data import Dataset, labels
from ntkviz.figures import theme
from ntkviz.figures.axes import around, levels, linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub

Floats = NDArray[np.float64]

LINES = 6  # parts into which the contours of a numeric target cut its range
TWO = ("circle-open", "circle")  # markers of two classes
MANY = ("circle", "square", "diamond", "cross")  # of more


def surface(pair: Comparison, scrub: Scrub) -> Chart:
    """The chart of outputs over the plane."""
    data = pair.theory.data
    across, up = _grid(pair)
    what = "border between the classes" if data.classes else "contour lines"
    canvas = Canvas(
        "surface",
        linear("x₁", (across[0], across[-1]), constrain="domain"),
        linear("x₂", (up[0], up[-1]), scaleanchor="x", constrain="domain"),
        alt="The training points in the plane, each with its target.",
        prompt="Each marker is a training point; its colour or its filling shows the target.",
        alt_answer=f"The network's output over the plane at the chosen step, with the {what} of theory. "
        + outputs_in_words(pair),
        prompt_answer=f"Press ▶ and follow the network's {what}. Do they move with the blue dashes (theory)?",
        scrub=scrub,
        height=theme.TALLER,
    )
    _class_map(canvas, pair) if len(data.classes) > 2 else _level_map(canvas, pair)
    _placed(canvas, data)
    return canvas.chart()


def _grid(pair: Comparison) -> tuple[Floats, Floats]:
    """The places of the grid's columns and of its rows."""
    side = math.isqrt(pair.theory.pictured)
    grid = pair.theory.points[: pair.theory.pictured].reshape(side, side, 2)
    return grid[0, :, 0], grid[:, 0, 1]


def _places(pair: Comparison) -> dict[str, Any]:
    """The same as Plotly's settings."""
    across, up = _grid(pair)
    return {"x": theme.compact(across), "y": theme.compact(up)}


def _squares(f: Floats) -> Floats:
    """Rows (T, P) over the grid as pictures (T, side, side)."""
    side = math.isqrt(f.shape[1])
    return f.reshape(-1, side, side)


def _dashed(at: Mapping[str, float], **settings: Any) -> go.Contour:
    """Contour lines of theory."""
    style = {"color": theme.THEORY.color, "width": theme.LINE, "dash": theme.THEORY.dash}
    return go.Contour(contours={**at, "coloring": "none"}, line=style, showscale=False, showlegend=True, **settings)


def _level_map(canvas: Canvas, pair: Comparison) -> None:
    """One output: a colour map of the network, and lines of equal output; with two classes the line f = 0."""
    data, (predicted, trained) = pair.theory.data, (_squares(f[:, :, 0]) for f in pair.pictured)
    low, high = around(data.y)
    lines = {"start": 0, "end": 0, "size": 1} if data.classes else levels(data.y.min(), data.y.max(), LINES)
    network = go.Contour(
        zmin=low,
        zmax=high,
        colorscale=theme.DIVERGING,
        contours={**lines, "coloring": "heatmap"},
        line={"color": theme.FINITE.color, "width": theme.LINE},
        colorbar={"title": {"text": "f(x)"}, "thickness": theme.BAR},
        showlegend=True,
        **_places(pair),
    )
    canvas.add(network, theme.FINITE, frames={"z": trained}, answer=True)
    canvas.add(_dashed(lines, **_places(pair)), theme.THEORY, frames={"z": predicted}, answer=pair.theory.c < 2)


def _class_map(canvas: Canvas, pair: Comparison) -> None:
    """An output for each class: the class with the largest one, and the borders between the predicted classes."""
    count = len(pair.theory.data.classes)
    predicted, trained = (_squares(np.stack([_winners(f) for f in outputs])) for outputs in pair.pictured)
    network = go.Heatmap(
        zmin=-0.5, zmax=count - 0.5, colorscale=theme.stepped(count), opacity=theme.FAINT, showscale=False,
        showlegend=True, **_places(pair),
    )  # fmt: skip
    canvas.add(network, theme.FINITE, frames={"z": trained}, answer=True)
    borders = {"start": 0.5, "end": count - 1.5, "size": 1}
    canvas.add(_dashed(borders, **_places(pair)), theme.THEORY, frames={"z": predicted}, answer=pair.theory.c < 2)


def _winners(f: Floats) -> Floats:
    """The class of each point, (P,), from its outputs (P, K); NaN where there are none."""
    return np.where(np.isnan(f[:, 0]), np.nan, labels(f))


def _placed(canvas: Canvas, data: Dataset) -> None:
    """The training points: by class, or in the colour of their numbers."""
    if not data.classes:
        low, high = around(data.y)
        look = {"color": theme.compact(data.y[:, 0]), "colorscale": theme.DIVERGING, "cmin": low, "cmax": high}
        canvas.points(theme.DATA, *data.x.T, marker=look)
        return
    for label, name in enumerate(data.classes):
        x, y = data.x[data.label == label].T
        if len(data.classes) == 2:
            look = {"symbol": TWO[label], "line": {"color": theme.INK, "width": theme.THIN}}
        else:
            look = {"symbol": MANY[label % len(MANY)], "color": theme.hue(label)}
        canvas.points(theme.DATA, x, y, name=f"y = {name}", size=theme.SMALL_DOT, marker=look)
