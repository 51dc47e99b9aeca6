"""What moves in training, over the width: the kernel, and the weights of each layer in three norms."""

import numpy as np

from ntkviz.experiments.movement import LAYERS, NORMS, SCALE, WIDTHS, Result, findings
from ntkviz.figures import bands, theme
from ntkviz.figures.axes import log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, View
from ntkviz.figures.numbers import told

WEIGHTS = (1e-3, 1.0)  # movements that the charts hold before any is known
NAMES = ("all weights", "strongest direction", "largest weight")
MEANINGS = {name: theme.Meaning(words, theme.hue(place)) for place, (name, words) in enumerate(LAYERS.items())}


def view(result: Result) -> View:
    """The drift, and a chart for each norm."""
    return View((_drift(result), *(_weights(result, place) for place in range(len(NORMS)))), columns=2)


def _drift(result: Result) -> Chart:
    levels = [] if result.level is None else [result.level]
    canvas = Canvas(
        "drift",
        log("width n", WIDTHS, tickvals=list(WIDTHS)),
        log("drift of the kernel", SCALE, answer=[*SCALE, *result.drift.values.ravel(), *levels], tickformat=".2~%"),
        alt="An empty chart of the drift of the kernel over the width of the network, with logarithmic axes.",
        prompt="Each network will be a dot at its width n. Its height is how far its kernel moved while it learned.",
        alt_answer="The drift of the kernel over the width of the network, with logarithmic axes. "
        f"{told(findings(result)[:3])}",
        prompt_answer="Follow the dots from left to right. By which factor does the drift change if the width doubles?",
    )
    bands.dots(canvas, theme.FINITE, result.drift)
    if result.level is not None:
        canvas.level(theme.THEORY, WIDTHS, result.level, answer=True)
    return canvas.chart()


def _weights(result: Result, norm: int) -> Chart:
    sweeps = {name: moved[norm] for name, moved in result.moved.items()}
    drawn = np.concatenate([WEIGHTS, *(sweep.values.ravel() for sweep in sweeps.values())])
    exponents = [finding for finding in findings(result) if NORMS[norm].split(" (")[0] in finding.name]
    canvas = Canvas(
        NAMES[norm],
        log("width n", WIDTHS, tickvals=list(WIDTHS)),
        log(f"movement, {NAMES[norm]}", WEIGHTS, answer=drawn, tickformat=".2~%"),
        alt=f"An empty chart of how far the weights move ({NORMS[norm]}) over the width, with logarithmic axes.",
        prompt=f"How far the weights of each layer move, as a share of their size: {NORMS[norm]}.",
        alt_answer=f"How far the weights move ({NORMS[norm]}) over the width. {told(exponents)}",
    )
    for name, sweep in sweeps.items():
        bands.band(canvas, MEANINGS[name], sweep, MEANINGS[name].name)
    return canvas.chart()
