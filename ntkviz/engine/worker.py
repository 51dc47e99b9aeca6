"""What runs in a worker: an experiment, with its progress told and a guard beside it.

Start workers of another machine with this module, so that they are warm and polite:

    dask worker tcp://SCHEDULER:8786 --nthreads 1 --preload ntkviz.engine.worker

A worker learns from Dask that nobody wants its run any more, whoever asked and however they left. The run hears of it
at its next report; one that is in the middle of a long compiled call is ended with its process, which Dask replaces.
The same befalls a run that takes more memory than it may.
"""

import contextlib
import importlib
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psutil
from distributed import Variable, Worker, get_worker

from ntkviz.engine import stored
from ntkviz.engine.jobs import Draw
from ntkviz.engine.programs import keep_compilations, make_room
from ntkviz.engine.version import code_version
from ntkviz.errors import Cancelled

TOLD_EVERY = 0.2  # seconds between two pictures of a run that goes on, at least: a page looks four times a second
LOOK = 0.05  # seconds between two looks of the guard
GRACE = 0.4  # seconds that a run has to hear of its end
NICE = 10  # a page goes before a run
MEMORY = "memory"  # what is told in place of progress by a worker that is about to end for its size


def dask_setup(worker: Worker) -> None:
    """Be polite, and have everything imported before the first question."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    keep_compilations()
    for name in ("train", "spectrum", "lazy"):
        importlib.import_module(f"ntkviz.experiments.{name}")
        importlib.import_module(f"ntkviz.figures.{name}")


def answer(experiment: str, spec: Any, key: str, code: str, megabytes: float, draw: Draw) -> Any:
    """Run an experiment, by the name of its module; (code version, result, picture).

    `key` is the task's, under which progress is told. Where the asker's code is another, nothing is run.
    """
    if code != code_version():
        return code_version(), None, None
    module = importlib.import_module(experiment)
    make_room()
    with Guard(get_worker(), key, megabytes, partial(draw, experiment)) as guard:
        result = module.run(spec, guard.report)
        return code_version(), result, draw(experiment, result)


class Guard:
    """Watches over one run: tells its progress, and ends it when nobody wants it or it grows too large."""

    def __init__(self, worker: Worker, key: str, megabytes: float, draw: Callable[[Any], Any]) -> None:
        self._worker = worker
        self._key = key
        self._bytes = megabytes * 1e6
        self._draw = draw
        self._told = progress(key, worker._get_client())
        self._last = 0.0
        self._count = 0
        self._over = threading.Event()
        self._unwanted = threading.Event()

    def __enter__(self) -> "Guard":
        threading.Thread(target=self._look, name="guard", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()

    def report(self, fraction: float, part: Any = None, /) -> None:
        """The `Report` of the run."""
        if self._unwanted.is_set():
            raise Cancelled("The run was stopped.")
        if time.monotonic() - self._last < TOLD_EVERY:
            return
        self._last = time.monotonic()
        self._count += 1
        self._tell((self._count, float(fraction), b"" if part is None else _written(self._draw(part))))

    def _tell(self, news: Any) -> None:
        with contextlib.suppress(TimeoutError, OSError):  # progress may be lost, the run goes on
            self._told.set(news, timeout="2s")

    def _look(self) -> None:
        process = psutil.Process()
        while not self._over.wait(LOOK):
            if process.memory_info().rss > self._bytes:
                self._tell(MEMORY)
                end_process()
            task = self._worker.state.tasks.get(self._key)
            if task is None or task.state not in ("executing", "long-running"):
                self._unwanted.set()
                if not self._over.wait(GRACE):
                    end_process()
                return


def _written(picture: Any) -> bytes:
    """What is drawn of a partial result as bytes; none where it holds what no file can."""
    try:
        return stored.to_bytes(picture, packed=False)
    except TypeError:
        return b""


def progress(key: str, client: Any) -> Variable:
    """Where the progress of a run is told: the latest word, kept by the scheduler."""
    return Variable(f"progress of {key}", client=client)


def end_process() -> None:
    """End this process at once, whatever it is doing."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
