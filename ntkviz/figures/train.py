"""The charts of “Train and predict”: outputs, modes and loss over the steps, of theory and of a network.

Everything is read from the `Result`; a network that is still training has shorter curves, or none yet.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntkviz.comparison import rates_in_words, steps_in_words
from ntkviz.experiments.train import Result
from ntkviz.figures import outputs, theme
from ntkviz.figures.axes import log, positive
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.writing import percent, written

Floats = NDArray[np.float64]

START = 0.5  # where step 0 is drawn on a logarithmic axis
LEAST, MOST, GROWN = 1e-3, 1.2, 30.0  # shares left of a mode that are drawn; `GROWN` where the closed form diverges
DEEP = 1e-6  # the smallest loss that is drawn, as a share of the first
WANTED = theme.Meaning("wanted loss", theme.MUTED, "dot")


def view(result: Result) -> View:
    """The outputs, the modes and the loss; the slider moves along the steps."""
    steps = result.theory.steps
    scrub = Scrub("step k", steps, start=len(steps) // 2)
    return View((outputs.chart(result, scrub), _modes(result, scrub), _loss(result, scrub)), scrub)


def _at(result: Result) -> Floats:
    """(T,) the places of the recorded steps on a logarithmic axis."""
    return positive(result.theory.steps, START)


def _modes(result: Result, scrub: Scrub) -> Chart:
    theory, at, known = result.theory, _at(result), result.spec.c >= 2
    canvas = Canvas(
        "modes",
        log("step k", at),
        log("what is left of each mode", (LEAST, GROWN if known else MOST)),
        alt="A chart of what is left of each mode over the steps, with logarithmic axes.",
        prompt="A mode is a part of the error that theory shrinks by one factor at each step. Its curve begins at 1.",
        alt_answer=f"What is left of each mode over the steps, with logarithmic axes. {rates_in_words(result)}",
        prompt_answer="Solid curves are the network, dashes are theory, (1 − ηλ)<sup>k</sup>, and dots are gradient "
        "flow, e<sup>−ηλk</sup>. Which solid curve leaves its dashes first?",
        scrub=scrub,
    )
    for g, name in enumerate(theory.modes.names):
        hue, value = theme.hue(g), written(theory.modes.eigenvalues[g])
        about: dict[str, Any] = {"legendgroup": name, "hovertemplate": f"{name}, λ = {value}<br>%{{x}}: %{{y:.3g}}"}
        flow = theme.Meaning(f"{name}: gradient flow", hue, "dot")
        canvas.line(
            flow, at, positive(theory.flow[:, g]), answer=not known, width=theme.THIN, showlegend=False, **about
        )
        network = theme.Meaning(theme.FINITE.name, hue, theme.FINITE.dash)
        left = positive(result.trained.modes[:, g])
        canvas.line(network, at[: len(left)], left, name=name, answer=True, **about)
        predicted = theme.Meaning(theme.THEORY.name, hue, theme.THEORY.dash)
        exact = positive(theory.curves.modes[:, g])
        canvas.line(predicted, at, exact, name=f"{name}: theory", answer=not known, showlegend=known, **about)
    return canvas.chart(cursor=at)


def _loss(result: Result, scrub: Scrub) -> Chart:
    theory, trained, at, known = result.theory, result.trained, _at(result), result.spec.c >= 2
    first, fraction = float(theory.curves.loss[0]), percent(result.spec.fraction)
    before = np.array([min(theory.level, first / GROWN), first * (GROWN if known else 1)])
    falling = np.empty(0) if known else theory.curves.loss
    answer = positive(np.concatenate([before, trained.loss, falling]), DEEP * first)
    canvas = Canvas(
        "loss",
        log("step k", at),
        log("loss ½ ‖f − y‖²", before, answer=answer),
        alt=f"A chart of the loss over the steps, with logarithmic axes. A line marks {fraction} of the first loss.",
        prompt=f"The dotted line marks the wanted loss, {fraction} of the first. When will the network reach it?",
        alt_answer=f"The mean loss over the steps, of network and theory. {steps_in_words(result)}",
        prompt_answer=f"The large dots mark where the loss falls to {fraction} of its first value: the orange one for "
        "the network, the blue one for theory. How far are they apart? Thin curves are the loss on test points.",
        scrub=scrub,
    )
    for meaning, curves, hidden in ((theme.FINITE, trained, True), (theme.THEORY, theory.curves, not known)):
        loss, tested = curves.loss, curves.test_loss
        canvas.line(meaning, at[: len(loss)], positive(loss), answer=hidden)
        if tested is not None:
            name = f"{meaning.name}, test points"
            canvas.line(
                *(meaning, at[: len(tested)], positive(tested)),
                name=name,
                answer=hidden,
                width=theme.THIN,
                showlegend=False,
            )
    for meaning, reached in ((theme.FINITE, result.reached), (theme.THEORY, result.predicted)):
        if reached is not None and reached <= at[-1]:
            canvas.points(
                meaning,
                [reached],
                [theory.level],
                name=f"{meaning.name}: {fraction}",
                answer=True,
                size=theme.LARGE_DOT,
                showlegend=False,
            )
    canvas.level(WANTED, at, theory.level, width=theme.THIN, showlegend=False)
    return canvas.chart(cursor=at)
