"""The engine: one computation per question, a stop that stops, errors as sentences, results that are kept."""

import threading
import time
from dataclasses import dataclass, replace

import jax
import numpy as np
import pytest

from ntkviz.engine import Engine, Job, Limits, Store, programs
from ntkviz.engine import jobs as jobs_module
from ntkviz.engine import lanes as lanes_module
from ntkviz.engine import store as store_module
from ntkviz.engine.jobs import held_bytes
from ntkviz.engine.lanes import Lanes
from ntkviz.engine.limits import spoken
from ntkviz.engine.pace import Paces, seconds_until_turn
from ntkviz.errors import Cancelled, InvalidInput, NtkvizError, TooExpensive
from ntkviz.experiments.protocol import Cost
from ntkviz.experiments.train import Spec as Training
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


def test_waits_count_each_run_for_each_session_until_it_ends():
    experiment, engine = Counting(), Engine()
    experiment.go.clear()
    assert engine.waits() == 0
    asked = [engine.submit(experiment, Settings(value=value), session=name) for value, name in ((1, "a"), (1, "b"))]
    asked.append(engine.submit(experiment, Settings(value=2), session="a"))
    assert engine.waits() == 3 and engine.sessions() == {"a", "b"}
    experiment.go.set()
    for job in asked:
        ended(job)
    assert engine.waits() == 0


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


@dataclass(frozen=True, kw_only=True)
class Real(Spec):
    """Settings whose number compiles nothing: runs at all values have one shape."""

    value: float = number(1.0, 0.0, 1000.0, label="Value")


class Taking(Counting):
    """An experiment that says 0.5 s and takes as long as it is told to."""

    Spec = Real
    fraction = 0.0

    def cost(self, spec):
        return Cost(0.5, 8.0)

    def run(self, spec, report):
        end = time.monotonic() + spec.value
        while time.monotonic() < end:
            time.sleep(0.005)
            report(self.fraction)
        return np.zeros(1)


def learned(engine, experiment, *seconds):
    """Let an engine compute runs of one shape that take so long; the first of them counts as the one that compiles."""
    for i, value in enumerate((0.01, *seconds)):
        ended(engine.submit(experiment, Real(value=value + 1e-6 * i), session="earlier"))
    until = time.monotonic() + WAIT
    while engine.metrics.total("computed") <= len(seconds) and time.monotonic() < until:
        time.sleep(0.005)


def places(engine, experiment, count=3):
    """The places of runs that wait behind two that occupy both threads of the process."""
    jobs = [engine.submit(experiment, Real(value=3.0 + i / 100), session=str(i)) for i in range(2 + count)]
    until = time.monotonic() + WAIT
    while engine.place(jobs[1]) is not None and time.monotonic() < until:
        time.sleep(0.005)
    found = [engine.place(job) for job in jobs]
    for i, job in enumerate(jobs):
        job.release(str(i))
        ended(job)
    return found


def test_a_place_counts_those_ahead_and_names_no_seconds_before_it_knows_the_pace():
    found = places(Engine(), Taking())
    assert found[:2] == [None, None]
    assert [(place.ahead, place.seconds) for place in found[2:]] == [(0, None), (1, None), (2, None)]


def test_seconds_are_named_once_three_runs_agree_on_the_pace():
    engine, experiment = Engine(), Taking()
    learned(engine, experiment, 0.1, 0.1, 0.1)
    found = [place.seconds for place in places(engine, experiment)[2:]]
    pace = engine._paces.pace("test_engine")
    assert 0.2 <= pace <= 0.4  # 0.1 s where 0.5 s were said
    turn = 0.5 * pace
    assert found == pytest.approx([turn, turn, 2 * turn], rel=0.01)  # two threads


@pytest.mark.parametrize(
    ("seconds", "why"), [((0.1, 0.1), "two runs are too few"), ((0.05, 0.05, 0.2), "they differ by a factor of four")]
)
def test_no_seconds_are_named_where_the_pace_is_not_known(seconds, why):
    engine, experiment = Engine(), Taking()
    learned(engine, experiment, *seconds)
    assert [place.seconds for place in places(engine, experiment)[2:]] == [None] * 3, why


