"""The charts of “Lazy or feature learning”: the task, what each output scale α leads to, and the run at one α."""

import numpy as np

from ntkviz.experiments import lazy
from ntkviz.experiments.lazy import Result
from ntkviz.figures import family, neurons, task, theme
from ntkviz.figures.axes import linear, log
from ntkviz.figures.bands import Range, band, bars_in_words, ranges
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.figures.numbers import told
from ntkviz.scales import LAZY, RICH
from ntkviz.writing import written

AXIS = "output scale α    (← rich | lazy →)"
LEVELS = (  # test errors that are known before training
    (theme.THEORY, "kernel regression, infinite width", "kernel_error"),
    (theme.LINEARISED, "linearised network", "linear_error"),
    (theme.TARGET, "always the mean target", "constant_error"),
)
FAR_BELOW = 300.0  # how far below the levels the axis of errors reaches before the answer
FAR = 1e6  # factor by which the outer regimes go on, beyond every axis
REGIMES = (
    Range(f"lazy: below {LAZY:g}", LAZY / FAR, LAZY, LAZY),
    Range("between", LAZY, RICH, RICH),
    Range(f"features: above {RICH:g}", RICH, RICH * FAR, RICH * 10),
)
LOW_CKA = 0.05  # the least that the axis of the alignment holds


def view(result: Result) -> View:
    """The task, the errors and the drift over α, the neurons, the run at the chosen α, and the alignment over α."""
    scrub = neurons.along(result.families.alpha)
    return View(
        (
            task.chart(result.data, scrub),
            _errors(result, scrub),
            _drift(result, scrub),
            neurons.chart(result.neurons, scrub),
            family.curves(result.families, scrub),
            _alignment(result, scrub),
        ),
        scrub,
        columns=3,
    )


def _said(result: Result, *names: str) -> str:
    """The findings whose names begin with one of the names, as sentences, and what the bars are."""
    findings = told(finding for finding in lazy.findings(result) if finding.name.startswith(names))
    return " ".join(part for part in (findings, bars_in_words(len(result.families.members))) if part)


def _errors(result: Result, scrub: Scrub) -> Chart:
    runs, errors = result.families, result.families.sweep("test_error")
    levels = [(meaning, name, runs.level(field)) for meaning, name, field in LEVELS]
    known = [(meaning, name, level) for meaning, name, level in levels if level is not None]
    before = [level / far for *_, level in known for far in (1.0, FAR_BELOW)]
    listed = ", ".join(f"{name} {written(level)}" for _, name, level in known)
    canvas = Canvas(
        "test-error",
        log(AXIS, runs.alpha),
        log("test error (mean square)", before, answer=[*before, *errors.low, *errors.high]),
        alt=f"A chart of the test error over the output scale α. Lines are known before training: {listed}.",
        prompt="The same network is trained at each α. The lines are known before training. Where will the test error "
        "of the trained network lie?",
        alt_answer=f"The test error of the trained network over the output scale α. {_said(result, 'Test error')}",
        prompt_answer="Follow the orange curve (the trained network) from right to left. Does its test error fall "
        f"where features are learned? {bars_in_words(len(runs.members))}",
        scrub=scrub,
    )
    for meaning, name, level in known:
        canvas.level(meaning, runs.alpha, level, name=name, width=theme.THIN)
    band(canvas, theme.FINITE, errors, "network")
    return canvas.chart(cursor=runs.alpha)


def _drift(result: Result, scrub: Scrub) -> Chart:
    runs, drift, narrow = result.families, result.families.sweep("drift"), result.narrow.sweep("drift")
    first, shown = runs.level("first_order"), [LAZY / 10, RICH * 10]
    foreseen = np.empty(0) if first is None else first / runs.alpha
    canvas = Canvas(
        "drift",
        log(AXIS, runs.alpha),
        log(
            "kernel drift ‖Θ − Θ₀‖/‖Θ₀‖",
            shown,
            answer=[*shown, *drift.low, *drift.high, *narrow.low, *narrow.high, *foreseen],
        ),
        alt="A chart of the kernel's relative change in training over the output scale α, with three grey bands.",
        prompt="The drift is the relative change of the kernel in training. Grey bands name the regimes. "
        "At which α will the kernel keep its value?",
        alt_answer=f"The kernel's drift over the output scale α. {_said(result, 'Kernel drift', 'Exponent')}",
        prompt_answer="Follow the orange curve (the trained network) to the right. Does it come down on the green "
        f"line, the drift to first order in 1/α? {bars_in_words(len(runs.members))}",
        scrub=scrub,
    )
    ranges(canvas, *REGIMES)
    if len(foreseen):
        canvas.line(theme.LINEARISED, runs.alpha, foreseen, name="first order in 1/α", answer=True)
    if narrow.networks:
        thin = {"color": theme.FINITE.color, "width": theme.THIN, "dash": "dot"}
        band(canvas, theme.FINITE, narrow, f"network of width {result.narrow.arch.width}", line=thin)
    band(canvas, theme.FINITE, drift, "network")
    return canvas.chart(cursor=runs.alpha)


def _alignment(result: Result, scrub: Scrub) -> Chart:
    runs, aligned = result.families, result.families.sweep("aligned", average="arithmetic")
    start, top = runs.level("aligned_start"), float(np.nanmax(np.append(aligned.high, LOW_CKA)))
    canvas = Canvas(
        "alignment",
        log(AXIS, runs.alpha),
        linear("alignment (CKA)", (0.0, 1.0), answer=(0.0, 1.1 * top)),
        alt="A chart of the alignment of the hidden layer with the target over the output scale α.",
        prompt="The alignment (CKA) says how well the hidden layer separates the targets of test points: 1 is perfect, "
        "0 is not at all. Where will training raise it?",
        alt_answer=f"The alignment of the hidden layer over the output scale α. {_said(result, 'Alignment')}",
        prompt_answer="The alignment (CKA) says how well the hidden layer separates the targets of test points. Where "
        f"did training raise it above the dotted line? {bars_in_words(len(runs.members))}",
        scrub=scrub,
    )
    if start is not None:
        canvas.level(theme.Meaning("start", theme.MUTED, "dot"), runs.alpha, start, name="before training", answer=True)
    band(canvas, theme.FINITE, aligned, "after training")
    return canvas.chart(cursor=runs.alpha)
