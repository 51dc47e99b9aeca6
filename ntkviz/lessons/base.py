"""A lesson as data: what it asks, the experiments that answer, and the presets with which it is taught.

The page, the command line, the warm-up of the server, links and tests read the same presets. A preset is a complete
spec: its controls are set to it, and its key stands in the link.
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
    """Settings that are worth a look, with the question that belongs to them."""

    key: str  # in the link and on the command line
    name: str  # on its button
    setup: str  # what is set up: shown at once, and gives nothing away
    shows: Words  # what it shows: a text or a function of the result of the question's slot, after the answer
    spec: S
    question: Question


@dataclass(frozen=True)
class Slot:
    """A place on the page for one experiment; `part` takes its spec out of the lesson's."""

    experiment: Experiment[Any, Any]
    part: Callable[[Any], Any] = lambda spec: spec


@dataclass(frozen=True, kw_only=True)
class Lesson(Generic[S]):
    """One lesson. The first preset is how it opens."""

    name: str  # of its page and its place in the link
    section: str  # of the course
    title: str
    question: str
    minutes: int  # that it takes in class
    slots: Mapping[str, Slot] = field(hash=False)
    presets: tuple[Preset[S], ...]
    rules: tuple[Rule, ...] = ()  # for the claims that its findings decide

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
        """The preset with this key; raises `InvalidInput` that names those there are."""
        for preset in self.presets:
            if preset.key == key:
                return preset
        known = ", ".join(preset.key for preset in self.presets)
        raise InvalidInput(f"The lesson {self.name} has no preset {key!r}; choose one of {known}.")
