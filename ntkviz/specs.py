"""Specs: frozen, validated settings with their bounds and the words of their controls.

A spec is a frozen dataclass that derives from `Spec` and declares each field with `number`, `choice`, `flag` or
`text`. The bounds are checked whenever a spec is made: by a page, by the command line or from a link. The controls of a
page are drawn from the same declaration, so that a new field needs no other line of code.

    @dataclass(frozen=True, kw_only=True)
    class Sphere(Spec):
        n: int = number(64, 2, 4000, label="Points")

A spec holds only numbers, strings, tuples and other specs. It is therefore hashable, so that it can be static under
`jax.jit`, and `repr(spec)` is an exact key for caches.
"""

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ntkviz.errors import InvalidInput


@dataclass(frozen=True)
class Setting:
    """The declaration of a field: what its control shows, its bounds and its options."""

    kind: Literal["integer", "real", "choice", "flag", "text"]
    label: str
    help: str = ""
    low: float | None = None
    high: float | None = None
    reach: float | None = None  # the largest value that a control offers, where that is less than `high`
    step: float | None = None  # the distance between neighbouring values of a control
    log: bool = False  # the control is logarithmic
    optional: bool = False  # None is allowed
    options: tuple[Any, ...] = ()
    names: Mapping[Any, str] = field(default_factory=dict, hash=False)  # option -> what the control shows
    length: int = 0  # the most characters of a text
    moving: bool = False  # compiled programs take the value as an argument (nets), so that a new value compiles nothing

    def check(self, name: str, value: Any) -> Any:
        """The value in its plain Python type.

        Raises `InvalidInput`, with the name of the field and its bounds, where the value is not allowed.
        """
        if value is None and self.optional:
            return None
        return {
            "integer": self._integer,
            "real": self._real,
            "choice": self._choice,
            "flag": self._flag,
            "text": self._text,
        }[self.kind](name, value)

    def _integer(self, name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not float(value).is_integer():
            raise InvalidInput(f"{self.label} ({name}) must be a whole number, not {value!r}.")
        self._within(name, float(value))
        return int(float(value))

    def _real(self, name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise InvalidInput(f"{self.label} ({name}) must be a finite number, not {value!r}.")
        self._within(name, float(value))
        return float(value)

    def _within(self, name: str, value: float) -> None:
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise InvalidInput(f"{self.label} ({name}) must lie between {self.low:g} and {self.high:g}, not {value:g}.")

    def _choice(self, name: str, value: Any) -> Any:
        if value not in self.options:
            known = ", ".join(str(option) for option in self.options)
            raise InvalidInput(f"{self.label} ({name}) must be one of {known}, not {value!r}.")
        return value

    def _flag(self, name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidInput(f"{self.label} ({name}) must be true or false, not {value!r}.")
        return value

    def _text(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidInput(f"{self.label} ({name}) must be text, not {type(value).__name__}.")
        if len(value) > self.length:
            raise InvalidInput(f"{self.label} ({name}) may have {self.length} characters, not {len(value)}.")
        return value


def number(default: Any, low: float, high: float, *, label: str, **options: Any) -> Any:
    """Declare a field for a number; the number is whole where the default and both bounds are.

    Args:
        default: the default value; None where `optional=True` is among the options.
        low: the smallest value.
        high: the largest value.
        label: the name of the control.
        **options: other fields of `Setting`, such as `help`, `log` or `step`.
    """
    whole = isinstance(low, int) and isinstance(high, int) and isinstance(default, int | None)
    setting = Setting("integer" if whole else "real", label, low=low, high=high, **options)
    return field(default=default, metadata={"setting": setting})


def choice(default: Any, options: Sequence[Any] | Mapping[Any, str], *, label: str, help: str = "") -> Any:
    """Declare a field for one of several options.

    Args:
        default: the default option.
        options: the options, or a mapping from each option to what the control shows for it.
        label: the name of the control.
        help: a sentence that explains the field.
    """
    names = dict(options) if isinstance(options, Mapping) else {}
    return field(
        default=default,
        metadata={"setting": Setting("choice", label, help, options=tuple(options), names=names)},
    )


def flag(default: bool, *, label: str, help: str = "") -> Any:
    """Declare a field that is true or false.

    Args:
        default: the default value.
        label: the name of the control.
        help: a sentence that explains the field.
    """
    return field(default=default, metadata={"setting": Setting("flag", label, help)})


def text(default: str, *, label: str, length: int, help: str = "") -> Any:
    """Declare a field for a short text.

    Args:
        default: the default text.
        label: the name of the control.
        length: the most characters that the text may have.
        help: a sentence that explains the field.
    """
    return field(default=default, metadata={"setting": Setting("text", label, help, length=length)})


def settings(spec: Any) -> dict[str, Setting]:
    """The `Setting` of each field of a spec or of its class, by name, in the order of declaration."""
    return {f.name: f.metadata["setting"] for f in dataclasses.fields(spec) if "setting" in f.metadata}


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Base of all specs; checks each field when a spec is made. Override `check` for rules across fields."""

    def __post_init__(self) -> None:
        for name, setting in settings(self).items():
            object.__setattr__(self, name, setting.check(name, getattr(self, name)))
        self.check()

    def check(self) -> None:
        """Raise `InvalidInput` where fields do not fit together."""


def flat(spec: Any, prefix: str = "") -> dict[str, Any]:
    """All values of a spec and of the specs in it, by dotted name (`arch.width`), for captions and downloads.

    A nested spec itself appears under the name of its class.
    """
    out: dict[str, Any] = {}
    for f in dataclasses.fields(spec):
        value = getattr(spec, f.name)
        if dataclasses.is_dataclass(value):
            out[f"{prefix}{f.name}"] = type(value).__name__
            out |= flat(value, f"{prefix}{f.name}.")
        elif f.repr:
            out[f"{prefix}{f.name}"] = value
    return out
