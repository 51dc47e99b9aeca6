"""The distance of networks before training to the infinitely wide one, over the width."""

import numpy as np

from ntkviz.experiments.concentration import SCALE, WIDTHS, Result, findings
from ntkviz.figures import bands, theme
from ntkviz.figures.axes import log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import View
from ntkviz.figures.numbers import told
from ntkviz.writing import counted

SHALLOW = theme.Meaning("one hidden layer", theme.hue(1))


def view(result: Result) -> View:
    """One chart: the distance of each network, with the fit; those of one hidden layer beside them."""
    depth = counted(result.spec.arch.depth, "hidden layer")
    swept = [(theme.FINITE, result.distance, "circle")]
    if result.shallow is not None:
        swept.append((SHALLOW, result.shallow, "diamond"))
    reached = np.concatenate([SCALE, *(sweep.values.ravel() for _, sweep, _ in swept)])
    canvas = Canvas(
        "distance",
        log("width n", WIDTHS, tickvals=list(WIDTHS)),
        log("distance to infinite width", SCALE, answer=reached, tickformat=".2~%"),
        alt="An empty chart of the distance between kernels over the width of the network, with logarithmic axes.",
        prompt=f"Each network of {depth} will be a dot at its width n. Its height is the distance between its kernel "
        "and that of the infinitely wide network. How steep will the cloud of dots be?",
        alt_answer=f"The distance of networks of {depth} to the infinitely wide one, over the width, with logarithmic "
        f"axes. {told(findings(result))}",
        prompt_answer="Follow the dots from left to right. By which factor does the distance fall from one width to "
        "the next, which is twice as large?",
    )
    for meaning, sweep, symbol in swept:
        bands.dots(canvas, meaning, sweep, symbol=symbol)
    return View((canvas.chart(),))
