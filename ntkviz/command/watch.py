"""Progress on stderr, and Ctrl-C: the run stops at its next report and leaves nothing half done."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TextIO, TypeVar

from ntkviz.errors import Cancelled

LINES = 10  # percent between the lines that a file or a pipe gets

T = TypeVar("T")


class Progress:
    """Told how far a run is; raises `Cancelled` once `stop` was called."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._shown = -1
        self._stopped = threading.Event()

    def stop(self, *_: int | FrameType | None) -> None:
        """End the run at its next report; takes what a signal handler gets."""
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
        """Leave the line of the terminal."""
        if self._terminal and self._shown >= 0:
            print(file=self._stream)


def watched(work: Callable[[Progress], T]) -> T:
    """`work` in a thread of its own, since a compiled program lets no signal through to its own thread."""
    progress = Progress(sys.stderr)
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(progress))
        except BaseException as error:  # raised again where the run was asked for
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
