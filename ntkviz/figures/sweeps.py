"""Sweeps over one setting: a marker for each network, and the fitted power law through them."""

import numpy as np

from ntkviz.figures import theme
from ntkviz.figures.canvas import Canvas
from ntkviz.sweeps import Sweep
from ntkviz.writing import fixed


def add(canvas: Canvas, sweep: Sweep, meaning: theme.Meaning, *, symbol: str = "circle", answer: bool = True) -> None:
    """Draw a sweep on a chart with two logarithmic axes.

    Args:
        canvas: of the chart.
        sweep: what was measured so far.
        meaning: how its markers and its fit are drawn; the markers have its name.
        symbol: of the markers.
        answer: whether it is part of the answer.
    """
    sizes = np.broadcast_to(sweep.at[:, None], sweep.values.shape)
    canvas.points(meaning, sizes.ravel(), sweep.values.ravel(), marker={"symbol": symbol}, answer=answer)
    if (fit := sweep.fit) is not None:
        ends = np.array([fit.first, fit.last])
        name = f"{meaning.name}, fit: exponent {fixed(fit.exponent, 2)}"
        canvas.line(meaning, ends, fit(ends), name=name, answer=answer, showlegend=True)
