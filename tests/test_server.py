"""The warm-up of the server never keeps it from starting."""

import logging
import math
import time

from ntkviz.engine import Engine, Limits
from ntkviz.experiments import spectrum
from ntkviz.lessons import lessons
from ntkviz.ui import ahead, server
from ntkviz.ui.running import WARM_UP


def test_limits_below_a_default_are_no_reason_to_fail(caplog):
    with caplog.at_level(logging.WARNING):
        ahead.compute(Engine(Limits(max_seconds=1e-6)), spectrum, spectrum.Spec())
    assert "not warmed up" in caplog.text


def test_every_lesson_is_warm_before_the_other_presets():
    runs = list(ahead.first_runs())
    every = lessons().values()
    opening = [(slot.experiment, slot.part(one.default.spec)) for one in every for slot in one.slots.values()]
    assert sorted(map(str, runs[: len(opening)])) == sorted(map(str, opening))
    for lesson in every:
        for preset in lesson.presets:
            assert all((slot.experiment, slot.part(preset.spec)) in runs for slot in lesson.slots.values())


def test_the_warm_up_waits_while_visitors_wait(monkeypatch):
    waiting = iter([{"a visitor", WARM_UP}, {"a visitor"}, {WARM_UP}])
    monkeypatch.setattr(server.engine(), "sessions", lambda: next(waiting))
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    server.let_visitors_go_first(math.inf)
    assert slept == [server.LOOK_AGAIN] * 2 and next(waiting, None) is None


def test_the_warm_up_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(server.engine(), "sessions", lambda: {"a visitor"})
    server.let_visitors_go_first(0.0)
