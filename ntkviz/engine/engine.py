"""The engine: the one way to run an experiment from a page.

One computation per question, whoever asks: an answer is looked for in memory, among the runs that go on, and on disk,
and only then computed. Runs that take less than a tenth of a second stay in the page's process, once a worker has
compiled their programs and so put them on disk; the others wait in one `Line` for a worker of the `Pool`, where one
lane of several is kept for runs of a few seconds. In a crowd all go out, for each takes the interpreter from those who
wait for an answer. While there are no workers, short runs go on in the page's process and long ones wait for them to
come back. What is shown of a result, or of a part of one, is drawn where the run goes on.
"""

import logging
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ntkviz.engine.jobs import Away, Draw, Job, Present, Run, nobody_is_present, nobody_waits, plain, question, weight
from ntkviz.engine.limits import MEGABYTE, Limits, admit
from ntkviz.engine.line import Line
from ntkviz.engine.metrics import Metrics
from ntkviz.engine.pool import Pool
from ntkviz.engine.programs import make_room
from ntkviz.engine.store import Store
from ntkviz.errors import Cancelled, NtkvizError, TooExpensive
from ntkviz.experiments.protocol import Experiment, Report

INLINE = 0.1  # seconds: estimated cost up to which a run stays in the page's process
ALONE = 2.0  # the same while there are no workers
SHORT = 5.0  # seconds: cost up to which a run may use the lane that is kept from long ones
PACED = 1.0  # seconds of estimate from which runs teach how good estimates are: shorter ones mostly compile
HOME_LANES = 2  # threads of the page's process that run
LOOK = 0.1  # seconds between two looks for workers
DRAWN_EVERY = 0.25  # seconds between two pictures of a run that goes on in the page's process: pages look as often
COMPILED = 10_000  # shapes that are remembered as compiled
MOVING = re.compile(r"\d+\.\d+(e[+-]?\d+)?|\d+e[+-]?\d+|seed=\d+")  # numbers of a spec that compile nothing

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where a job stands in the line: how many are ahead of it, and in about how many seconds its turn comes."""

    ahead: int
    seconds: float
    trouble: str = ""  # why its turn cannot come now, in words


class Engine:
    """Runs experiments, keeps answers, and bounds what all this may take."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        store: Store | None = None,
        pool: Pool | None = None,
        present: Present = nobody_is_present,
        crowded: Callable[[], bool] = nobody_waits,
        draw: Draw = plain,
    ) -> None:
        self.limits = limits or Limits.from_environment()
        self.metrics = Metrics()
        self.store = store
        self.pool = pool
        self._present = present
        self._crowded = crowded
        self._draw = draw
        self._jobs: dict[str, Job] = {}
        self._kept: OrderedDict[str, tuple[Job, int]] = OrderedDict()
        self._compiled: set[str] = set()
        self._pace: dict[str, float] = {}  # seconds that runs take over what was estimated, by experiment
        self._lock = threading.Lock()
        self._line = Line()
        self._worker_lanes = 0
        for _ in range(HOME_LANES):
            self._open_lane(self._stays_home, _at_home, "page")
        if pool is None:
            self._open_lane(lambda job: not self._stays_home(job), _at_home, "page")
        else:
            pool.start(self._grow)
        self._expose()

    def submit(self, experiment: Experiment, spec: Any, *, session: str) -> Job:
        """The job that answers this question: a kept one, one that goes on already, or a new one.

        Raises `TooExpensive` when the estimate is over the limits, the line is full or the session has enough.
        """
        key = question(experiment, spec)
        name = experiment.__name__.rpartition(".")[2]
        job = self._known(key, session)
        if job is None:
            try:
                cost = experiment.cost(spec)
                admit(cost, self.limits)
                job, is_new = self._enter(Job(key, experiment, spec, cost, self._present, self._draw), session)
            except NtkvizError:
                self.metrics.count(name, "refused")
                raise
            if is_new:
                self._begin(job)
                return job
        self.metrics.count(name, "kept" if job.finished else "shared")
        return job

    def _known(self, key: str, session: str) -> Job | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            job = self._jobs.get(key)
            if job is None or not job.wanted:
                return None
            job.watch(session)
            return job

    def _enter(self, new: Job, session: str) -> tuple[Job, bool]:
        """The new job among those that are not finished, or the one that came first."""
        job = self._known(new.key, session)
        if job is not None:
            return job, False
        mine = self._line.of(session)
        with self._lock:
            if len(self._jobs) >= self.limits.max_queue:
                raise TooExpensive("Too many runs are waiting on this server: try again in a few seconds.")
            if mine >= self.limits.max_session_jobs:
                raise TooExpensive(f"You have {mine} runs going already: stop one, or wait until one has ended.")
            new.watch(session)
            self._jobs[new.key] = new
            return new, True

    def _begin(self, job: Job) -> None:
        found = self.store.get(job.key) if self.store is not None else None
        if found is None:
            self._line.join(job)
            return
        job.execute(lambda job, _: (found, job.draw(job.experiment.__name__, found)))
        self.metrics.count(job.name, "stored")
        self._settle(job)

    def leave(self, session: str) -> None:
        """A session has gone for good: what only it wanted stops."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.release(session)

    def sessions(self) -> set[str]:
        """Sessions that wait for something."""
        with self._lock:
            return {session for job in self._jobs.values() for session in job.watchers}

    def place(self, job: Job) -> Place | None:
        """Where a job stands in the line; None when it does not wait."""
        waiting = self._line.waiting
        if job not in waiting:
            return None
        home = self._stays_home(job)
        ahead = [other for other in waiting[: waiting.index(job)] if self._stays_home(other) == home]
        going = [other for other in self._line.going if self._stays_home(other) == home]
        kept = job.cost.seconds > SHORT  # from long runs: one lane
        lanes = HOME_LANES if home else max(1, self._worker_lanes - kept)
        seconds = sum(self._expected(other) for other in [*ahead, *going]) / lanes
        return Place(len(ahead), seconds, "" if home or self.pool is None else self.pool.trouble)

    def health(self) -> dict[str, Any]:
        """How the engine is, in a few words and numbers; `status` is "ok" or "degraded", with the `trouble`."""
        trouble = [words for words in (self.pool and self.pool.trouble, self.store and self.store.trouble) if words]
        return {
            "status": "degraded" if trouble else "ok",
            "trouble": trouble,
            "workers": self.pool.slots if self.pool is not None else 0,
            "waiting": len(self._line.waiting),
            "running": len(self._line.going),
        }

    def wait_for_workers(self, seconds: float) -> bool:
        """True once runs can go out, after at most so many seconds; at once where there is no pool."""
        until = time.monotonic() + seconds
        while self.pool is not None and not self.pool.ready:
            if time.monotonic() > until:
                return False
            time.sleep(LOOK)
        return True

    def close(self) -> None:
        """Stop every run and every worker."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            for session in job.watchers:
                job.release(session)
        self._line.close()
        if self.pool is not None:
            self.pool.close()

    def _stays_home(self, job: Job) -> bool:
        if self.pool is not None and self.pool.ready:
            return job.cost.seconds <= INLINE and shape(job.key) in self._compiled and not self._crowded()
        return job.cost.seconds <= ALONE

    def _goes_out(self, lane: int, job: Job) -> bool:
        """Does this worker's lane take the job? The first of several is kept for short runs."""
        pool = self.pool
        if pool is None or not pool.ready or lane >= pool.slots or self._stays_home(job):
            return False
        return lane > 0 or pool.slots == 1 or job.cost.seconds <= SHORT

    def _grow(self, slots: int) -> None:
        """There are so many workers now: each has a lane."""
        while self._worker_lanes < slots and self.pool is not None:
            lane = self._worker_lanes
            self._worker_lanes += 1
            self._open_lane(partial(self._goes_out, lane), self.pool.run, "worker")

    def _open_lane(self, accepts: Any, run: Run, where: str) -> None:
        threading.Thread(target=self._lane, args=(accepts, run, where), name=f"lane-{where}", daemon=True).start()

    def _lane(self, accepts: Any, run: Run, where: str) -> None:
        while (job := self._line.take(accepts)) is not None:
            try:
                job.execute(run)
            except Away:
                self.metrics.count(job.name, "requeued")
                self._line.join(job)
                continue
            self._line.leave(job)
            self._settle(job)
            self._note(job, where)
            if job.result is not None and self.store is not None:
                self.store.put(job.key, job.spec, job.result)

    def _settle(self, job: Job) -> None:
        with self._lock:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]
            if job.result is not None:
                self._keep(job)
        job.settle()

    def _keep(self, job: Job) -> None:
        """In memory, the one asked for longest ago out first; the newest stays whatever it weighs."""
        self._kept[job.key] = (job, weight((job.result, job.picture)))
        while self._kept_bytes() > self.limits.keep_megabytes * MEGABYTE and len(self._kept) > 1:
            self._kept.popitem(last=False)

    def _kept_bytes(self) -> int:
        return sum(size for _, size in list(self._kept.values()))

    def _note(self, job: Job, where: str) -> None:
        """Count a run that has ended, and learn from it how long such runs take."""
        if job.result is not None:
            outcome = "computed"
            if len(self._compiled) < COMPILED:
                self._compiled.add(shape(job.key))
            self.metrics.took(job.name, where, job.seconds)
            if job.cost.seconds >= PACED:
                ratio = min(max(job.seconds / job.cost.seconds, 0.2), 5.0)
                self._pace[job.name] = 0.7 * self._pace.get(job.name, 1.0) + 0.3 * ratio
        else:
            outcome = "cancelled" if isinstance(job.error, Cancelled) else "failed"
        self.metrics.count(job.name, outcome)
        log.info(
            "run ended",
            extra={
                "event": "run",
                "experiment": job.name,
                "outcome": outcome,
                "where": where,
                "seconds": round(job.seconds, 3),
                "estimated_seconds": round(job.cost.seconds, 3),
            },
        )

    def _expected(self, job: Job) -> float:
        """Seconds that a job still takes."""
        return job.cost.seconds * self._pace.get(job.name, 1.0) * (1.0 - min(job.fraction, 1.0))

    def _expose(self) -> None:
        gauge = self.metrics.gauge
        gauge("jobs_waiting", "Runs in the line.", lambda: len(self._line.waiting))
        gauge("jobs_running", "Runs that go on.", lambda: len(self._line.going))
        gauge("sessions_waiting", "Sessions that wait for a run.", lambda: len(self.sessions()))
        gauge("kept_results", "Results in memory.", lambda: len(self._kept))
        gauge("kept_bytes", "Bytes of the results in memory.", self._kept_bytes)
        if self.pool is not None:
            pool = self.pool
            gauge("workers", "Workers that can be reached.", lambda: pool.slots)
        if self.store is not None:
            store = self.store
            gauge("stored_results", "Results on disk.", lambda: store.usage()[0])
            gauge("stored_bytes", "Bytes of the results on disk.", lambda: store.usage()[1])
            gauge("store_trouble", "1 while results cannot be kept on disk.", lambda: float(bool(store.trouble)))


def shape(key: str) -> str:
    """A question without the numbers that move and compile nothing: two of one shape run the same programs."""
    return MOVING.sub("·", key)


def _at_home(job: Job, report: Report) -> Any:
    """Run in this process; (result, picture)."""
    if make_room():
        log.info("compiled programs let go: too many memory maps", extra={"event": "programs"})
    name, drawn = job.experiment.__name__, -math.inf

    def told(fraction: float, partial: Any = None, /) -> None:
        nonlocal drawn
        fresh = partial is not None and time.monotonic() - drawn >= DRAWN_EVERY
        report(fraction, job.draw(name, partial) if fresh else None)
        drawn = time.monotonic() if fresh else drawn

    result = job.experiment.run(job.spec, told)
    return result, job.draw(name, result)
