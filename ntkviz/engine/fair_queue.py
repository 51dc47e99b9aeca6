"""A fair queue of jobs: every session's first run comes before any session's second (round robin).

Jobs of equal rank are served in the order of submission. Threads take jobs, and each thread says which jobs it accepts.
"""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Generic

from ntkviz.engine.jobs import Job, PictureT

CHECK_EVERY = 0.25  # seconds after which a waiting thread looks again: workers and watchers come and go unannounced


class FairQueue(Generic[PictureT]):
    """Jobs that wait and jobs that run."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Job[object, PictureT]] = []
        self._running: list[Job[object, PictureT]] = []
        self._open = True

    def put(self, job: Job[object, PictureT]) -> None:
        """Add a job. One that was running and comes back has its old place."""
        with self._changed:
            if job in self._running:
                self._running.remove(job)
            self._waiting.append(job)
            self._changed.notify_all()

    def take(self, accepts: Callable[[Job[object, PictureT]], bool]) -> Job[object, PictureT] | None:
        """Wait for the first job that is accepted, and count it as running. None once the queue is closed.

        A cancelled job is given to any thread, whatever it accepts: its run ends before it begins.
        """
        with self._changed:
            while self._open:
                job = next((job for job in self._order() if not job.wanted or accepts(job)), None)
                if job is not None:
                    self._waiting.remove(job)
                    self._running.append(job)
                    return job
                self._changed.wait(CHECK_EVERY)
        return None

    def done(self, job: Job[object, PictureT]) -> None:
        """Count a job as running no more."""
        with self._changed:
            self._running.remove(job)
            self._changed.notify_all()

    def close(self) -> None:
        """Make every `take` return None."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

    @property
    def waiting(self) -> tuple[Job[object, PictureT], ...]:
        """The jobs that wait, in the order in which they will be served."""
        with self._changed:
            return tuple(self._order())

    @property
    def running(self) -> tuple[Job[object, PictureT], ...]:
        """The jobs that run."""
        with self._changed:
            return tuple(self._running)

    def count(self, session: str) -> int:
        """The number of jobs, waiting and running, that a session watches."""
        with self._changed:
            return sum(session in job.watchers for job in self._waiting + self._running)

    def _order(self) -> list[Job[object, PictureT]]:
        """The waiting jobs by how many jobs of the same owner run or come before them, then by age."""
        earlier: Counter[str] = Counter(job.owner for job in self._running)
        ranked = []
        for job in sorted(self._waiting, key=lambda job: job.number):
            ranked.append((earlier[job.owner], job.number, job))
            earlier[job.owner] += 1
        return [job for _, _, job in sorted(ranked, key=lambda entry: entry[:2])]
