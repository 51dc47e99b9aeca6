"""Which thread takes which run: in this process, on the worker that is kept free of long runs, or on any other.

A run is local where it takes less than a tenth of a second and its programs are compiled; while many visitors are
connected none is, because it would delay every answer of a page. Without workers all short runs are local.
"""

import re
from collections.abc import Callable
from typing import Generic

from ntkviz.engine.jobs import Job, PictureT
from ntkviz.engine.pool import Pool

LOCAL_SECONDS = 0.1  # estimated cost up to which a run is computed in this process
LOCAL_SECONDS_ALONE = 2.0  # the same while there are no workers
SHORT_SECONDS = 5.0  # estimated cost up to which a run may use the worker that is kept free of long ones
MAX_SHAPES = 10_000  # shapes that are remembered as compiled
COMPILE_NOTHING = re.compile(
    r"\d+\.\d+(e[+-]?\d+)?|\d+e[+-]?\d+|(seeds?|steps)=\d+"
)  # numbers of a spec that programs take


class Lanes(Generic[PictureT]):
    """Where runs are computed, from their estimates and from what has been compiled."""

    def __init__(self, pool: Pool | None, is_crowded: Callable[[], bool]) -> None:
        """Lanes of this process and of a pool.

        Args:
            pool: the workers, if any.
            is_crowded: says whether many visitors are connected.
        """
        self._pool = pool
        self._is_crowded = is_crowded
        self._compiled: set[str] = set()  # shapes

    def is_local(self, job: Job[object, PictureT]) -> bool:
        """Whether a run is computed in this process."""
        if self._pool is not None and self._pool.ready:
            return job.cost.seconds <= LOCAL_SECONDS and self.is_compiled(job) and not self._is_crowded()
        return job.cost.seconds <= LOCAL_SECONDS_ALONE

    def takes(self, number: int, job: Job[object, PictureT]) -> bool:
        """Whether the worker with this number takes a run. The first of several is kept free of long runs."""
        pool = self._pool
        if pool is None or not pool.ready or number >= pool.slots or self.is_local(job):
            return False
        return number > 0 or pool.slots == 1 or not self._is_long(job)

    def workers_for(self, job: Job[object, PictureT]) -> int:
        """How many workers may take a run."""
        slots = self._pool.slots if self._pool is not None else 1
        return max(1, slots - self._is_long(job))

    def _is_long(self, job: Job[object, PictureT]) -> bool:
        """Whether a run may take long: by its estimate, or in a crowd because it may have to compile first."""
        return job.cost.seconds > SHORT_SECONDS or (self._is_crowded() and not self.is_compiled(job))

    def is_compiled(self, job: Job[object, PictureT]) -> bool:
        """Whether the programs of a run are compiled: here, in a worker, or in the cache on disk."""
        return shape(job.key) in self._compiled

    def remember(self, job: Job[object, PictureT]) -> None:
        """Note that the programs of a run are compiled."""
        if len(self._compiled) < MAX_SHAPES:
            self._compiled.add(shape(job.key))

    def forget(self) -> None:
        """Take nothing as compiled any more."""
        self._compiled.clear()


def shape(key: str) -> str:
    """The key of a run without the numbers that compile nothing: two runs of one shape use the same programs."""
    return COMPILE_NOTHING.sub("·", key)
