"""Jobs: one computation per question, shared by every session that asks it, stopped when nobody waits any more.

A session watches a job by looking at it; a job that no session has looked at for `PATIENCE` seconds, or that its last
watcher released, stops at its next report. Short runs have a lane of their own, so that nobody's slider waits for
somebody else's long run. Results are kept in memory, oldest out first, up to a number of bytes.
"""

import dataclasses
import logging
import sys
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ntkviz.engine.limits import Limits, admit
from ntkviz.engine.programs import make_room
from ntkviz.errors import Cancelled, NtkvizError, TooExpensive
from ntkviz.experiments.protocol import Cost, Experiment

PATIENCE = 10.0  # seconds without a look before a run is given up
QUICK = 0.5  # seconds: estimated cost up to which a run takes the short lane
QUEUE = 64  # runs that may wait or run at once

log = logging.getLogger(__name__)


class Job:
    """One run of an experiment, watched by one or more sessions."""

    def __init__(self, key: str, experiment: Experiment, spec: Any, cost: Cost) -> None:
        self.key = key
        self.experiment = experiment
        self.spec = spec
        self.cost = cost
        self.fraction = 0.0
        self.partial: Any = None
        self.result: Any = None
        self.error: NtkvizError | None = None
        self._watchers: dict[str, float] = {}
        self._done = threading.Event()

    def answers(self, experiment: Experiment, spec: Any) -> bool:
        """Is this the run of just that question?"""
        return self.key == question(experiment, spec)

    @property
    def finished(self) -> bool:
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """True once the job has ended, after at most so many seconds."""
        return self._done.wait(seconds)

    def watch(self, session: str) -> None:
        """Say that a session still wants the result."""
        self._watchers[session] = time.monotonic()

    def release(self, session: str) -> None:
        """Say that a session wants it no more; without watchers the run stops at its next report."""
        self._watchers.pop(session, None)

    @property
    def wanted(self) -> bool:
        newest = max(list(self._watchers.values()), default=-np.inf)
        return bool(time.monotonic() - newest < PATIENCE)

    def report(self, fraction: float, partial: Any = None, /) -> None:
        """What the run calls between chunks; see `experiments.protocol.Report`."""
        if not self.wanted:
            raise Cancelled("The run was stopped.")
        self.fraction = float(fraction)
        if partial is not None:
            self.partial = partial

    def execute(self) -> None:
        """Run to the end; user errors are kept for the page, bugs too, under a sentence that gives nothing away."""
        try:
            self.report(0.0)
            if make_room():
                log.info("compiled programs let go: too many memory maps")
            self.result = self.experiment.run(self.spec, self.report)
        except NtkvizError as error:
            self.error = error
        except MemoryError:
            self.error = TooExpensive("The machine has no memory left for this run: choose a smaller one.")
        except Exception:
            log.exception("bug in %s", self.experiment.__name__)
            self.error = NtkvizError("This run failed for a reason of ours, not yours; the server's log has it.")
        finally:
            self._done.set()


class Engine:
    """The one way to run an experiment from a page."""

    def __init__(self, limits: Limits | None = None, kept_bytes: int = 256_000_000) -> None:
        self.limits = limits or Limits.from_environment()
        self._kept_bytes = kept_bytes
        self._jobs: dict[str, Job] = {}
        self._kept: OrderedDict[str, tuple[Job, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._quick = ThreadPoolExecutor(2, thread_name_prefix="quick")
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="slow")

    def submit(self, experiment: Experiment, spec: Any, *, session: str) -> Job:
        """The job that answers this question: a kept one, one that runs already, or a new one.

        Raises `TooExpensive` when the estimate is over the limits or the queue is full.
        """
        key = question(experiment, spec)
        cost = experiment.cost(spec)
        admit(cost, self.limits)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            job = self._jobs.get(key)
            if job is not None and job.wanted:
                job.watch(session)
                return job
            if len(self._jobs) >= QUEUE:
                raise TooExpensive("Too many runs are waiting on this server: try again in a few seconds.")
            job = self._jobs[key] = Job(key, experiment, spec, cost)
            job.watch(session)
        lane = self._quick if cost.seconds <= QUICK else self._slow
        lane.submit(self._run, job)
        return job

    def _run(self, job: Job) -> None:
        job.execute()
        with self._lock:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]
            if job.result is not None:
                self._keep(job)

    def _keep(self, job: Job) -> None:
        job.partial = None
        self._kept[job.key] = (job, weight(job.result))
        while sum(size for _, size in self._kept.values()) > self._kept_bytes and len(self._kept) > 1:
            self._kept.popitem(last=False)


def question(experiment: Experiment, spec: Any) -> str:
    """The key of a run: the experiment and the exact spec."""
    return f"{experiment.__name__}:{spec!r}"


def weight(result: Any) -> int:
    """Bytes that a result holds: its arrays and those of the dataclasses and tuples inside."""
    if isinstance(result, np.ndarray):
        return result.nbytes
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return sum(weight(getattr(result, field.name)) for field in dataclasses.fields(result))
    if isinstance(result, tuple | list):
        return sum(weight(item) for item in result)
    return sys.getsizeof(result)
