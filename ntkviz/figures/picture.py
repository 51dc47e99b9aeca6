"""A `Picture`: charts, numbers and sentences as the browser takes them, made once for everybody who looks at them.

It is made where the run is computed, usually in a worker, so that the process that serves the pages draws nothing.
"""

import base64
import gzip
import json
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np

from ntkviz.experiments.protocol import Experiment, HasSpec
from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.figures.numbers import WrittenFinding, in_words
from ntkviz.findings import Remark
from ntkviz.specs import Spec


@dataclass(frozen=True)
class Picture:
    """What is shown of a result: its charts as compressed JSON, and the numbers and sentences under them."""

    spec: Spec  # the settings of the run that made it
    charts: tuple[tuple[str, bytes], ...]  # name, and what `packed` makes of it
    scrub: Scrub | None
    columns: int
    numbers: tuple[WrittenFinding, ...]
    remarks: tuple[Remark, ...]


class Figures(Protocol):
    """A module of this folder that draws the results of the experiment of its name."""

    def view(self, result: HasSpec) -> View:
        """The charts of a result, or of a part of one."""


def draw(experiment: str, result: object) -> Picture:
    """The picture of a result, or of a part of one.

    Args:
        experiment: the name of the experiment's module; the module of its figures has the same name.
        result: what the experiment returned or reported.
    """
    module = cast("Experiment[Spec, HasSpec]", import_module(experiment))
    figures = cast("Figures", import_module(f"{__package__}.{experiment.rpartition('.')[2]}"))
    made = cast("HasSpec", result)
    view = figures.view(made)
    return Picture(
        spec=made.spec,
        charts=tuple((chart.name, packed(chart)) for chart in view.charts),
        scrub=view.scrub,
        columns=view.columns,
        numbers=tuple(in_words(finding) for finding in module.findings(made)),
        remarks=tuple(module.remarks(made)),
    )


def packed(chart: Chart) -> bytes:
    """The chart as compressed JSON."""
    return gzip.compress(json.dumps(_chart(chart)).encode(), 6)


def _chart(chart: Chart) -> dict[str, Any]:
    """The chart as plain data; `Chart` in `ui/stage/types.d.ts` describes it."""
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
    """An array as its shape and base64 float32, which take a third of the bytes of a JSON list."""
    values = np.ascontiguousarray(rows, dtype="<f4")
    return {"shape": list(values.shape), "float32": base64.b64encode(values.tobytes()).decode("ascii")}
