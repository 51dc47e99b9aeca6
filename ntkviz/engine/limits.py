"""What one run may cost. Read from the environment, so that a lecturer's server and a laptop may differ."""

import os
from dataclasses import dataclass

from ntkviz.errors import TooExpensive
from ntkviz.experiments.protocol import Cost

MEGABYTE = 1e6


@dataclass(frozen=True)
class Limits:
    """The most that one run may take: NTKVIZ_MAX_SECONDS, NTKVIZ_MAX_MEGABYTES."""

    seconds: float = 60.0
    bytes: float = 2000 * MEGABYTE

    @classmethod
    def from_environment(cls) -> "Limits":
        return cls(
            seconds=float(os.environ.get("NTKVIZ_MAX_SECONDS", cls.seconds)),
            bytes=float(os.environ.get("NTKVIZ_MAX_MEGABYTES", cls.bytes / MEGABYTE)) * MEGABYTE,
        )


def admit(cost: Cost, limits: Limits) -> None:
    """Raise `TooExpensive`, saying by how much, when a run would pass the limits."""
    if cost.seconds > limits.seconds:
        raise TooExpensive(
            f"This run would take about {cost.seconds:.0f} s and the limit is {limits.seconds:.0f} s: "
            "choose a smaller width, depth, number of points or number of steps."
        )
    if cost.bytes > limits.bytes:
        raise TooExpensive(
            f"This run would need about {cost.bytes / MEGABYTE:.0f} MB and the limit is "
            f"{limits.bytes / MEGABYTE:.0f} MB: choose a smaller width or fewer points."
        )


def spoken(cost: Cost) -> str:
    """The estimate in words for a page: “about 8 s and 120 MB”."""
    return f"about {max(cost.seconds, 0.1):.2g} s and {max(cost.bytes / MEGABYTE, 1):.0f} MB"
