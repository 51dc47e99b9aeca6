"""The stage: charts, numbers and a question in one component, scrubbed, themed and downloaded in the browser.

`st.plotly_chart` is drawn anew whenever its data change: the zoom is lost, a blank frame appears, and every move of a
slider costs a round trip. The stage stays mounted, updates through `Plotly.react`, and moves through frames without the
server. The browser keeps the frame and writes it into the link, which the server reads with each rerun.

A message is a line of JSON (settings, question, numbers) followed by the charts. Each chart is compressed once for all
visitors, because Streamlit copies and hashes every message of every rerun. `types.d.ts` describes the message.

Before the visitor has guessed, nothing of the answer is drawn. Only the browser knows about the guess. It marks the
root element of the page, and until then the style sheet of `hiding` hides what Streamlit draws of the answer.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any, Literal

import numpy as np
import streamlit as st

from ntkviz.figures import theme
from ntkviz.figures.chart import Scrub
from ntkviz.figures.picture import Picture
from ntkviz.specs import flat
from ntkviz.ui.stage import files

Ask = Literal["auto", "open", "ask", "none"]

ANSWER = "answer"  # elements whose Streamlit key begins so are part of the answer
HIDDEN = f'[class*="st-key-{ANSWER}"] {{ display: none !important; }}'  # Streamlit puts a key into the element's class
HIDING = f':root:not([data-ntkviz="open"]) {HIDDEN}'
PRESET = re.compile(r"[\w./-]+")


def hiding(preset: str) -> str:
    """The style that hides what belongs to the answer of this preset until the browser shows it.

    It stands first on the page. Where a visitor comes from a preset that is answered already, it holds from the first
    element on, before the stage knows of the change. Raises `ValueError` for a preset that is no plain name.
    """
    if not PRESET.fullmatch(preset):
        raise ValueError(f"{preset!r} must be made of letters, digits, dots, slashes and dashes.")
    return f'{HIDING} :root:not([data-ntkviz-open~="{preset}"]) {HIDDEN}'


def stage(
    picture: Picture,
    *,
    key: str,
    title: str = "",
    only: Sequence[str] = (),
    slot: str = "a",
    frame: str = "frame",
    preset: str = "",
    ask: Ask = "none",
    question: Mapping[str, Any] | None = None,
    stale: str = "",
) -> None:
    """Draw the question, the charts side by side, and the numbers under them.

    Args:
        picture: what is drawn; its spec is written into every download.
        key: of the component, the same as long as the charts are to keep their zoom.
        title: of the lesson, for downloads.
        only: names of the charts to draw, without numbers and sentences; empty for all.
        slot: which of a page's pictures it is.
        frame: the name of its frame's place in the link.
        preset: what is asked about; stages with the same preset show and hide the answer together.
        ask: "auto" asks unless the browser keeps a guess, "ask" asks until the visitor has answered on this page,
            "open" shows the answer, "none" has no question at all.
        question: as `ntkviz.lessons.questions` makes it, with `key`, and with `pending` (why there is no answer yet) or
            `shows` (what the preset shows); None in a slot that it is not about.
        stale: a sentence that is shown above the picture, which is dimmed, where it has other settings than the page.
    """
    own = _own(picture, only) | {
        "title": title,
        "slot": slot,
        "frame": frame,
        "preset": preset,
        "ask": ask,
        "question": question,
        "stale": stale,
    }
    charts = b"".join(content for name, content in picture.charts if not only or name in only)
    _component()(key=key, data=json.dumps(own, allow_nan=False).encode() + b"\n" + charts)


@cache
def _component() -> Callable[..., Any]:
    loader = (
        "export default (component) =>\n"  # Streamlit takes a text of one line for a file's name
        f"import(new URL('{files.address(files.ENTRY)}', window.location.origin).href)"
        f".then((stage) => stage.default(component, '{files.address(files.PLOTLY)}'));"
    )
    style = f"{HIDING}\n{files.STYLE.read_text(encoding='utf-8')}"
    return st.components.v2.component(
        "ntkviz.stage", html="<div class='stage'></div>", css=style, js=loader, isolate_styles=False
    )


def _own(picture: Picture, only: Sequence[str]) -> dict[str, Any]:
    charts = [[name, len(content)] for name, content in picture.charts if not only or name in only]
    return {
        "charts": charts,
        "scrub": _scrub(picture.scrub),
        "settings": {name: str(value) for name, value in flat(picture.spec).items()},
        "columns": (0 if only else picture.columns) or min(len(charts), 3),
        "numbers": [] if only else [asdict(number) for number in picture.numbers],
        "remarks": [] if only else [asdict(remark) for remark in picture.remarks],
        "dark": theme.DARK,
    }


def _scrub(scrub: Scrub | None) -> dict[str, Any] | None:
    if scrub is None:
        return None
    values = [f"{value:g}" if isinstance(value, float | np.floating) else str(value) for value in scrub.values]
    return {"label": scrub.label, "values": values, "start": scrub.start % len(values), "play": scrub.play}
