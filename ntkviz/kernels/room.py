"""Check before a kernel is computed that it fits into memory; a process that takes too much is killed silently."""

import os

from ntkviz.errors import TooExpensive


def physical() -> float:
    """The bytes of memory of this machine; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def room_for(rows: int, columns: int, itemsize: int = 8) -> None:
    """Raise `TooExpensive` where a kernel is larger than the memory of the machine.

    Args:
        rows: rows of the kernel.
        columns: columns of the kernel.
        itemsize: bytes of an entry.
    """
    needed, there = float(rows) * columns * itemsize, physical()
    if needed > there:
        raise TooExpensive(
            f"This kernel of {rows} × {columns} takes {needed / 1e9:.0f} GB, the machine has {there / 1e9:.0f}: take "
            "fewer points, or write it into a file by blocks (ntkviz.kernels.blocks)."
        )
