"""What a lesson shows of a result: charts, and the axis that the slider under them moves along."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ntkviz.errors import InvalidInput

Frames = Mapping[str, Mapping[str, np.ndarray]]  # trace -> attribute -> one row a frame


@dataclass(frozen=True, eq=False)
class Scrub:
    """The axis that the slider moves along, such as training time or the number of a mode."""

    label: str  # "step k", "mode"
    values: np.ndarray  # (F,) what each frame is called
    start: int = -1  # the frame that is shown first; negative counts from the end
    play: bool = True  # offer to run through the frames

    def __post_init__(self) -> None:
        count = len(self.values)
        if not count:
            raise InvalidInput(f"The slider {self.label} has no value.")
        if not -count <= self.start < count:
            raise InvalidInput(f"The slider {self.label} has {count} values and cannot begin at {self.start}.")


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure with its words and its frames; made by `canvas.Canvas`.

    `frames` maps the name of a trace to attributes with one row a frame: ``{"network": {"y": (F, n)}}`` replaces y of
    the trace “network” by row k at frame k. `cursor` (F,) draws a vertical line at x = cursor[k], and a click on the
    chart goes to the frame whose cursor is nearest. `answers` names the traces that are not drawn before the guess;
    `prompt_answer`, `alt_answer` and `layout_answer` replace or extend what is shown before it.
    """

    name: str
    figure: go.Figure
    alt: str
    prompt: str = ""
    alt_answer: str = ""
    prompt_answer: str = ""
    layout_answer: Mapping[str, Any] = field(default_factory=dict)
    frames: Frames = field(default_factory=dict)
    answers: tuple[str, ...] = ()
    cursor: np.ndarray | None = None
    span: int = 1  # columns that it takes in the row


@dataclass(frozen=True, eq=False)
class View:
    """The charts of a result."""

    charts: tuple[Chart, ...]
    scrub: Scrub | None = None
    columns: int = 0  # charts that share a row on a wide screen; 0 for all of them, three at most

    def __post_init__(self) -> None:
        names = [chart.name for chart in self.charts]
        if len(set(names)) < len(names):
            raise InvalidInput(f"Two charts of a view have the same name: {', '.join(names)}.")
        for chart in self.charts:
            check_frames(chart.name, chart.frames, chart.cursor, self.scrub)


def check_frames(name: str, frames: Frames, cursor: np.ndarray | None, scrub: Scrub | None) -> None:
    """Raise `InvalidInput` where frames or cursor of a chart do not have one row for each value of the slider."""
    moving = {f"{trace}.{attribute}": rows for trace, rows_of in frames.items() for attribute, rows in rows_of.items()}
    if cursor is not None:
        moving["cursor"] = cursor
    for what, rows in moving.items():
        if scrub is None:
            raise InvalidInput(f"Chart {name}: {what} has {len(rows)} frames, and there is no slider.")
        if len(rows) != len(scrub.values):
            count = len(scrub.values)
            raise InvalidInput(f"Chart {name}: {what} has {len(rows)} frames, and the slider has {count} values.")
