"""The engine: one computation per question, a stop that stops, errors as sentences, results that are kept."""

import threading
import time
from dataclasses import dataclass

import jax
import numpy as np
import pytest

from ntkviz.engine import Engine, Job, Limits, Store, programs
from ntkviz.engine import jobs as jobs_module
from ntkviz.engine.jobs import held_bytes
from ntkviz.engine.limits import spoken
from ntkviz.errors import Cancelled, InvalidInput, NtkvizError, TooExpensive
from ntkviz.experiments.protocol import Cost
from ntkviz.specs import Spec, number

WAIT = 10.0  # seconds: far more than anything here takes


@dataclass(frozen=True, kw_only=True)
class Settings(Spec):
    value: int = number(1, 0, 1000, label="Value")


class Counting:
    """An experiment that counts its runs and ends when it is told to."""

    __name__ = __name__  # results on disk carry the fingerprint of this file
    Spec = Settings
    Result = np.ndarray

    def __init__(self, seconds=0.0, size=4, error=None):
        self.seconds, self.size, self.error = seconds, size, error
        self.runs = 0
        self.go = threading.Event()
        self.go.set()

    def cost(self, spec):
        return Cost(self.seconds, 8.0 * self.size)

    def run(self, spec, report):
        self.runs += 1
        while not self.go.wait(0.005):
            report(0.5, np.zeros(self.size))
        if self.error:
            raise self.error
        return np.full(self.size, spec.value)


def ended(job: Job) -> Job:
    assert job.wait(WAIT)
    return job


def test_many_sessions_asking_the_same_at_once_cause_one_run():
    experiment, engine = Counting(), Engine()
    experiment.go.clear()
    asked = [engine.submit(experiment, Settings(value=7), session=str(i)) for i in range(20)]
    experiment.go.set()
    assert {id(job) for job in asked} == {id(asked[0])}
    np.testing.assert_array_equal(ended(asked[0]).result, 7)
    assert experiment.runs == 1


def test_an_answer_is_kept_and_another_question_is_another_run():
    experiment, engine = Counting(), Engine()
    first = ended(engine.submit(experiment, Settings(value=1), session="a"))
    ended(engine.submit(experiment, Settings(value=2), session="a"))
    assert engine.submit(experiment, Settings(value=1), session="b") is first
    assert experiment.runs == 2


def test_the_oldest_results_leave_when_the_bytes_are_full():
    experiment = Counting(size=100)
    engine = Engine(Limits(keep_megabytes=0.002))  # two results of 800 bytes
    for value in (1, 2, 3, 1):
        ended(engine.submit(experiment, Settings(value=value), session="a"))
    assert experiment.runs == 4


def test_releasing_the_last_watcher_stops_a_run_and_a_watched_one_goes_on():
    experiment, engine = Counting(), Engine()
    experiment.go.clear()
    job = engine.submit(experiment, Settings(), session="a")
    engine.submit(experiment, Settings(), session="b")
    job.release("a")
    assert not job.wait(0.1)
    started = time.monotonic()
    job.release("b")
    assert isinstance(ended(job).error, Cancelled)
    assert time.monotonic() - started < WAIT
    assert job.picture is not None


def test_a_result_and_each_part_of_it_is_drawn_once_for_all_who_look():
    drawn = []
    experiment, engine = Counting(), Engine(draw=lambda name, result: drawn.append(name) or f"{result.sum():g}")
    experiment.go.clear()
    job = engine.submit(experiment, Settings(value=2), session="a")
    while job.picture is None:
        time.sleep(0.005)
    assert (job.picture, job.result) == ("0", None)
    experiment.go.set()
    assert ended(job).picture == "8"
    parts = len(drawn)
    assert all(engine.submit(experiment, Settings(value=2), session=str(i)).picture == "8" for i in range(5))
    assert len(drawn) == parts
    assert set(drawn) == {__name__}


def test_a_picture_that_fails_is_a_sentence_and_not_a_hang(tmp_path):
    def fail(name, result):
        raise ZeroDivisionError("secret")

    store = Store(tmp_path, 1e6)
    job = ended(Engine(Limits(), draw=fail).submit(Counting(), Settings(), session="a"))
    assert "secret" not in str(job.error)
    Engine(Limits(), store=store).submit(experiment := Counting(), Settings(), session="a").wait(WAIT)
    until = time.monotonic() + WAIT
    while not store.path(job.experiment, job.spec).exists() and time.monotonic() < until:
        time.sleep(0.01)
    kept = ended(Engine(Limits(), store=store, draw=fail).submit(experiment, Settings(), session="a"))
    assert isinstance(kept.error, NtkvizError)


