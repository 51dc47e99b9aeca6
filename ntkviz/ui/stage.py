"""The stage: charts and the numbers under them in one component, scrubbed, themed and downloaded in the browser.

`st.plotly_chart` remounts whenever its data change (zoom is lost, a blank frame appears) and every slider move costs a
round trip. The stage keeps one mount, updates through `Plotly.react`, and moves through frames without the server.

What travels is a line of JSON with what is the visitor's own (settings, first frame) and the numbers, then each chart,
written and compressed once however many visitors look at it: Streamlit copies and hashes every message of every rerun.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from ntkviz.figures import theme
from ntkviz.figures.chart import Scrub
from ntkviz.figures.picture import Picture
from ntkviz.specs import flat

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
    picture: Picture,
    *,
    key: str,
    title: str = "",
    only: Sequence[str] = (),
    start: int | None = None,
    on_frame: Callable[[], None] | None = None,
) -> int | None:
    """Draw the charts side by side, the numbers under them; return the frame where the user last left the slider.

    `only` draws the charts with these names and no numbers; `start` is the first frame, if not the picture's own. The
    picture's spec is written into every download.
    """
    charts = [(name, content) for name, content in picture.charts if not only or name in only]
    own = {
        "charts": [[name, len(content)] for name, content in charts],
        "scrub": _scrub(picture.scrub, start),
        "settings": {name: str(value) for name, value in flat(picture.spec).items()},
        "title": title,
        "columns": (0 if only else picture.columns) or min(len(charts), 3),
        "numbers": [] if only else [asdict(number) for number in picture.numbers],
        "dark": theme.DARK,
    }
    data = json.dumps(own).encode() + b"\n" + b"".join(content for _, content in charts)
    state = _component()(key=key, data=data, on_frame_change=on_frame or _nothing)
    frame = getattr(state, "frame", None)
    return int(frame) if isinstance(frame, int | float) else None


def _nothing() -> None:
    """A state value of a component is kept only when it has a callback."""


def _scrub(scrub: Scrub | None, start: int | None) -> dict[str, Any] | None:
    if scrub is None:
        return None
    values = [f"{value:g}" if isinstance(value, float | np.floating) else str(value) for value in scrub.values]
    first = (scrub.start if start is None else start) % len(values)
    return {"label": scrub.label, "values": values, "start": first, "play": scrub.play}
