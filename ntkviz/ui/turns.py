"""A semaphore with a time limit that serialises script runs, so that no script waits for ever.

One interpreter runs one thread at a time. When the scripts of a whole class run concurrently, they slow each other down
at every switch of threads, and all of them end late. When they run one after the other, the first ones end early. A
script that waits for something else, such as a run, releases the semaphore meanwhile (`aside`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

CONCURRENT = 1  # scripts that run at once; two would only wait for each other
TIMEOUT = 10.0  # seconds: the longest that a script which hangs can delay another


class ScriptSemaphore:
    """A semaphore for scripts that is reentrant in its thread and gives up waiting after a time limit."""

    def __init__(self, concurrent: int = CONCURRENT, timeout: float = TIMEOUT) -> None:
        """A semaphore that so many threads may hold, for which a thread waits at most `timeout` seconds."""
        self._semaphore = threading.BoundedSemaphore(concurrent)
        self._timeout = timeout
        self._thread = threading.local()  # .holds: whether this thread holds the semaphore

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Run the body with the semaphore held, or without it after the time limit; no effect where it is held."""
        if self._holds():
            yield
            return
        self._acquire()
        try:
            yield
        finally:
            self._release()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Run the body with the semaphore released, then acquire it again; no effect where it is not held."""
        held = self._release()
        try:
            yield
        finally:
            if held:
                self._acquire()

    def _acquire(self) -> None:
        self._thread.holds = self._semaphore.acquire(timeout=self._timeout)

    def _holds(self) -> bool:
        return bool(getattr(self._thread, "holds", False))

    def _release(self) -> bool:
        held = self._holds()
        self._thread.holds = False
        if held:
            self._semaphore.release()
        return held


_scripts = ScriptSemaphore()
turn, aside = _scripts.turn, _scripts.aside  # of this server's scripts
