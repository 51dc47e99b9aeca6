"""Spectra side by side: shares of the trace over frequencies or mode numbers, with what was fitted and the laws."""

from ntkviz.experiments.decay import Result
from ntkviz.figures import theme
from ntkviz.figures.axes import linear, log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import View
from ntkviz.writing import fixed, percent

PROMPTS = {
    "depth": "Each curve is a depth, at infinite width. Depth moves the curves: does it change how steep they are?",
    "activation": "Each curve is a nonlinearity, at infinite width. Which are straight here, and which bend down?",
    "kernel": "The NTK trains all layers, the NNGP kernel the last one alone. Which keeps more of the high modes?",
    "architecture": "Each curve is an architecture, at infinite width. Which spends most of its trace on few modes?",
    "width": "The dashed curve is infinite width. From which mode on does each network leave it?",
    "data": "The same network on other data. On which data is the spectrum flattest?",
}


def view(result: Result) -> View:
    """One chart with all curves."""
    spec = result.spec
    name = "frequency k" if spec.by_frequency else "mode i"
    limits = (1, spec.points)
    x = linear(name, (0, 60), answer=(0, result.reach)) if spec.smooth else log(name, limits)
    differ = "" if result.difference is None else f" The spectra differ by up to {percent(result.difference)} of it."
    canvas = Canvas(
        "compare",
        x,
        log("λ / trace", spec.window, answer=result.visible),
        alt=f"Empty axes for spectra, in shares of their trace, over the {name}.",
        prompt="How does each spectrum fall? The trace is the sum of all eigenvalues.",
        alt_answer=f"{len(result.curves)} spectra in shares of their trace, over the {name}, with fitted slopes in the "
        f"legend.{differ}",
        prompt_answer=PROMPTS[spec.compare],
        height=theme.TALLER,
        span=3,
        legend=theme.LOWER_LEFT,
    )
    networks = any(curve.finite for curve in result.curves)
    for number, curve in enumerate(result.curves):
        infinite = networks and not curve.finite
        meaning = theme.THEORY if infinite else theme.Meaning(curve.label, theme.hue(number))
        canvas.line(meaning, curve.at[curve.seen], curve.eigenvalues[curve.seen], name=curve.caption, answer=True)
    for slope, (at, values) in result.laws.items():
        meaning = theme.Meaning("law", theme.INK, "dot")
        canvas.line(meaning, at, values, name=f"law: slope {fixed(slope, 2)}", answer=True)
    return View((canvas.chart(),))
