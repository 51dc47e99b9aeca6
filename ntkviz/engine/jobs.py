"""Jobs: runs of an experiment that sessions share, with progress, cancellation and a result.

A session watches a job by asking for it or looking at it, and remains a watcher as long as its browser is connected. A
browser whose connection breaks has `RECONNECT_WITHIN` seconds to come back and find its run. A job that has no watchers
is cancelled at its next report of progress.
"""

import dataclasses
import itertools
import logging
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

import numpy as np

from ntkviz.errors import Cancelled, NtkvizError, TooExpensive
from ntkviz.experiments.protocol import Cost, Experiment, Report
from ntkviz.specs import Spec

RECONNECT_WITHIN = 30.0  # seconds that a run goes on after the connection of its last watcher broke
ESTIMATE_FROM = 0.1  # fraction of a run that must be measured before the rest is estimated
ESTIMATE_AFTER = 1.0  # seconds that must be measured before the rest is estimated

log = logging.getLogger(__name__)

SpecT = TypeVar("SpecT", bound=Spec)
ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)
PictureT = TypeVar("PictureT")
PictureT_contra = TypeVar("PictureT_contra", contravariant=True)

IsPresent = Callable[[str], bool]  # whether a session has a browser that is connected
Draw = Callable[[str, object], PictureT]  # name of the experiment's module, a result or a part of one -> its picture

_numbers = itertools.count()


class Named(Protocol):
    """An experiment, as far as its name goes."""

    __name__: str


class ProgressCallback(Protocol[PictureT_contra]):
    """Called with the fraction of a run that is done and, now and then, a picture of the result so far."""

    def __call__(self, fraction: float, picture: PictureT_contra | None = None, /) -> None: ...


class Runner(Protocol[PictureT]):
    """Computes a job, in this process or on a worker; returns (result, picture)."""

    def __call__(
        self, job: "Job[ResultT, PictureT]", report: ProgressCallback[PictureT]
    ) -> tuple[ResultT, PictureT]: ...


class WorkerLost(Exception):
    """The worker that was to run a job cannot be reached any more: the job goes back into the queue."""


def presence_unknown(session: str) -> bool:
    """The `IsPresent` of an engine without a web server: only looking at a job makes a session its watcher."""
    return False


def never_crowded() -> bool:
    """For an engine without a web server, whose process need not be kept free for visitors."""
    return False


def undrawn(experiment: str, result: object) -> object:
    """The `Draw` that draws nothing: the picture of a result is the result."""
    return result


