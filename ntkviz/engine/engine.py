"""The engine: the one way to run an experiment from a page.

One run serves all sessions that ask for the same experiment with the same spec. A result is looked for in memory, among
the runs in progress and on disk, and only then computed. New runs wait in a `FairQueue` for a worker of the `Pool`; one
worker of several takes runs of a few seconds only. A run that takes less than a tenth of a second is computed in this
process instead, once a worker has compiled its programs and so put them on disk. While many visitors are connected no
run is computed here, because it would delay every answer of a page. While there are no workers, short runs are computed
here and long ones wait. The picture of a result, or of a part of one, is drawn where the run is computed.
"""

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypedDict, cast

from ntkviz.engine.fair_queue import FairQueue
from ntkviz.engine.jobs import (
    Draw,
    IsPresent,
    Job,
    Named,
    PictureT,
    ProgressCallback,
    ResultT,
    Runner,
    SpecT,
    WorkerLost,
    held_bytes,
    never_crowded,
    presence_unknown,
    run_key,
    undrawn,
)
from ntkviz.engine.lanes import Lanes
from ntkviz.engine.limits import MEGABYTE, Limits, admit
from ntkviz.engine.metrics import Metrics
from ntkviz.engine.pace import Paces, seconds_until_turn
from ntkviz.engine.pool import Pool
from ntkviz.engine.programs import make_room
from ntkviz.engine.store import Store
from ntkviz.errors import Cancelled, NtkvizError, TooExpensive
from ntkviz.experiments.protocol import Experiment
from ntkviz.specs import Spec

LOCAL_THREADS = 2  # threads of this process that compute short runs
CHECK_WORKERS_EVERY = 0.1  # seconds
DRAW_EVERY = 0.25  # seconds between two pictures of a run that is computed in this process: pages look as often

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """The place of a job in the queue."""

    ahead: int  # jobs before it
    seconds: float | None  # until its turn comes; None where this is not known well
    trouble: str = ""  # why its turn cannot come now, in words


class Health(TypedDict):
    """The state of the engine, as the health route gives it."""

    status: str  # "ok" or "degraded"
    trouble: list[str]  # what is amiss, in words
    workers: int
    waiting: int
    running: int


