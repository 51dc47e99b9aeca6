"""The data of a task with one input, as a chart that gives nothing away."""

from ntkviz.data import Dataset
from ntkviz.figures import theme
from ntkviz.figures.axes import linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub


def chart(data: Dataset, scrub: Scrub | None = None) -> Chart:
    """The training data over the input, named “data”.

    Args:
        data: with one input and one output.
        scrub: the slider of the view, which does not move this chart.
    """
    canvas = Canvas(
        "data",
        linear("input x"),
        linear("target y"),
        alt=f"{len(data.x)} training points over their only input, and the target.",
        prompt=f"The task: learn the grey curve from {len(data.x)} points, the black dots.",
        scrub=scrub,
    )
    if data.known:
        canvas.line(theme.TARGET, data.x_test[:, 0], data.y_test[:, 0])
    canvas.points(theme.DATA, data.x[:, 0], data.y[:, 0])
    return canvas.chart()
