"""The kernel of a network while it learns: the kernel, its change since the start, and the drift over the steps."""

import numpy as np
import plotly.graph_objects as go

from ntkviz.experiments.stays import Result, findings
from ntkviz.figures import theme
from ntkviz.figures.axes import Axis, linear, log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.figures.heatmaps import scale, sorted_axis
from ntkviz.figures.numbers import told
from ntkviz.writing import percent

CHANGE = theme.Meaning("change since the start", theme.INK)
SCALE = (0.0, 0.5)  # drifts that the chart holds before any is known


def view(result: Result) -> View:
    """Three charts with a slider over the recorded steps."""
    scrub = Scrub("step k", result.steps)
    low, high = float(result.kernels[0].min()), float(result.kernels[0].max())
    change = result.kernels - result.kernels[0]
    most = max(abs(low), abs(high))
    kernel = _matrix(
        result,
        result.kernels,
        "kernel",
        theme.FINITE,
        scale(theme.SEQUENTIAL, low, high),
        scrub,
        alt="The kernel of the network over pairs of points, at a step of its training",
        prompt="This is the kernel of the network before training. Will it look the same at the end?",
        later="Move the slider over the steps. Does the picture change?",
    )
    moved = _matrix(
        result,
        change,
        "change",
        CHANGE,
        scale(theme.DIVERGING, -most, most),
        scrub,
        alt="The change of the kernel since the start, over pairs of points",
        prompt="The change since the start will be drawn here, on a scale as wide as the kernel itself.",
        later="The scale is as wide as that of the kernel. Which pairs of points change most?",
    )
    return View((kernel, moved, _drift(result, scrub)), scrub)


def _matrix(
    result: Result,
    frames: np.ndarray,
    name: str,
    meaning: theme.Meaning,
    colors: dict[str, object],
    scrub: Scrub,
    *,
    alt: str,
    prompt: str,
    later: str,
) -> Chart:
    across = sorted_axis(result.sorted_by, result.groups, constrain="domain", showgrid=False)
    down = {"scaleanchor": "x", "constrain": "domain", "autorange": "reversed", "showgrid": False}
    found = told(findings(result)[:1])
    canvas = Canvas(
        name,
        across,
        Axis("", across.settings | down),
        alt=f"{alt}.",
        alt_answer=f"{alt}. {found}",
        prompt=prompt,
        prompt_answer=later,
        scrub=scrub,
    )
    place, bar = theme.compact(result.place), {"thickness": theme.BAR}
    if name == "kernel":  # what is seen before the guess does not move
        start = go.Heatmap(x=place, y=place, z=theme.compact(frames[0]), colorbar=bar, **colors)
        canvas.add(start, meaning, name="kernel before training")
    heat = go.Heatmap(x=place, y=place, z=theme.compact(frames[-1]), colorbar=bar, **colors)
    heat.showscale = name != "kernel"  # one colour bar a chart
    canvas.add(heat, meaning, name=name, answer=True, frames={"z": frames})
    return canvas.chart()


def _drift(result: Result, scrub: Scrub) -> Chart:
    seen = result.steps > 0  # a logarithmic axis has no step 0
    steps, drift = result.steps[seen], result.drift[seen]
    drawn = [*SCALE, *drift, *([] if result.level is None else [result.level])]
    canvas = Canvas(
        "drift over time",
        log("step k", steps),
        linear("drift of the kernel", SCALE, answer=(0.0, 1.05 * max(drawn)), tickformat=".0%"),
        alt="An empty chart of the distance of the kernel to that at the start, over the steps of training.",
        prompt="The distance of the kernel to that at the start will be drawn here, over the steps.",
        alt_answer="The distance of the kernel to that at the start, over the steps of training. It ends at "
        f"{percent(float(drift[-1]))}.",
        prompt_answer="When does the kernel move: at the beginning, or until the end?",
        scrub=scrub,
    )
    canvas.line(theme.FINITE, steps, drift, answer=True, mode="lines+markers")
    if result.level is not None:
        canvas.level(theme.THEORY, steps, result.level, answer=True)
    return canvas.chart(cursor=np.maximum(result.steps, 1))
