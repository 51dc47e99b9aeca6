"""The form of a page: which controls a spec has, within which bounds, and the spec that their values make.

`values` takes a spec apart into one value a control, `assembled` puts it together again, and `controls_of` says which
control each value has. The key of a control is its name in the link: the name of its field, or, for a setting that
belongs to one data set or architecture, the name of that, an underscore and the name of its field.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from ntkviz.activations import ACTIVATIONS
from ntkviz.data import DATASETS, DataSpec, UploadedTable
from ntkviz.errors import InvalidInput
from ntkviz.nets import ARCHITECTURES, Architecture
from ntkviz.specs import Setting, Spec, settings

S = TypeVar("S", bound=Spec)

CACHED = 512  # forms of presets that are kept: every rerun of a page needs its own again
UPLOADED = "table"  # among the data sets that a page offers: a table that the visitor uploads
KINDS: dict[str, Mapping[str, type[Spec]]] = {"data": DATASETS, "architecture": ARCHITECTURES}


@dataclass(frozen=True)
class Reach:
    """How far a control goes on a page, where that is less than the field's own bounds."""

    low: float | None = None
    high: float | None = None
    step: float | None = None
    options: tuple[Any, ...] = ()

    def narrowed(self, setting: Setting) -> Setting:
        """The setting with these bounds."""
        given = {name: value for name, value in dataclasses.asdict(self).items() if value not in (None, ())}
        return dataclasses.replace(setting, **given)


@dataclass(frozen=True)
class Offer:
    """What the controls of a page offer: data sets with their first settings, and bounds narrower than the fields'."""

    data: tuple[DataSpec | str, ...] = ()
    narrow: Mapping[str, Reach] = field(default_factory=dict, hash=False)  # so that an offer is a key of a cache
    hidden: tuple[str, ...] = ()  # fields of data sets that have no control
    trained: bool = True  # offer only nonlinearities with which gradient descent learns

    @property
    def data_names(self) -> tuple[str, ...]:
        """The names of the data sets, in order."""
        return tuple(spec if isinstance(spec, str) else name_of(spec) for spec in self.data)

    def initial(self, name: str) -> DataSpec | None:
        """The settings with which a data set begins; None for one that is uploaded."""
        found = [spec for spec in self.data if not isinstance(spec, str) and name_of(spec) == name]
        return found[0] if found else None


def name_of(spec: Spec) -> str:
    """The name under which a data set or an architecture is registered; `UPLOADED` for a table."""
    for registry in KINDS.values():
        for name, entry in registry.items():
            if type(spec) is entry:
                return name
    if isinstance(spec, UploadedTable):
        return UPLOADED
    raise InvalidInput(f"{type(spec).__name__} is neither a data set nor an architecture that has a name.")


def values(spec: Spec) -> dict[str, Any]:
    """One value for each control of a spec, by its key. Inverse of `assembled`."""
    found: dict[str, Any] = {}
    for name, value in _fields(spec):
        if isinstance(value, DataSpec):
            found[name] = name_of(value)
            found |= {f"{name_of(value)}_{own}": getattr(value, own) for own in settings(value)}
        elif isinstance(value, Architecture):
            kind = name_of(value)
            found |= {"architecture": kind, "activation": value.activation}
            own = {one: f"{kind}_{one}" for one in settings(value).keys() - settings(Architecture).keys()}
            found |= {own.get(one, one): getattr(value, one) for one in settings(value)}
        elif isinstance(value, Spec):
            found |= values(value)
        else:
            found[name] = value
    return found


def assembled(start: S, chosen: Mapping[str, Any], offer: Offer) -> S:
    """The spec whose controls have the `chosen` values.

    Args:
        start: where values that have no control come from.
        chosen: values by the keys of their controls.
        offer: data sets of another kind than that of `start` begin as it says.

    Raises `InvalidInput` where the values do not fit together.
    """
    changes: dict[str, Any] = {}
    for name, value in _fields(start):
        if isinstance(value, DataSpec):
            changes[name] = _assembled_data(value, chosen, chosen.get(name, name_of(value)), offer)
        elif isinstance(value, Architecture):
            changes[name] = _assembled_architecture(value, chosen)
        elif isinstance(value, Spec):
            changes[name] = assembled(value, chosen, offer)
        elif name in chosen:
            changes[name] = chosen[name]
    return dataclasses.replace(start, **changes)


def _assembled_data(start: DataSpec, chosen: Mapping[str, Any], name: str, offer: Offer) -> DataSpec:
    if name == UPLOADED and "uploaded" in chosen:
        first: DataSpec = UploadedTable(table=chosen["uploaded"], target=chosen["target"])
    else:
        first = start if name_of(start) == name else offer.initial(name) or DATASETS[name]()
    own = {one: chosen[f"{name}_{one}"] for one in settings(first) if f"{name}_{one}" in chosen}
    return dataclasses.replace(first, **own)


def _assembled_architecture(start: Architecture, chosen: Mapping[str, Any]) -> Architecture:
    kind = chosen.get("architecture", name_of(start))
    shared = {one: chosen.get(one, getattr(start, one)) for one in settings(Architecture)}
    first = start if name_of(start) == kind else ARCHITECTURES[kind](**shared)
    names = {one: one if one in shared else f"{kind}_{one}" for one in settings(first)}
    own = {one: chosen[key] for one, key in names.items() if key in chosen}
    return dataclasses.replace(first, activation=chosen.get("activation", start.activation), **own)


