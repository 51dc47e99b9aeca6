"""The ledger: each claim with its verdict, which the rules of the lessons compute from findings.

Findings are those of all presets of all lessons. They are stored with the package, because all of them together take a
minute; `found` computes them anew.
"""

from collections.abc import Callable, Mapping, Sequence
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
    """A finding that decides about a claim, and where it was made."""

    lesson: str
    preset: str
    finding: Finding

    @property
    def link(self) -> str:
        """The path of the page that shows it, with its settings and its answer."""
        return f"/{self.lesson}?preset={self.preset}&ask=0"


@dataclass(frozen=True)
class Entry:
    """A claim, its verdict, and what it rests on; without a lesson the claim is open."""

    claim: Claim
    verdict: Verdict = "open"
    lessons: tuple[str, ...] = ()  # whose rules decide
    evidence: tuple[Evidence, ...] = ()
    otherwise: tuple[str, ...] = ()  # what another verdict would need, in words

    def to_json(self) -> dict[str, Any]:
        """The entry as plain data: claim, verdict, findings with their links, what another verdict would need."""
        return {
            "claim": self.claim.number,
            "words": self.claim.words,
            "source": self.claim.source,
            "verdict": self.verdict,
            "lessons": list(self.lessons),
            "findings": [{**one.finding.to_json(), "link": one.link} for one in self.evidence],
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
    """An entry for each claim. Where the rules of two lessons differ, the verdict is “conditional”.

    Args:
        known: the findings.
    """
    rules: dict[int, list[tuple[str, Rule]]] = {}
    for name, lesson in lessons().items():
        for rule in lesson.rules:
            rules.setdefault(rule.claim, []).append((name, rule))
    return tuple(_entry(claim, rules.get(claim.number, []), known) for claim in CLAIMS)


def _entry(claim: Claim, rules: Sequence[tuple[str, Rule]], known: Found) -> Entry:
    verdicts, evidence, otherwise = set[Verdict](), list[Evidence](), list[str]()
    for lesson, rule in rules:
        named = {(preset, one.name): one for preset, each in known.get(lesson, {}).items() for one in each}
        asked = dict.fromkeys((part.preset, part.finding) for case in rule.cases for part in case.conditions)
        evidence += [Evidence(lesson, preset, named[preset, name]) for preset, name in asked if (preset, name) in named]
        verdict = rule.verdict(named)
        verdicts.add(verdict)
        others = [case for case in rule.cases if case.verdict != verdict]
        otherwise += [f"“{case.verdict}”, if {', and '.join(map(_in_words, case.conditions))}" for case in others]
    common: Verdict = verdicts.pop() if len(verdicts) == 1 else "conditional" if verdicts else "open"
    return Entry(claim, common, tuple(name for name, _ in rules), tuple(evidence), tuple(otherwise))


def _in_words(part: Condition) -> str:
    """A condition as a part of a sentence."""
    tests = {
        "agrees": "agreed with what theory expects",
        "differs": "differed from what theory expects",
        "above": f"was above {written(part.bound)}",
        "below": f"was below {written(part.bound)}",
    }
    return f"“{part.finding}” at the preset “{part.preset}” {tests[part.test]}"
