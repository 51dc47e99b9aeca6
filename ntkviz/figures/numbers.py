"""Findings in words, as they are written under the charts of a page."""

from dataclasses import dataclass

from ntkviz.findings import Finding
from ntkviz.writing import interval, with_error, written


@dataclass(frozen=True)
class Number:
    """A finding as it is written on a page."""

    label: str
    value: str
    expected: str = ""
    help: str = ""
    caveat: str = ""
    answer: bool = True
    agrees: bool | None = None


def number(finding: Finding) -> Number:
    """The finding in words: value, error and unit; what is expected with its source; what to compare it with."""
    return Number(
        label=finding.name,
        value=with_error(finding.value, finding.error, finding.unit),
        expected=_expected(finding),
        help=finding.help,
        caveat=finding.caveat,
        answer=finding.answer,
        agrees=finding.agrees,
    )


def _expected(finding: Finding) -> str:
    parts = []
    if finding.expected is not None:
        parts.append(f"expected: {interval(finding.expected)} ({finding.expected.source})")
    parts += [f"{reference.name}: {written(reference.value)}" for reference in finding.references]
    if finding.error is not None:
        parts.append(f"standard error over {finding.over}")
    return "; ".join(parts)
