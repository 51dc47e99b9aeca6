"""Reads what a view draws, trace by trace and frame by frame, so that a test can hold it against the result.

seen = drawn(view(result), "loss", "theory")
assert seen.meaning == theme.THEORY.name
np.testing.assert_allclose(seen.y, ...)        # (F, n) where it has frames, else (1, n)
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ntkviz.figures.chart import Chart, View
from ntkviz.findings import Finding


@dataclass(frozen=True)
class Drawn:
    """One trace at every frame; a trace without frames has one."""

    trace: Any  # of Plotly
    meaning: str
    answer: bool
    frames: dict[str, np.ndarray]

    def __getattr__(self, name: str) -> np.ndarray:
        if name in self.frames:
            return np.asarray(self.frames[name])
        value = self.trace[name]
        return np.asarray([] if value is None else value)[None]


def chart(view: View, name: str) -> Chart:
    """The chart with this name."""
    found = [one for one in view.charts if one.name == name]
    assert found, f"the view has charts {[one.name for one in view.charts]}, and not {name}"
    return found[0]


def names(view: View, of: str) -> list[str]:
    """The names of the traces of a chart, in the order in which they are drawn."""
    return [trace.name for trace in chart(view, of).figure.data]


def drawn(view: View, of: str, name: str) -> Drawn:
    """The trace with this name of the chart `of`."""
    found = chart(view, of)
    traces = [trace for trace in found.figure.data if trace.name == name]
    assert len(traces) == 1, f"chart {of} draws {names(view, of)}, not one {name!r}"
    frames = {attribute: np.asarray(rows) for attribute, rows in found.frames.get(name, {}).items()}
    return Drawn(traces[0], traces[0].meta["meaning"], name in found.answers, frames)


def numbers(experiment: ModuleType, result: Any) -> dict[str, Finding]:
    """The findings of a result by their names, which must differ."""
    findings = experiment.findings(result)
    found = {finding.name: finding for finding in findings}
    assert len(found) == len(findings), "two findings have the same name"
    return found


def sentences(experiment: ModuleType, result: Any) -> list[str]:
    """The remarks of a result."""
    return [remark.text for remark in experiment.remarks(result)]


def before_guess(view: View) -> dict[str, Any]:
    """All that a page shows of a view before the guess: the charts without the traces and words of the answer."""
    shown: dict[str, Any] = {"columns": view.columns}
    if view.scrub is not None:
        shown["scrub"] = (view.scrub.label, list(view.scrub.values), view.scrub.start)
    for one in view.charts:
        traces = [trace.to_plotly_json() for trace in one.figure.data if trace.name not in one.answers]
        frames = {name: one.frames[name] for name in one.frames if name not in one.answers}
        shown[one.name] = {
            "traces": traces,
            "layout": one.figure.layout.to_plotly_json(),
            "frames": frames,
            "words": (one.alt, one.prompt),
            "cursor": one.cursor,
        }
    return shown


def same(one: Any, other: Any) -> bool:
    """Whether nested data with arrays are equal; not-a-number equals itself."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return bool(one == other)
