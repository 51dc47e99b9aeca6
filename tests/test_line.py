"""The line: in the order of asking, everyone's first before anyone's second, and to the lane that fits."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from ntkviz.engine.jobs import Job
from ntkviz.engine.line import Line
from ntkviz.experiments.protocol import Cost
from tests import cases


def job(owner, seconds=1.0):
    made = Job(f"{owner} {seconds}", cases, cases.Spec(), Cost(seconds, 0.0))
    made.watch(owner)
    return made


def any_job(_):
    return True


def served(line):
    return [line.take(any_job).owner for _ in range(len(line.waiting))]


def test_a_greedy_session_does_not_hold_up_the_others():
    line = Line()
    for owner in ("greedy", "greedy", "greedy", "modest", "shy"):
        line.join(job(owner))
    assert served(line) == ["greedy", "modest", "shy", "greedy", "greedy"]


def test_who_has_a_run_going_waits_for_those_who_have_none():
    line = Line()
    line.join(job("busy"))
    line.take(any_job)
    line.join(job("busy"))
    line.join(job("new"))
    assert served(line) == ["new", "busy"]


def test_a_run_that_comes_back_has_its_old_place():
    line = Line()
    first, second = job("a"), job("b")
    line.join(first)
    line.join(second)
    taken = line.take(any_job)
    line.join(taken)
    assert line.waiting == (first, second)
    assert line.going == ()


def test_a_lane_gets_only_what_it_accepts_and_waits_for_it():
    line = Line()
    line.join(job("long", 50.0))
    got = []
    waiting = threading.Thread(target=lambda: got.append(line.take(lambda job: job.cost.seconds < 1)))
    waiting.start()
    line.join(job("short", 0.5))
    waiting.join(5)
    assert [job.owner for job in got] == ["short"]


def test_a_run_that_nobody_wants_is_taken_by_any_lane_so_that_it_ends():
    line = Line()
    gone = job("gone", 50.0)
    line.join(gone)
    gone.release("gone")
    assert line.take(lambda job: False) is gone


def test_a_closed_line_sends_its_lanes_home():
    line = Line()
    line.close()
    assert line.take(any_job) is None


@given(st.lists(st.sampled_from("abcd"), max_size=12))
def test_between_two_runs_of_one_session_everyone_else_who_waits_has_a_turn(owners):
    line = Line()
    for owner in owners:
        line.join(job(owner))
    turns = served(line)
    assert sorted(turns) == sorted(owners)
    rounds = [turns[:i].count(owner) for i, owner in enumerate(turns)]
    assert rounds == sorted(rounds)
