"""How many programs a lesson compiles. A count, unlike a time, does not depend on the machine."""

import pytest

from benchmarks import cold
from ntkviz.lessons import lessons

FIRST = 9  # programs of the first run of all slots of a lesson
WIDER = {"spectrum": 1, "train": 0, "lazy": 5}  # programs of a width that was not asked before


@pytest.mark.parametrize("name", sorted(lessons()))
def test_a_lesson_compiles_few_programs(name: str) -> None:
    measured = cold.in_its_own_process(name, ("width doubled", "another seed"))
    rows = {row["asked"]: row["programs"] for row in measured}
    assert 0 < rows["as it opens"] <= FIRST
    assert rows["width doubled"] <= WIDER[name]
    assert rows["another seed"] == 0
