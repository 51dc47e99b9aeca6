"""Limits on what runs may cost and a server may hold, with defaults for a laptop, read from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ntkviz.errors import InvalidInput, TooExpensive
from ntkviz.experiments.protocol import Cost
from ntkviz.specs import Spec, number, settings

MEGABYTE = 1e6
PREFIX = "NTKVIZ_"


@dataclass(frozen=True, kw_only=True)
class Limits(Spec):
    """The limits of a server. Each field is an environment variable: `max_seconds` is NTKVIZ_MAX_SECONDS."""

    max_seconds: float = number(60.0, 1e-9, 86400.0, label="Longest run, as estimated before it starts, in s")
    max_megabytes: float = number(2000.0, 1e-9, 1e6, label="Most memory that one run may take, in MB")
    max_queue: int = number(64, 1, 10000, label="Runs that may wait or be in progress at once")
    max_sessions: int = number(300, 1, 100_000, label="Visitors at once")
    idle_minutes: float = number(
        30.0, 0.0, 1e6, label="Minutes without use after which a tab is disconnected when the course is full"
    )
    max_session_jobs: int = number(3, 1, 1000, label="Runs that one session may have waiting or in progress")
    upload_megabytes: float = number(64.0, 1.0, 1e6, label="Uploaded files that are not read yet, in MB")
    keep_megabytes: float = number(256.0, 0.0, 1e6, label="Results kept in memory, in MB")
    store_megabytes: float = number(1000.0, 0.0, 1e7, label="Results stored on disk, in MB; 0 stores none")
    workers: int = number(None, 0, 256, label="Worker processes; 0 computes in the page's process", optional=True)
    worker_megabytes: float = number(4000.0, 1e-9, 1e6, label="Memory at which a worker is ended, in MB")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Limits":
        """The limits of the environment, with defaults for what it leaves out.

        Raises `InvalidInput`, naming the variable, where a value is no number or out of bounds.
        """
        words = {name: environment.get(PREFIX + name.upper(), "").strip() for name in settings(cls)}
        values: dict[str, Any] = {name: _read(name, word) for name, word in words.items() if word}
        return cls(**values)

    @property
    def local_workers(self) -> int:
        """Worker processes to start on this machine: `workers`, or one for each core and at most four."""
        return min(os.cpu_count() or 1, 4) if self.workers is None else self.workers


def _read(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InvalidInput(f"{PREFIX}{name.upper()} must be a number, not {value!r}.") from None


def admit(cost: Cost, limits: Limits) -> None:
    """Raise `TooExpensive`, with estimate and limit, where a run would exceed the limits (admission control)."""
    if cost.seconds > limits.max_seconds:
        raise TooExpensive(
            f"This run would take about {cost.seconds:.0f} s and the limit is {limits.max_seconds:.0f} s. "
            "Choose a smaller width, depth, number of points or number of steps."
        )
    if cost.bytes > limits.max_megabytes * MEGABYTE:
        raise TooExpensive(
            f"This run would need about {cost.bytes / MEGABYTE:.0f} MB and the limit is "
            f"{limits.max_megabytes:.0f} MB. Choose a smaller width or fewer points."
        )


def spoken(cost: Cost) -> str:
    """An estimate in words, such as “about 8 s and 120 MB”."""
    return f"about {max(cost.seconds, 0.1):.2g} s and {max(cost.bytes / MEGABYTE, 1):.0f} MB"
