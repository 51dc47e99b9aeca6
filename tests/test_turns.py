"""Scripts take turns: never more at once than said, nobody waits for one that hangs or that only waits."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ntkviz.ui.turns import Turns


def test_no_more_run_at_once_than_said():
    turns, lock = Turns(abreast=2), threading.Lock()
    running, most = 0, 0

    def script(_):
        nonlocal running, most
        with turns.turn():
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.005)
            with lock:
                running -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(script, range(24)))
    assert most == 2


def test_whoever_waits_aside_lets_another_run():
    turns, done = Turns(abreast=1, patience=30.0), threading.Event()

    def other():
        with turns.turn():
            done.set()

    with ThreadPoolExecutor(1) as pool, turns.turn():
        asked = pool.submit(other)
        assert not done.wait(0.05)
        with turns.aside():
            assert done.wait(10.0)
        asked.result()


def test_a_turn_within_a_turn_is_the_same_one():
    turns = Turns(abreast=1, patience=30.0)
    started = time.monotonic()
    for _ in range(2):
        with turns.turn(), turns.turn(), turns.aside(), turns.turn():
            pass
    assert time.monotonic() - started < 10.0


def test_one_that_hangs_holds_nobody_up_for_long():
    turns = Turns(abreast=1, patience=0.05)
    with ThreadPoolExecutor(1) as pool, turns.turn():
        pool.submit(lambda: turns.turn().__enter__()).result(timeout=10.0)


def test_an_error_ends_the_turn():
    turns = Turns(abreast=1, patience=30.0)
    for _ in range(3):
        with pytest.raises(KeyError), turns.turn():
            raise KeyError
        with pytest.raises(KeyError), turns.turn(), turns.aside():
            raise KeyError
    started = time.monotonic()
    with turns.turn(), turns.aside(), turns.aside():
        pass
    assert time.monotonic() - started < 10.0  # no turn was lost on the way: without one, each waits for 30 s
