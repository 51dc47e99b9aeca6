"""The queue: in the order of submission, every session's first before any second, to a thread that accepts."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from ntkviz.engine.fair_queue import FairQueue
from ntkviz.engine.jobs import Job, undrawn
from ntkviz.experiments.protocol import Cost
from tests import cases


def job(owner, seconds=1.0):
    made = Job(cases, cases.Spec(), Cost(seconds, 0.0), undrawn)
    made.watch(owner)
    return made


def any_job(_):
    return True


def served(queue):
    return [queue.take(any_job).owner for _ in range(len(queue.waiting))]


def test_a_greedy_session_does_not_hold_up_the_others():
    queue = FairQueue()
    for owner in ("greedy", "greedy", "greedy", "modest", "shy"):
        queue.put(job(owner))
    assert served(queue) == ["greedy", "modest", "shy", "greedy", "greedy"]


def test_who_has_a_run_going_waits_for_those_who_have_none():
    queue = FairQueue()
    queue.put(job("busy"))
    queue.take(any_job)
    queue.put(job("busy"))
    queue.put(job("new"))
    assert served(queue) == ["new", "busy"]


def test_a_run_that_comes_back_has_its_old_place():
    queue = FairQueue()
    first, second = job("a"), job("b")
    queue.put(first)
    queue.put(second)
    taken = queue.take(any_job)
    queue.put(taken)
    assert queue.waiting == (first, second)
    assert queue.running == ()


def test_a_thread_gets_only_what_it_accepts_and_waits_for_it():
    queue = FairQueue()
    queue.put(job("long", 50.0))
    got = []
    waiting = threading.Thread(target=lambda: got.append(queue.take(lambda job: job.cost.seconds < 1)))
    waiting.start()
    queue.put(job("short", 0.5))
    waiting.join(5)
    assert [job.owner for job in got] == ["short"]


def test_a_cancelled_run_is_taken_by_any_thread_so_that_it_ends():
    queue = FairQueue()
    gone = job("gone", 50.0)
    queue.put(gone)
    gone.release("gone")
    assert queue.take(lambda job: False) is gone


def test_a_closed_queue_ends_its_threads():
    queue = FairQueue()
    queue.close()
    assert queue.take(any_job) is None


@given(st.lists(st.sampled_from("abcd"), max_size=12))
def test_between_two_runs_of_one_session_everyone_else_who_waits_has_a_turn(owners):
    queue = FairQueue()
    for owner in owners:
        queue.put(job(owner))
    turns = served(queue)
    assert sorted(turns) == sorted(owners)
    rounds = [turns[:i].count(owner) for i, owner in enumerate(turns)]
    assert rounds == sorted(rounds)
