"""A sweep over a setting, with the band of its seeds or its fit, and tinted bands that name the ranges of an axis."""

from typing import Any, NamedTuple

import numpy as np

from ntkviz.figures import theme
from ntkviz.figures.canvas import Canvas
from ntkviz.sweeps import Sweep
from ntkviz.writing import with_error


class Range(NamedTuple):
    """A range of a logarithmic y-axis that has a name."""

    name: str
    low: float
    high: float
    top: float  # where the name stands below


def band(canvas: Canvas, meaning: theme.Meaning, sweep: Sweep, name: str, **look: Any) -> None:
    """Add a quantity over a setting, with bars from the lower to the upper end of its band, as part of the answer.

    Args:
        canvas: the chart.
        meaning: what was measured.
        sweep: its values.
        name: of the trace.
        look: settings of Plotly's trace.
    """
    bars = {"array": theme.compact(sweep.high - sweep.mean), "arrayminus": theme.compact(sweep.mean - sweep.low)}
    style = {"mode": "lines+markers", "error_y": {"thickness": theme.THIN, **bars}} | look
    canvas.line(meaning, sweep.at, sweep.mean, name=name, answer=True, **style)


def dots(canvas: Canvas, meaning: theme.Meaning, sweep: Sweep, *, symbol: str = "circle", answer: bool = True) -> None:
    """Add a marker for each network of a sweep, and the power law that is fitted to them.

    Args:
        canvas: the chart, with two logarithmic axes.
        meaning: what was measured; the markers have its name.
        sweep: what was measured so far.
        symbol: of the markers.
        answer: whether it is part of the answer.
    """
    sizes = np.broadcast_to(sweep.at[:, None], sweep.values.shape)
    canvas.points(meaning, sizes.ravel(), sweep.values.ravel(), marker={"symbol": symbol}, answer=answer)
    if (fit := sweep.fit) is not None:
        ends = np.array([fit.first, fit.last])
        name = f"{meaning.name}, fit: exponent {with_error(fit.exponent, fit.error)}"
        canvas.line(meaning, ends, fit(ends), name=name, answer=answer)


def bars_in_words(seeds: int) -> str:
    """What the bars of `band` are, as a sentence; empty for one seed, which has none."""
    return "" if seeds < 2 else f"Bars are one standard deviation over {seeds} seeds."


def ranges(canvas: Canvas, *named: Range) -> None:
    """Tint ranges of a logarithmic y-axis over the whole width, the last one most, each with its name.

    Args:
        canvas: the chart.
        named: three ranges at most; what lies beyond the axis is cut off.
    """
    for one, tint in zip(named, theme.TINTS, strict=False):
        area = {"x0": 0, "x1": 1, "y0": one.low, "y1": one.high, "fillcolor": theme.MUTED, "opacity": tint}
        canvas.figure.add_shape(type="rect", xref="paper", layer="below", line_width=0, **area)
        words = {"text": one.name, "font": {"size": 13, "color": theme.MUTED}, "showarrow": False}
        place = {"xref": "paper", "x": 0.99, "xanchor": "right", "y": np.log10(one.top), "yanchor": "top"}
        canvas.figure.add_annotation(**words, **place)
