"""Scripts take turns: of a class that moves its sliders at once the first are answered first, and not all of it last.

One interpreter runs one thread at a time. Scripts that all run at once share it, slow each other down at every switch
and end together; in a queue each has what it needs. Whoever waits for something else, a run say, steps `aside`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

ABREAST = 1  # scripts at once: two only wait for each other, at every lock and every hash
PATIENCE = 10.0  # seconds, a thousand scripts: by then something hangs, and nobody is to hang with it


class Turns:
    """So many threads at once hold a turn; the others come in the order in which they asked."""

    def __init__(self, abreast: int = ABREAST, patience: float = PATIENCE) -> None:
        self._free = threading.BoundedSemaphore(abreast)
        self._patience = patience
        self._mine = threading.local()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Run the body when it is this thread's turn, or when that took too long; a turn within a turn is the same."""
        if self._holds():
            yield
            return
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let others run while the body waits; without a turn, nothing to it."""
        held = self._give()
        try:
            yield
        finally:
            if held:
                self._take()

    def _take(self) -> None:
        self._mine.held = self._free.acquire(timeout=self._patience)

    def _holds(self) -> bool:
        return bool(getattr(self._mine, "held", False))

    def _give(self) -> bool:
        held = self._holds()
        self._mine.held = False
        if held:
            self._free.release()
        return held


_scripts = Turns()
turn, aside = _scripts.turn, _scripts.aside
