"""Functions that fit the same points, from starts that the points cannot tell apart, and how far the weights moved."""

import numpy as np

from ntkviz.experiments.unseen import ONE, POINTS, SHIFTS, STAR, UNMOVED, Result, kept_in_words
from ntkviz.figures import theme
from ntkviz.figures.axes import linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View

HEIGHT = 3.5  # of the outputs that are drawn
BEFORE = theme.Meaning("shift before training", theme.MUTED, "dot")
LEAST = theme.Meaning("theory without a shift", theme.THEORY.color, "dot")
PLACE = theme.Meaning("x*", theme.MUTED, "dot")


def view(result: Result) -> View:
    """Two charts; the slider moves along the shift of the start."""
    scrub = Scrub("shift h at x*", np.array(SHIFTS), start=ONE, play=False)
    return View((_functions(result, scrub), _movement(result, scrub)), scrub)


def _functions(result: Result, scrub: Scrub) -> Chart:
    data = POINTS.load()
    placed, angle = (np.rad2deg(np.zeros(0) if at is None else at) for at in (data.angle, data.angle_test))
    unseen = result.theory[ONE] - result.theory[UNMOVED]
    canvas = Canvas(
        "between",
        linear("angle γ in degrees", (0, 360), dtick=90),
        linear("output f(γ)", (-HEIGHT, HEIGHT)),
        alt="Five training points over the angle, and a shift of the start that is zero at all of them.",
        prompt="The grey dotted curve is a shift of the function before training. It is zero at the five points. What "
        "will training make of it?",
        alt_answer=f"The learned functions over the angle, for one shift of the start. {kept_in_words(result)}",
        prompt_answer="Move the slider along the shifts. All curves go through the five points. Do they agree between "
        "them?",
        scrub=scrub,
    )
    canvas.line(BEFORE, angle, frames={"y": np.outer(SHIFTS, unseen)}, width=theme.THIN)
    canvas.line(PLACE, [STAR, STAR], [-HEIGHT, HEIGHT], width=theme.THIN)
    canvas.line(LEAST, angle, result.theory[UNMOVED], answer=True, width=theme.THIN)
    canvas.line(theme.FINITE, angle, frames={"y": result.network.mean(axis=0)}, answer=True)
    canvas.line(theme.THEORY, angle, frames={"y": result.theory}, answer=True)
    canvas.points(theme.DATA, placed, data.y[:, 0])
    return canvas.chart()


def _movement(result: Result, scrub: Scrub) -> Chart:
    top = 1.15 * float(max(result.theory_movement.max(), result.movement.max()))
    canvas = Canvas(
        "movement",
        linear("shift h at x*", (SHIFTS[0] - 0.3, SHIFTS[-1] + 0.3), dtick=1),
        linear("‖w − w₀‖ after training", (0.0, 1.0), answer=(0.0, top)),
        alt="Empty axes for the distance of the trained weights from the start without a shift.",
        prompt="All these weights fit the points. Which of them are nearest to the start without a shift?",
        alt_answer="The distance of the trained weights from the start without a shift, over the shift. It is smallest "
        f"at the shift {SHIFTS[int(np.argmin(result.theory_movement))]:g} in theory.",
        prompt_answer=f"Each dot is a trained network with {result.arch.width} neurons a layer. "
        "From the start without a shift, gradient "
        "descent finds the lowest point of the curve.",
        scrub=scrub,
    )
    shifts = np.broadcast_to(SHIFTS, result.movement.shape)
    canvas.points(theme.FINITE, shifts.ravel(), result.movement.ravel(), answer=True)
    canvas.line(theme.THEORY, SHIFTS, result.theory_movement, answer=True)
    return canvas.chart(cursor=np.array(SHIFTS))
