"""The semaphore of scripts: never more at once than allowed, and no wait for one that hangs or that only waits."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ntkviz.ui.turns import ScriptSemaphore


def test_no_more_run_at_once_than_said():
    scripts, lock = ScriptSemaphore(concurrent=2), threading.Lock()
    running, most = 0, 0

    def script(_):
        nonlocal running, most
        with scripts.turn():
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
    scripts, done = ScriptSemaphore(concurrent=1, timeout=30.0), threading.Event()

    def other():
        with scripts.turn():
            done.set()

    with ThreadPoolExecutor(1) as pool, scripts.turn():
        asked = pool.submit(other)
        assert not done.wait(0.05)
        with scripts.aside():
            assert done.wait(10.0)
        asked.result()


def test_a_turn_within_a_turn_is_the_same_one():
    scripts = ScriptSemaphore(concurrent=1, timeout=30.0)
    started = time.monotonic()
    for _ in range(2):
        with scripts.turn(), scripts.turn(), scripts.aside(), scripts.turn():
            pass
    assert time.monotonic() - started < 10.0


def test_one_that_hangs_holds_nobody_up_for_long():
    scripts = ScriptSemaphore(concurrent=1, timeout=0.05)
    with ThreadPoolExecutor(1) as pool, scripts.turn():
        pool.submit(lambda: scripts.turn().__enter__()).result(timeout=10.0)


def test_an_error_ends_the_turn():
    scripts = ScriptSemaphore(concurrent=1, timeout=30.0)
    for _ in range(3):
        with pytest.raises(KeyError), scripts.turn():
            raise KeyError
        with pytest.raises(KeyError), scripts.turn(), scripts.aside():
            raise KeyError
    started = time.monotonic()
    with scripts.turn(), scripts.aside(), scripts.aside():
        pass
    assert time.monotonic() - started < 10.0  # no turn was lost on the way: without one, each waits for 30 s