class Engine(Generic[PictureT]):
    """Runs experiments, keeps results, and limits the memory and the time that this takes."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        store: Store | None = None,
        pool: Pool | None = None,
        is_present: IsPresent = presence_unknown,
        is_crowded: Callable[[], bool] = never_crowded,
        draw: Draw[PictureT] | None = None,
    ) -> None:
        """An engine that accepts runs at once.

        Args:
            limits: bounds on runs and memory; those of the environment where None.
            store: where results are kept on disk, if anywhere.
            pool: the workers; without them everything is computed in this process.
            is_present: says whether a session has a connected browser.
            is_crowded: says whether this process must be kept free for visitors.
            draw: makes the picture of a result; where None the picture is the result itself.
        """
        self.limits = limits or Limits.from_environment()
        self.metrics = Metrics()
        self.store = store
        self.pool = pool
        self._is_present = is_present
        self._lanes: Lanes[PictureT] = Lanes(pool, is_crowded)
        self._draw = cast("Draw[PictureT]", undrawn) if draw is None else draw
        self._jobs: dict[str, Job[object, PictureT]] = {}  # key -> job that has not ended
        self._kept: OrderedDict[str, tuple[Job[object, PictureT], int]] = OrderedDict()  # key -> job with result, bytes
        self._paces = Paces()
        self._lock = threading.Lock()
        self._queue: FairQueue[PictureT] = FairQueue()
        self._worker_threads = 0
        for _ in range(LOCAL_THREADS):
            self._start_thread(self._lanes.is_local, _compute_here, "page")
        if pool is None:
            self._start_thread(lambda job: not self._lanes.is_local(job), _compute_here, "page")
        else:
            pool.start(self._serve_workers)
        self._expose()

    def submit(self, experiment: Experiment[SpecT, ResultT], spec: SpecT, *, session: str) -> Job[ResultT, PictureT]:
        """The job of this run, which the session then watches: a finished one, one in progress, or a new one.

        Args:
            experiment: the module that runs.
            spec: the settings that it runs with.
            session: who asks.

        Raises `TooExpensive` where the estimate exceeds the limits, the queue is full or the session has too many runs.
        """
        key = run_key(experiment, spec)
        name = experiment.__name__.rpartition(".")[2]
        found = self._find(key, session)
        if found is None:
            try:
                cost = experiment.cost(spec)
                admit(cost, self.limits)
                new = Job(experiment, spec, cost, self._draw, self._is_present)
                found = self._register(new, session)
            except NtkvizError:
                self.metrics.count(name, "refused")
                raise
            if found is new:
                self._start(experiment, spec, new)
                return new
        self.metrics.count(name, "kept" if found.finished else "shared")
        return cast("Job[ResultT, PictureT]", found)  # the key names experiment and spec, and so the result's type

    def _find(self, key: str, session: str) -> Job[object, PictureT] | None:
        """The job with this key that has a result or will have one."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            job = self._jobs.get(key)
            if job is None or not job.wanted:
                return None
            job.watch(session)
            return job

    def _register(self, new: Job[ResultT, PictureT], session: str) -> Job[object, PictureT]:
        """Add a new job, and return it; or return the one with its key that another thread has added before."""
        job = self._find(new.key, session)
        if job is not None:
            return job
        own = self._queue.count(session)
        with self._lock:
            if len(self._jobs) >= self.limits.max_queue:
                raise TooExpensive("Too many runs are waiting on this server. Try again in a few seconds.")
            if own >= self.limits.max_session_jobs:
                raise TooExpensive(f"You already have {own} runs in progress. Stop one, or wait until one has ended.")
            new.watch(session)
            self._jobs[new.key] = new
            return new

    def _start(self, experiment: Experiment[SpecT, ResultT], spec: SpecT, job: Job[ResultT, PictureT]) -> None:
        """Give a new job its stored result, or put it into the queue."""
        found = self.store.get(experiment, spec) if self.store is not None else None
        if found is None:
            self._queue.put(job)
            return
        result, picture = found, self._stored_picture(experiment, spec)
        job.complete(lambda: (result, picture or self._draw(experiment.__name__, result)))
        self.metrics.count(job.name, "stored")
        self._lanes.remember(job)
        self._finish(job)
        if picture is None:
            self._store(job)

    def _stored_picture(self, experiment: Named, spec: Spec) -> PictureT | None:
        """The picture of a stored result, where it was stored too."""
        found = None if self.store is None else self.store.picture(experiment, spec, self._draw.__module__)
        return cast("PictureT | None", found)

    def _store(self, job: Job[object, PictureT]) -> None:
        """Store the result of a job, if it has one, with its picture."""
        if job.result is not None and self.store is not None:
            picture = None if job.picture is job.result else job.picture
            self.store.put(job.experiment, job.spec, job.result, picture, self._draw.__module__)

    def leave(self, session: str) -> None:
        """Release all jobs of a session that has ended; those that only it watched are cancelled."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.release(session)

    def sessions(self) -> set[str]:
        """The sessions that watch a job which has not ended."""
        with self._lock:
            return {session for job in self._jobs.values() for session in job.watchers}

    def waits(self) -> int:
        """How many runs are waited for, each counted once for every session that waits for it."""
        with self._lock:
            return sum(len(job.watchers) for job in self._jobs.values())

    def place(self, job: Job[object, PictureT]) -> Place | None:
        """The place of a job in the queue; None when it does not wait."""
        waiting = self._queue.waiting
        if job not in waiting:
            return None
        local = self._lanes.is_local(job)
        ahead = [other for other in waiting[: waiting.index(job)] if self._lanes.is_local(other) == local]
        trouble = "" if local or self.pool is None else self.pool.trouble
        return Place(len(ahead), None if trouble else self._seconds_until_turn(job, ahead, local=local), trouble)

    def health(self) -> Health:
        """The state of the engine."""
        trouble = [words for words in (self.pool and self.pool.trouble, self.store and self.store.trouble) if words]
        return {
            "status": "degraded" if trouble else "ok",
            "trouble": trouble,
            "workers": self.pool.slots if self.pool is not None else 0,
            "waiting": len(self._queue.waiting),
            "running": len(self._queue.running),
        }

    def wait_for_workers(self, seconds: float) -> bool:
        """Block until workers are ready, at most so many seconds; whether they are. True at once without a pool."""
        until = time.monotonic() + seconds
        while self.pool is not None and not self.pool.ready:
            if time.monotonic() > until:
                return False
            time.sleep(CHECK_WORKERS_EVERY)
        return True

    def close(self) -> None:
        """Cancel every run and end every worker."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            for session in job.watchers:
                job.release(session)
        self._queue.close()
        if self.pool is not None:
            self.pool.close()

    def _serve_workers(self, slots: int) -> None:
        """Have a thread for each of this many workers."""
        while self._worker_threads < slots and self.pool is not None:
            number = self._worker_threads
            self._worker_threads += 1
            self._start_thread(partial(self._lanes.takes, number), self.pool.run, "worker")

    def _start_thread(
        self, accepts: Callable[[Job[object, PictureT]], bool], runner: Runner[PictureT], where: str
    ) -> None:
        threading.Thread(target=self._serve, args=(accepts, runner, where), name=f"runs-{where}", daemon=True).start()

    def _serve(self, accepts: Callable[[Job[object, PictureT]], bool], runner: Runner[PictureT], where: str) -> None:
        """Take jobs from the queue and run them, until it is closed."""
        while (job := self._queue.take(accepts)) is not None:
            try:
                job.execute(runner)
            except WorkerLost:
                self.metrics.count(job.name, "requeued")
                self._queue.put(job)
                continue
            self._queue.done(job)
            self._finish(job)
            self._record(job, where)
            self._store(job)

    def _finish(self, job: Job[object, PictureT]) -> None:
        with self._lock:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]
            if job.result is not None:
                self._keep(job)
        job.finish()

    def _keep(self, job: Job[object, PictureT]) -> None:
        """Keep a result in memory and drop the least recently used; the newest stays, however large it is."""
        self._kept[job.key] = (job, held_bytes((job.result, job.picture)))
        while self._kept_bytes() > self.limits.keep_megabytes * MEGABYTE and len(self._kept) > 1:
            self._kept.popitem(last=False)

    def _kept_bytes(self) -> int:
        return sum(size for _, size in list(self._kept.values()))

    def _record(self, job: Job[object, PictureT], where: str) -> None:
        """Count a run that has ended, learn from it how long such runs take, and log it."""
        if job.result is not None:
            outcome = "computed"
            self.metrics.took(job.name, where, job.seconds)
            if self._lanes.is_compiled(job):
                self._paces.learn(job.name, estimated=job.cost.seconds, measured=job.seconds)
            else:
                self._lanes.remember(job)
        else:
            outcome = "cancelled" if isinstance(job.error, Cancelled) else "failed"
        self.metrics.count(job.name, outcome)
        seconds = {"seconds": round(job.seconds, 3), "estimated_seconds": round(job.cost.seconds, 3)}
        event = {"event": "run", "experiment": job.name, "outcome": outcome, "where": where}
        log.info("run ended", extra={**event, **seconds})

    def _seconds_until_turn(
        self, job: Job[object, PictureT], ahead: list[Job[object, PictureT]], *, local: bool
    ) -> float | None:
        """Seconds until a run begins; None unless the time of every run before it is known."""
        running = [other for other in self._queue.running if self._lanes.is_local(other) == local]
        left = [self._seconds_left(other) for other in running]
        wanted = [self._seconds_left(other) for other in ahead]
        known = [seconds for seconds in (*left, *wanted) if seconds is not None]
        if len(known) < len(left) + len(wanted) or (not local and self.pool is not None and self.pool.is_shared):
            return None
        threads = LOCAL_THREADS if local else self._lanes.workers_for(job)
        return seconds_until_turn(known[: len(left)], known[len(left) :], threads=threads)

    def _seconds_left(self, job: Job[object, PictureT]) -> float | None:
        """Seconds that a run takes from now on; None where its pace is not known or it does not keep to it."""
        pace = self._paces.pace(job.name)
        if pace is None or not self._lanes.is_compiled(job) or job.elapsed > 2 * pace * job.cost.seconds:
            return None
        measured = job.estimate
        return pace * job.cost.seconds * (1 - min(job.fraction, 1.0)) if measured is None else measured

    def _expose(self) -> None:
        gauge = self.metrics.gauge
        gauge("jobs_waiting", "Runs in the queue.", lambda: len(self._queue.waiting))
        gauge("jobs_running", "Runs in progress.", lambda: len(self._queue.running))
        gauge("sessions_waiting", "Sessions that wait for a run.", lambda: len(self.sessions()))
        gauge("kept_results", "Results in memory.", lambda: len(self._kept))
        gauge("kept_bytes", "Bytes of the results in memory.", self._kept_bytes)
        if self.pool is not None:
            pool = self.pool
            gauge("workers", "Workers that can be reached.", lambda: pool.slots)
        if self.store is not None:
            store = self.store
            gauge("stored_results", "Files of results and pictures on disk.", lambda: store.usage()[0])
            gauge("stored_bytes", "Bytes of these files.", lambda: store.usage()[1])
            gauge("store_trouble", "1 while results cannot be stored on disk.", lambda: float(bool(store.trouble)))


def _compute_here(job: Job[ResultT, PictureT], report: ProgressCallback[PictureT]) -> tuple[ResultT, PictureT]:
    """Compute a job in this process; (result, picture)."""
    if make_room():
        log.info("compiled programs dropped: too many memory maps", extra={"event": "programs"})
    name, drawn = job.experiment.__name__, -math.inf

    def draw_and_report(fraction: float, partial_result: object = None, /) -> None:
        nonlocal drawn
        due = partial_result is not None and time.monotonic() - drawn >= DRAW_EVERY
        report(fraction, job.draw(name, partial_result) if due else None)
        drawn = time.monotonic() if due else drawn

    result = job.compute(draw_and_report)
    return result, job.draw(name, result)
