"""The outputs of a network beside those of theory: over a circle, over the plane, or one against the other.

`chart` chooses by the data: on a circle, in the plane or elsewhere; the targets may be numbers or classes.
"""

import numpy as np

from ntkviz.comparison import Comparison, outputs_in_words
from ntkviz.figures import plane, theme
from ntkviz.figures.axes import around, linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub

EQUAL = theme.Meaning("network = theory", theme.MUTED)


def chart(pair: Comparison, scrub: Scrub) -> Chart:
    """The chart of the outputs that fits the data."""
    return {"circle": _function, "plane": plane.surface}.get(pair.theory.data.kind, _agreement)(pair, scrub)


def _function(pair: Comparison, scrub: Scrub) -> Chart:
    data = pair.theory.data
    placed, angle = (np.rad2deg(np.zeros(0) if at is None else at) for at in (data.angle, data.angle_test))
    predicted, trained = (f[:, :, 0] for f in pair.pictured)
    canvas = Canvas(
        "function",
        linear("angle γ in degrees", (0, 360), dtick=90),
        linear("output f(γ)", around(data.y)),
        alt="The training points over the angle"
        + (", and the target that they are taken from." if data.known else "."),
        prompt="The dots are the training points" + (", and the grey curve is the target" if data.known else "") + ".",
        alt_answer=f"The learned function over the angle at the chosen step. {outputs_in_words(pair)}",
        prompt_answer="Press ▶ and follow the orange curve (the network). Does it stay on the blue dashes (theory)?",
        scrub=scrub,
    )
    if data.known:
        canvas.line(theme.TARGET, angle, data.y_test[:, 0], width=theme.THIN)
    canvas.line(theme.FINITE, angle, frames={"y": trained}, answer=True)
    canvas.line(theme.THEORY, angle, frames={"y": predicted}, answer=pair.theory.c < 2)
    canvas.points(theme.DATA, placed % 360, data.y[:, 0])
    return canvas.chart()


def _agreement(pair: Comparison, scrub: Scrub) -> Chart:
    data, ends = pair.theory.data, around(pair.theory.data.y)
    predicted, trained = (f.reshape(len(f), -1) for f in pair.pictured)
    canvas = Canvas(
        "agreement",
        linear("predicted output", ends),
        linear("output of the network", ends),
        alt="An empty chart: the predicted output across, the output of the network up, and the diagonal.",
        prompt="Each test point will be a dot. On the diagonal, network and theory are equal.",
        alt_answer="Each test point at the chosen step: its predicted output across, the network's output up. "
        + outputs_in_words(pair),
        prompt_answer="Press ▶ and follow the orange dots, one for each test point. Do they stay on the diagonal?",
        scrub=scrub,
    )
    canvas.line(EQUAL, ends, ends, width=theme.THIN)
    canvas.points(
        theme.FINITE, frames={"x": predicted, "y": trained}, answer=True, size=theme.SMALL_DOT, opacity=theme.CLEAR
    )
    if pair.theory.pictured < len(data.x_test):
        canvas.note(f"The first {pair.theory.pictured} of {len(data.x_test)} test points are drawn.")
    return canvas.chart()