class Job(Generic[ResultT_co, PictureT]):
    """One run of an experiment, shared by all sessions that asked for it."""

    def __init__(
        self,
        experiment: Experiment[SpecT, ResultT_co],
        spec: SpecT,
        cost: Cost,
        draw: Draw[PictureT],
        is_present: IsPresent = presence_unknown,
    ) -> None:
        """A job that has not begun.

        Args:
            experiment: the module that runs.
            spec: the settings that it runs with.
            cost: what the experiment estimates for them.
            draw: makes the picture of a result; called where the run is, so a worker must be able to import it.
            is_present: says whether a session has a connected browser.
        """
        self.key = run_key(experiment, spec)
        self.experiment: Named = experiment
        self.spec: Spec = spec
        self.compute: Callable[[Report], ResultT_co] = partial(experiment.run, spec)
        self.cost = cost
        self.number = next(_numbers)  # in the order of submission
        self.owner = ""  # the session that asked first
        self.draw = draw
        self.fraction = 0.0
        self.picture: PictureT | None = None  # of the result, or of as much of it as there is
        self.result: ResultT_co | None = None
        self.error: NtkvizError | None = None
        self.seconds = 0.0  # that the run took, once it has ended
        self.wake = threading.Event()  # set when the runner should look at the job: its watchers may have changed
        self._started: float | None = None
        self._measured_from: tuple[float, float] | None = None  # time and fraction of the first report of progress
        self._is_present = is_present
        self._watchers: dict[str, float] = {}  # session -> when it last looked
        self._finished = threading.Event()

    def answers(self, experiment: Named, spec: Spec) -> bool:
        """Whether this is the run of this experiment with this spec."""
        return self.key == run_key(experiment, spec)

    @property
    def finished(self) -> bool:
        """Whether the run has ended, with a result or an error."""
        return self._finished.is_set()

    @property
    def name(self) -> str:
        """The experiment's name, without its package."""
        return self.experiment.__name__.rpartition(".")[2]

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, 0 while it waits."""
        return 0.0 if self._started is None else time.monotonic() - self._started

    @property
    def estimate(self) -> float | None:
        """Seconds still to go, from the measured speed of this run; None while too little of it is measured.

        The speed is measured from the first report of progress: time that a run spends in a queue or on compiling
        before it is left out.
        """
        if self._measured_from is None or self.finished:
            return None
        since, first = self._measured_from
        seconds, done = time.monotonic() - since, (self.fraction - first) / (1 - first)
        if done <= ESTIMATE_FROM or seconds <= ESTIMATE_AFTER:
            return None
        return seconds * (1 - done) / done

    def wait(self, seconds: float) -> bool:
        """Block until the job has ended, at most so many seconds; whether it has ended."""
        return self._finished.wait(seconds)

    def watch(self, session: str) -> None:
        """Make a session a watcher, or renew that it is one."""
        self.owner = self.owner or session
        self._watchers[session] = time.monotonic()

    def release(self, session: str) -> None:
        """Make a session a watcher no more; the last one's release cancels the run."""
        self._watchers.pop(session, None)
        self.wake.set()

    @property
    def watchers(self) -> tuple[str, ...]:
        """The sessions that want the result: connected, or seen within `RECONNECT_WITHIN` seconds."""
        now = time.monotonic()
        return tuple(
            session
            for session, seen in list(self._watchers.items())
            if now - seen < RECONNECT_WITHIN or self._is_present(session)
        )

    @property
    def wanted(self) -> bool:
        """Whether any session wants the result."""
        return bool(self.watchers)

    def report(self, fraction: float, picture: PictureT | None = None, /) -> None:
        """Note how far the run is and what is drawn of it so far.

        Raises `Cancelled` when no session wants the result any more.
        """
        if not self.wanted:
            raise Cancelled("The run was stopped.")
        self.fraction = float(fraction)
        if self._measured_from is None and 0 < self.fraction < 1:
            self._measured_from = time.monotonic(), self.fraction
        if picture is not None:
            self.picture = picture

    def execute(self, runner: Runner[PictureT]) -> None:
        """Run to the end and keep result and picture, or the error; `finish` then announces the end.

        Raises `WorkerLost` where the worker was lost: the job can then be executed again.
        """
        self.complete(lambda: runner(self, self.report))

    def complete(self, make: Callable[[], tuple[ResultT_co, PictureT]]) -> None:
        """Keep the result and the picture that `make` returns, or the error that it raises.

        An `NtkvizError` is kept as it is. Any other exception is a bug: its details go to the log and not to the page.
        Raises `WorkerLost` where `make` does.
        """
        self._started, self._measured_from = time.monotonic(), None
        try:
            self.report(0.0)
            self.result, self.picture = make()
        except WorkerLost:
            self._started = None
            raise
        except NtkvizError as error:
            self.error = error
        except MemoryError:
            self.error = TooExpensive("The server has no memory left for this run. Choose a smaller one.")
        except Exception:
            log.exception("bug in %s", self.experiment.__name__, extra={"event": "bug"})
            self.error = NtkvizError("Internal error. The details are in the server log.")
        self.seconds = time.monotonic() - self._started

    def finish(self) -> None:
        """Announce that the job has ended to all who wait for it."""
        self._finished.set()


def run_key(experiment: Named, spec: Spec) -> str:
    """The key of a run: the name of the experiment's module and the exact spec."""
    return f"{experiment.__name__}:{spec!r}"


def held_bytes(result: object) -> int:
    """Bytes that a result holds: its arrays and those of the dataclasses and tuples inside."""
    if isinstance(result, np.ndarray):
        return result.nbytes
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return sum(held_bytes(getattr(result, field.name)) for field in dataclasses.fields(result))
    if isinstance(result, tuple | list):
        return sum(held_bytes(item) for item in result)
    return sys.getsizeof(result)
