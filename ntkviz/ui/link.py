"""The link of a page: the preset and the settings that differ from it, by names that do not change.

    /train?preset=narrow&width=64&data=moons&frame=12

`read` returns the settings that a link names, each within its bounds, and a sentence for each that had to be changed.
It also reads older links, which held the labels of the page. `parameters` returns what a link must hold. The browser
writes `frame`, the place of the slider, by itself; `ask` is written by whoever shares the link.
"""

import math
from collections.abc import Mapping
from typing import Any

from ntkviz.specs import Setting
from ntkviz.ui.form import choices, fitted

PRESET, ASK, FRAME = "preset", "ask", "frame"
CLOSE = 0.01  # relative: a number of an older link that was rounded to three digits
YES, NO = ("true", "1", "yes"), ("false", "0", "no")


def read(query: Mapping[str, str], declared: Mapping[str, Setting]) -> tuple[dict[str, Any], list[str]]:
    """The settings in a link.

    Args:
        query: the parameters of the link.
        declared: the setting of each control of the page, by its key; other parameters are left alone.

    Returns:
        (values by key, sentences about values that had to be changed)
    """
    found: dict[str, Any] = {}
    notes: list[str] = []
    for key, setting in declared.items():
        if key in query:
            value, note = _read(setting, query[key])
            if value is not None:
                found[key] = value
            if note:
                notes.append(note)
    return found, notes


def _read(setting: Setting, word: str) -> tuple[Any, str]:
    """The value of a setting in a link, None where it has none, and a sentence where it was changed or is unknown."""
    label = setting.label
    if setting.kind == "choice":
        options, shown = choices(setting)
        value = next((option for option in options if word in (str(option), shown(option))), None)
        return value, "" if value is not None else f"The link asks for {label} “{_short(word)}”, which does not exist."
    if setting.kind == "flag":
        if word.lower() in YES + NO:
            return word.lower() in YES, ""
        return None, f"The link asks for {label} “{_short(word)}”, which is neither true nor false."
    if setting.kind == "text":
        return word[: setting.length], "" if len(word) <= setting.length else f"{label} in the link was too long."
    return _number(setting, word)


def _number(setting: Setting, word: str) -> tuple[Any, str]:
    try:
        asked = float(word)
    except ValueError:
        asked = math.nan
    if math.isnan(asked):
        return None, f"The link asks for {setting.label} “{_short(word)}”, which is not a number."
    options, _ = choices(setting)
    low, high = (min(options), max(options)) if options else (setting.low or 0.0, setting.high or 0.0)
    if not low <= asked <= high:
        value = fitted(setting, low if asked < low else high)
        return value, f"{setting.label} goes from {low:g} to {high:g}: {value:g} is set in place of {asked:g}."
    value = fitted(setting, asked)
    if math.isclose(value, asked, rel_tol=CLOSE, abs_tol=1e-12):
        return value, ""
    return value, f"{setting.label} cannot be {asked:g} here: the nearest value, {value:g}, is set."


def parameters(
    values: Mapping[str, Any], initial: Mapping[str, Any], preset: str, *, is_default: bool
) -> dict[str, str]:
    """The parameters of a link to these settings.

    Args:
        values: the settings of the page, by key.
        initial: the values of these settings at the preset; settings that still have them are left out.
        preset: the key of the preset.
        is_default: whether it is the preset with which the lesson opens, whose key is left out.
    """
    changed = {key: _word(value) for key, value in values.items() if key not in initial or initial[key] != value}
    return ({} if is_default else {PRESET: preset}) | changed


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _short(word: str) -> str:
    return word if len(word) <= 40 else word[:40] + "…"
