"""What is guaranteed, predicted and measured: the data, the loss, the eigenvalues, and the loss in each mode."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ntkviz.comparison.guaranteed_words import TOLD, steps_in_words
from ntkviz.data import Twins
from ntkviz.experiments.guarantee import Result, findings
from ntkviz.figures import line, task, theme
from ntkviz.figures.axes import above_zero, linear, log, positive
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.figures.numbers import told
from ntkviz.writing import percent

Floats = NDArray[np.float64]

GUARANTEE = theme.Meaning("guarantee", theme.INK, "dot")
WANTED = theme.Meaning("wanted loss", theme.MUTED, "dot")
FLOOR = theme.Meaning("floor", theme.HUES[0], "dashdot")
START = 0.5  # where step 0 is drawn on a logarithmic axis
BELOW = 100.0  # the loss is drawn down to the wanted one over this
LEAST = 1e-8  # the smallest eigenvalue over the largest, and the smallest loss of a mode, that are drawn


def view(result: Result) -> View:
    """Four charts; the slider moves along the steps."""
    steps = result.known.steps
    scrub = Scrub("step k", steps, start=len(steps) // 2)
    return View(
        (_data(result, scrub), _loss(result, scrub), _eigenvalues(result, scrub), _modes(result, scrub)),
        scrub,
        columns=2,
    )


def _data(result: Result, scrub: Scrub) -> Chart:
    """The task, with words of its own for twins and where the target is not known; a curve where there is one input."""
    data = result.known.data
    if data.x.shape[1] == 1:
        return line.chart(data, scrub)
    chart = task.chart(data, scrub)
    if not data.known:
        return replace(chart, prompt=f"The task: fit the {len(data.x)} points, which are the black dots.")
    if not isinstance(result.spec.data, Twins):
        return chart
    words = (
        "Each row is a training point: its inputs, a gap, and its label. Rows 1 and 2 are twins, and so are 3 and 4."
    )
    return replace(chart, prompt=words)


def _loss(result: Result, scrub: Scrub) -> Chart:
    known, at = result.known, positive(result.known.steps, START)
    wanted = percent(known.fraction)
    canvas = Canvas(
        "loss",
        log("step k", at),
        log("loss, share of the first", (known.fraction / BELOW, 1.0)),
        alt="A chart of the guaranteed loss over the steps, with logarithmic axes.",
        prompt=f"The dotted black curve is the loss that the slowest mode guarantees. The grey line is {wanted} of the "
        "first loss. When will the network cross it?",
        alt_answer=f"The loss over the steps, guaranteed, predicted and measured. {steps_in_words(result)}",
        prompt_answer="Solid curves are networks, dashes are the prediction, and dots are the guarantee. How far "
        f"apart do they cross {wanted} of the first loss?",
        scrub=scrub,
    )
    canvas.line(GUARANTEE, at, positive(known.bound))
    canvas.level(WANTED, at, known.fraction, width=theme.THIN)
    for number, loss in enumerate(() if result.networks is None else result.networks.loss):
        name = theme.FINITE.name if number == 0 else f"network {number + 1}"
        shown = number == 0
        canvas.line(theme.FINITE, at, positive(loss), name=name, answer=True, width=theme.THIN, showlegend=shown)
    canvas.line(theme.THEORY, at, positive(known.loss), answer=True)
    if known.floor > TOLD:
        canvas.level(FLOOR, at, known.floor, answer=True)
    marks = ((theme.FINITE, result.steps), (theme.THEORY, known.reached), (GUARANTEE, known.bounded))
    for meaning, step in marks:
        if step is not None and step <= at[-1]:
            name = f"{meaning.name}: {wanted}"
            place = [step], [known.fraction]
            canvas.points(meaning, *place, name=name, answer=True, size=theme.LARGE_DOT, showlegend=False)
    return canvas.chart(cursor=at)


def _eigenvalues(result: Result, scrub: Scrub) -> Chart:
    values = result.known.eigenvalues
    at, relative = np.arange(1.0, len(values) + 1), above_zero(values / values[0])
    zero = len(values) - result.known.positive
    canvas = Canvas(
        "eigenvalues",
        linear("mode i", (0.3, len(values) + 0.7)),
        log("λ<sub>i</sub>/λ<sub>max</sub>", (LEAST, 1.0)),
        alt="Empty axes for the eigenvalues of the kernel.",
        prompt="The eigenvalues of the kernel on these points. Is the last one above zero?",
        alt_answer=f"The eigenvalues of the kernel over the largest. {told(findings(result)[:1])}",
        prompt_answer="All eigenvalues are above zero. How far is the last one below the first?"
        if zero == 0
        else f"A logarithmic axis has no place for zero. So many eigenvalues are missing here: {zero}.",
        scrub=scrub,
    )
    canvas.points(theme.THEORY, at, relative, answer=True)
    return canvas.chart()


def _modes(result: Result, scrub: Scrub) -> Chart:
    known = result.known
    at = np.arange(1.0, len(known.eigenvalues) + 1)
    canvas = Canvas(
        "modes",
        linear("mode i", (0.3, len(at) + 0.7)),
        log("loss in the mode", (LEAST, 1.0)),
        alt="Empty axes for the loss in each mode.",
        prompt="The target is a sum of modes. How much of it lies in the slow modes, on the right?",
        alt_answer="The loss in each mode at the chosen step, of theory and of the mean of the networks.",
        prompt_answer="Move the slider to step 0: this is the target. Then press ▶. Which modes are left at the end?",
        scrub=scrub,
    )
    frames = {"y": _seen(known.left)}
    canvas.points(theme.THEORY, at, frames=frames, answer=True, size=theme.DOT, marker={"symbol": "diamond"})
    left = np.full(known.left.shape, np.nan) if result.networks is None else result.networks.left
    canvas.points(theme.FINITE, at, frames={"y": _seen(left)}, answer=True, size=theme.SMALL_DOT)
    return canvas.chart()


def _seen(left: Floats) -> Floats:
    """What the axis can show; NaN for the rest."""
    return np.asarray(np.where(left >= LEAST, left, np.nan))
