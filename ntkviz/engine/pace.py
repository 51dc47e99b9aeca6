"""Waiting times: how long runs take compared with their estimates, and when the turn of a waiting run comes.

The pace of an experiment is the ratio of measured to estimated seconds. It counts as known only while recent runs agree
on it, so that a page shows a waiting time that is true, or none.
"""

import heapq
import statistics
from collections import defaultdict, deque
from collections.abc import Iterable

LEARN_FROM = 0.5  # seconds of estimate from which runs count: shorter ones are mostly overhead
RUNS = 3  # runs that are needed
SPREAD = 2.0  # largest ratio between the paces of recent runs at which their median is believed
RECENT = 5  # runs that are compared


class Paces:
    """The paces of experiments, by name."""

    def __init__(self) -> None:
        self._ratios: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT))

    def learn(self, experiment: str, *, estimated: float, measured: float) -> None:
        """Note a run that has ended.

        Args:
            experiment: its name.
            estimated: seconds that its cost said; under `LEARN_FROM` the run is left out.
            measured: seconds that it took, without compiling.
        """
        if estimated >= LEARN_FROM:
            self._ratios[experiment].append(measured / estimated)

    def pace(self, experiment: str) -> float | None:
        """Measured over estimated seconds of recent runs; None where they are too few or differ too much."""
        ratios = list(self._ratios.get(experiment, ()))
        if len(ratios) < RUNS or max(ratios) > SPREAD * min(ratios):
            return None
        return statistics.median(ratios)


def seconds_until_turn(running: Iterable[float], ahead: Iterable[float], *, threads: int) -> float:
    """Seconds until a run begins that waits behind others, when each free thread takes the next run.

    Args:
        running: seconds that each run in progress still takes.
        ahead: seconds that each run before this one in the queue will take, in the order of the queue.
        threads: runs that can be in progress at once.
    """
    longest = sorted(running, reverse=True)[:threads]
    free_at = longest + [0.0] * (threads - len(longest))
    heapq.heapify(free_at)
    for seconds in ahead:
        heapq.heapreplace(free_at, free_at[0] + seconds)
    return free_at[0]
