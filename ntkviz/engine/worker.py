"""What runs in a worker process: an experiment, with its progress reported and a thread that may end it.

Workers on another machine load this module when they start, so that everything is imported before the first run:

    python -m dask worker tcp://SCHEDULER:8786 --nthreads 1 --preload ntkviz.engine.worker

A worker sees in its own Dask state when a task is not wanted any more, whoever asked for it and however they left. The
run is cancelled at its next report. One that is in the middle of a long compiled call is ended with its process, which
Dask replaces; so is a run that takes more memory than it may. A program that is being compiled is finished first: the
worker stays, and whoever asks the like of it next need not wait for the compiler.
"""

import contextlib
import importlib
import logging
import os
import pkgutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psutil
from distributed import Variable, Worker, get_worker

import ntkviz
from ntkviz.engine import stored
from ntkviz.engine.fingerprint import picture_fingerprint
from ntkviz.engine.jobs import Draw, PictureT
from ntkviz.engine.programs import is_compiling, keep_compilations, make_room
from ntkviz.errors import Cancelled
from ntkviz.specs import Spec

REPORT_EVERY = 0.2  # seconds between two reports of progress, at least: a page looks four times a second
CHECK_EVERY = 0.05  # seconds between two checks whether the run may go on
GRACE = 0.4  # seconds that a cancelled run has to end by itself
FINISHING = 15.0  # seconds that it has while it compiles: the program is wanted by the next who asks for its like
NICENESS = 10  # added to the process's, so that pages get processor time first
OUT_OF_MEMORY = "out of memory"  # reported in place of progress by a worker that ends itself

log = logging.getLogger(__name__)


def dask_setup(worker: Worker) -> None:
    """Called by Dask when a worker starts: lower its priority and import what runs need."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    keep_compilations()
    import_modules()


def modules() -> Iterator[str]:
    """The names of all modules of experiments and figures, as found in their folders."""
    for package in ("experiments", "figures"):
        folders = [os.path.join(path, package) for path in ntkviz.__path__]
        yield from (found.name for found in pkgutil.iter_modules(folders, f"{ntkviz.__name__}.{package}."))


def import_modules() -> None:
    """Import all experiments and figures; one that fails is logged, and only its own runs fail later."""
    for name in modules():
        try:
            importlib.import_module(name)
        except Exception:
            log.exception("%s cannot be imported", name, extra={"event": "bug"})


def run_experiment(
    experiment: str, spec: Spec, key: str, code: str, megabytes: float, draw: Draw[PictureT]
) -> tuple[str, object, PictureT | None]:
    """Run an experiment on this worker; (fingerprint of this worker's code, result, picture).

    Args:
        experiment: the name of its module.
        spec: the settings that it runs with.
        key: of the Dask task, which names its progress.
        code: the asker's fingerprint. Where it differs from this worker's, nothing is run.
        megabytes: memory of this process at which the run is ended.
        draw: makes the picture of the result.
    """
    own = picture_fingerprint(experiment, draw.__module__)
    if code != own:
        return own, None, None
    module = importlib.import_module(experiment)
    make_room()
    with RunMonitor(get_worker(), key, megabytes, partial(draw, experiment)) as monitor:
        result = module.run(spec, monitor.report)
        return own, result, draw(experiment, result)


class RunMonitor:
    """Reports the progress of one run, and ends it when nobody wants it or it takes too much memory."""

    def __init__(self, worker: Worker, key: str, megabytes: float, draw: Callable[[object], object]) -> None:
        """A monitor, to be used in a `with` statement around the run.

        Args:
            worker: the Dask worker of this process.
            key: of the Dask task.
            megabytes: memory of this process at which the run is ended.
            draw: makes the picture of a partial result.
        """
        self._worker = worker
        self._key = key
        self._bytes = megabytes * 1e6
        self._draw = draw
        self._progress = progress_variable(key, worker._get_client())
        self._reported = 0.0  # when, on the monotonic clock
        self._count = 0
        self._ended = threading.Event()
        self._unwanted = threading.Event()

    def __enter__(self) -> "RunMonitor":
        threading.Thread(target=self._check, name="monitor", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()

    def report(self, fraction: float, part: object = None, /) -> None:
        """The `Report` of the run; raises `Cancelled` when nobody wants it any more."""
        if self._unwanted.is_set():
            raise Cancelled("The run was stopped.")
        if time.monotonic() - self._reported < REPORT_EVERY:
            return
        self._reported = time.monotonic()
        self._count += 1
        self._send((self._count, float(fraction), b"" if part is None else _to_bytes(self._draw(part))))

    def _send(self, news: tuple[int, float, bytes] | str) -> None:
        with contextlib.suppress(TimeoutError, OSError):  # a report may be lost, the run goes on
            self._progress.set(news, timeout="2s")

    def _check(self) -> None:
        process = psutil.Process()
        last = latest = float("inf")  # when the process is ended, on the monotonic clock
        while not self._ended.wait(CHECK_EVERY):
            if process.memory_info().rss > self._bytes:
                self._send(OUT_OF_MEMORY)
                kill_this_process()
            now = time.monotonic()
            if not self._unwanted.is_set() and not self._is_wanted():
                self._unwanted.set()
                last, latest = now + GRACE, now + FINISHING
            elif self._unwanted.is_set() and is_compiling():
                last = min(now + GRACE, latest)
            if now > last:
                kill_this_process()

    def _is_wanted(self) -> bool:
        task = self._worker.state.tasks.get(self._key)
        return task is not None and task.state in ("executing", "long-running")


def _to_bytes(picture: object) -> bytes:
    """The picture of a partial result as bytes; empty where it holds what cannot be written."""
    try:
        return stored.to_bytes(picture, packed=False)
    except TypeError:
        return b""


def progress_variable(key: str, client: Any) -> Variable:
    """The Dask variable with the latest progress of a task, which the scheduler keeps."""
    return Variable(f"progress of {key}", client=client)


def kill_this_process() -> None:
    """End this process at once, whatever it is doing."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
