"""Networks of several seeds over the circle: the fan of their functions beside the band of theory, and their spread."""

import numpy as np

from ntkviz.experiments.seeds import Result, findings
from ntkviz.figures import theme
from ntkviz.figures.axes import around, linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.figures.numbers import told
from ntkviz.measures.spread import rms

DRAWN = 12  # networks whose functions are drawn
BAND = theme.Meaning("theory, one standard deviation", theme.THEORY.color)
POSTERIOR = theme.Meaning("Bayesian regression, NNGP kernel", theme.hue(0), "dot")
TICKS = [0, 90, 180, 270, 360]


def view(result: Result) -> View:
    """Two charts with a slider over the recorded steps."""
    scrub = Scrub("step k", result.steps)
    return View((_functions(result, scrub), _spread(result, scrub)), scrub)


def _degrees(result: Result) -> np.ndarray:
    angle = result.data.angle_test
    return np.rad2deg(np.zeros(0) if angle is None else angle)


def _functions(result: Result, scrub: Scrub) -> Chart:
    data, angle = result.data, _degrees(result)
    placed = np.rad2deg(np.zeros(0) if data.angle is None else data.angle) % 360
    canvas = Canvas(
        "functions",
        linear("angle γ in degrees", (0, 360), tickvals=TICKS),
        linear("output f(γ)", around(data.y, 0.6)),
        alt="The training points over the angle.",
        prompt=f"The dots are the training points. The functions of {DRAWN} networks will be drawn through them, which "
        "differ in their random weights alone.",
        alt_answer=f"The functions of {min(DRAWN, result.f.shape[1])} networks over the angle at the chosen step, with "
        f"the mean of theory and a band of one standard deviation. {told(findings(result)[:1])}",
        prompt_answer="Move the slider back to step 0. Where do the networks come together, and where do they not?",
        scrub=scrub,
    )
    low, high = result.mean - result.std, result.mean + result.std
    around_circle = np.concatenate([angle, angle[::-1]])
    band = np.concatenate([high, low[:, ::-1]], axis=1)
    canvas.line(
        BAND, around_circle, frames={"y": band}, answer=True, width=0, fill="toself", fillcolor=BAND.color, opacity=0.25
    )
    drawn = result.f[:, :DRAWN]
    gap = np.full((*drawn.shape[:2], 1), np.nan)  # breaks the line between two networks
    fan = np.concatenate([drawn, gap], axis=2).reshape(len(drawn), -1)
    every = np.tile(np.append(angle, np.nan), drawn.shape[1])
    canvas.line(theme.FINITE, every, name="networks", frames={"y": fan}, answer=True, width=theme.THIN)
    canvas.line(theme.THEORY, angle, name="theory, mean", frames={"y": result.mean}, answer=True)
    canvas.points(theme.DATA, placed, data.y[:, 0])
    return canvas.chart()


def _spread(result: Result, scrub: Scrub) -> Chart:
    angle, size = _degrees(result), rms(result.data.y)
    measured = result.f.std(axis=1, ddof=1) / size
    top = 1.1 * max(float(measured[-1].max()), float(result.std[-1].max()) / size, 0.5)
    canvas = Canvas(
        "spread",
        linear("angle γ in degrees", (0, 360), tickvals=TICKS),
        linear("spread, share of the targets", (0.0, 1.0), answer=(0.0, top), tickformat=".0%"),
        alt="An empty chart of the standard deviation over the networks, over the angle.",
        prompt="The standard deviation over the networks will be drawn here. At which angles will it be largest?",
        alt_answer="The standard deviation over the networks, over the angle at the chosen step, beside theory. "
        f"{told(findings(result))}",
        prompt_answer="Between which points is the spread largest? Compare the networks with theory.",
        scrub=scrub,
    )
    canvas.line(theme.FINITE, angle, name="networks", frames={"y": measured}, answer=True)
    canvas.line(theme.THEORY, angle, frames={"y": result.std / size}, answer=True)
    canvas.line(POSTERIOR, angle, result.posterior / size, answer=True, width=theme.THIN)
    return canvas.chart()
