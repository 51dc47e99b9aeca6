"""A `Chart`: one Plotly figure with its words, and the frames that the browser scrubs without asking the server."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go


@dataclass(frozen=True)
class Scrub:
    """The axis that the slider under a row of charts moves along (training time, mode number)."""

    label: str  # "step k", "mode i"
    values: np.ndarray  # (F,) what each frame is called
    start: int = -1  # the frame that is shown first; negative counts from the end
    play: bool = True  # offer to run through the frames


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure, what to look for in it (`prompt`), what it shows for those who cannot see it (`alt`).

    `frames` maps a trace's index to attributes with one row a frame: ``{0: {"y": (F, n)}}`` replaces y of trace 0 by
    row k at frame k (heatmaps: ``{"z": (F, rows, columns)}``). `cursor` (F,) draws a vertical line at x = cursor[k],
    and a click on the chart goes to the frame whose cursor is nearest.
    """

    name: str
    figure: go.Figure
    alt: str
    prompt: str = ""
    frames: Mapping[int, Mapping[str, np.ndarray]] = field(default_factory=dict)
    cursor: np.ndarray | None = None
    span: int = 1  # columns that it takes in the row


@dataclass(frozen=True)
class Number:
    """A number that settles something: its value with unit and uncertainty, and what theory expects of it."""

    label: str
    value: str
    expected: str = ""  # "theory: −2", shown under the value
    help: str = ""


@dataclass(frozen=True)
class View:
    """Everything that a lesson shows of one result."""

    charts: tuple[Chart, ...]
    scrub: Scrub | None = None
    columns: int = 0  # charts that share a row on a wide screen; 0 for all of them, three at most
    numbers: tuple[Number, ...] = ()
    warnings: tuple[str, ...] = ()  # sentences for the class: where the theory is void, what was dropped
