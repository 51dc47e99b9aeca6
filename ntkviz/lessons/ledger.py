"""The ledger: each claim with its verdict, which the rules of the lessons compute from findings.

Findings are those of all presets of all lessons. They are stored with the package, because all of them together take a
minute; `found` computes them anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ntkviz.findings import Finding
from ntkviz.lessons import lessons
from ntkviz.lessons.base import Lesson
from ntkviz.lessons.claims import CLAIMS, Claim
from ntkviz.lessons.rules import Condition, Rule, Verdict
from ntkviz.writing import written

Found = Mapping[str, Mapping[str, tuple[Finding, ...]]]  # lesson -> preset -> its findings
Compute = Callable[[Any, Any], Any]  # takes an experiment and its spec to the result


@dataclass(frozen=True)
class Evidence:
    """A finding that decides about a claim, and the preset at which it was made."""

    preset: str
    finding: Finding


@dataclass(frozen=True)
class Entry:
    """A claim, its verdict, and what it rests on; without a lesson the claim is open."""

    claim: Claim
    verdict: Verdict = "open"
    lesson: str = ""  # whose rule decides
    evidence: tuple[Evidence, ...] = ()
    otherwise: tuple[str, ...] = ()  # what another verdict would need, in words

    def link(self, preset: str) -> str:
        """The path of the page that shows a finding, with its settings and its answer."""
        return f"/{self.lesson}?preset={preset}&ask=0"

    def to_json(self) -> dict[str, Any]:
        """The entry as plain data: claim, verdict, findings with their links, what another verdict would need."""
        found = [{**one.finding.to_json(), "link": self.link(one.preset)} for one in self.evidence]
        return {
            "claim": self.claim.number,
            "words": self.claim.words,
            "source": self.claim.source,
            "verdict": self.verdict,
            "lesson": self.lesson or None,
            "findings": found,
            "otherwise": list(self.otherwise),
        }


def found(compute: Compute = lambda experiment, spec: experiment.run(spec)) -> Found:
    """The findings of all presets of all lessons.

    Args:
        compute: makes the result of an experiment at a spec.
    """

    def at(lesson: Lesson[Any], spec: Any) -> tuple[Finding, ...]:
        parts = ((slot.experiment, slot.part(spec)) for slot in lesson.slots.values())
        return tuple(one for experiment, part in parts for one in experiment.findings(compute(experiment, part)))

    return {
        name: {preset.key: at(lesson, preset.spec) for preset in lesson.presets} for name, lesson in lessons().items()
    }


def ledger(known: Found) -> tuple[Entry, ...]:
    """An entry for each claim.

    Args:
        known: the findings.
    """
    rules = {rule.claim: (name, rule) for name, lesson in lessons().items() for rule in lesson.rules}
    return tuple(
        _entry(claim, *rules[claim.number], known) if claim.number in rules else Entry(claim) for claim in CLAIMS
    )


def _entry(claim: Claim, lesson: str, rule: Rule, known: Found) -> Entry:
    named = {(preset, one.name): one for preset, found in known.get(lesson, {}).items() for one in found}
    asked = dict.fromkeys((part.preset, part.finding) for case in rule.cases for part in case.conditions)
    evidence = tuple(Evidence(preset, named[preset, name]) for preset, name in asked if (preset, name) in named)
    verdict = rule.verdict(named)
    others = [case for case in rule.cases if case.verdict != verdict]
    words = tuple(f"“{case.verdict}”, if {', and '.join(map(_in_words, case.conditions))}" for case in others)
    return Entry(claim, verdict, lesson, evidence, words)


def _in_words(part: Condition) -> str:
    """A condition as a part of a sentence."""
    tests = {
        "agrees": "agreed with what theory expects",
        "differs": "differed from what theory expects",
        "above": f"were above {written(part.bound)}",
        "below": f"were below {written(part.bound)}",
    }
    return f"{part.finding} (preset {part.preset}) {tests[part.test]}"
