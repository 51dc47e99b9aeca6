"""Findings: whether a value agrees with what theory expects, what is refused, and findings as plain data."""

import json
import math
from typing import Any

import pytest

from ntkviz.errors import InvalidInput
from ntkviz.findings import Finding, Interval, Reference, Remark

LAW = Interval(-1.1, -0.9, "a law")


@pytest.mark.parametrize(
    ("value", "error", "agrees"),
    [
        (-1.0, None, True),
        (-1.1, None, True),  # an interval holds its ends
        (-0.9, None, True),
        (-1.101, None, False),
        (-0.899, None, False),
        (-1.2, None, False),
        (-1.2, 0.05, True),  # two standard errors away
        (-1.21, 0.05, False),
        (-0.8, 0.05, True),
        (-0.79, 0.05, False),
        (-1.2, 0.0, False),
        (None, None, None),
    ],
)
def test_a_value_agrees_within_two_standard_errors(value: float | None, error: float | None, agrees: bool) -> None:
    assert Finding("slope", value, error=error, over="3 seeds", expected=LAW).agrees is agrees


def test_without_an_expectation_nothing_is_said() -> None:
    assert Finding("slope", -1.0).agrees is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": math.nan},
        {"value": math.inf},
        {"value": 1.0, "error": 0.1},  # over what?
        {"value": 1.0, "error": -1.0, "over": "seeds"},
        {"value": 1.0, "error": math.inf, "over": "seeds"},
        {"value": 1.0, "error": math.nan, "over": "seeds"},
    ],
)
def test_a_finding_without_a_meaning_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="slope"):
        Finding("slope", **wrong)


def test_an_error_of_zero_is_allowed() -> None:
    assert Finding("slope", 1.0, error=0.0, over="2 seeds").error == 0.0


def test_the_ends_of_an_interval_are_in_order() -> None:
    with pytest.raises(InvalidInput, match="not 1 and 0"):
        Interval(1.0, 0.0, "a law")
    with pytest.raises(InvalidInput):
        Interval(math.nan, 0.0, "a law")
    assert Interval(1.0, 1.0, "a law").low == 1.0


def test_a_finding_is_plain_data() -> None:
    finding = Finding(
        "slope",
        -1.2,
        "per decade",
        error=0.01,
        over="3 seeds",
        expected=LAW,
        claim=4,
        help="The slope of the line.",
        caveat="Two runs have not converged.",
        references=(Reference("limit", -1.0), Reference("unknown", None)),
    )
    assert json.loads(json.dumps(finding.to_json())) == {
        "name": "slope",
        "value": -1.2,
        "error": 0.01,
        "over": "3 seeds",
        "expected": {"low": -1.1, "high": -0.9, "source": "a law"},
        "unit": "per decade",
        "claim": 4,
        "agrees": False,
        "caveat": "Two runs have not converged.",
        "references": {"limit": -1.0, "unknown": None},
    }
    assert Finding("slope", 1.0).to_json()["expected"] is None


@pytest.mark.parametrize(
    ("expected", "ends"),
    [
        (Interval(2.0, math.inf, "a bound"), (2.0, None)),
        (Interval(-math.inf, 2.0, "a bound"), (None, 2.0)),
    ],
)
def test_an_open_end_is_no_number_in_json(expected: Interval, ends: tuple[float | None, float | None]) -> None:
    told = Finding("gap", 3.0, expected=expected).to_json()
    assert json.loads(json.dumps(told, allow_nan=False))["expected"] == {
        "low": ends[0],
        "high": ends[1],
        "source": "a bound",
    }


def test_findings_and_remarks_are_part_of_the_answer_unless_they_say_otherwise() -> None:
    assert Finding("slope", 1.0).answer
    assert Remark("Two networks diverged.").answer
