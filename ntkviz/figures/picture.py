"""A `Picture`: a view as the browser takes it, drawn where the run goes on and once for everybody who looks at it."""

import base64
import gzip
import json
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from ntkviz.figures.chart import Chart, Number, Scrub, View


@dataclass(frozen=True)
class Picture:
    """What is shown of a result: its charts as compressed JSON, and the words and numbers around them."""

    spec: Any  # what made it
    charts: tuple[tuple[str, bytes], ...]  # name, and what `written` makes of it
    scrub: Scrub | None
    columns: int
    numbers: tuple[Number, ...]
    warnings: tuple[str, ...]


def draw(experiment: str, result: Any) -> Picture:
    """The picture of a result, or of a part of one: the figures of an experiment have the name of its module."""
    figures = import_module(f"ntkviz.figures.{experiment.rpartition('.')[2]}")
    view: View = figures.view(result)
    charts = tuple((chart.name, written(chart)) for chart in view.charts)
    return Picture(result.spec, charts, view.scrub, view.columns, view.numbers, view.warnings)


def written(chart: Chart) -> bytes:
    """The chart as compressed JSON."""
    return gzip.compress(json.dumps(_chart(chart)).encode(), 6)


def _chart(chart: Chart) -> dict[str, Any]:
    return {
        "name": chart.name,
        "figure": chart.figure.to_json(),
        "alt": chart.alt,
        "prompt": chart.prompt,
        "frames": {
            str(trace): {attribute: pack(rows) for attribute, rows in updates.items()}
            for trace, updates in chart.frames.items()
        },
        "cursor": None if chart.cursor is None else [float(x) for x in chart.cursor],
        "span": chart.span,
    }


def pack(rows: np.ndarray) -> dict[str, Any]:
    """An array as base64 float32 with its shape: a third of the bytes of a JSON list."""
    array = np.ascontiguousarray(rows, dtype="<f4")
    return {"shape": list(array.shape), "float32": base64.b64encode(array.tobytes()).decode("ascii")}
