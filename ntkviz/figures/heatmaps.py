"""Matrices as heatmaps: a kernel over pairs of inputs, which are sorted by angle, by target or by class."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from ntkviz.data.arrangement import Group
from ntkviz.figures import theme
from ntkviz.figures.axes import Axis, linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart
from ntkviz.modes.pictures import Heat

QUARTERS = (0, 90, 180, 270, 360)  # degrees that are labelled


def scale(colors: Any, low: float, high: float) -> dict[str, Any]:
    """Plotly's settings of a colour scale between two values."""
    return {"colorscale": colors, "zmin": float(low), "zmax": float(high)}


def sorted_axis(sorted_by: str, groups: tuple[Group, ...], **settings: Any) -> Axis:
    """The axis along which inputs are sorted, with the names of the classes; `settings` are Plotly's."""
    if sorted_by == "angle":
        return linear("angle (degrees)", tickvals=list(QUARTERS), **settings)
    if sorted_by == "target":
        return linear("inputs, sorted by target", **settings)
    middles = [(group.first + group.last) / 2 for group in groups]
    words = [group.name for group in groups]
    return linear("inputs, sorted by class", tickvals=middles, ticktext=words, **settings)


def matrix(
    heat: Heat,
    z: np.ndarray,
    name: str,
    meaning: theme.Meaning,
    colors: dict[str, Any],
    *,
    alt: str,
    prompt: str,
    found: str = "",
    answer: bool = False,
) -> Chart:
    """The chart of a matrix over pairs of inputs, whose diagonal runs down.

    Args:
        heat: how its inputs are sorted, and how many of them were left out, which is said.
        z: (H, H).
        name: of the chart.
        meaning: of the matrix.
        colors: its `scale`.
        alt: what it shows.
        prompt: what to look for.
        found: a sentence about the answer, for those who cannot see it.
        answer: whether it is part of the answer.
    """
    across = sorted_axis(heat.sorted_by, heat.groups, constrain="domain", showgrid=False)
    down = {"scaleanchor": "x", "constrain": "domain", "autorange": "reversed", "showgrid": False}
    shown = f"{len(z)} × {len(z)} points" + (f" of {heat.every}" if len(z) < heat.every else "")
    alt = f"{alt}, on {shown}."
    later = f"{alt} {found}" if found else ""
    canvas = Canvas(name, across, Axis("", across.settings | down), alt=alt, alt_answer=later, prompt=prompt)
    at, bar = theme.compact(heat.place), {"thickness": theme.BAR}
    canvas.add(go.Heatmap(x=at, y=at, z=theme.compact(z), colorbar=bar, **colors), meaning, answer=answer)
    if len(z) < heat.every:
        canvas.note(shown)
    return canvas.chart()
