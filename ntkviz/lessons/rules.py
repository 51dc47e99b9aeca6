"""How findings decide about a claim: a rule is a list of cases, and the first case that applies is the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from ntkviz.errors import InvalidInput
from ntkviz.findings import Finding

Verdict = Literal[
    "holds", "limit only", "conditional", "half true", "overstated", "not supported", "false as worded", "open"
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
Findings = Mapping[tuple[str, str], Finding]  # (preset, name of the finding) -> finding


@dataclass(frozen=True)
class Condition:
    """A condition on one finding of one preset.

    `agrees` and `differs` compare the finding with its expected interval; `above` and `below` compare its value with
    `bound`. A finding that is missing or has no value meets no condition.
    """

    preset: str
    finding: str
    test: Literal["agrees", "differs", "above", "below"]
    bound: float = 0.0

    def holds(self, findings: Findings) -> bool:
        """Whether the condition is met."""
        finding = findings.get((self.preset, self.finding))
        if finding is None or finding.value is None:
            return False
        return {
            "agrees": finding.agrees is True,
            "differs": finding.agrees is False,
            "above": finding.value > self.bound,
            "below": finding.value < self.bound,
        }[self.test]


@dataclass(frozen=True)
class Case:
    """A verdict, and the conditions that must all be met for it."""

    verdict: Verdict
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Rule:
    """How the findings of a lesson decide about a claim: the first case whose conditions are all met."""

    claim: int  # the number of the claim
    cases: tuple[Case, ...]

    def __post_init__(self) -> None:
        if not all(case.conditions for case in self.cases):
            raise InvalidInput(f"A case of claim {self.claim} has no condition: its verdict would not depend on data.")

    def verdict(self, findings: Findings) -> Verdict:
        """The verdict on the claim; “open” where no case applies.

        Args:
            findings: (key of the preset, name of the finding) -> finding.
        """
        for case in self.cases:
            if all(condition.holds(findings) for condition in case.conditions):
                return case.verdict
        return "open"
