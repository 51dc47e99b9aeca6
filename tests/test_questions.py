"""Questions as the browser gets them, presets and lessons as data: what is told before the guess, and what after."""

import json
import math
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest

from ntkviz.errors import InvalidInput
from ntkviz.lessons.base import Lesson, Preset, Slot
from ntkviz.lessons.questions import Beyond, Choice, Mark, Number, Order, Question, Sketch, words
from ntkviz.specs import Spec, number

WORDS: dict[str, Any] = {
    "asks": lambda spec: f"What is {spec}?",
    "explains": lambda result: f"It is {result}.",
}
CHOICE = Choice(**WORDS, options=("a", "b"), answer=lambda result: result, replies={0: "No."})
NUMBER = Number(
    **WORDS,
    low=1,
    high=9,
    answer=float,
    unit="steps",
    log=True,
    was="it took",
    more="too many",
    less="too few",
    replies=(Beyond(3, "Far."), Beyond(0.3, "Near.")),
    mark=Mark("loss", "x"),
)
ORDER = Order(**WORDS, items=lambda spec: (f"{spec} 1", "y"), answer=lambda result: result, replies={(0, 1): "No."})
SKETCH = Sketch(
    **WORDS,
    chart="gap",
    x=lambda spec: (1, 2),
    y=lambda spec: (0, 3),
    answer=lambda result: result,
    near=0.2,
    replies=lambda spec: [(((1, 2), (0, 0)), f"Flat {spec}.")],
)


def asked(question: Question, result: object) -> dict[str, Any]:
    """The question for the spec “this”, as it arrives in the browser."""
    told = question.asked("this", result)
    arrived = json.loads(json.dumps(told, allow_nan=False))
    assert arrived == told
    return cast("dict[str, Any]", arrived)


BEFORE = {
    "choice": {"options": ["a", "b"], "replies": {"0": "No."}},
    "number": {
        "low": 1,
        "high": 9,
        "log": True,
        "unit": "steps",
        "was": "it took",
        "more": "too many",
        "less": "too few",
        "replies": [{"beyond": 3, "text": "Far."}, {"below": 0.3, "text": "Near."}],
        "mark": {"chart": "loss", "axis": "x"},
    },
    "order": {"items": ["this 1", "y"], "replies": [{"order": [0, 1], "text": "No."}]},
    "sketch": {
        "chart": "gap",
        "x": [1, 2],
        "y": [0, 3],
        "near": 0.2,
        "replies": [{"like": {"x": [1.0, 2.0], "y": [0.0, 0.0]}, "text": "Flat this."}],
    },
}
ANSWERS = {
    "choice": (1, 1, "It is 1."),
    "number": (4, 4.0, "It is 4."),
    "order": ((1, 0), [1, 0], "It is (1, 0)."),
    "sketch": (((1, 2), (0.5, 1)), {"x": [1.0, 2.0], "y": [0.5, 1.0]}, "It is ((1, 2), (0.5, 1))."),
}


@pytest.mark.parametrize("question", [CHOICE, NUMBER, ORDER, SKETCH], ids=lambda question: question.kind)
def test_the_answer_is_told_once_there_is_a_result_and_not_before(question: Question) -> None:
    before = {"kind": question.kind, "asks": "What is this?"} | BEFORE[question.kind]
    result, answer, explains = ANSWERS[question.kind]
    assert asked(question, None) == before
    assert asked(question, result) == before | {"answer": answer, "explains": explains}


@pytest.mark.parametrize("question", [CHOICE, NUMBER, ORDER, SKETCH], ids=lambda question: question.kind)
def test_a_question_may_have_no_answer_at_these_settings(question: Question) -> None:
    told = asked(replace(cast("Any", question), answer=lambda result: None), 1)
    assert (told["answer"], told["explains"]) == (None, "")


def test_options_and_marks_are_as_they_were_declared() -> None:
    plain = asked(Number(asks="?", explains="", low=0, high=2, answer=float), None)
    assert plain == {
        "kind": "number",
        "asks": "?",
        "low": 0,
        "high": 2,
        "log": False,
        "unit": "",
        "was": "it was",
        "more": "too large",
        "less": "too small",
        "replies": [],
        "mark": None,
    }
    assert Beyond(1.5, "Far.") != Beyond(0.5, "Far.")
    span = cast("Any", lambda spec: (0, 1))
    sketch = asked(Sketch(asks="?", explains="", chart="gap", x=span, y=span, answer=lambda result: None), None)
    assert (sketch["near"], sketch["replies"]) == (0.1, [])


@pytest.mark.parametrize("nothing", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite_is_no_answer(nothing: float) -> None:
    assert asked(NUMBER, nothing)["answer"] is None
    assert asked(NUMBER, nothing)["explains"] == ""


def test_a_sketch_has_the_points_that_are_finite() -> None:
    curve = (np.array([1.0, 1.5, np.inf, 2.0]), np.array([0.5, np.nan, 1.0, 1.0]))
    assert asked(SKETCH, curve)["answer"] == {"x": [1.0, 2.0], "y": [0.5, 1.0]}


def test_words_are_a_text_or_made_from_something() -> None:
    assert words("A text.", 3) == "A text."
    assert words(lambda value: f"{value} steps", 3) == "3 steps"


# Lessons as data


@dataclass(frozen=True, kw_only=True)
class Settings(Spec):
    depth: int = number(1, 1, 10, label="Depth")


@dataclass(frozen=True, kw_only=True)
class Others(Spec):
    depth: int = number(1, 1, 10, label="Depth")


def preset(key: str, spec: Spec, slot: str = "a") -> Preset[Any]:
    return Preset(key=key, name=key, setup="", shows="", spec=spec, question=replace(CHOICE, slot=slot))


def lesson(*presets: Preset[Any]) -> Lesson[Any]:
    experiment = cast("Any", ModuleType("ntkviz.experiments.toy"))
    return Lesson(
        name="toy",
        section="Section",
        title="Toy",
        question="Which?",
        minutes=5,
        slots={"a": Slot(experiment), "b": Slot(experiment, lambda spec: spec.depth)},
        presets=presets,
    )


def test_a_lesson_opens_with_its_first_preset_and_knows_them_by_their_keys() -> None:
    one, two = preset("one", Settings()), preset("two", Settings(depth=2), "b")
    made = lesson(one, two)
    assert made.default is one
    assert made.preset("two") is two
    with pytest.raises(InvalidInput, match="lesson toy has no preset 'three'; choose one of one, two"):
        made.preset("three")


def test_a_slot_takes_its_part_of_the_spec_or_the_whole() -> None:
    made = lesson(preset("one", Settings(depth=3)))
    assert made.slots["a"].part(made.default.spec) == Settings(depth=3)
    assert made.slots["b"].part(made.default.spec) == 3


@pytest.mark.parametrize(
    ("presets", "sentence"),
    [
        ((), r"lesson toy needs presets with keys that differ, not \[\]"),
        ((preset("one", Settings()), preset("one", Settings(depth=2))), "toy needs .* not \\['one', 'one'\\]"),
        ((preset("one", Settings()), preset("two", Others())), "preset two of toy has settings of another kind"),
        ((preset("one", Settings(), "c"),), "preset one of toy asks about a slot that is not there"),
    ],
)
def test_a_lesson_that_does_not_fit_together_is_refused(presets: tuple[Preset[Any], ...], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        lesson(*presets)
