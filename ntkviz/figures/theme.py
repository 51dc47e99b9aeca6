"""Colours with meanings, and the one Plotly template.

The palette is Okabe & Ito's, safe for the colour-blind. A meaning has one colour and one dash on every page, so that
a class learns once that blue dashes are theory and vermillion lines are networks. Figures are made in the light
palette. `DARK` maps each colour to the one that replaces it on a dark page; the browser makes the replacement.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

INK = "#1B1F24"
MUTED = "#6B7280"
GRID = "#E3E7EC"
PAPER = "#FFFFFF"


@dataclass(frozen=True)
class Meaning:
    """How one kind of thing is drawn everywhere."""

    name: str
    color: str
    dash: str = "solid"


THEORY = Meaning("theory (infinite width)", "#0072B2", "dash")
FINITE = Meaning("network", "#D55E00")
DATA = Meaning("data", INK)
LINEARISED = Meaning("linearised network", "#009E73", "dashdot")
FLOOR = Meaning("rounding floor", MUTED, "dot")
SELECTED = Meaning("selected", "#CC79A7")
TARGET = Meaning("target", MUTED)

# Colours of modes, classes and other things that are compared side by side. None is the colour of theory or network.
HUES = ("#009E73", "#E69F00", "#CC79A7", "#8C6D1F", "#6B7280")

# Sequential and diverging scales (cividis and purple-white-green): readable without colour vision.
SEQUENTIAL = "Cividis"
DIVERGING = [[0.0, "#7B3294"], [0.5, "#F7F7F7"], [1.0, "#1B7837"]]

DARK = {
    "#0072B2": "#56B4E9",
    "#D55E00": "#F0803C",
    "#009E73": "#2CC295",
    "#CC79A7": "#E39AC4",
    "#8C6D1F": "#D9B44A",
    "#7B3294": "#C2A5CF",
    "#1B7837": "#7FBF7B",
    INK: "#F2F4F7",
    MUTED: "#9AA4B2",
    GRID: "#2B333D",
    PAPER: "#0F1419",
    "#F7F7F7": "#1B222B",
}

# Sizes, so that every figure has the same: pixels.
TALL, SHORT = 360, 150  # heights of charts
TALLER = 420  # of maps of the plane
BAR = 12  # thickness of a colour bar
FAINT, CLEAR = 0.35, 0.6  # opacities: of areas under markers, of markers that lie on each other
TINTS = (0.05, 0.12, 0.2)  # opacities of ranges that follow each other
LINE, THIN = 3.0, 1.5  # widths of curves
DOT, SMALL_DOT, LARGE_DOT = 9.0, 6.0, 14.0  # sizes of markers
TINY_DOT = 3.0  # of data under which a picture is to be seen
# A legend in the corner that a falling curve leaves free, on a phone too.
LOWER_LEFT = {
    "orientation": "v",
    "x": 0.01,
    "y": 0.01,
    "xanchor": "left",
    "yanchor": "bottom",
    "bgcolor": "rgba(0,0,0,0)",
}
BARE = {"l": 8, "r": 8, "t": 44, "b": 12}  # margins of pictures without axes, with words above them

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

_AXIS: dict[str, Any] = {
    "showline": True,
    "linecolor": MUTED,
    "gridcolor": GRID,
    "zeroline": False,
    "ticks": "outside",
    "tickcolor": MUTED,
    "automargin": True,
    "title": {"standoff": 8},
}

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 16, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "colorway": HUES,
        "margin": {"l": 64, "r": 16, "t": 12, "b": 56},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "font": {"size": 14}},
        "hoverlabel": {"font": {"family": FONT}},
        "hovermode": "closest",
        "colorscale": {"sequential": SEQUENTIAL, "diverging": DIVERGING},
    }
)


def figure(x: str, y: str, *, height: int = TALL, **layout: Any) -> go.Figure:
    """An empty figure in the common template with titled axes.

    Args:
        x, y: titles of the axes.
        height: in pixels.
        layout: further settings of Plotly's layout.
    """
    titles = {"xaxis_title_text": x, "yaxis_title_text": y}
    return go.Figure(layout={"template": TEMPLATE, "height": height, **titles, **layout})


def hue(number: int) -> str:
    """The colour of the mode or class with this number, from 0; they repeat after the last."""
    return HUES[number % len(HUES)]


def stepped(count: int) -> list[list[Any]]:
    """A colour scale of so many equal steps, in the colours of `hue`."""
    return [[(number + end) / count, hue(number)] for number in range(count) for end in (0, 1)]


def above(x: float) -> dict[str, Any]:
    """Plotly's settings for words centred above a part of a chart, at this share of its width."""
    place = {"x": x, "y": 1.02, "xref": "paper", "yref": "paper"}
    return place | {"xanchor": "center", "yanchor": "bottom"}


def compact(values: Any) -> Any:
    """Floats as float32: half the bytes on the wire, and still more digits than a screen has pixels."""
    array = np.asarray(values)
    return array.astype(np.float32) if array.dtype.kind == "f" else array
