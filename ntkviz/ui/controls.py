"""Controls drawn from the declarations of specs, by Streamlit.

A page names which settings come first and how far a control reaches; bounds, words and defaults are those of the specs.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import streamlit as st

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
    own_settings,
    values,
)

__all__ = ["UPLOADED", "Offer", "Places", "Reach", "drawn"]


@dataclass(frozen=True)
class Places:
    """Where controls stand."""

    first: tuple[AbstractContextManager[Any], ...]
    more: AbstractContextManager[Any]
    below: AbstractContextManager[Any]  # what needs the width of the page


def drawn(start: S, offer: Offer, first: Sequence[str], more: Sequence[str], places: "Places") -> S:
    """Draw the controls and return the spec that they make.

    Args:
        start: the spec of the preset in force, whose values the controls have where none was chosen.
        offer: what the page offers.
        first: keys of the controls in the row.
        more: keys of those behind “More”, where the settings of the chosen data set and architecture follow.
        places: where on the page they stand.

    Raises `InvalidInput` for a key that no setting has.
    """
    declared, begins = controls_of(start, offer), values(start)
    unknown = [key for key in (*first, *more, *offer.narrow) if key not in declared]
    if unknown:
        raise InvalidInput(f"There is no setting {', '.join(unknown)} on this page.")
    chosen: dict[str, Any] = {}
    for key, place in [*zip(first, places.first, strict=True), *((key, places.more) for key in more)]:
        with place:
            chosen[key] = _widget(key, declared[key], begins[key])
        if key == "data" and chosen[key] == UPLOADED:
            chosen |= _uploaded(places.below)
        if key in KINDS:
            for own, default in own_settings(key, chosen[key], start, offer).items():
                if own in declared:
                    with places.more:
                        chosen[own] = _widget(own, declared[own], default)
    return assembled(start, chosen, offer)


def _widget(key: str, setting: Setting, default: Any) -> Any:
    """One widget; a value that the session holds for it goes before the default."""
    held = st.session_state.get(key)
    value = fitted(setting, default if held is None else held)
    if value != held:  # else the browser would be told a value that it may have left already
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
    return _slider(setting, common)


def _slider(setting: Setting, common: dict[str, Any]) -> Any:
    if setting.kind == "integer":
        first, last = int(setting.low or 0), int(setting.high or 0)
        return st.slider(setting.label, first, last, step=int(setting.step or 1), **common)
    low, high = float(setting.low or 0), float(setting.high or 0)
    step = float(setting.step or (high - low) / 100)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return st.slider(setting.label, low, high, step=step, format=f"%.{decimals}f", **common)


def _uploaded(below: AbstractContextManager[Any]) -> dict[str, Any]:
    """A place to drop a CSV file, its first rows, and the column that is the target; ends the script without a file."""
    with below, st.container(border=True):
        file = st.file_uploader(
            f"A CSV file, {MAX_BYTES // 1_000_000} MB at most", type=["csv", "tsv", "txt"], key="file"
        )
        if file is None:
            st.info(
                "Drop a table with a header line here. A link cannot carry your file: whoever opens it needs it too."
            )
            st.stop()
        table = _parsed(file)
        for sentence in table.warnings:
            st.warning(sentence)
        st.dataframe(preview(table), height=180, key="preview")
        options = list(table.targets)
        target = st.selectbox("Target column", options, index=len(options) - 1, key="target") if options else ""
    return {"uploaded": table, "target": target}


def _parsed(file: Any) -> Table:
    """The table of an upload, parsed once a session."""
    held: tuple[str, Table] | None = st.session_state.get("ntkviz_table")
    if held is None or held[0] != file.file_id:
        held = (file.file_id, parse_csv(file.getvalue(), name=file.name))
        st.session_state["ntkviz_table"] = held
    return held[1]
