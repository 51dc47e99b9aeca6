"""Matrices and maps as heatmaps: a kernel over pairs of inputs, two pictures side by side."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ntkviz.figures import theme


@dataclass(frozen=True)
class Axis:
    """Words and ticks of an axis along which inputs are sorted."""

    title: str
    at: tuple[float, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def ticks(self) -> dict[str, Any]:
        """Plotly's settings; none where the axis may choose its own."""
        named = {"ticktext": list(self.words)} if self.words else {}
        return {"tickvals": list(self.at), **named} if self.at else {}


def square(z: np.ndarray, at: np.ndarray, axis: Axis, *, height: int, **look: Any) -> go.Figure:
    """A matrix (H, H) whose rows and columns stand at the H places `at`, its diagonal running down."""
    made = theme.figure(axis.title, "", height=height)
    place, bar = theme.compact(at), {"thickness": 12, "tickfont": {"size": 14}}
    made.add_trace(go.Heatmap(x=place, y=place, z=theme.compact(z), colorbar=bar, **look))
    made.update_xaxes(constrain="domain", showgrid=False, **axis.ticks)
    made.update_yaxes(scaleanchor="x", constrain="domain", autorange="reversed", showgrid=False, **axis.ticks)
    return made


def pair(
    left: np.ndarray,
    right: np.ndarray,
    names: tuple[theme.Meaning, theme.Meaning],
    *,
    height: int,
    image: bool,
    **at: Any,
) -> go.Figure:
    """Two pictures (rows, columns) with values in [−1, 1] beside each other; an image's first row is its top."""
    made = theme.figure("", "", height=height, margin={"l": 8, "r": 8, "t": 44, "b": 12})
    hidden: dict[str, Any] = {"visible": False, "constrain": "domain", "constraintoward": "top"}
    for number, (z, meaning) in enumerate(zip((left, right), names, strict=True)):
        end = str(number + 1) if number else ""
        look = {"colorscale": theme.DIVERGING, "zmin": -1, "zmax": 1, "showscale": False}
        smooth = False if image else "best"
        made.add_trace(
            go.Heatmap(
                z=theme.compact(z), xaxis=f"x{end}", yaxis=f"y{end}", zsmooth=smooth, name=meaning.name, **look, **at
            )
        )
        upright = {"autorange": "reversed"} if image else {}
        made.update_layout(
            {
                f"xaxis{end}": {"visible": False, "domain": [0.52 * number, 0.48 + 0.52 * number], "anchor": f"y{end}"},
                f"yaxis{end}": {**hidden, **upright, "scaleanchor": f"x{end}", "anchor": f"x{end}"},
            }
        )
        font = {"color": meaning.color, "size": 16}
        made.add_annotation(
            text=f"<b>{meaning.name}</b>", x=0.24 + 0.52 * number, y=1.02, xref="paper", yref="paper", font=font,
            xanchor="center", yanchor="bottom", showarrow=False,
        )  # fmt: skip
    return made


def scatter_on_pair(made: go.Figure, points: np.ndarray) -> None:
    """The data (P, 2) as small dots on both pictures."""
    x, y = theme.compact(points.T)
    dots = {"color": theme.INK, "size": 3, "opacity": 0.6}
    for end in ("", "2"):
        made.add_trace(
            go.Scatter(
                x=x, y=y, xaxis=f"x{end}", yaxis=f"y{end}", mode="markers", marker=dots, showlegend=False, name="data"
            )
        )
