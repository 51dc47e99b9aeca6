"""The selected mode of theory and network: a curve, a value at each sample, an image, or a map of the plane."""

from typing import Any

import plotly.graph_objects as go

from ntkviz.figures import theme
from ntkviz.figures.axes import linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub
from ntkviz.figures.heatmaps import scale, sorted_axis
from ntkviz.modes.pictures import Heat, Pictures

LEFT = theme.Meaning("theory", theme.THEORY.color)
RIGHT = theme.Meaning("network", theme.FINITE.color)
SIDES = (("", LEFT, [0.0, 0.48]), ("2", RIGHT, [0.52, 1.0]))  # end of the axis' name, meaning, share of the chart
WAVES = 1.6  # a wave of unit mean square reaches √2
PROMPT = "A mode is a pattern of outputs over the inputs. A kernel has as many modes as there are points."


def mode_chart(pictures: Pictures, heat: Heat, scrub: Scrub) -> Chart:
    """The chart of the selected mode.

    Args:
        pictures: of all modes.
        heat: how the inputs are sorted.
        scrub: the slider over the modes.
    """
    return _maps(pictures, scrub) if pictures.kind in ("plane", "image") else _curves(pictures, heat, scrub)


def _curves(pictures: Pictures, heat: Heat, scrub: Scrub) -> Chart:
    """Over the circle, or at the sorted samples, beside the target."""
    circle = heat.sorted_by == "angle"
    axis = sorted_axis(heat.sorted_by, heat.groups, **({"range": [0, 360]} if circle else {}))
    beside = ", beside the target" if pictures.target.size else ""
    canvas = Canvas(
        "mode",
        axis,
        linear("u<sub>i</sub>(x)", (-WAVES, WAVES), answer=(-pictures.height, pictures.height)),
        alt=f"The target over the {axis.title}." if pictures.target.size else f"An empty chart over the {axis.title}.",
        prompt=PROMPT,
        alt_answer=f"The selected mode of theory and of the network over the {axis.title}{beside}.",
        prompt_answer="The selected mode of theory (blue) and of the network (orange). In which modes do they differ?",
        scrub=scrub,
    )
    draw = canvas.line if circle else canvas.points
    if pictures.target.size:
        draw(theme.TARGET, pictures.place, pictures.target)
    draw(theme.FINITE, pictures.place, frames={"y": pictures.network}, answer=True)
    draw(theme.THEORY, pictures.place, frames={"y": pictures.theory}, answer=True)
    return canvas.chart()


def _maps(pictures: Pictures, scrub: Scrub) -> Chart:
    """Side by side, each scaled to its own maximum, with the data in the plane."""
    image = pictures.kind == "image"
    what = (
        "image Σ<sub>n</sub> u<sub>i</sub>(x<sub>n</sub>) x<sub>n</sub> of the mode" if image else "mode in the plane"
    )
    canvas = Canvas(
        "mode",
        alt="Places for the images of two modes." if image else "The data in the plane, twice.",
        prompt=PROMPT,
        alt_answer=f"The selected {'image' if image else 'mode over the plane'}: theory left, network right.",
        prompt_answer=f"The {what}; purple and green are its two signs. Until which mode do left and right agree?",
        scrub=scrub,
        **_layout(image),
    )
    at = {} if image else {"x": theme.compact(pictures.place[0]), "y": theme.compact(pictures.place[1])}
    for (end, side, _), modes in zip(SIDES, (pictures.theory, pictures.network), strict=True):
        where: dict[str, Any] = {"xaxis": f"x{end}", "yaxis": f"y{end}"}
        look = scale(theme.DIVERGING, -1, 1) | {"showscale": False, "zsmooth": "best" if at else False}
        canvas.add(go.Heatmap(**where, **at, **look), side, frames={"z": pictures.maps(modes)}, answer=True)
        if pictures.points.size:
            x, y = pictures.points.T
            dots: dict[str, Any] = {"name": f"data, beside {side.name}", "size": theme.TINY_DOT} | where
            canvas.points(theme.DATA, x, y, **dots)
    return canvas.chart()


def _layout(image: bool) -> dict[str, Any]:
    """Two pairs of axes side by side, each under its name; an image's first row is its top."""
    hidden: dict[str, Any] = {"visible": False, "constrain": "domain", "constraintoward": "top"}
    rows = hidden | ({"autorange": "reversed"} if image else {})
    layout: dict[str, Any] = {"annotations": [], "margin": theme.BARE, "showlegend": False}
    for end, side, (left, right) in SIDES:
        layout[f"xaxis{end}"] = {"visible": False, "domain": [left, right], "anchor": f"y{end}"}
        layout[f"yaxis{end}"] = rows | {"scaleanchor": f"x{end}", "anchor": f"x{end}"}
        words = {"text": f"<b>{side.name}</b>", "font": {"color": side.color}, "showarrow": False}
        layout["annotations"].append(words | theme.above((left + right) / 2))
    return layout
