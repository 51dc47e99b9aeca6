"""Findings in words, as they are written under the charts of a page."""

from collections.abc import Iterable
from dataclasses import dataclass

from ntkviz.findings import Finding
from ntkviz.writing import interval, with_error, written


@dataclass(frozen=True)
class WrittenFinding:
    """A finding as a page and the command line show it."""

    label: str
    value: str
    expected: str = ""
    help: str = ""
    caveat: str = ""
    answer: bool = True
    agrees: bool | None = None


def in_words(finding: Finding) -> WrittenFinding:
    """The finding in words: value, error and unit; what is expected with its source; what to compare it with."""
    return WrittenFinding(
        label=finding.name,
        value=with_error(finding.value, finding.error, finding.unit),
        expected=_expected(finding),
        help=finding.help,
        caveat=finding.caveat,
        answer=finding.answer,
        agrees=finding.agrees,
    )


def told(findings: Iterable[Finding]) -> str:
    """The findings that have a value as short sentences, for the words of a chart.

    >>> told([Finding("Steps", 139.0, "of 500"), Finding("Gap", None)])
    'Steps: 139 of 500.'
    """
    known = (finding for finding in findings if finding.value is not None)
    return " ".join(f"{one.name}: {with_error(one.value, one.error, one.unit)}." for one in known)


def _expected(finding: Finding) -> str:
    parts, mark = [], " %" if finding.unit.startswith("%") else ""
    if finding.expected is not None:
        parts.append(f"expected: {interval(finding.expected)}{mark} ({finding.expected.source})")
    for reference in finding.references:
        known = mark if reference.value is not None else ""
        parts.append(f"{reference.name}: {written(reference.value)}{known}")
    if finding.value is not None and finding.error is not None:
        parts.append(f"standard error over {finding.over}")
    return "; ".join(parts)
