"""Controls drawn from the declarations of specs, each bound to the link.

`field(Sphere, "n")` draws the control that `Sphere.n` declares and returns its value; the spec checks it again. The
key of a control is its name in the link.
"""

import dataclasses
import math
from contextlib import nullcontext
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ntkviz.activations import ACTIVATIONS
from ntkviz.data import DATASETS, MAX_BYTES, DataSpec, Table, UploadedTable, parse_csv, preview
from ntkviz.nets import Architecture
from ntkviz.specs import Setting, Spec, settings


TABLE = "table"  # the name, among data sets, of the user's own


def field(spec: type[Spec], name: str, *, key: str | None = None, **changes: Any) -> Any:
    """Draw the control of one field; `changes` narrows its setting for this page (low, high, default, label…).

    `disabled=True` draws it greyed out.
    """
    setting = settings(spec)[name]
    default = changes.pop("default", next(f.default for f in dataclasses.fields(spec) if f.name == name))
    disabled = changes.pop("disabled", False)
    narrowed = dataclasses.replace(setting, **changes)
    common = {"key": key or name, "help": narrowed.help or None, "bind": "query-params", "disabled": disabled}
    return _DRAW[narrowed.kind](narrowed, default, common)


def _integer(setting: Setting, default: Any, common: dict[str, Any]) -> int:
    low, high = int(setting.low or 0), int(setting.high or 0)
    options = [int(x) for x in setting.options] or (powers(low, high) if setting.log else [])
    if options:
        return int(st.select_slider(setting.label, options, value=nearest(options, default), **common))
    return int(st.slider(setting.label, low, high, int(default), int(setting.step or 1), **common))


def _real(setting: Setting, default: Any, common: dict[str, Any]) -> float:
    if setting.options:
        options = [float(x) for x in setting.options]
        shown = {option: f"{option:.3g}" for option in options}
        return float(
            st.select_slider(
                setting.label, options, value=nearest(options, default), format_func=shown.__getitem__, **common
            )
        )
    low, high = float(setting.low or 0), float(setting.high or 0)
    step = float(setting.step or (high - low) / 100)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return float(st.slider(setting.label, low, high, float(default), step, format=f"%.{decimals}f", **common))


def _choice(setting: Setting, default: Any, common: dict[str, Any]) -> Any:
    names = setting.names

    def shown(option: Any) -> str:
        return str(names.get(option, option))

    options = list(setting.options)
    return st.selectbox(setting.label, options, index=options.index(default), format_func=shown, **common)


def _flag(setting: Setting, default: Any, common: dict[str, Any]) -> bool:
    return bool(st.toggle(setting.label, value=default, **common))


def _text(setting: Setting, default: Any, common: dict[str, Any]) -> str:
    return str(st.text_input(setting.label, value=default, max_chars=setting.length, **common))


_DRAW = {"integer": _integer, "real": _real, "choice": _choice, "flag": _flag, "text": _text}


def powers(low: int, high: int) -> list[int]:
    """Powers of two within the bounds."""
    return [2**k for k in range(0, 40) if low <= 2**k <= high]


def nearest(options: list[Any], value: float) -> Any:
    """The option closest to a value, in ratio where both are positive."""
    if value > 0 and min(options) > 0:
        return min(options, key=lambda option: abs(math.log(option / value)))
    return min(options, key=lambda option: abs(option - value))


ACTIVATION = Setting(
    "choice",
    "Activation",
    "The nonlinearity φ.",
    options=tuple(ACTIVATIONS),
    names={name: entry.label for name, entry in ACTIVATIONS.items()},
)


def activation(default: str = "relu", *, key: str = "activation", label: str = "Activation") -> str:
    """Which nonlinearity."""
    common = {"key": key, "help": ACTIVATION.help, "bind": "query-params"}
    return str(_choice(dataclasses.replace(ACTIVATION, label=label), default, common))


def data(
    names: tuple[str, ...],
    *,
    default: str,
    key: str = "data",
    more: DeltaGenerator | None = None,
    hidden: tuple[str, ...] = (),
    **defaults: Any,
) -> DataSpec:
    """Which data set of `names` (`TABLE` among them offers the user's own), and its settings, drawn in `more`.

    `hidden` leaves fields out; `defaults` replaces the defaults of fields by name, hidden ones too.
    """
    titles = {name: UploadedTable.title if name == TABLE else DATASETS[name].title for name in names}
    chosen = st.selectbox(
        "Data",
        list(names),
        index=names.index(default),
        format_func=titles.__getitem__,
        key=key,
        bind="query-params",
        help="What the network learns.",
    )
    with more or nullcontext():
        if chosen == TABLE:
            return uploaded(hidden=hidden, **defaults)
        return data_settings(DATASETS[chosen], hidden=hidden, prefix=chosen, **defaults)


def uploaded(*, hidden: tuple[str, ...], **defaults: Any) -> DataSpec:
    """A place to drop a CSV file, its first rows, and the column that is the target."""
    with st.container(border=True):
        file = st.file_uploader(f"A CSV file, {MAX_BYTES // 1_000_000} MB at most", type=["csv", "tsv", "txt"], key="file")
        if file is None:
            st.info("Drop a table with a header line here. A link cannot carry your file: whoever opens it needs it too.")
            st.stop()
        table = _parsed(file)
        for sentence in table.warnings:
            st.warning(sentence)
        st.dataframe(preview(table), height=180, key="preview")
        options = list(table.targets)
        target = st.selectbox("Target column", options, index=len(options) - 1, key="target") if options else ""
    drawn = {name: value for name, value in defaults.items() if name in settings(UploadedTable)}
    values = _values(UploadedTable, hidden=(*hidden, "target"), prefix=TABLE, **drawn)
    return UploadedTable(table=table, **(values | {"target": target}))


def _parsed(file: Any) -> Table:
    """The table of an upload, parsed once a session."""
    held: tuple[str, Table] | None = st.session_state.get("ntkviz_table")
    if held is None or held[0] != file.file_id:
        held = (file.file_id, parse_csv(file.getvalue(), name=file.name))
        st.session_state["ntkviz_table"] = held
    return held[1]


def data_settings(spec: type[DataSpec], *, hidden: tuple[str, ...], prefix: str, **defaults: Any) -> DataSpec:
    """The controls of one data set, and the spec that they make."""
    return spec(**_values(spec, hidden=hidden, prefix=prefix, **defaults))


def _values(spec: type[DataSpec], *, hidden: tuple[str, ...], prefix: str, **defaults: Any) -> dict[str, Any]:
    values = {}
    for name in settings(spec):
        if name in hidden:
            if name in defaults:
                values[name] = defaults[name]
            continue
        changes = {"default": defaults[name]} if name in defaults else {}
        values[name] = field(spec, name, key=f"{prefix}_{name}", **changes)
    return values


def architecture(*, main: tuple[str, ...], **defaults: Any) -> dict[str, Any]:
    """The controls of an architecture named in `main`; returns their values by name, for `Architecture(**…)`."""
    values: dict[str, Any] = {}
    for name in main:
        if name == "activation":
            values[name] = activation(defaults.get(name, "relu"))
        else:
            changes = dict(defaults.get(name, {}))
            values[name] = field(Architecture, name, **changes)
    return values
