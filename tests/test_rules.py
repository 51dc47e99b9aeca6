"""Rules: the first case whose conditions all hold is the verdict, and a counter-example gives another one."""

from dataclasses import replace
from typing import Literal

import pytest

from ntkviz.errors import InvalidInput
from ntkviz.findings import Finding, Interval
from ntkviz.lessons.rules import VERDICTS, Case, Condition, Rule

SLOPE = Finding("slope", -1.0, expected=Interval(-1.1, -0.9, "a law"))
WIDE, NARROW = ("wide", "slope"), ("narrow", "slope")
RULE = Rule(
    2,
    (
        Case("limit only", (Condition("wide", "slope", "agrees"), Condition("narrow", "slope", "differs"))),
        Case("holds", (Condition("wide", "slope", "below", -0.5), Condition("wide", "slope", "above", -1.5))),
    ),
)


@pytest.mark.parametrize(
    ("test", "bound", "value", "holds"),
    [
        ("agrees", 0.0, -1.0, True),
        ("agrees", 0.0, -2.0, False),
        ("differs", 0.0, -1.0, False),
        ("differs", 0.0, -2.0, True),
        ("above", -1.5, -1.0, True),
        ("above", -1.0, -1.0, False),
        ("above", -0.5, -1.0, False),
        ("below", -1.5, -1.0, False),
        ("below", -1.0, -1.0, False),
        ("below", -0.5, -1.0, True),
    ],
)
def test_a_condition_looks_at_one_finding(
    test: Literal["agrees", "differs", "above", "below"], bound: float, value: float, holds: bool
) -> None:
    condition = Condition("wide", "slope", test, bound)
    assert condition.holds({WIDE: replace(SLOPE, value=value)}) is holds
    assert not condition.holds({WIDE: replace(SLOPE, value=None)})
    assert not condition.holds({NARROW: replace(SLOPE, value=value)})
    assert not condition.holds({})


def test_a_bound_is_zero_unless_another_is_given() -> None:
    assert Condition("wide", "slope", "below").holds({WIDE: replace(SLOPE, value=-1e-9)})
    assert not Condition("wide", "slope", "above").holds({WIDE: replace(SLOPE, value=-1e-9)})


def test_a_value_without_an_expectation_neither_agrees_nor_differs() -> None:
    alone = {WIDE: Finding("slope", -1.0)}
    assert not Condition("wide", "slope", "agrees").holds(alone)
    assert not Condition("wide", "slope", "differs").holds(alone)


def test_the_first_case_whose_conditions_all_hold_decides() -> None:
    assert RULE.verdict({WIDE: SLOPE, NARROW: replace(SLOPE, value=-0.3)}) == "limit only"
    assert RULE.verdict({WIDE: SLOPE, NARROW: SLOPE}) == "holds"
    assert RULE.verdict({WIDE: SLOPE}) == "holds"


@pytest.mark.parametrize("value", [-2.0, -1.5, -0.5, 0.0, None])
def test_a_counter_example_leaves_the_claim_open(value: float | None) -> None:
    assert RULE.verdict({WIDE: replace(SLOPE, value=value), NARROW: SLOPE}) == "open"
    assert RULE.verdict({}) == "open"


def test_a_case_without_a_condition_is_refused() -> None:
    with pytest.raises(InvalidInput, match="claim 2 has no condition"):
        Rule(2, (Case("holds", ()),))
    with pytest.raises(InvalidInput, match="no condition"):
        Rule(2, (*RULE.cases, Case("holds", ())))


def test_verdicts_are_known() -> None:
    assert {case.verdict for case in RULE.cases} | {"open"} <= set(VERDICTS)