def test_a_run_that_nobody_looks_at_is_given_up(monkeypatch):
    monkeypatch.setattr(jobs_module, "RECONNECT_WITHIN", 0.05)
    experiment, engine = Counting(), Engine()
    experiment.go.clear()
    assert isinstance(ended(engine.submit(experiment, Settings(), session="gone")).error, Cancelled)


def test_a_stopped_question_can_be_asked_again():
    experiment, engine = Counting(), Engine()
    experiment.go.clear()
    job = engine.submit(experiment, Settings(value=3), session="a")
    job.release("a")
    ended(job)
    experiment.go.set()
    again = ended(engine.submit(experiment, Settings(value=3), session="a"))
    assert again is not job
    np.testing.assert_array_equal(again.result, 3)


def test_a_short_run_does_not_wait_for_a_long_one():
    slow, quick, engine = Counting(seconds=20.0), Counting(), Engine()
    slow.go.clear()
    waiting = engine.submit(slow, Settings(), session="a")
    np.testing.assert_array_equal(ended(engine.submit(quick, Settings(value=2), session="b")).result, 2)
    assert not waiting.finished
    slow.go.set()
    ended(waiting)


@pytest.mark.parametrize(("seconds", "size"), [(61.0, 1), (1.0, 10**9)])
def test_a_run_over_the_limits_is_refused_before_it_starts(seconds, size):
    experiment, engine = Counting(seconds=seconds, size=size), Engine(Limits())
    with pytest.raises(TooExpensive, match="limit"):
        engine.submit(experiment, Settings(), session="a")
    assert experiment.runs == 0


def test_limits_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("NTKVIZ_MAX_SECONDS", "5")
    monkeypatch.setenv("NTKVIZ_MAX_MEGABYTES", "100")
    monkeypatch.setenv("NTKVIZ_WORKERS", "3")
    limits = Limits.from_environment()
    assert (limits.max_seconds, limits.max_megabytes, limits.local_workers) == (5.0, 100.0, 3)


@pytest.mark.parametrize("words", ["much", "-1", "nan"])
def test_a_limit_that_makes_no_sense_is_refused_by_its_name(words):
    with pytest.raises(InvalidInput, match=r"(?i)max_seconds"):
        Limits.from_environment({"NTKVIZ_MAX_SECONDS": words})


def test_a_full_queue_says_so():
    experiment, engine = Counting(), Engine(Limits(max_queue=2))
    experiment.go.clear()
    jobs = [engine.submit(experiment, Settings(value=v), session="a") for v in (1, 2)]
    with pytest.raises(TooExpensive, match="Try again"):
        engine.submit(experiment, Settings(value=3), session="a")
    experiment.go.set()
    for job in jobs:
        ended(job)


def test_a_session_has_so_many_runs_at_once_and_no_more():
    experiment, engine = Counting(), Engine(Limits(max_session_jobs=2))
    experiment.go.clear()
    jobs = [engine.submit(experiment, Settings(value=v), session="greedy") for v in (1, 2)]
    with pytest.raises(TooExpensive, match="already have 2 runs"):
        engine.submit(experiment, Settings(value=3), session="greedy")
    jobs.append(engine.submit(experiment, Settings(value=3), session="modest"))
    assert engine.submit(experiment, Settings(value=3), session="greedy") is jobs[-1]  # joining costs nothing
    experiment.go.set()
    for job in jobs:
        ended(job)


def test_the_place_in_line_counts_those_ahead_and_their_seconds():
    experiment, engine = Counting(seconds=10.0), Engine()
    experiment.go.clear()
    jobs = [engine.submit(experiment, Settings(value=v), session=str(v)) for v in range(3)]
    while jobs[0].fraction < 0.5:
        time.sleep(0.005)
    assert engine.place(jobs[0]) is None
    assert [engine.place(job).ahead for job in jobs[1:]] == [0, 1]
    assert [engine.place(job).seconds for job in jobs[1:]] == pytest.approx([5.0, 15.0])  # half of the first is done
    experiment.go.set()
    for job in jobs:
        ended(job)
    assert engine.place(jobs[2]) is None


def test_a_session_that_leaves_stops_what_only_it_wanted():
    experiment, engine = Counting(), Engine()
    experiment.go.clear()
    alone = engine.submit(experiment, Settings(value=1), session="a")
    shared = engine.submit(experiment, Settings(value=2), session="a")
    engine.submit(experiment, Settings(value=2), session="b")
    assert engine.sessions() == {"a", "b"}
    engine.leave("a")
    assert isinstance(ended(alone).error, Cancelled)
    assert not shared.wait(0.1)
    experiment.go.set()
    np.testing.assert_array_equal(ended(shared).result, 2)


