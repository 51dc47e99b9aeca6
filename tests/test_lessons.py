"""What every lesson promises: presets that its page can have, questions with a computed answer, computed verdicts."""

import json
import math
from dataclasses import replace

import pytest

from ntkviz.errors import InvalidInput
from ntkviz.findings import Finding, Remark
from ntkviz.lessons import lesson_of, lessons
from ntkviz.ui.syllabus import syllabus
from tests.canned import canned

pytestmark = pytest.mark.drawn

LESSONS = list(lessons().values())
PRESETS = [(lesson, preset) for lesson in LESSONS for preset in lesson.presets]
NAMES = [f"{lesson.name}/{preset.key}" for lesson, preset in PRESETS]


def slot_result(lesson, preset, slot):
    """What the experiment of a slot finds at a preset."""
    place = lesson.slots[slot]
    return canned(place.experiment, place.part(preset.spec))


def findings(lesson):
    """Every finding of a lesson, by preset and name."""
    found = {}
    for preset in lesson.presets:
        for slot, place in lesson.slots.items():
            for finding in place.experiment.findings(slot_result(lesson, preset, slot)):
                assert (preset.key, finding.name) not in found, "two findings of one lesson have the same name"
                found[preset.key, finding.name] = finding
    return found


def test_every_page_has_its_lesson_in_the_order_of_the_files():
    assert [entry.file for entry in syllabus()] == sorted(entry.file for entry in syllabus())
    assert {entry.path for entry in syllabus()} == set(lessons())


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_has_presets_that_differ(lesson):
    assert len({preset.name for preset in lesson.presets}) == len(lesson.presets)
    assert len({preset.spec for preset in lesson.presets}) == len(lesson.presets)
    assert lesson.question.endswith("?")
    assert lesson.preset(lesson.default.key) is lesson.default
    with pytest.raises(InvalidInput, match=lesson.default.key):
        lesson.preset("nowhere")


def test_every_kind_of_question_is_asked():
    assert {preset.question.kind for _, preset in PRESETS} == {"choice", "number", "order", "sketch"}


@pytest.mark.parametrize(("lesson", "preset"), PRESETS, ids=NAMES)
def test_a_question_has_a_computed_answer_that_is_not_told_before(lesson, preset):
    place = lesson.slots[preset.question.slot]
    spec, result = place.part(preset.spec), slot_result(lesson, preset, preset.question.slot)
    before, after = (json.loads(json.dumps(preset.question.asked(spec, one))) for one in (None, result))
    assert {name: value for name, value in after.items() if name not in ("answer", "explains")} == before
    assert not {"answer", "explains"} & before.keys()
    assert before["asks"].strip().endswith(("?", "."))
    assert after["answer"] is not None
    assert len(after["explains"]) > 20
    assert_within(after)


def assert_within(asked):
    """The answer is one that can be given."""
    answer = asked["answer"]
    if asked["kind"] == "choice":
        assert 0 <= answer < len(asked["options"])
        # A reply to the right option is not displayed; it serves presets at which the option is wrong.
        assert asked["replies"].keys() - {str(answer)}, "no sentence for a usual wrong answer"
    elif asked["kind"] == "number":
        assert asked["low"] <= answer <= asked["high"]
        assert asked["replies"]
    elif asked["kind"] == "order":
        assert sorted(answer) == list(range(len(asked["items"])))
        assert answer not in [reply["order"] for reply in asked["replies"]]
    else:
        assert len(answer["x"]) == len(answer["y"]) >= 2
        assert all(asked["y"][0] <= y <= asked["y"][1] for y in answer["y"]), "outside what can be drawn"


@pytest.mark.parametrize(("lesson", "preset"), PRESETS, ids=NAMES)
def test_a_preset_says_what_is_set_up_and_what_it_shows(lesson, preset):
    result = slot_result(lesson, preset, preset.question.slot)
    shows = preset.shows if isinstance(preset.shows, str) else preset.shows(result)
    for text in (preset.setup, shows):
        assert text.strip().endswith((".", "?", "!"))
    assert preset.setup != shows


@pytest.mark.parametrize(("lesson", "preset"), PRESETS, ids=NAMES)
def test_findings_and_remarks_are_data(lesson, preset):
    for slot, place in lesson.slots.items():
        result = slot_result(lesson, preset, slot)
        found = place.experiment.findings(result)
        assert found
        assert all(isinstance(finding, Finding) for finding in found)
        assert all(isinstance(remark, Remark) for remark in place.experiment.remarks(result))
        told = json.loads(json.dumps([finding.to_json() for finding in found], allow_nan=False))
        assert {"name", "value", "error", "expected", "unit", "claim"} <= told[0].keys()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_verdicts_follow_from_the_findings(lesson):
    found = findings(lesson)
    assert lesson.rules
    for rule in lesson.rules:
        for condition in (condition for case in rule.cases for condition in case.conditions):
            assert (condition.preset, condition.finding) in found, f"claim {rule.claim} names no finding: {condition}"
        verdict = rule.verdict(found)
        assert verdict != "open"
        assert {verdict} < {rule.verdict(other) for other in [found, *counter_examples(rule, found)]}
        assert rule.verdict({}) == "open"


def counter_examples(rule, found):
    """The findings with one, and with all, of those that the rule reads moved out of, or into, what is expected."""
    read = {(condition.preset, condition.finding) for case in rule.cases for condition in case.conditions}
    moved = {key: opposite(found[key], rule) for key in read}
    yield found | moved
    for key, finding in moved.items():
        yield found | {key: finding}


def opposite(finding, rule):
    """The finding with a value that is on the other side of what the rule compares it with."""
    if finding.value is None:
        return finding
    bounds = [
        c.bound
        for case in rule.cases
        for c in case.conditions
        if c.finding == finding.name and c.test in ("above", "below")
    ]
    if bounds:
        return replace(finding, value=2 * bounds[0] - finding.value)
    expected = finding.expected
    inside = (max(expected.low, -1e9) + min(expected.high, 1e9)) / 2
    outside = [
        bound + sign * (1 + abs(bound) + 9 * (finding.error or 0))
        for bound, sign in ((expected.low, -1), (expected.high, 1))
        if math.isfinite(bound)
    ]
    return replace(finding, value=outside[0] if finding.agrees else inside)


def test_an_experiment_knows_its_lesson():
    lesson, slot = lesson_of("train")
    assert lesson.slots[slot].experiment.__name__ == "ntkviz.experiments.train"
    for name in ("linear", "train"):  # both show the experiment, and only one has the preset
        assert lesson_of("widths", {"linear": "time", "train": "wide"}[name])[0].name == name
    with pytest.raises(InvalidInput, match="no presets"):
        lesson_of("nothing")
