"""The spread of trained networks over their seeds, over the width: of the networks, and of centred models."""

import numpy as np

from ntkviz.experiments.spreads import SCALE, WIDTHS, Result, findings
from ntkviz.figures import bands, theme
from ntkviz.figures.axes import log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import View
from ntkviz.figures.numbers import told

CENTRED = theme.Meaning("centred models f − f₀", theme.hue(1))


def view(result: Result) -> View:
    """One chart: the spread of each group of networks, with fits and the level of theory."""
    swept = ((theme.FINITE, result.plain, "circle"), (CENTRED, result.centred, "diamond"))
    reached = np.concatenate([SCALE, *(sweep.values.ravel() for _, sweep, _ in swept)])
    canvas = Canvas(
        "spread over width",
        log("width n", WIDTHS, tickvals=list(WIDTHS)),
        log("spread, share of the targets", SCALE, answer=reached, tickformat=".2~%"),
        alt="An empty chart of the spread of trained networks over their width, with logarithmic axes.",
        prompt="Each group of networks will be a dot at its width n. Its height is their spread at the end.",
        alt_answer=f"The spread of trained networks over their width, with logarithmic axes. {told(findings(result))}",
        prompt_answer="Circles are networks, diamonds the same networks less their outputs at the start. Which of them "
        "agree in the limit of infinite width?",
    )
    for meaning, sweep, symbol in swept:
        bands.dots(canvas, meaning, sweep, symbol=symbol)
    canvas.level(theme.THEORY, WIDTHS, result.level, answer=True)
    return View((canvas.chart(),))
