"""Findings in words: value and error, what is expected, what to compare with, and what limits the number."""

import math

import pytest

from ntkviz.figures.numbers import WrittenFinding, in_words, told
from ntkviz.findings import Finding, Interval, Reference

pytestmark = pytest.mark.drawn


def test_a_finding_in_words() -> None:
    finding = Finding(
        "Slope",
        -1.2034,
        "per decade",
        error=0.0123,
        over="8 networks",
        expected=Interval(-1.1, -0.9, "perturbation theory"),
        help="Of the fitted line.",
        caveat="Two runs have not converged.",
        references=(Reference("infinite width", -1.0), Reference("other data", None)),
        answer=False,
    )
    assert in_words(finding) == WrittenFinding(
        label="Slope",
        value="−1.20 ± 0.01 per decade",
        expected="expected: −1.1 to −0.9 (perturbation theory); infinite width: −1; other data: –; "
        "standard error over 8 networks",
        help="Of the fitted line.",
        caveat="Two runs have not converged.",
        answer=False,
        agrees=False,
    )


def test_a_finding_of_a_value_alone() -> None:
    assert in_words(Finding("Steps", 139.0, "steps")) == WrittenFinding("Steps", "139 steps")


def test_a_finding_without_a_value_is_a_dash() -> None:
    law = Interval(100.0, math.inf, "theory")
    finding = Finding("Steps", None, "steps", error=2.0, over="8 networks", expected=law, caveat="Not reached.")
    assert in_words(finding) == WrittenFinding(
        "Steps", "–", "expected: at least 100 (theory)", caveat="Not reached.", agrees=None
    )


def test_a_finding_that_agrees_says_so() -> None:
    assert in_words(Finding("Slope", -1.0, expected=Interval(-1.1, -0.9, "theory"))).agrees is True


def test_findings_that_have_a_value_are_told_in_sentences() -> None:
    findings = [
        Finding("Steps", 139.0, "of 500"),
        Finding("Gap", None, "%"),
        Finding("Slope", -1.2, error=0.1, over="3 seeds"),
    ]
    assert told(findings) == "Steps: 139 of 500. Slope: −1.2 ± 0.1."
    assert told([]) == ""


def test_what_a_percentage_is_compared_with_is_a_percentage() -> None:
    """The sign is written wherever the value has one; a number that is not known has none."""
    finding = Finding(
        "Largest eigenvalue",
        39.0,
        "% of the trace",
        expected=Interval(30, 50, "theory"),
        references=(Reference("theory", 38.8), Reference("other data", None)),
    )
    assert in_words(finding).expected == "expected: 30 to 50 % (theory); theory: 38.8 %; other data: –"
