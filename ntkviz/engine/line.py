"""The line in which runs wait: everyone's first run before anyone's second, and otherwise in the order of asking."""

import threading
from collections import Counter
from collections.abc import Callable

from ntkviz.engine.jobs import Job

TURN = 0.25  # seconds after which a waiting lane looks again: workers come and go, and so do watchers


class Line:
    """Jobs that wait and jobs that go on. A lane takes the first job that it accepts."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._waiting: list[Job] = []
        self._going: list[Job] = []
        self._open = True

    def join(self, job: Job) -> None:
        """Wait for a turn; one that comes back has its old place."""
        with self._turn:
            if job in self._going:
                self._going.remove(job)
            self._waiting.append(job)
            self._turn.notify_all()

    def take(self, accepts: Callable[[Job], bool]) -> Job | None:
        """The next job for a lane, which then goes on; waits for one. None once the line is closed.

        A job that nobody wants any more is taken by any lane: its run ends before it begins.
        """
        with self._turn:
            while self._open:
                job = next((job for job in self._order() if not job.wanted or accepts(job)), None)
                if job is not None:
                    self._waiting.remove(job)
                    self._going.append(job)
                    return job
                self._turn.wait(TURN)
        return None

    def leave(self, job: Job) -> None:
        """The job has ended."""
        with self._turn:
            self._going.remove(job)
            self._turn.notify_all()

    def close(self) -> None:
        """No lane gets another job."""
        with self._turn:
            self._open = False
            self._turn.notify_all()

    @property
    def waiting(self) -> tuple[Job, ...]:
        """Those that wait, in the order in which they will be served."""
        with self._turn:
            return tuple(self._order())

    @property
    def going(self) -> tuple[Job, ...]:
        with self._turn:
            return tuple(self._going)

    def of(self, session: str) -> int:
        """Jobs of a session, waiting and going on."""
        with self._turn:
            return sum(session in job.watchers for job in self._waiting + self._going)

    def _order(self) -> list[Job]:
        turns: Counter[str] = Counter(job.owner for job in self._going)
        ranked = []
        for job in sorted(self._waiting, key=lambda job: job.number):
            ranked.append((turns[job.owner], job.number, job))
            turns[job.owner] += 1
        return [job for _, _, job in sorted(ranked, key=lambda entry: entry[:2])]
