"""The syllabus: the pages in their order, each with its lesson.

A page `pages/NN_NAME.py` belongs to the lesson `ntkviz/lessons/NAME.py`, and NN is its place in the course. Navigation,
start page, warm-up and tests follow from this.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import ntkviz
from ntkviz.lessons import lessons
from ntkviz.lessons.base import Lesson

PAGES = Path(ntkviz.__file__).parents[1] / "pages"
START = "00_start.py"
NUMBERED = re.compile(r"\d\d_(\w+)\.py")


@dataclass(frozen=True)
class Entry:
    """A page and its lesson."""

    file: str  # in `pages/`
    lesson: Lesson[Any]

    @property
    def path(self) -> str:
        """Its place in the link, which is the lesson's name."""
        return self.lesson.name


@cache
def syllabus() -> tuple[Entry, ...]:
    """The lessons in the order of the course; raises `LookupError` for a page without a lesson, or the reverse."""
    files = {match[1]: file.name for file in sorted(PAGES.glob("*.py")) if (match := NUMBERED.fullmatch(file.name))}
    named = {name: file for name, file in files.items() if file != START}
    if named.keys() != lessons().keys():
        alone = ", ".join(sorted(named.keys() ^ lessons().keys()))
        raise LookupError(f"Each page in pages/ needs a lesson in ntkviz/lessons/ of its name; alone stand: {alone}.")
    return tuple(Entry(file, lessons()[name]) for name, file in named.items())
