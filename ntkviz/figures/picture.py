"""A `Picture`: charts, numbers and sentences as the browser takes them, made once for everybody who looks at them.

It is made where the run goes on, in a worker as a rule, so that the server of the pages draws nothing.
"""

import base64
import gzip
import json
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.figures.numbers import Number, number
from ntkviz.findings import Remark


@dataclass(frozen=True)
class Picture:
    """What is shown of a result: its charts as compressed JSON, and the numbers and sentences under them."""

    spec: Any  # what made it
    charts: tuple[tuple[str, bytes], ...]  # name, and what `packed` makes of it
    scrub: Scrub | None
    columns: int
    numbers: tuple[Number, ...]
    remarks: tuple[Remark, ...]


def draw(experiment: str, result: Any) -> Picture:
    """The picture of a result, or of a part of one.

    Args:
        experiment: the name of the experiment's module; the module of its figures has the same name.
        result: what the experiment returned or reported.
    """
    module = import_module(experiment)
    figures = import_module(f"ntkviz.figures.{experiment.rpartition('.')[2]}")
    view: View = figures.view(result)
    return Picture(
        spec=result.spec,
        charts=tuple((chart.name, packed(chart)) for chart in view.charts),
        scrub=view.scrub,
        columns=view.columns,
        numbers=tuple(number(finding) for finding in module.findings(result)),
        remarks=tuple(module.remarks(result)),
    )


def packed(chart: Chart) -> bytes:
    """The chart as compressed JSON."""
    return gzip.compress(json.dumps(_chart(chart)).encode(), 6)


def _chart(chart: Chart) -> dict[str, Any]:
    return {
        "name": chart.name,
        "figure": chart.figure.to_json(),
        "alt": chart.alt,
        "prompt": chart.prompt,
        "alt_answer": chart.alt_answer,
        "prompt_answer": chart.prompt_answer,
        "layout_answer": dict(chart.layout_answer),
        "frames": {
            trace: {attribute: array(rows) for attribute, rows in updates.items()}
            for trace, updates in chart.frames.items()
        },
        "answers": list(chart.answers),
        "cursor": None if chart.cursor is None else [float(x) for x in chart.cursor],
        "span": chart.span,
    }


def array(rows: np.ndarray) -> dict[str, Any]:
    """An array as base64 float32 with its shape: a third of the bytes of a JSON list."""
    values = np.ascontiguousarray(rows, dtype="<f4")
    return {"shape": list(values.shape), "float32": base64.b64encode(values.tobytes()).decode("ascii")}
