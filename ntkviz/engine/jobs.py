"""A job: one run of an experiment, watched by the sessions that want it, stopped when none does any more.

A session watches a job by looking at it. While its browser is connected it stays a watcher; a browser that vanishes
has `PATIENCE` seconds to come back and find its run. A job without watchers stops at its next report.
"""

import dataclasses
import itertools
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ntkviz.errors import Cancelled, NtkvizError, TooExpensive
from ntkviz.experiments.protocol import Cost, Experiment, Report

PATIENCE = 30.0  # seconds that a run waits for a browser that vanished

log = logging.getLogger(__name__)

Run = Callable[["Job", Report], Any]
Present = Callable[[str], bool]
Draw = Callable[[str, Any], Any]  # the experiment's name and a result, or a part of one -> what is shown of it

_numbers = itertools.count()


class Away(Exception):
    """Whoever should run the job has gone; it goes back into the line."""


def nobody_is_present(session: str) -> bool:
    """For servers that cannot tell: a session is there only as long as it looks."""
    return False


def nobody_waits() -> bool:
    """For servers that only run."""
    return False


def plain(experiment: str, result: Any) -> Any:
    """For those who want nothing drawn."""
    return result


class Job:
    """One run of an experiment. `draw` is called where the run goes on, so a worker must be able to import it."""

    def __init__(
        self,
        key: str,
        experiment: Experiment,
        spec: Any,
        cost: Cost,
        present: Present = nobody_is_present,
        draw: Draw = plain,
    ) -> None:
        self.key = key
        self.experiment = experiment
        self.spec = spec
        self.cost = cost
        self.number = next(_numbers)  # in the order of asking
        self.owner = ""  # the session that asked first
        self.draw = draw
        self.fraction = 0.0
        self.picture: Any = None  # of the result, or of as much of it as there is
        self.result: Any = None
        self.error: NtkvizError | None = None
        self.started: float | None = None
        self.seconds = 0.0  # that it took, once it has ended
        self.nudge = threading.Event()  # wakes whoever runs it: there may be news of its watchers
        self._present = present
        self._watchers: dict[str, float] = {}
        self._done = threading.Event()

    def answers(self, experiment: Experiment, spec: Any) -> bool:
        """Is this the run of just that question?"""
        return self.key == question(experiment, spec)

    @property
    def finished(self) -> bool:
        return self._done.is_set()

    @property
    def name(self) -> str:
        """The experiment's, for people."""
        return self.experiment.__name__.rpartition(".")[2]

    def wait(self, seconds: float) -> bool:
        """True once the job has ended, after at most so many seconds."""
        return self._done.wait(seconds)

    def watch(self, session: str) -> None:
        """Say that a session still wants the result."""
        self.owner = self.owner or session
        self._watchers[session] = time.monotonic()

    def release(self, session: str) -> None:
        """Say that a session wants it no more."""
        self._watchers.pop(session, None)
        self.nudge.set()

    @property
    def watchers(self) -> tuple[str, ...]:
        """The sessions that want it."""
        now = time.monotonic()
        return tuple(
            session for session, at in list(self._watchers.items()) if now - at < PATIENCE or self._present(session)
        )

    @property
    def wanted(self) -> bool:
        return bool(self.watchers)

    def report(self, fraction: float, picture: Any = None, /) -> None:
        """How far the run is, and what is drawn of it so far; raises `Cancelled` when nobody wants it any more."""
        if not self.wanted:
            raise Cancelled("The run was stopped.")
        self.fraction = float(fraction)
        if picture is not None:
            self.picture = picture

    def execute(self, run: Run) -> None:
        """Run to the end; user errors are kept for the page, bugs too, under a sentence that gives nothing away.

        `run` returns the result and its picture. Lets `Away` through: the job has not run then. The end is announced
        by `settle`.
        """
        self.started = time.monotonic()
        try:
            self.report(0.0)
            self.result, self.picture = run(self, self.report)
        except Away:
            self.started = None
            raise
        except NtkvizError as error:
            self.error = error
        except MemoryError:
            self.error = TooExpensive("The machine has no memory left for this run: choose a smaller one.")
        except Exception:
            log.exception("bug in %s", self.experiment.__name__, extra={"event": "bug"})
            self.error = NtkvizError("This run failed for a reason of ours, not yours; the server's log has it.")
        self.seconds = time.monotonic() - self.started

    def settle(self) -> None:
        """Tell all who wait that the job has ended."""
        self._done.set()


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