def _fields(spec: Spec) -> Iterator[tuple[str, Any]]:
    """Name and value of each field that is a setting or a spec."""
    declared = settings(spec)
    for one in dataclasses.fields(spec):
        value = getattr(spec, one.name)
        if one.init and (one.name in declared or isinstance(value, Spec)):
            yield one.name, value


@lru_cache(CACHED)
def controls_of(start: Spec, offer: Offer) -> Mapping[str, Setting]:
    """The setting of every control that a page can have, by its key, within the bounds of the page."""
    found: dict[str, Setting] = {}
    for name, value in _fields(start):
        if isinstance(value, DataSpec):
            found |= _data_controls(name, value, offer)
        elif isinstance(value, Architecture):
            found |= _architecture_controls(offer)
        elif isinstance(value, Spec):
            found |= controls_of(value, offer)
        else:
            found[name] = settings(start)[name]
    narrowed = {key: offer.narrow[key].narrowed(setting) for key, setting in found.items() if key in offer.narrow}
    return found | narrowed


def _data_controls(name: str, start: DataSpec, offer: Offer) -> dict[str, Setting]:
    names = offer.data_names or (name_of(start),)
    entries = {one: UploadedTable if one == UPLOADED else DATASETS[one] for one in names}
    titles = {one: entry.title for one, entry in entries.items()}
    found = {name: Setting("choice", "Data", _described(entries.values()), options=names, names=titles)}
    for one, entry in entries.items():
        found |= {
            f"{one}_{own}": _ending(setting)
            for own, setting in settings(entry).items()
            if own not in (*offer.hidden, "target")
        }
    return found


def _described(entries: Iterable[type[DataSpec]]) -> str:
    """What a student sees in each data set, as Markdown."""
    return "\n\n".join(f"**{entry.title}.** {entry.sentence}" for entry in entries)


def _ending(setting: Setting) -> Setting:
    """The setting with the largest value that a control offers, where that is less than its bound."""
    return setting if setting.reach is None else dataclasses.replace(setting, high=setting.reach)


def _architecture_controls(offer: Offer) -> dict[str, Setting]:
    kinds = {name: entry.title for name, entry in ARCHITECTURES.items()}
    names = {name: entry.label for name, entry in ACTIVATIONS.items() if entry.trains or not offer.trained}
    found = {
        "architecture": Setting(
            "choice", "Architecture", "The layers of which the network consists.", options=tuple(kinds), names=kinds
        ),
        "activation": Setting(
            "choice",
            "Activation",
            "The nonlinearity φ, which each neuron applies to its input.",
            options=tuple(names),
            names=names,
        ),
    }
    shared = settings(Architecture)
    found |= shared
    for kind, entry in ARCHITECTURES.items():
        found |= {f"{kind}_{own}": setting for own, setting in settings(entry).items() if own not in shared}
    return found


@lru_cache(CACHED)
def initial_values(start: Spec, offer: Offer) -> Mapping[str, Any]:
    """The values with which the settings of a page begin, by key: those of `start`, and of the other data sets."""
    others: dict[str, Any] = {}
    for spec in offer.data:
        if not isinstance(spec, str):
            others |= {f"{name_of(spec)}_{own}": getattr(spec, own) for own in settings(spec)}
    return others | values(start)


@lru_cache(CACHED)
def own_settings(key: str, kind: str, start: Spec, offer: Offer) -> Mapping[str, Any]:
    """The values with which the settings of a data set or an architecture begin, by their keys."""
    now = values(start)
    spec: Any
    if key == "data" and kind != now[key]:
        spec = offer.initial(kind) or (UploadedTable if kind == UPLOADED else DATASETS[kind])
    elif key == "architecture" and kind != now[key]:
        spec = ARCHITECTURES[kind]
    else:
        return {name: value for name, value in now.items() if name.startswith(f"{kind}_")}
    shared = settings(Architecture) if key == "architecture" else {}
    defaults = {f.name: getattr(spec, f.name, f.default) for f in dataclasses.fields(spec)}
    return {f"{kind}_{name}": defaults[name] for name in settings(spec) if name not in shared}


def fitted(setting: Setting, value: Any) -> Any:
    """The value, or the nearest one that the control has, in the type that it needs."""
    options, _ = choices(setting)
    if setting.kind in {"integer", "real"}:
        if options:
            return nearest(options, float(value))
        within = min(max(float(value), setting.low or 0.0), setting.high or 0.0)
        return round(within) if setting.kind == "integer" else within
    if setting.kind == "choice":
        return value if value in options else options[0]
    return value


def choices(setting: Setting) -> tuple[list[Any], Callable[[Any], str]]:
    """What there is to choose from, where the control chooses, and how an option is written."""
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


def nearest(options: Sequence[Any], value: float) -> Any:
    """The option closest to a value, in ratio where both are positive."""
    if value > 0 and min(options) > 0:
        return min(options, key=lambda option: abs(math.log(option / value)))
    return min(options, key=lambda option: abs(option - value))
