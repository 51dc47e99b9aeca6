"""Specs from the words of a command line: every flag and every FIELD=VALUE is a field that a spec declares.

--width 1024    data: sphere n=500 dim=4    --set arch.width=1024 data=sphere data.n=500
"""

import argparse
import dataclasses
from collections.abc import Iterable
from typing import Any

from ntkviz.activations import ACTIVATIONS
from ntkviz.data import DATASETS, DataSpec
from ntkviz.errors import InvalidInput
from ntkviz.nets import ARCHITECTURES, Architecture
from ntkviz.specs import Setting, Spec, settings

NOTHING = "none"  # the word for None
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def value(name: str, setting: Setting, word: str) -> Any:
    """The value of a field that a word stands for; the spec checks its bounds.

    Args:
        name: of the field, for the error.
        setting: the declaration of the field.
        word: as it was typed.

    Raises `InvalidInput` where the word has the wrong type.
    """
    if setting.optional and word.lower() == NOTHING:
        return None
    if setting.kind == "flag":
        if word.lower() not in YES + NO:
            raise InvalidInput(f"{setting.label} ({name}) must be true or false, not {word!r}.")
        return word.lower() in YES
    if setting.kind == "choice":
        return next((option for option in setting.options if str(option) == word), word)
    if setting.kind == "text":
        return word
    try:
        return int(word) if setting.kind == "integer" else float(word)
    except ValueError:
        kind = "a whole number" if setting.kind == "integer" else "a number"
        raise InvalidInput(f"{setting.label} ({name}) must be {kind}, not {word!r}.") from None


def add_architecture(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each field of `Architecture`, with its bounds in the help."""
    group = parser.add_argument_group("architecture")
    group.add_argument(
        "--architecture",
        nargs="+",
        default=["mlp"],
        metavar=("NAME", "FIELD=VALUE"),
        help=f"one of {', '.join(ARCHITECTURES)}, and settings of its own, such as: residual branch=0.5",
    )
    group.add_argument("--activation", metavar="NAME", help=f"one of {', '.join(ACTIVATIONS)}")
    for name, setting in settings(Architecture).items():
        group.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=_described(setting))


def architecture(given: argparse.Namespace) -> Architecture:
    """The architecture that the flags of `add_architecture` describe."""
    declared = settings(Architecture)
    words = {name: getattr(given, name) for name in declared if getattr(given, name) is not None}
    fields = {name: value(name, declared[name], word) for name, word in words.items()}
    name, *own = given.architecture
    entry = architecture_named(name)
    fields |= {} if given.activation is None else {"activation": given.activation}
    return entry(**fields | fields_of(entry, own))


def _described(setting: Setting) -> str:
    bounds = f"{setting.low:g} to {setting.high:g}" if setting.low is not None else ""
    options = ", ".join(str(option) for option in setting.options)
    parts = [setting.help.rstrip(".") or setting.label, bounds or options, NOTHING if setting.optional else ""]
    return ": ".join((parts[0], " or ".join(part for part in parts[1:] if part))).replace("%", "%%")


def fields_of(cls: type[Spec], words: Iterable[str]) -> dict[str, Any]:
    """The arguments of a spec from words FIELD=VALUE; raises `InvalidInput` for a field that it does not have."""
    declared, out = settings(cls), {}
    for word in words:
        name, separator, text = word.partition("=")
        if not separator or name not in declared:
            raise InvalidInput(
                f"{word!r} is not a setting of {cls.__name__}; write FIELD=VALUE with one of {_known(declared)}."
            )
        out[name] = value(name, declared[name], text)
    return out


def changed(spec: Spec, words: Iterable[str]) -> Spec:
    """A spec with the settings of words such as `c=0.5`, `arch.width=64`, `data=sphere` or `data.n=100`.

    Words are applied in their order, so that a data set is named before its settings. Raises `InvalidInput` for a
    setting that the spec does not have.
    """
    for word in words:
        path, separator, text = word.partition("=")
        if not separator:
            raise InvalidInput(f"{word!r} is not a setting; write FIELD=VALUE, such as arch.width=512.")
        spec = _set(spec, path.split("."), text, path)
    return spec


def _set(spec: Spec, path: list[str], word: str, whole: str) -> Spec:
    """The spec with the value of `word` at the end of `path`; `whole` is the path as it was typed, for errors."""
    name, *rest = path
    declared = settings(spec)
    nested = {f.name for f in dataclasses.fields(spec) if isinstance(getattr(spec, f.name), Spec)}
    if rest and name in nested:
        return dataclasses.replace(spec, **{name: _set(getattr(spec, name), rest, word, whole)})
    if not rest and name in declared:
        return dataclasses.replace(spec, **{name: value(name, declared[name], word)})
    if not rest and name in nested and isinstance(getattr(spec, name), DataSpec):
        return dataclasses.replace(spec, **{name: data_set(word)()})
    if not rest and name in nested and isinstance(getattr(spec, name), Architecture):
        shared = {f.name: getattr(getattr(spec, name), f.name) for f in dataclasses.fields(Architecture)}
        return dataclasses.replace(spec, **{name: architecture_named(word)(**shared)})
    if not rest and name == "activation" and isinstance(spec, Architecture):
        return dataclasses.replace(spec, activation=word)
    own = [*declared, *(f"{inner}.…" for inner in nested), *(["activation"] if isinstance(spec, Architecture) else [])]
    raise InvalidInput(f"There is no setting {whole}; {type(spec).__name__} has {_known(own)}.")


def data_set(name: str) -> type[DataSpec]:
    """The entry of `DATASETS` of that name; raises `InvalidInput` without one."""
    if name not in DATASETS:
        raise InvalidInput(f"There is no data set {name!r}; choose one of {_known(DATASETS)}.")
    return DATASETS[name]


def architecture_named(name: str) -> type[Architecture]:
    """The entry of `ARCHITECTURES` of that name; raises `InvalidInput` without one."""
    if name not in ARCHITECTURES:
        raise InvalidInput(f"There is no architecture {name!r}; choose one of {_known(ARCHITECTURES)}.")
    return ARCHITECTURES[name]


def _known(names: Iterable[str]) -> str:
    return ", ".join(names)
