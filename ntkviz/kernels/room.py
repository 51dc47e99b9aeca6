"""Whether a kernel fits the machine, asked before it is computed: a process that takes too much dies without a word."""

import os

from ntkviz.errors import TooExpensive


def physical() -> float:
    """Bytes of memory of this machine; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def room_for(rows: int, columns: int, itemsize: int = 8) -> None:
    """Raise `TooExpensive` where a kernel (rows, columns) is larger than the memory of the machine."""
    needed, there = float(rows) * columns * itemsize, physical()
    if needed > there:
        raise TooExpensive(
            f"This kernel of {rows} × {columns} takes {needed / 1e9:.0f} GB, the machine has {there / 1e9:.0f}: take "
            "fewer points, or write it into a file by blocks (ntkviz.kernels.blocks)."
        )