def test_a_session_with_a_browser_needs_not_look_and_one_that_vanished_may_come_back(monkeypatch):
    monkeypatch.setattr(jobs_module, "RECONNECT_WITHIN", 0.3)
    experiment, present = Counting(), {"a"}
    engine = Engine(is_present=present.__contains__)
    experiment.go.clear()
    job = engine.submit(experiment, Settings(value=5), session="a")
    assert not job.wait(0.5)
    job.watch("a")  # its last look
    present.clear()  # its network is gone
    time.sleep(0.1)
    assert engine.submit(experiment, Settings(value=5), session="a again") is job
    experiment.go.set()
    np.testing.assert_array_equal(ended(job).result, 5)


def test_every_question_is_counted_by_what_became_of_it(tmp_path):
    experiment = Counting()
    engine = Engine(Limits(), store=Store(tmp_path, 1e6))
    ended(engine.submit(experiment, Settings(value=1), session="a"))
    engine.submit(experiment, Settings(value=1), session="b")
    experiment.go.clear()
    job = engine.submit(experiment, Settings(value=2), session="a")
    engine.submit(experiment, Settings(value=2), session="b")
    engine.leave("a"), engine.leave("b")
    ended(job)
    experiment.go.set()
    ended(engine.submit(Counting(error=InvalidInput("no")), Settings(value=3), session="a"))
    with pytest.raises(TooExpensive):
        engine.submit(Counting(seconds=1e3), Settings(value=4), session="a")
    while not Store(tmp_path, 1e6).path(job.experiment, job.spec).exists() and engine.metrics.total("failed") < 1:
        time.sleep(0.005)
    ended(Engine(Limits(), store=Store(tmp_path, 1e6)).submit(experiment, Settings(value=1), session="c"))
    outcomes = ("computed", "kept", "shared", "cancelled", "failed", "refused", "stored")
    assert {name: engine.metrics.total(name) for name in outcomes} == {
        "computed": 1, "kept": 1, "shared": 1, "cancelled": 1, "failed": 1, "refused": 1, "stored": 0,
    }  # fmt: skip
    text = engine.metrics.text().decode()
    assert 'ntkviz_jobs_total{experiment="test_engine",outcome="computed"} 1.0' in text
    assert "ntkviz_jobs_running" in text
    assert text.endswith("# EOF\n")


def test_a_restart_forgets_nothing(tmp_path):
    experiment = Counting()
    before = Engine(Limits(), store=Store(tmp_path, 1e6))
    job = ended(before.submit(experiment, Settings(value=8), session="a"))
    while not before.store.path(job.experiment, job.spec).exists():
        time.sleep(0.005)
    after = Engine(Limits(), store=Store(tmp_path, 1e6))
    np.testing.assert_array_equal(ended(after.submit(experiment, Settings(value=8), session="b")).result, 8)
    assert (experiment.runs, after.metrics.total("stored")) == (1, 1)


def test_an_answer_that_cannot_be_kept_on_disk_is_given_all_the_same_and_health_says_so(tmp_path):
    (tmp_path / "file").write_text("where the folder should be")
    engine = Engine(Limits(), store=Store(tmp_path / "file", 1e6))
    np.testing.assert_array_equal(ended(engine.submit(Counting(), Settings(value=8), session="a")).result, 8)
    while engine.health()["status"] == "ok":
        time.sleep(0.005)
    assert "cannot be stored on disk" in engine.health()["trouble"][0]


def test_a_users_error_is_kept_as_it_is_and_a_bug_is_hidden_behind_a_sentence(caplog):
    engine = Engine()
    user = ended(engine.submit(Counting(error=InvalidInput("Choose more points.")), Settings(), session="a"))
    assert str(user.error) == "Choose more points."
    bug = ended(engine.submit(Counting(error=ZeroDivisionError("secret")), Settings(value=2), session="a"))
    assert isinstance(bug.error, NtkvizError)
    assert "secret" not in str(bug.error)
    assert "secret" in caplog.text


def test_programs_are_let_go_before_the_system_runs_out_of_memory_maps(monkeypatch):
    function = jax.jit(lambda x: x + 1)
    function(1.0)
    assert not programs.make_room()
    assert function._cache_size() == 1
    monkeypatch.setattr(programs, "allowed_memory_maps", lambda: 1)
    assert programs.make_room()
    assert function._cache_size() == 0
    assert function(1.0) == 2.0


def test_held_bytes_counts_the_arrays_inside_results():
    @dataclass(frozen=True, eq=False)
    class Tree:
        a: np.ndarray
        b: tuple[np.ndarray, ...]

    assert held_bytes(Tree(np.zeros(10), (np.zeros(5), np.zeros(5)))) == 160


def test_estimates_are_spoken_in_seconds_and_megabytes():
    assert spoken(Cost(8.2, 120e6)) == "about 8.2 s and 120 MB"
