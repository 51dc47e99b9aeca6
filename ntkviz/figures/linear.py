"""Networks of three widths beside their linearisations: the functions over the circle, and the gap over the steps."""

import numpy as np

from ntkviz.experiments.linear import WIDTHS, Result, findings
from ntkviz.figures import theme
from ntkviz.figures.axes import around, log
from ntkviz.figures.axes import linear as linear_axis
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.figures.numbers import told

TICKS = [0, 90, 180, 270, 360]
SCALE = (1e-4, 1.0)  # gaps that the chart holds before any is known
FAR = 1e6  # gaps are drawn up to here, far above the chart
CUT = 100.0  # times the targets: outputs are drawn up to there, where a linearisation diverges
MEANINGS = tuple(theme.Meaning(f"{width} neurons", theme.hue(place)) for place, width in enumerate(WIDTHS))


def view(result: Result) -> View:
    """A chart of the functions for each width, and one of the gaps, with a slider over the recorded steps."""
    scrub = Scrub("step k", result.theory.steps)
    functions = (_function(result, place, scrub) for place in range(len(WIDTHS)))
    return View((*functions, _gaps(result, scrub)), scrub, columns=3)


def _function(result: Result, place: int, scrub: Scrub) -> Chart:
    data, network, width = result.theory.data, result.networks[place], WIDTHS[place]
    placed, angle = (np.rad2deg(np.zeros(0) if at is None else at) for at in (data.angle, data.angle_test))
    canvas = Canvas(
        f"{width} neurons",
        linear_axis("angle γ in degrees", (0, 360), tickvals=TICKS),
        linear_axis("output f(γ)", around(data.y, 0.4)),
        alt=f"The training points over the angle, for a network with {width} neurons.",
        prompt=f"{width} neurons: the network and its linearisation will be drawn here.",
        alt_answer=f"A network with {width} neurons and its linearisation, over the angle at the chosen step. "
        f"{told(findings(result)[place : place + 1])}",
        prompt_answer=f"{width} neurons: does the network leave its linearisation?",
        scrub=scrub,
        height=theme.TALL,
    )
    canvas.line(
        theme.LINEARISED, angle, frames={"y": _drawn(result, place, linear=True)}, answer=True, width=theme.LINE + 2
    )
    canvas.line(theme.FINITE, angle, frames={"y": _drawn(result, place, linear=False)}, answer=True)
    canvas.points(theme.DATA, placed % 360, data.y[:, 0])
    if network is not None and network.diverged_at is not None:
        canvas.note(f"The network diverged by step {network.diverged_at}.")
    return canvas.chart()


def _drawn(result: Result, place: int, *, linear: bool) -> np.ndarray:
    """(T, M) outputs at all recorded steps, cut off far beyond the targets; NaN where there are none."""
    theory, network = result.theory, result.networks[place]
    rows = np.full((len(theory.steps), theory.pictured), np.nan)
    if network is not None:
        f = (network.linearised if linear else network.curves).f[:, : theory.pictured, 0]
        bound = CUT * float(np.abs(theory.data.y).max())
        rows[: len(f)] = np.clip(f, -bound, bound)
    return rows


def _gaps(result: Result, scrub: Scrub) -> Chart:
    steps = result.theory.steps
    later = steps > 0  # a logarithmic axis has no step 0
    gaps = [np.where(gap > 0, np.minimum(gap, FAR), np.nan) for gap in map(result.gaps, range(len(WIDTHS)))]
    largest = min(10.0, max([SCALE[1], *(float(np.nanmax(gap)) for gap in gaps if np.isfinite(gap).any())]))
    canvas = Canvas(
        "gap over time",
        log("step k", steps[later]),
        log("gap, share of the targets", SCALE, answer=(SCALE[0], largest), tickformat=".2~%"),
        alt="An empty chart of the gap between network and linearisation over the steps, with logarithmic axes.",
        prompt="The gap between each network and its linearisation will be drawn here, over the steps.",
        alt_answer="The gap between network and linearisation over the steps, for three widths. "
        f"{told(findings(result))}",
        prompt_answer="When does the gap grow? By which factor do the curves of two widths differ?",
        scrub=scrub,
        span=3,
    )
    for meaning, gap in zip(MEANINGS, gaps, strict=True):
        canvas.line(meaning, steps[later], gap[later], answer=True, mode="lines+markers")
    return canvas.chart(cursor=np.maximum(steps, 1))
