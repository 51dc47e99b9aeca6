"""The smallest eigenvalue over the angle of twins, and over the number of points."""

import numpy as np

from ntkviz.experiments.smallest import COUNTS, DEGREES, DIMS, WIDTH, Result, findings
from ntkviz.figures import theme
from ntkviz.figures.axes import log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, View
from ntkviz.figures.numbers import told
from ntkviz.sweeps import Sweep

RANGE = (1e-8, 1.0)  # of λ_min over the mean of the diagonal
Y = "λ<sub>min</sub> / mean of the diagonal"


def view(result: Result) -> View:
    """Two charts."""
    return View((_angles(result), _counts(result)))


def _angles(result: Result) -> Chart:
    canvas = Canvas(
        "angle",
        log("angle ε of the twins in degrees", DEGREES, tickvals=list(DEGREES)),
        log(Y, RANGE),
        alt="Empty axes for the smallest eigenvalue over the angle of twins, with logarithmic axes.",
        prompt="Each dot will be the smallest eigenvalue for 16 points in pairs at the angle ε. How does it fall when "
        "the twins come nearer?",
        alt_answer=f"The smallest eigenvalue over the angle of twins. {told(findings(result)[:2])}",
        prompt_answer="Blue diamonds are infinite width, orange dots are networks with "
        f"{WIDTH} neurons. On these axes a power of the angle is a straight line. Which of them are straight?",
    )
    _dots(canvas, theme.FINITE, result.network)
    _dots(canvas, theme.THEORY, result.theory, "diamond-open")
    return canvas.chart()


def _counts(result: Result) -> Chart:
    canvas = Canvas(
        "count",
        log("number of points N", COUNTS, tickvals=list(COUNTS)),
        log(Y, RANGE),
        alt="Empty axes for the smallest eigenvalue over the number of points, with logarithmic axes.",
        prompt="Each dot will be the smallest eigenvalue for N random points on the sphere in d dimensions. In which "
        "dimension does it fall fastest?",
        alt_answer=f"The smallest eigenvalue over the number of random points. {told(findings(result)[2:])}",
        prompt_answer="More points in the same space have closer neighbours. In which dimension does this cost most?",
    )
    for number, (dim, sweep) in enumerate(zip(DIMS, result.counts, strict=True)):
        _dots(canvas, theme.Meaning(f"d = {dim}", theme.hue(number)), sweep)
    return canvas.chart()


def _dots(canvas: Canvas, meaning: theme.Meaning, sweep: Sweep, symbol: str = "circle") -> None:
    """A marker for each draw, and the power law through them, whose exponent stands among the numbers."""
    sizes = np.broadcast_to(sweep.at[:, None], sweep.values.shape)
    canvas.points(meaning, sizes.ravel(), sweep.values.ravel(), marker={"symbol": symbol}, answer=True)
    if (fit := sweep.fit) is not None:
        ends = np.array([fit.first, fit.last])
        canvas.line(meaning, ends, fit(ends), name=f"{meaning.name}, fit", answer=True, showlegend=False)
