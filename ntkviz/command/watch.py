"""Progress on stderr, and Ctrl-C: a run stops at its next report of progress and leaves no unfinished file."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TextIO, TypeVar

from ntkviz.errors import Cancelled

LINES = 10  # percent between two lines where stderr is a file or a pipe

T = TypeVar("T")


class Progress:
    """The `report` of a run: prints the fraction done, and raises `Cancelled` once `stop` was called."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._shown = -1
        self._stopped = threading.Event()

    def stop(self, *_: int | FrameType | None) -> None:
        """Stop the run at its next report; the signature is that of a signal handler."""
        self._stopped.set()

    def __call__(self, fraction: float, partial: Any = None, /) -> None:
        if self._stopped.is_set():
            raise Cancelled("Stopped.")
        percent = int(100 * fraction)
        if self._terminal and percent != self._shown:
            print(f"\r{percent:3d} %", end="", file=self._stream, flush=True)
        elif not self._terminal and percent // LINES > self._shown // LINES:
            print(f"{percent} %", file=self._stream, flush=True)
        self._shown = max(self._shown, percent)

    def end(self) -> None:
        """End the line on a terminal."""
        if self._terminal and self._shown >= 0:
            print(file=self._stream)


def watched(work: Callable[[Progress], T]) -> T:
    """What `work` returns. It runs in a thread of its own, because signals do not interrupt a compiled program."""
    progress = Progress(sys.stderr)
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(progress))
        except BaseException as error:  # raised again in the calling thread
            errors.append(error)

    before = signal.signal(signal.SIGINT, progress.stop)
    try:
        worker = threading.Thread(target=run, name="run", daemon=True)
        worker.start()
        while worker.is_alive():
            worker.join(0.2)
    finally:
        signal.signal(signal.SIGINT, before)
        progress.end()
    if errors:
        raise errors[0]
    return results[0]
