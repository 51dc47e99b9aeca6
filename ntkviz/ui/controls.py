"""Controls that Streamlit draws from the declarations of specs.

A page names which settings come first and how far a control reaches. Specs declare bounds, labels and defaults.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from ntkviz.data import MAX_BYTES, Table, parse_csv, preview
from ntkviz.errors import InvalidInput
from ntkviz.specs import Setting
from ntkviz.ui.form import (
    KINDS,
    UPLOADED,
    Offer,
    Reach,
    S,
    assembled,
    choices,
    controls_of,
    fitted,
    initial_values,
    own_settings,
)
from ntkviz.ui.uploads import drop_content

__all__ = ["UPLOADED", "Containers", "Offer", "Reach", "draw_controls"]


@dataclass(frozen=True)
class Containers:
    """The containers of the page in which controls are drawn."""

    first: tuple[AbstractContextManager[Any], ...]
    more: AbstractContextManager[Any]
    below: AbstractContextManager[Any]  # what needs the width of the page


def draw_controls(start: S, offer: Offer, first: Sequence[str], more: Sequence[str], containers: Containers) -> S:
    """Draw the controls and return the spec that they make.

    Args:
        start: the spec of the preset in force, whose values the controls have where none was chosen.
        offer: what the page offers.
        first: keys of the controls in the row.
        more: keys of the controls behind “More”. The settings of the chosen data set and architecture follow them.
        containers: where the controls are drawn.

    Raises `InvalidInput` for a key that no setting has.
    """
    declared, initial = controls_of(start, offer), initial_values(start, offer)
    unknown = [key for key in (*first, *more, *offer.narrow) if key not in declared]
    if unknown:
        raise InvalidInput(f"There is no setting {', '.join(unknown)} on this page.")
    chosen: dict[str, Any] = {}
    for key, container in [*zip(first, containers.first, strict=True), *((key, containers.more) for key in more)]:
        with container:
            chosen[key] = _widget(key, declared[key], initial[key])
        if key == "data" and chosen[key] == UPLOADED:
            chosen |= _uploaded(containers.below)
        if key in KINDS:
            for own, default in own_settings(key, chosen[key], start, offer).items():
                if own in declared:
                    with containers.more:
                        chosen[own] = _widget(own, declared[own], default)
    return assembled(start, chosen, offer)


def _widget(key: str, setting: Setting, default: Any) -> Any:
    """Draw one control and return its value; a value that the session holds for it replaces the default."""
    held = st.session_state.get(key)
    value = fitted(setting, default if held is None else held)
    if value != held:  # otherwise an unneeded write could undo what the browser has just set
        st.session_state[key] = value
    options, shown = choices(setting)
    common: dict[str, Any] = {"key": key, "help": setting.help or None}
    if setting.kind == "choice":
        return st.selectbox(setting.label, options, format_func=shown, **common)
    if setting.kind == "flag":
        return st.toggle(setting.label, **common)
    if setting.kind == "text":
        return st.text_input(setting.label, max_chars=setting.length, **common)
    if options:
        return st.select_slider(setting.label, options, format_func=shown, **common)
    # With a value of its own, a slider does not search the session for one.
    return _slider(setting, common | {"value": fitted(setting, default)})


def _slider(setting: Setting, common: dict[str, Any]) -> Any:
    if setting.kind == "integer":
        first, last = int(setting.low or 0), int(setting.high or 0)
        return st.slider(setting.label, first, last, step=int(setting.step or 1), **common)
    low, high = float(setting.low or 0), float(setting.high or 0)
    step = float(setting.step or (high - low) / 100)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return st.slider(setting.label, low, high, step=step, format=f"%.{decimals}f", **common)


def _uploaded(below: AbstractContextManager[Any]) -> dict[str, Any]:
    """Draw the upload of a CSV file with its first rows and the choice of a target; end the script without a file."""
    with below, st.container(border=True):
        file = st.file_uploader(
            f"A CSV file, {MAX_BYTES // 1_000_000} MB at most", type=["csv", "tsv", "txt"], key="file"
        )
        if file is None:
            st.info(
                "Drop a table with a header line here. A link does not contain your file: whoever opens the link needs "
                "the file too."
            )
            st.stop()
        table = _parsed(file)
        for sentence in table.warnings:
            st.warning(sentence)
        st.dataframe(preview(table), height=180, key="preview")
        options = list(table.targets)
        target = st.selectbox("Target column", options, index=len(options) - 1, key="target") if options else ""
    return {"uploaded": table, "target": target}


def _parsed(file: UploadedFile) -> Table:
    """The table of an uploaded file, which is parsed once a session."""
    held: tuple[str, Table] | None = st.session_state.get("ntkviz_table")
    if held is None or held[0] != file.file_id:
        held = (file.file_id, parse_csv(file.getvalue(), name=file.name))
        st.session_state["ntkviz_table"] = held
        drop_content(file.file_id)
    return held[1]
