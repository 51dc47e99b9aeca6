"""The one way to build a chart: each trace is added with its meaning, its frames and whether it is part of the answer.

    canvas = Canvas("loss", log("step k"), log("loss"), alt="…", prompt="…", scrub=scrub)
    canvas.line(theme.THEORY, steps, loss)
    canvas.line(theme.FINITE, steps, frames={"y": rows}, answer=True)
    chart = canvas.chart(cursor=steps)

A trace is known by its name, which is unique in a chart and becomes the name of its series in downloads.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from ntkviz.errors import InvalidInput
from ntkviz.figures import theme
from ntkviz.figures.axes import Axis, linear
from ntkviz.figures.chart import Chart, Scrub, check_frames

HIDDEN = linear("", visible=False)  # an axis that is not drawn


class Canvas:
    """A chart in the making."""

    def __init__(
        self,
        name: str,
        x: Axis = HIDDEN,
        y: Axis = HIDDEN,
        *,
        alt: str,
        prompt: str = "",
        alt_answer: str = "",
        prompt_answer: str = "",
        scrub: Scrub | None = None,
        height: int = theme.TALL,
        span: int = 1,
        **layout: Any,
    ) -> None:
        """An empty chart.

        Args:
            name: of the chart, unique in a view; files that are downloaded carry it.
            x, y: the axes.
            alt: what the chart shows, for those who cannot see it; `alt_answer` replaces it after the guess.
            prompt: what to look for; `prompt_answer` replaces it after the guess.
            scrub: the slider that moves its frames.
            height: in pixels.
            span: columns of the row that it takes.
            layout: further settings of Plotly's layout.
        """
        self.figure = theme.figure(x.title, y.title, height=height, **layout)
        self.figure.update_xaxes(x.settings)
        self.figure.update_yaxes(y.settings)
        later = {name: axis.answer for name, axis in (("xaxis", x), ("yaxis", y)) if axis.answer}
        self._name = name
        self._made = partial(
            Chart,
            name=name,
            alt=alt,
            prompt=prompt,
            alt_answer=alt_answer,
            prompt_answer=prompt_answer,
            layout_answer=later,
            span=span,
        )
        self._scrub = scrub
        self._frames: dict[str, dict[str, np.ndarray]] = {}
        self._answers: list[str] = []

    def add(
        self,
        trace: Any,
        meaning: theme.Meaning,
        *,
        name: str = "",
        answer: bool = False,
        frames: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Add a trace.

        Args:
            trace: a trace of Plotly.
            meaning: what kind of thing it shows; its name is the trace's unless `name` says another.
            answer: whether it is part of the answer, and not drawn before the guess.
            frames: attribute -> rows (F, …), one for each value of the slider; the trace starts with the first shown.

        Raises `InvalidInput` for a name that the chart has already, and for frames that do not fit the slider.
        """
        name = name or meaning.name
        if name in {one.name for one in self.figure.data}:
            raise InvalidInput(f"Chart {self._name} has two traces named {name}; names must differ.")
        rows = {attribute: np.asarray(values) for attribute, values in (frames or {}).items()}
        check_frames(self._name, {name: rows}, None, self._scrub)
        if self._scrub is not None:
            trace.update({attribute: theme.compact(values[self._scrub.start]) for attribute, values in rows.items()})
        trace.update(name=name, meta={"meaning": meaning.name})
        self.figure.add_trace(trace)
        if rows:
            self._frames[name] = rows
        if answer:
            self._answers.append(name)

    def line(
        self,
        meaning: theme.Meaning,
        x: ArrayLike = (),
        y: ArrayLike = (),
        *,
        name: str = "",
        answer: bool = False,
        frames: Mapping[str, np.ndarray] | None = None,
        width: float = theme.LINE,
        **more: Any,
    ) -> None:
        """Add a curve in the colour and dash of its meaning; see `add`. `more` are settings of Plotly's trace."""
        style = {"color": meaning.color, "dash": meaning.dash, "width": width}
        settings = {"mode": "lines", "line": style} | more
        trace = go.Scatter(x=theme.compact(x), y=theme.compact(y), **settings)
        self.add(trace, meaning, name=name, answer=answer, frames=frames)

    def points(
        self,
        meaning: theme.Meaning,
        x: ArrayLike = (),
        y: ArrayLike = (),
        *,
        name: str = "",
        answer: bool = False,
        frames: Mapping[str, np.ndarray] | None = None,
        size: float = theme.DOT,
        marker: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Add markers in the colour of their meaning; see `add`. `marker` adds to their look."""
        style = {"color": meaning.color, "size": size, "line": {"color": theme.PAPER, "width": 1}} | dict(marker or {})
        trace = go.Scatter(x=theme.compact(x), y=theme.compact(y), **({"mode": "markers", "marker": style} | more))
        self.add(trace, meaning, name=name, answer=answer, frames=frames)

    def bars(
        self,
        meaning: theme.Meaning,
        x: ArrayLike = (),
        y: ArrayLike = (),
        width: ArrayLike = (),
        *,
        name: str = "",
        answer: bool = False,
        frames: Mapping[str, np.ndarray] | None = None,
        **more: Any,
    ) -> None:
        """Add bars of height `y` and of a width in the units of x, centred at `x`; see `add`."""
        style = {"color": meaning.color, "opacity": theme.CLEAR, "line": {"color": theme.PAPER, "width": 1}}
        at, height, wide = (theme.compact(np.asarray(values, np.float64)) for values in (x, y, width))
        trace = go.Bar(x=at, y=height, width=wide, **({"marker": style} | more))
        self.add(trace, meaning, name=name, answer=answer, frames=frames)

    def level(
        self, meaning: theme.Meaning, x: ArrayLike, y: float, *, name: str = "", answer: bool = False, **more: Any
    ) -> None:
        """Add a horizontal line at `y` from the first to the last of `x`: a reference that does not depend on x."""
        ends = np.asarray(x)[[0, -1]]
        self.line(meaning, ends, np.full(2, float(y)), name=name, answer=answer, **more)

    def note(self, text: str) -> None:
        """Say something that the numbers of a download must be read with, such as that a matrix was thinned."""
        self.figure.update_layout(meta={"note": text})

    def chart(self, *, cursor: ArrayLike | None = None) -> Chart:
        """The finished chart.

        Args:
            cursor: (F,) where a vertical line stands at each value of the slider; in the units of the x-axis.

        Raises `InvalidInput` where the cursor does not fit the slider.
        """
        at = None if cursor is None else np.asarray(cursor, np.float64)
        check_frames(self._name, {}, at, self._scrub)
        return self._made(figure=self.figure, frames=self._frames, answers=tuple(self._answers), cursor=at)
