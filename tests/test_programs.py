"""How many programs a lesson compiles. A count, unlike a time, does not depend on the machine."""

import pytest

from benchmarks import cold
from ntkviz.lessons import lessons

FIRST = 12  # programs of the first run of all slots of a lesson
WIDER = 2  # programs of a width that was not asked before
WIDER_OF = {"lazy": 5}  # where it is more


@pytest.mark.parametrize("name", sorted(lessons()))
def test_a_lesson_compiles_few_programs(name: str) -> None:
    measured = cold.in_its_own_process(name, ("width doubled", "another seed"))
    rows = {row["asked"]: row["programs"] for row in measured}
    assert 0 < rows["as it opens"] <= FIRST
    assert rows["width doubled"] <= WIDER_OF.get(name, WIDER)
    assert rows["another seed"] == 0