def test_no_seconds_are_named_behind_a_run_that_must_compile_or_that_has_taken_far_too_long():
    engine, experiment = Engine(), Taking()
    learned(engine, experiment, 0.1, 0.1, 0.1)
    engine._lanes.forget()
    assert [place.seconds for place in places(engine, experiment)[2:]] == [None] * 3
    ended(engine.submit(experiment, Real(value=0.02), session="a"))  # now they are compiled again
    jobs = [engine.submit(experiment, Real(value=3.0 + i / 100), session=str(i)) for i in range(3)]
    until = time.monotonic() + WAIT
    while engine.place(jobs[2]).seconds is not None and time.monotonic() < until:  # until twice 0.1 s have passed
        time.sleep(0.01)
    assert engine.place(jobs[2]).seconds is None
    engine.close()


class Worker:
    """A pool of one worker, in this process."""

    ready, slots, trouble = True, 1, ""

    def __init__(self, is_shared):
        self.is_shared = is_shared

    def start(self, on_workers):
        on_workers(self.slots)

    def run(self, job, report):
        return job.compute(lambda fraction, part=None: report(fraction)), None

    def close(self):
        """Nothing to end."""


@pytest.mark.parametrize("is_shared", [False, True])
def test_no_seconds_are_named_where_other_servers_use_the_same_workers(is_shared):
    engine, experiment = Engine(pool=Worker(is_shared)), Taking()
    learned(engine, experiment, 0.1, 0.1, 0.1)
    jobs = [engine.submit(experiment, Real(value=3.0 + i / 100), session=str(i)) for i in range(2)]
    seconds = engine.place(jobs[1]).seconds
    assert seconds is None if is_shared else 0 < seconds <= 0.2
    engine.close()


@pytest.mark.parametrize(
    ("seconds", "compiled", "crowded", "taken"),
    [
        (1.0, True, True, True),
        (1.0, False, False, True),
        (1.0, False, True, False),
        (10.0, True, False, False),
        (10.0, False, True, False),
    ],
)
def test_one_worker_is_kept_free_of_what_may_take_long(seconds, compiled, crowded, taken):
    """Compiling takes longer than any estimate says; in a crowd it waits for the other workers."""
    pool = Worker(is_shared=False)
    pool.slots = 2
    lanes = Lanes(pool, lambda: crowded)
    job = Job(Counting(seconds=seconds), Settings(value=1), Cost(seconds, 0.0), jobs_module.undrawn)
    if compiled:
        lanes.remember(job)
    assert lanes.takes(0, job) == taken
    assert lanes.takes(1, job) and not lanes.takes(2, job)
    assert lanes.workers_for(job) == 1 + taken
    pool.slots = 1
    assert lanes.takes(0, job) and lanes.workers_for(job) == 1


def test_numbers_that_compiled_code_takes_as_arguments_make_no_new_shape():
    one = Training()
    moved = replace(one, c=0.7, steps=one.steps + 1, seed=3)
    assert lanes_module.shape(repr(moved)) == lanes_module.shape(repr(one))
    for other in (replace(one.arch, depth=2), replace(one.arch, width=100)):
        assert lanes_module.shape(repr(replace(one, arch=other))) != lanes_module.shape(repr(one))


@pytest.mark.parametrize(("has_workers", "limit"), [(True, 0.1), (False, 2.0)])
def test_short_runs_are_computed_here(has_workers, limit):
    """With workers only what is compiled and no crowd waits for; without them whatever takes up to two seconds."""
    crowded = False
    lanes = Lanes(Worker(is_shared=False) if has_workers else None, lambda: crowded)

    def job(seconds):
        return Job(Counting(seconds=seconds), Settings(value=1), Cost(seconds, 0.0), jobs_module.undrawn)

    assert lanes.is_local(job(limit)) == (not has_workers)
    lanes.remember(job(limit))
    assert lanes.is_local(job(limit)) and not lanes.is_local(job(1.01 * limit))
    crowded = True
    assert lanes.is_local(job(limit)) == (not has_workers)


def test_a_run_that_compiles_teaches_no_pace():
    engine = Engine()
    for depth in range(4):
        ended(engine.submit(Counting(seconds=1.0), Settings(value=depth), session="a"))  # four shapes
    assert engine._paces.pace("test_engine") is None


