"""One entry of the kernel: the terms of its neurons and their mean, and its values in many networks of three widths."""

import numpy as np

from ntkviz.experiments.birth import DRAWN, NETWORKS, SHOWN, Result, findings
from ntkviz.figures import theme
from ntkviz.figures.axes import linear, log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, View
from ntkviz.figures.numbers import told
from ntkviz.writing import written

BINS = 24  # of a histogram
FIRST = 4  # neurons from which the mean is drawn: that of fewer leaves the chart
NEURON = theme.Meaning("one neuron", theme.MUTED)
WIDTHS = tuple(theme.Meaning(f"{width} neurons", theme.hue(place)) for place, width in enumerate(DRAWN))


def view(result: Result) -> View:
    """Two charts: the neurons of three networks, and histograms over networks."""
    return View((_neurons(result), _histograms(result)), columns=2)


def _neurons(result: Result) -> Chart:
    width = result.terms.shape[1]
    numbers = np.arange(1, width + 1)
    canvas = Canvas(
        "neurons",
        log("neurons counted, j", (1, width)),
        linear("term times n, and mean", _around(result.theory), answer=_holding(result)),
        alt="A chart over the neurons of a network. A dashed line is the entry of the infinitely wide network: "
        f"{written(result.theory)}.",
        prompt="Each dot will be what one neuron contributes to the entry, times the number of neurons. A curve will "
        "be the mean of the first j dots. How near to the dashed line will the curves end?",
        alt_answer=f"The terms of the neurons, and their mean over the first j neurons, for {SHOWN} networks. "
        f"{told(findings(result)[:2])}",
        prompt_answer="The dots scatter widely. Follow the curves to the right: how soon do they agree?",
    )
    canvas.points(
        NEURON,
        numbers,
        result.terms[0] + result.bias[0],
        name="neurons of network 1",
        answer=True,
        size=theme.SMALL_DOT,
        marker={"opacity": theme.CLEAR},
    )
    for network in range(SHOWN):
        seen = slice(min(FIRST, width) - 1, None)
        mean = result.running[network, seen]
        name = f"mean, network {network + 1}"
        canvas.line(
            theme.FINITE, numbers[seen], mean, name=name, answer=True, width=(theme.LINE, theme.THIN)[network > 0]
        )
    canvas.level(theme.THEORY, (1, width), result.theory)
    return canvas.chart()


def _histograms(result: Result) -> Chart:
    low, high = float(result.drawn[-1].min()), float(result.drawn[-1].max())
    canvas = Canvas(
        "entry",
        linear("entry Θ(x, x′)", _around(result.theory), answer=_reach(result)),
        linear("share of the networks, per unit"),
        alt="An empty chart of how often an entry of the kernel has a value. A dashed line marks the infinitely wide "
        f"network: {written(result.theory)}.",
        prompt=f"{NETWORKS} networks of each of three widths will be drawn. Which width has the narrowest heap?",
        alt_answer=f"Histograms of the entry over {NETWORKS} networks of {DRAWN[0]}, {DRAWN[1]} and {DRAWN[2]} "
        f"neurons. {told(findings(result)[2:])} The widest networks lie between {written(low)} and {written(high)}.",
        prompt_answer="Three times the width makes the heap narrower. By which factor? Compare with √3.",
    )
    top = 0.0
    for meaning, entries in zip(WIDTHS, result.drawn, strict=True):
        density, edges = np.histogram(entries, BINS, density=True)
        canvas.bars(meaning, (edges[1:] + edges[:-1]) / 2, density, np.diff(edges), answer=True)
        top = max(top, float(density.max()))
    canvas.line(theme.THEORY, np.full(2, result.theory), (0.0, top), answer=True)
    return canvas.chart()


def _around(theory: float) -> tuple[float, float]:
    """A range about the entry of theory, which tells nothing of networks."""
    size = max(abs(theory), 1e-3)
    return theory - 2 * size, theory + 2 * size


def _holding(result: Result) -> tuple[float, float]:
    """A range that holds the curves, and nineteen of twenty dots."""
    dots = result.terms[0] + result.bias[0]
    curves = result.running[:, min(FIRST, result.terms.shape[1]) - 1 :]
    return float(min(np.quantile(dots, 0.025), curves.min())), float(max(np.quantile(dots, 0.975), curves.max()))


def _reach(result: Result) -> tuple[float, float]:
    """A range that holds all but the outermost hundredth of the networks of the smallest width."""
    low, high = np.quantile(result.drawn, (0.005, 0.995))
    return float(low), float(high)
