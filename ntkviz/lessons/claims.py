"""The claims that the course puts to the test, in our words, and where they come from: the table claims.csv.

Two public texts started this course: a news article on the neural tangent kernel, and a lecture note that derives it
and names its limits. Neither is quoted. How findings decide about a claim is said by the lessons (`rules`).
"""

import csv
from dataclasses import dataclass
from pathlib import Path

SOURCES = {"news": "a news article", "note": "a lecture note", "both": "a news article and a lecture note"}
TABLE = Path(__file__).with_name("claims.csv")


@dataclass(frozen=True)
class Claim:
    """A claim."""

    number: int
    words: str
    source: str  # in words


def _read() -> tuple[Claim, ...]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(Claim(int(row["number"]), row["words"], SOURCES[row["source"]]) for row in csv.DictReader(file))


CLAIMS = _read()