def test_the_turn_comes_when_a_thread_is_free_of_those_ahead():
    assert seconds_until_turn([], [], threads=2) == 0
    assert seconds_until_turn([8.0], [], threads=2) == 0
    assert seconds_until_turn([8.0, 3.0], [], threads=2) == 3
    assert seconds_until_turn([8.0, 3.0], [4.0], threads=2) == 7
    assert seconds_until_turn([8.0, 3.0], [4.0, 4.0], threads=2) == 8
    assert seconds_until_turn([8.0, 3.0, 1.0], [1.0], threads=1) == 9


def test_a_pace_is_the_median_of_recent_runs_that_agree():
    paces = Paces()
    for measured in (1.0, 1.0, 1.9):
        assert paces.pace("train") is None
        paces.learn("train", estimated=1.0, measured=measured)
    assert paces.pace("train") == 1.0
    paces.learn("train", estimated=0.1, measured=5.0)  # too short to count
    assert paces.pace("train") == 1.0
    paces.learn("train", estimated=1.0, measured=2.5)
    assert paces.pace("train") is None
    for _ in range(5):  # the old ones are forgotten
        paces.learn("train", estimated=1.0, measured=2.5)
    assert paces.pace("train") == 2.5
    assert paces.pace("lazy") is None


def test_the_rest_of_a_run_is_estimated_from_its_own_speed_once_enough_is_measured(monkeypatch):
    now = 100.0
    monkeypatch.setattr(jobs_module.time, "monotonic", lambda: now)
    job = Job(Counting(), Settings(), Cost(50.0, 0.0), jobs_module.undrawn)
    job.watch("a")
    assert job.estimate is None

    def run(job, report):
        nonlocal now
        now += 7.0  # compiling, or waiting for a worker: not counted
        report(0.0)
        assert job.estimate is None
        report(0.04)
        for seconds, fraction, left in ((2.0, 0.06, None), (0.5, 0.28, 7.5), (1.5, 0.52, 4.0)):
            now += seconds
            report(fraction)
            assert job.estimate == (None if left is None else pytest.approx(left))
        return 1, 1

    now += 1.0
    job.execute(run)
    assert job.error is None
    job.finish()
    assert job.estimate is None


def test_a_fast_run_is_not_estimated_within_its_first_second(monkeypatch):
    now = 100.0
    monkeypatch.setattr(jobs_module.time, "monotonic", lambda: now)
    job = Job(Counting(), Settings(), Cost(50.0, 0.0), jobs_module.undrawn)
    job.watch("a")
    job.report(0.001)
    now += 0.9
    job.report(0.9)
    assert job.estimate is None
    now += 0.2
    job.report(0.95)
    assert job.estimate == pytest.approx(1.1 * 0.05 / 0.95, rel=0.01)


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


DRAWN: list[object] = []  # what `note_and_draw` was called with


def note_and_draw(experiment, result):
    """A `Draw` that says what it drew."""
    DRAWN.append(result)
    return ("the picture of", float(result[0]))


def test_a_restart_draws_no_stored_picture_again(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "picture_fingerprint", lambda experiment, draw: f"figures of {draw}")
    experiment = Counting()
    before = Engine(Limits(), store=Store(tmp_path, 1e6), draw=note_and_draw)
    drawn = ended(before.submit(experiment, Settings(value=8), session="a")).picture
    while before.store.usage()[0] < 2:
        time.sleep(0.005)
    DRAWN.clear()
    after = Engine(Limits(), store=Store(tmp_path, 1e6), draw=note_and_draw)
    assert ended(after.submit(experiment, Settings(value=8), session="b")).picture == drawn == ("the picture of", 8.0)
    assert not DRAWN
    after.store.path(experiment, Settings(value=8), f"figures of {__name__}").unlink()
    again = Engine(Limits(), store=Store(tmp_path, 1e6), draw=note_and_draw)
    assert ended(again.submit(experiment, Settings(value=8), session="b")).picture == drawn
    assert len(DRAWN) == 1
    assert again.store.usage()[0] == 2, "what was drawn again is stored again"


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
