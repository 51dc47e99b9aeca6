"""A lesson as data: its question, its experiments, and the presets with which it is taught.

The page, the command line, the warm-up of the server, links and tests read the same presets. A preset is a complete
spec: choosing it sets all controls of the page, and its key stands in the link.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Experiment
from ntkviz.lessons.questions import Question, Words
from ntkviz.lessons.rules import Rule
from ntkviz.specs import Spec

S = TypeVar("S", bound=Spec)


@dataclass(frozen=True, kw_only=True)
class Preset(Generic[S]):
    """Named settings of a lesson, and the question that is asked at these settings."""

    key: str  # in the link and on the command line
    name: str  # on its button
    setup: str  # what is set up; displayed before the guess, so it must not give the answer away
    shows: Words  # what the result shows, displayed after the guess: a text, or a function of the question's result
    spec: S
    question: Question


@dataclass(frozen=True)
class Slot:
    """One experiment on the page of a lesson.

    `part` returns the experiment's spec from the lesson's. The types of spec and result differ from slot to slot, and a
    mapping of slots cannot name them: hence `Any`.
    """

    experiment: Experiment[Any, Any]
    part: Callable[[Any], Any] = lambda spec: spec


@dataclass(frozen=True, kw_only=True)
class Lesson(Generic[S]):
    """One lesson, which opens with its first preset.

    Raises `InvalidInput` where presets have the same key or settings of different types, and where a question is about
    a slot that the lesson does not have.
    """

    name: str  # of its page, and its part of the link
    section: str  # of the course, as navigation groups lessons
    title: str
    question: str
    minutes: int  # that the lesson takes in class
    slots: Mapping[str, Slot] = field(hash=False)  # name, such as “a” -> experiment
    presets: tuple[Preset[S], ...]
    rules: tuple[Rule, ...] = ()  # how its findings decide about claims

    def __post_init__(self) -> None:
        keys = [preset.key for preset in self.presets]
        if not keys or len(set(keys)) < len(keys):
            raise InvalidInput(f"The lesson {self.name} needs presets with keys that differ, not {keys}.")
        for preset in self.presets:
            if type(preset.spec) is not type(self.default.spec):
                raise InvalidInput(f"The preset {preset.key} of {self.name} has settings of another kind.")
            if preset.question.slot not in self.slots:
                raise InvalidInput(f"The preset {preset.key} of {self.name} asks about a slot that is not there.")

    @property
    def default(self) -> Preset[S]:
        """The preset with which the lesson opens."""
        return self.presets[0]

    def preset(self, key: str) -> Preset[S]:
        """The preset with this key; raises `InvalidInput` that names the known keys."""
        for preset in self.presets:
            if preset.key == key:
                return preset
        known = ", ".join(preset.key for preset in self.presets)
        raise InvalidInput(f"The lesson {self.name} has no preset {key!r}; choose one of {known}.")
