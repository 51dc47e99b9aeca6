"""Controls drawn from the declarations of specs, each bound to the link.

`field(Sphere, "n")` draws the control that `Sphere.n` declares and returns its value; the spec checks it again. The
key of a control is its name in the link.
"""

import dataclasses
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ntkviz.activations import ACTIVATIONS
from ntkviz.data import DATASETS, MAX_BYTES, DataSpec, Table, UploadedTable, parse_csv, preview
from ntkviz.nets import ARCHITECTURES, Architecture
from ntkviz.specs import Setting, Spec, settings

TABLE = "table"  # the name, among data sets, of the user's own


def field(spec: type[Spec], name: str, *, key: str | None = None, **changes: Any) -> Any:
    """Draw the control of one field; `changes` narrows its setting for this page (low, high, default, label…).

    `disabled=True` draws it greyed out.
    """
    setting = settings(spec)[name]
    default = changes.pop("default", next(f.default for f in dataclasses.fields(spec) if f.name == name))
    disabled = changes.pop("disabled", False)
    setting = dataclasses.replace(setting, **changes)
    end = setting.high if setting.reach is None else setting.reach
    return _draw(dataclasses.replace(setting, high=end), default, key or name, disabled=disabled)


def begin(below: DeltaGenerator) -> None:
    """Begin a page: no control has been drawn yet; what needs the page's width goes `below` the row of controls."""
    st.session_state["ntkviz_defaults"] = {}
    st.session_state["ntkviz_below"] = below


def defaults() -> dict[str, Any]:
    """The default of each control that this page has drawn, by its key."""
    return dict(st.session_state.get("ntkviz_defaults", {}))


def written(key: str, value: Any) -> str:
    """How the link writes the value of a control of a data set or an architecture, whose key is `name_field`."""
    registries: dict[str, type[Spec]] = {**DATASETS, **ARCHITECTURES}
    for name, spec in registries.items():
        setting = settings(spec).get(key.removeprefix(f"{name}_"))
        if key.startswith(f"{name}_") and setting is not None:
            options, shown = _options(setting)
            return shown(value) if options else str(value)
    return str(value)


def _draw(setting: Setting, default: Any, key: str, *, disabled: bool = False) -> Any:
    """One widget: bound to the link, its default remembered so that a preset can put it back."""
    options, shown = _options(setting)
    if options:
        default = nearest(options, default) if setting.kind in {"integer", "real"} else default
    elif setting.kind in {"integer", "real"}:
        default = min(max(default, setting.low or 0), setting.high or 0)  # one default serves data sets of all sizes
        default = int(default) if setting.kind == "integer" else float(default)
    st.session_state.setdefault("ntkviz_defaults", {})[key] = default
    common: dict[str, Any] = {
        "key": key,
        "help": setting.help or None,
        "bind": "query-params",
        "disabled": disabled,
    }
    if setting.kind == "choice":
        return st.selectbox(setting.label, options, index=options.index(default), format_func=shown, **common)
    if setting.kind == "flag":
        return st.toggle(setting.label, value=default, **common)
    if setting.kind == "text":
        return st.text_input(setting.label, value=default, max_chars=setting.length, **common)
    if options:
        return st.select_slider(setting.label, options, value=default, format_func=shown, **common)
    return _slider(setting, default, common)


def _slider(setting: Setting, default: Any, common: dict[str, Any]) -> Any:
    if setting.kind == "integer":
        first, last = int(setting.low or 0), int(setting.high or 0)
        return st.slider(setting.label, first, last, default, int(setting.step or 1), **common)
    low, high = float(setting.low or 0), float(setting.high or 0)
    step = float(setting.step or (high - low) / 100)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return st.slider(setting.label, low, high, default, step, format=f"%.{decimals}f", **common)


def _options(setting: Setting) -> tuple[list[Any], Callable[[Any], str]]:
    """What there is to choose from, if the control chooses, and how an option is written."""
    if setting.kind == "choice":
        return list(setting.options), lambda option: str(setting.names.get(option, option))
    if setting.kind == "real":
        return [float(x) for x in setting.options], lambda option: f"{option:.3g}"
    if setting.kind == "integer" and setting.log and not setting.options:
        return list(powers(int(setting.low or 0), int(setting.high or 0))), str
    return list(setting.options), str


