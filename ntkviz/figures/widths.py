"""The gaps of networks to their closed forms over the width."""

import numpy as np

from ntkviz.experiments.widths import SCALE, WIDTHS, Result, findings
from ntkviz.figures import bands, theme
from ntkviz.figures.axes import log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import View
from ntkviz.writing import with_error

LINEARISED = theme.Meaning("gap to the linearisation", theme.LINEARISED.color)
INFINITE = theme.Meaning("gap to infinite width", theme.THEORY.color)


def view(result: Result) -> View:
    """One chart: both gaps of each network, with the fits."""
    measured = [gap for gap in (result.linearised, result.infinite) if gap is not None]
    drawn = np.concatenate([SCALE, *(gap.values.ravel() for gap in measured)])
    fitted = [
        f"{finding.name}: {with_error(finding.value, finding.error)}."
        for finding in findings(result)
        if finding.value is not None
    ]
    canvas = Canvas(
        "gap",
        log("width n", WIDTHS, tickvals=list(WIDTHS)),
        log("gap, share of rms(y)", SCALE, answer=drawn, tickformat=".2~%"),
        alt="An empty chart of the gap over the width of the network, with logarithmic axes.",
        prompt="Each network will be a dot at its width n. Its height is the largest distance between the network and "
        "the closed form.",
        alt_answer=" ".join(("The gaps of networks over their width, with logarithmic axes.", *fitted)),
        prompt_answer="Follow the green dots (gap to the network's own linearisation) and the blue diamonds (gap to "
        "infinite width) from left to right. Which of them fall faster?",
    )
    for gap, meaning, symbol in ((result.linearised, LINEARISED, "circle"), (result.infinite, INFINITE, "diamond")):
        if gap is not None:
            bands.dots(canvas, meaning, gap, symbol=symbol)
    return View((canvas.chart(),))
