"""The neurons of a small network in the plane, from the start to the end of training, a frame for each α."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ntkviz.experiments import neurons
from ntkviz.experiments.neurons import Result
from ntkviz.figures import theme
from ntkviz.figures.axes import Axis, linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.figures.numbers import told

Floats = NDArray[np.float64]

START = theme.Meaning("start", theme.MUTED)
SIGNS = {  # of the output weight a
    1.0: (theme.Meaning("a > 0", str(theme.DIVERGING[2][1])), "circle"),
    -1.0: (theme.Meaning("a < 0", str(theme.DIVERGING[0][1])), "diamond"),
}
RINGS = (1, 10, 100, 1000)  # lengths that are drawn as circles
NEAR = 1.3  # how far the chart reaches before the answer, where the ring of the start has radius 1
MARGIN = 1.05


def view(result: Result) -> View:
    """The neurons, and the slider along α."""
    scrub = along(result.alpha)
    return View((chart(result, scrub),), scrub)


def along(alpha: ArrayLike) -> Scrub:
    """The slider along the output scales (A,), which begins at the smallest."""
    return Scrub("output scale α", np.array([float(f"{value:.3g}") for value in np.asarray(alpha)]), start=0)


def chart(result: Result, scrub: Scrub) -> Chart:
    """Each neuron as a point with its path in training, and the directions of the teacher's neurons."""
    shown = squeezed(result.path)  # (A, T, n, 2)
    reach = MARGIN * max(NEAR, float(np.abs(shown).max()))
    about = f"{len(result.sign)} neurons |a|w of a small ReLU network in the plane"
    canvas = Canvas(
        "neurons",
        _axis(reach),
        _axis(reach, scaleanchor="x"),
        alt=f"{about}, on a ring before training. Lines are the directions of the teacher's neurons.",
        prompt=f"The dots are {about}, before training. Its data come from a teacher of {neurons.TEACHER} neurons, "
        "whose directions are the dotted lines. Where will training move the dots?",
        alt_answer=f"{about}, after training. {told(neurons.findings(result))}",
        prompt_answer=f"The dots and diamonds are {about}, trained at this α; thin lines are their paths from the "
        "ring. Dotted lines are the directions of the teacher that made its data. Do the neurons turn to them?",
        scrub=scrub,
        margin={"l": 8, "r": 8, "b": 8},
    )
    _rings(canvas)
    for number, (turn, sign) in enumerate(zip(result.teacher, result.teacher_sign, strict=True), start=1):
        of, end = SIGNS[float(sign)][0], squeezed(RINGS[-1] * turn)
        meaning = theme.Meaning("teacher", of.color, "dot")
        words = f"teacher {number}, {of.name}"
        canvas.line(meaning, [0, end[0]], [0, end[1]], name=words, width=theme.THIN, showlegend=False)
    for sign, (meaning, symbol) in SIGNS.items():
        group, quiet = shown[:, :, result.sign == sign], {"showlegend": False, "hoverinfo": "skip"}
        dots: dict[str, Any] = {"size": theme.SMALL_DOT, "marker": {"symbol": symbol}}
        canvas.points(START, *group[0, 0].T, name=f"start, {meaning.name}", showlegend=False, **dots)
        for name, rows, draw, look in (
            ("path", tracks(group), canvas.line, {"width": theme.THIN / 2, **quiet}),
            ("neurons", group[:, -1], canvas.points, dots),
        ):
            frames = {"x": rows[..., 0], "y": rows[..., 1]}
            draw(meaning, name=f"{name}, {meaning.name}", frames=frames, answer=True, **look)
    return canvas.chart()


def _axis(reach: float, **settings: Any) -> Axis:
    """An axis without ticks, which holds the ring before the answer and all paths after it."""
    near = MARGIN * NEAR
    return linear("", (-near, near), answer=(-reach, reach), visible=False, constrain="domain", **settings)


def _rings(canvas: Canvas) -> None:
    """Circles at lengths 1, 10, 100 … times that at the start; the chart cuts off those that lie outside."""
    for length in RINGS:
        radius = float(squeezed(np.array([float(length), 0.0]))[0])
        ends = {"x0": -radius, "x1": radius, "y0": -radius, "y1": radius}
        canvas.figure.add_shape(type="circle", line={"color": theme.GRID, "width": 1}, layer="below", **ends)
        words, font = "start" if length == 1 else f"× {length}", {"size": 13, "color": theme.MUTED}
        canvas.figure.add_annotation(x=0, y=radius, text=words, showarrow=False, bgcolor=theme.PAPER, font=font)


def squeezed(points: ArrayLike) -> Floats:
    """Points (…, 2) with their directions and with radius log₁₀(1 + 9r): 1 stays, 10 and 100 go to about 2 and 3.

    >>> squeezed([[1.0, 0.0], [0.0, 11.0]]).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    at = np.asarray(points, np.float64)
    radius = np.linalg.norm(at, axis=-1, keepdims=True)
    return np.asarray(at * np.log10(1 + 9 * radius) / np.maximum(radius, math.ulp(1.0)))


def tracks(group: Floats) -> Floats:
    """Paths (A, T, n, 2) end to end as one line a frame with gaps, (A, n (T + 1), 2)."""
    gaps = np.full((len(group), 1, *group.shape[2:]), np.nan)
    return np.asarray(np.concatenate([group, gaps], axis=1).swapaxes(1, 2).reshape(len(group), -1, 2))
