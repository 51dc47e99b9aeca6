"""The engine: one computation per question, a stop that stops, errors as sentences, results that are kept."""

import threading
import time
from dataclasses import dataclass

import jax
import numpy as np
import pytest

from ntkviz.engine import Engine, Job, Limits, programs
from ntkviz.engine import jobs as jobs_module
from ntkviz.engine.jobs import weight
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

    __name__ = "counting"
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
    engine = Engine(kept_bytes=2000)  # two results of 800 bytes
    for value in (1, 2, 3, 1):
        ended(engine.submit(experiment, Settings(value=value), session="a"))
        time.sleep(0.02)  # the result is stored after the job has ended
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
    assert job.partial is not None


def test_a_run_that_nobody_looks_at_is_given_up(monkeypatch):
    monkeypatch.setattr(jobs_module, "PATIENCE", 0.05)
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
    assert Limits.from_environment() == Limits(seconds=5.0, bytes=1e8)


def test_a_full_queue_says_so(monkeypatch):
    monkeypatch.setattr(jobs_module, "QUEUE", 2)
    experiment, engine = Counting(), Engine()
    experiment.go.clear()
    jobs = [engine.submit(experiment, Settings(value=v), session="a") for v in (1, 2)]
    with pytest.raises(TooExpensive, match="try again"):
        engine.submit(experiment, Settings(value=3), session="a")
    experiment.go.set()
    for job in jobs:
        ended(job)


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
    monkeypatch.setattr(programs, "allowed", lambda: 1)
    assert programs.make_room()
    assert function._cache_size() == 0
    assert function(1.0) == 2.0


def test_weight_counts_the_arrays_inside_results():
    @dataclass(frozen=True, eq=False)
    class Tree:
        a: np.ndarray
        b: tuple[np.ndarray, ...]

    assert weight(Tree(np.zeros(10), (np.zeros(5), np.zeros(5)))) == 160


def test_estimates_are_spoken_in_seconds_and_megabytes():
    assert spoken(Cost(8.2, 120e6)) == "about 8.2 s and 120 MB"
