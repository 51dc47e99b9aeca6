"""The training of one network at the chosen α, beside what theory foresees of it, a frame for each α."""

from ntkviz.figures import theme
from ntkviz.figures.axes import log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub
from ntkviz.scales import Families


def curves(runs: Families, scrub: Scrub) -> Chart:
    """Errors over the steps, of the first seed's network; an empty chart where none has been started.

    Args:
        runs: the families of all seeds.
        scrub: the slider along α.
    """
    shown, steps = runs.members[:1], runs.recipe.steps
    known = [level for one in shown for level in (one.kernel_error, *one.linear_curve[:, 1:].ravel())]
    measured = [error for one in shown for rows in (one.train_curve, one.test_curve) for error in rows[:, 1:].ravel()]
    seed = "the first seed's run" if len(runs.members) + runs.pending > 1 else "the run"
    canvas = Canvas(
        "curves",
        log("step k", [1, steps]),
        log("mean squared error", known, answer=[*known, *measured]),
        alt=f"A chart of errors over the steps of {seed} at the chosen α: the linearised network's test error.",
        prompt="The green curve is the test error of the linearised network, in closed form. When will the trained "
        "network's test error leave it?",
        alt_answer=f"Training and test error over the steps of {seed} at the chosen α, and the linearised network's "
        "test error.",
        prompt_answer=f"This is {seed} at the chosen α. When does the solid orange curve (the network's test error) "
        "leave the green one (the linearised network's)?",
        scrub=scrub,
    )
    for one in shown:
        at = one.steps[1:]
        linear, test, train = (rows[:, 1:] for rows in (one.linear_curve, one.test_curve, one.train_curve))
        canvas.level(theme.THEORY, at, one.kernel_error, name="kernel regression, infinite width", width=theme.THIN)
        canvas.line(theme.LINEARISED, at, name="linearised, test points", frames={"y": linear})
        canvas.line(theme.FINITE, at, name="network, test points", frames={"y": test}, answer=True)
        dots = {"color": theme.FINITE.color, "dash": "dot", "width": theme.THIN}
        canvas.line(theme.FINITE, at, name="network, training points", frames={"y": train}, answer=True, line=dots)
    return canvas.chart()
