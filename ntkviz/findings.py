"""Results as data: numbers with their error and the interval that theory expects, and sentences for the class.

An experiment returns its findings; pages, downloads, the command line and the claims read the same ones. To answer a
claim, give a finding the number of the claim and the interval that would settle it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ntkviz.errors import InvalidInput

SIGMAS = 2.0  # standard errors within which a value agrees with an interval


@dataclass(frozen=True)
class Interval:
    """The values that theory expects, from `low` to `high`, and where this expectation comes from."""

    low: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InvalidInput(f"An interval must have low ≤ high, not {self.low:g} and {self.high:g}.")


@dataclass(frozen=True)
class Reference:
    """A number to compare with that nothing is concluded from, such as the same quantity at infinite width.

    Where the finding is a percentage, the number is one too.
    """

    name: str
    value: float | None


@dataclass(frozen=True)
class Finding:
    """A number that an experiment found.

    `value` is in the `unit` that is shown beside it, and None where there is nothing to show yet, or nothing at these
    settings; `caveat` then says why. `error` is one standard error over what `over` says (“8 networks”), None where it
    was not estimated. `claim` is the number of the claim that the finding answers.
    """

    name: str
    value: float | None
    unit: str = ""
    error: float | None = None
    over: str = ""
    expected: Interval | None = None
    claim: int | None = None
    help: str = ""  # what the number is, in words
    caveat: str = ""  # a sentence that limits the number, such as that its runs have not converged
    references: tuple[Reference, ...] = ()
    answer: bool = True  # whether it gives a lesson's answer away

    def __post_init__(self) -> None:
        if self.value is not None and not math.isfinite(self.value):
            raise InvalidInput(f"The finding “{self.name}” must be a finite number or None, not {self.value!r}.")
        if self.error is not None and not (math.isfinite(self.error) and self.error >= 0 and self.over):
            raise InvalidInput(f"The error of “{self.name}” must be finite and say over what it was taken.")

    @property
    def agrees(self) -> bool | None:
        """Whether the value lies in the expected interval, or within two standard errors of it; None if unknown."""
        if self.value is None or self.expected is None:
            return None
        slack = SIGMAS * (self.error or 0.0)
        return self.expected.low - slack <= self.value <= self.expected.high + slack

    def to_json(self) -> Mapping[str, Any]:
        """The finding as plain data: name, value, error, over, expected, unit, claim, agrees, caveat, references.

        An end of the expected interval that is infinite becomes None, because JSON has no infinity.
        """
        expected = self.expected
        return {
            "name": self.name,
            "value": self.value,
            "error": self.error,
            "over": self.over,
            "expected": None
            if expected is None
            else {"low": _finite(expected.low), "high": _finite(expected.high), "source": expected.source},
            "unit": self.unit,
            "claim": self.claim,
            "agrees": self.agrees,
            "caveat": self.caveat,
            "references": {reference.name: reference.value for reference in self.references},
        }


def _finite(end: float) -> float | None:
    """The end of an interval; None where it is infinite."""
    return end if math.isfinite(end) else None


@dataclass(frozen=True)
class Remark:
    """A sentence that the class must know: where the theory is void, what was left out, what happened."""

    text: str
    answer: bool = True  # whether it gives a lesson's answer away
