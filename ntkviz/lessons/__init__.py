"""The lessons: every file of this folder that defines `LESSON`, with its experiments, presets and questions.

To add a lesson, add such a file, and a page `pages/NN_NAME.py` of the same name.
"""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from ntkviz.errors import InvalidInput
from ntkviz.lessons.base import Lesson

NOT_LESSONS = {"base", "claims", "ledger", "questions", "rules"}  # modules of this folder that hold no lesson


@cache
def lessons() -> Mapping[str, Lesson[Any]]:
    """Name -> lesson, in the order of their names."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.name not in NOT_LESSONS]
    return MappingProxyType({name: import_module(f"{__name__}.{name}").LESSON for name in sorted(names)})


def lesson_of(experiment: str, preset: str = "") -> tuple[Lesson[Any], str]:
    """The lesson that shows an experiment, and the name of the experiment's slot.

    Args:
        experiment: the last part of the name of the experiment's module.
        preset: the key of a preset that the lesson should have, where several lessons show the experiment.

    Raises `InvalidInput` where no lesson shows it.
    """
    showing = [
        (lesson, name)
        for lesson in lessons().values()
        for name, slot in lesson.slots.items()
        if slot.experiment.__name__.rpartition(".")[2] == experiment
    ]
    for lesson, name in showing:
        if preset in {one.key for one in lesson.presets}:
            return lesson, name
    if showing:
        return showing[0]
    raise InvalidInput(f"No lesson shows the experiment {experiment!r}, so that it has no presets.")