def powers(low: int, high: int) -> list[int]:
    """Powers of two within the bounds."""
    return [2**k for k in range(0, 40) if low <= 2**k <= high]


def nearest(options: list[Any], value: float) -> Any:
    """The option closest to a value, in ratio where both are positive."""
    if value > 0 and min(options) > 0:
        return min(options, key=lambda option: abs(math.log(option / value)))
    return min(options, key=lambda option: abs(option - value))


def activation(
    default: str = "relu", *, key: str = "activation", label: str = "Activation", trained: bool = True
) -> str:
    """Which nonlinearity; where networks are `trained`, of those that gradient descent gets somewhere with."""
    names = {name: entry.label for name, entry in ACTIVATIONS.items() if entry.trains or not trained}
    setting = Setting("choice", label, "The nonlinearity φ.", options=tuple(names), names=names)
    return str(_draw(setting, default, key))


def architecture(default: str = "mlp", *, key: str = "architecture") -> Callable[..., Architecture]:
    """Which architecture, and the settings that are its own; the value makes one from those that all share."""
    names = {name: entry.title for name, entry in ARCHITECTURES.items()}
    setting = Setting("choice", "Architecture", "What the network is made of.", options=tuple(names), names=names)
    chosen = _draw(setting, default, key)
    entry, shared = ARCHITECTURES[chosen], settings(Architecture)
    own = {name: field(entry, name, key=f"{chosen}_{name}") for name in settings(entry) if name not in shared}
    return partial(entry, **own)


def data(
    names: tuple[str, ...],
    *,
    default: str,
    key: str = "data",
    more: DeltaGenerator | None = None,
    hidden: tuple[str, ...] = (),
    most: int | None = None,
    **defaults: Any,
) -> DataSpec:
    """Which data set of `names` (`TABLE` among them offers the user's own), and its settings, drawn in `more`.

    `most` is where the number of points ends on this page, for data sets that are drawn from a law. `hidden` leaves
    fields out; `defaults` replaces the defaults of fields by name (`n=16`), hidden ones too, or those of one data set
    by the control's key (`circle_n=16`).
    """
    titles = {name: UploadedTable.title if name == TABLE else DATASETS[name].title for name in names}
    setting = Setting("choice", "Data", "What the network learns.", options=names, names=titles)
    chosen = _draw(setting, default, key)
    if chosen == TABLE:
        return uploaded(more=more or nullcontext(), hidden=hidden, **defaults)
    with more or nullcontext():
        return data_settings(DATASETS[chosen], hidden=hidden, prefix=chosen, most=most, **defaults)


def uploaded(*, more: AbstractContextManager[Any], hidden: tuple[str, ...], **defaults: Any) -> DataSpec:
    """A place to drop a CSV file, its first rows, and the column that is the target."""
    with st.session_state["ntkviz_below"].container(border=True):
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
    drawn = {name: value for name, value in defaults.items() if name in settings(UploadedTable)}
    with more:
        values = _values(UploadedTable, hidden=(*hidden, "target"), prefix=TABLE, **drawn)
    return UploadedTable(table=table, **(values | {"target": target}))


def _parsed(file: Any) -> Table:
    """The table of an upload, parsed once a session."""
    held: tuple[str, Table] | None = st.session_state.get("ntkviz_table")
    if held is None or held[0] != file.file_id:
        held = (file.file_id, parse_csv(file.getvalue(), name=file.name))
        st.session_state["ntkviz_table"] = held
    return held[1]


def data_settings(
    spec: type[DataSpec], *, hidden: tuple[str, ...], prefix: str, most: int | None = None, **defaults: Any
) -> DataSpec:
    """The controls of one data set, and the spec that they make."""
    return spec(**_values(spec, hidden=hidden, prefix=prefix, most=most, **defaults))


def _values(
    spec: type[DataSpec], *, hidden: tuple[str, ...], prefix: str, most: int | None = None, **defaults: Any
) -> dict[str, Any]:
    values = {}
    for name, setting in settings(spec).items():
        if name in hidden:
            if name in defaults:
                values[name] = defaults[name]
            continue
        key = f"{prefix}_{name}"
        asked = [defaults[word] for word in (key, name) if word in defaults]
        changes = {"default": asked[0]} if asked else {}
        if name == "n" and most is not None and setting.reach is not None:
            changes["reach"] = most
        values[name] = field(spec, name, key=key, **changes)
    return values
