"""The smallest eigenvalue over the angle of twins, and over the number of points."""

from ntkviz.experiments.smallest import COUNTS, DEGREES, DIMS, WIDTH, Result, findings
from ntkviz.figures import bands, theme
from ntkviz.figures.axes import log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, View
from ntkviz.figures.numbers import told

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
    bands.dots(canvas, theme.THEORY, result.theory, symbol="diamond")
    bands.dots(canvas, theme.FINITE, result.network)
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
        bands.dots(canvas, theme.Meaning(f"d = {dim}", theme.hue(number)), sweep)
    return canvas.chart()
