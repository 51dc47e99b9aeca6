"""The stage: charts and the numbers under them in one component, scrubbed, themed and downloaded in the browser.

`st.plotly_chart` remounts whenever its data change (zoom is lost, a blank frame appears) and every slider move costs a
round trip. The stage keeps one mount, updates through `Plotly.react`, and moves through frames without the server.

What travels is a line of JSON with what is the visitor's own (settings, first frame), then each chart, written and
compressed once however many visitors look at it: Streamlit copies and hashes every message of every rerun.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import streamlit as st

from ntkviz.figures import theme
from ntkviz.figures.chart import Chart, Number, Scrub

SCRIPT = Path(__file__).with_name("stage.js")
PLOTLY = Path(__file__).parent / "vendor" / "plotly-cartesian.min.js"
STYLE = Path(__file__).with_name("stage.css")
ASSETS = "ntkviz-assets"  # the route under which `ui.assets` serves them


@cache
def digest(path: Path) -> str:
    """A short fingerprint of a file, so that browsers may cache it for ever."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def base_path() -> str:
    """The path below which the app is served, "" or "/base"."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{base}" if base else ""


def address(path: Path) -> str:
    """The path under which the server has a script of the stage."""
    return f"{base_path()}/{ASSETS}/{path.stem}.{digest(path)}.js"


@cache
def _component() -> Callable[..., Any]:
    loader = (
        "export default (component) =>\n"  # Streamlit takes a text of one line for a file's name
        f"import(new URL('{address(SCRIPT)}', window.location.origin).href)"
        f".then((stage) => stage.default(component, '{address(PLOTLY)}'));"
    )
    return st.components.v2.component(
        "ntkviz.stage", html="<div class='stage'></div>", css=STYLE.read_text(), js=loader, isolate_styles=False
    )


def stage(
    charts: Sequence[Chart],
    *,
    key: str,
    scrub: Scrub | None = None,
    settings: dict[str, Any] | None = None,
    title: str = "",
    columns: int = 0,
    numbers: Sequence[Number] = (),
    on_frame: Callable[[], None] | None = None,
) -> int | None:
    """Draw the charts side by side, the numbers under them; return the frame where the user last left the slider.

    `settings` is written into every downloaded picture and table. `columns` is how many charts share a row on a wide
    screen (default: all of them, three at most).
    """
    parts = [written(chart) for chart in charts]
    own = {
        "charts": [[chart.name, len(part)] for chart, part in zip(charts, parts, strict=True)],
        "scrub": _scrub(scrub),
        "settings": {name: str(value) for name, value in (settings or {}).items()},
        "title": title,
        "columns": columns or min(len(charts), 3),
        "numbers": [asdict(number) for number in numbers],
        "dark": theme.DARK,
    }
    data = b"\n".join([json.dumps(own).encode(), b"".join(parts)])
    state = _component()(key=key, data=data, on_frame_change=on_frame or _nothing)
    frame = getattr(state, "frame", None)
    return int(frame) if isinstance(frame, int | float) else None


def _nothing() -> None:
    """A state value of a component is kept only when it has a callback."""


_WRITTEN: WeakKeyDictionary[Chart, bytes] = WeakKeyDictionary()


def written(chart: Chart) -> bytes:
    """The chart as compressed JSON, made once for as long as the chart lives."""
    known = _WRITTEN.get(chart)
    if known is None:
        known = _WRITTEN[chart] = gzip.compress(json.dumps(_chart(chart)).encode(), 6)
    return known


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


def _scrub(scrub: Scrub | None) -> dict[str, Any] | None:
    if scrub is None:
        return None
    count = len(scrub.values)
    values = [f"{value:g}" if isinstance(value, float | np.floating) else str(value) for value in scrub.values]
    return {"label": scrub.label, "values": values, "start": scrub.start % count, "play": scrub.play}


def pack(rows: np.ndarray) -> dict[str, Any]:
    """An array as base64 float32 with its shape: a third of the bytes of a JSON list."""
    array = np.ascontiguousarray(rows, dtype="<f4")
    return {"shape": list(array.shape), "float32": base64.b64encode(array.tobytes()).decode("ascii")}
