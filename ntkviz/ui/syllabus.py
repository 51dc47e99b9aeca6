"""The syllabus: the pages in their order, each with its lesson.

The page `pages/NN_NAME.py` belongs to the lesson `ntkviz/lessons/NAME.py`, and NN is its place in the course.
Navigation, start page, warm-up and tests use this list. `TOOLS` are pages without a lesson.
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
TOOLS = {"90_ledger.py": "The ledger"}  # page -> title
NUMBERED = re.compile(r"\d\d_(\w+)\.py")


@dataclass(frozen=True)
class Entry:
    """A page and its lesson."""

    file: str  # in `pages/`
    lesson: Lesson[Any]

    @property
    def path(self) -> str:
        """The path of the page in the link: the name of the lesson."""
        return self.lesson.name


@cache
def syllabus() -> tuple[Entry, ...]:
    """The pages in the order of the course. Raises `LookupError` for a page or a lesson that stands alone."""
    files = {match[1]: file.name for file in sorted(PAGES.glob("*.py")) if (match := NUMBERED.fullmatch(file.name))}
    named = {name: file for name, file in files.items() if file not in (START, *TOOLS)}
    if named.keys() != lessons().keys():
        alone = ", ".join(sorted(named.keys() ^ lessons().keys()))
        raise LookupError(f"These names have only a page in pages/ or only a lesson in ntkviz/lessons/: {alone}.")
    return tuple(Entry(file, lessons()[name]) for name, file in named.items())
