r"""Kernels computed for one pair of blocks of points after another, in bounded memory, into an array or a file.

    out[i, j] = Θ(x_i, x_j),    out[j, i] = Θ(x_i, x_j)ᵀ        for blocks i ≤ j of B points

`Footprint.rows` gives the largest B that the memory allows. For N points the kernel of infinite width takes N² L/2
duals. The kernel of a network of width n with P weights takes N² (2Ln + d) operations, and N²/B · 6P more, because its
activations and gradients are computed again for each pair of blocks. The file has 8 N² bytes in float64 and half of
that in float32. It has another name until it is complete, and a call that was stopped can be continued.

For another kernel, pass a function of two blocks, and give the bytes that it holds as a `Footprint`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike
from numpy.typing import DTypeLike, NDArray

from ntkviz.activations import activation
from ntkviz.errors import InvalidInput, TooExpensive
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.kernels.infinite import infinite_blocks
from ntkviz.kernels.room import room_for
from ntkviz.kernels.tiles import pairs, starts
from ntkviz.kernels.work import activation_numbers, tile_bytes
from ntkviz.nets import Architecture, Params, parameter_count

MEGABYTE = 1e6
FEWEST = 16  # points in a block: with fewer, the calls take longer than the computation
MOST = 2000  # points in a block: with more, nothing is gained

# Takes x1 and x2 (or None for x1) to the kernel of all pairs of their points.
Kernel = Callable[[NDArray[np.floating], NDArray[np.floating] | None], ArrayLike]
Progress = Callable[[float], None]


def _silent(fraction: float) -> None:
    """Do nothing: the progress of a run that nobody follows."""


class Footprint(NamedTuple):
    """The bytes of memory that the kernel of two blocks takes at its peak, in addition to those of the process."""

    fixed: float
    point: float  # for each point of a block
    pair: float  # for each pair of points

    def rows(self, megabytes: float, points: int) -> int:
        """The largest number of points in a block that fits into memory.

        Args:
            megabytes: the memory to use.
            points: N, the number of all points.

        Raises:
            TooExpensive: where no block of `FEWEST` points fits.
        """
        root = (self.point**2 + 4 * self.pair * max(megabytes * MEGABYTE - self.fixed, 0.0)) ** 0.5
        rows = int((root - self.point) / (2 * self.pair))
        if rows < min(FEWEST, points):
            least = (self.fixed + FEWEST * (self.point + FEWEST * self.pair)) / MEGABYTE
            raise TooExpensive(
                f"{megabytes:.0f} MB hold no block of this kernel: allow {least + 1:.0f} MB or take a smaller network."
            )
        return min(rows, points, MOST)


def infinite_footprint(arch: Architecture, input_dim: int) -> Footprint:
    """The memory of `infinite_ntk` for two blocks: the kernel and a copy; for a series all arrays of the recursion."""
    tiled = activation(arch.activation).dual is not None or arch.input_dim is not None
    fixed = 2e7 + tile_bytes(arch, input_dim)
    return Footprint(fixed, 32.0 * input_dim + (0 if tiled else 4e4), 32.0 if tiled else 120.0)


def empirical_footprint(arch: Architecture, input_dim: int, dtype: DTypeLike) -> Footprint:
    """The memory of `empirical_ntk` for two blocks: inputs and gradients of every layer, three kernels and copies.

    Args:
        arch: the architecture.
        input_dim: d, the numbers in an input.
        dtype: the precision of the weights.
    """
    size = np.dtype(dtype).itemsize
    numbers = activation_numbers(arch, input_dim, arch.outputs)
    return Footprint(2.0 * size * parameter_count(arch, input_dim), 2.0 * size * numbers, 5.0 * size)


def infinite_kernel(arch: Architecture, x: ArrayLike) -> Kernel:
    """The function that computes the infinite-width NTK of blocks of `x` (N, d), for `in_blocks` and `write_kernel`."""
    return infinite_blocks(arch, x, "ntk")


def empirical_kernel(arch: Architecture, params: Params) -> Kernel:
    """The function that computes the trace NTK of a network, for `in_blocks` and `write_kernel`."""
    return lambda x1, x2: empirical_ntk(arch, params, x1, x2)


def in_blocks(
    kernel: Kernel, x: ArrayLike, *, rows: int, dtype: DTypeLike = np.float64, report: Progress = _silent
) -> np.ndarray:
    """The kernel (N, N) of all points, in memory for the result and one pair of blocks.

    Args:
        kernel: computes the kernel of two blocks.
        x: (N, d), the points.
        rows: points in a block.
        dtype: the precision of the result.
        report: is called with the fraction done; what it raises ends the computation.

    Raises:
        InvalidInput: where the points or the kernel of a block have a wrong shape.
        TooExpensive: where the result is larger than the memory of the machine.
    """
    points = _points(x, rows)
    room_for(len(points), len(points), np.dtype(dtype).itemsize)
    out = np.empty((len(points), len(points)), dtype)
    plan = _plan(len(points), rows)
    for done, pair in enumerate(plan):
        report(done / len(plan))
        _fill(out, kernel, points, pair)
    report(1.0)
    return out


def write_kernel(
    path: Path,
    kernel: Kernel,
    x: ArrayLike,
    *,
    rows: int,
    dtype: DTypeLike = np.float64,
    label: str = "",
    report: Progress = _silent,
) -> None:
    """Write the kernel (N, N) of all points into a .npy file.

    While it is incomplete the file is named `path`.part, and `path`.part.json counts the pairs of blocks that are done.
    A call with the same points, `rows`, `dtype` and `label` continues it; any other call starts anew.

    Args:
        path: the file.
        kernel: computes the kernel of two blocks.
        x: (N, d), the points.
        rows: points in a block.
        dtype: the precision of the file.
        label: a name for the kernel, different for different kernels.
        report: is called with the fraction done; what it raises ends the computation.

    Raises:
        InvalidInput: where the points or the kernel of a block have a wrong shape.
        TooExpensive: where there is not enough room on the disk.
    """
    points = _points(x, rows)
    half, log = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json")
    key = hashlib.sha256(
        repr((label, points.shape, rows, np.dtype(dtype).name)).encode() + points.tobytes()
    ).hexdigest()
    plan = _plan(len(points), rows)
    done = _resumed(half, log, key)
    if not done:
        _create(half, len(points), np.dtype(dtype))
    for count, pair in enumerate(plan[done:], done):
        report(count / len(plan))
        # The file is mapped anew for each pair, because pages that stay mapped count as memory of the process.
        _fill(np.load(half, mmap_mode="r+"), kernel, points, pair)
        log.write_text(json.dumps({"key": key, "done": count + 1}))
    with half.open("rb") as file:
        os.fsync(file.fileno())
    half.replace(path)
    log.unlink(missing_ok=True)
    report(1.0)


def _points(x: ArrayLike, rows: int) -> np.ndarray:
    points = np.asarray(x)
    if points.ndim != 2 or 0 in points.shape or rows < 1:
        raise InvalidInput(f"The points have shape {points.shape}; pass them as rows, (N, d), at least one a block.")
    return points


def _plan(points: int, rows: int) -> list[tuple[slice, slice]]:
    first = starts(points, rows)
    size = -(-points // len(first))
    return [(slice(i, i + size), slice(j, j + size)) for i, j, _ in pairs(first, None).tolist()]


def _fill(out: np.ndarray, kernel: Kernel, x: np.ndarray, pair: tuple[slice, slice]) -> None:
    rows, columns = pair
    block = np.asarray(kernel(x[rows], None if rows == columns else x[columns]))
    if block.shape != (rows.stop - rows.start, columns.stop - columns.start):
        raise InvalidInput(f"The kernel of two blocks has shape {block.shape}; it must have one number for each pair.")
    out[rows, columns] = block
    if rows != columns:
        out[columns, rows] = block.T


def _resumed(half: Path, log: Path, key: str) -> int:
    """The number of pairs of blocks that an earlier call has written."""
    try:
        found = json.loads(log.read_text())
        return int(found["done"]) if found["key"] == key and half.exists() else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _create(half: Path, points: int, dtype: np.dtype) -> None:
    half.parent.mkdir(parents=True, exist_ok=True)
    half.unlink(missing_ok=True)
    needed, free = dtype.itemsize * points**2, shutil.disk_usage(half.parent).free
    if needed > free:
        raise TooExpensive(
            f"The kernel takes {needed / MEGABYTE:.0f} MB and {half.parent} has {free / MEGABYTE:.0f} MB left: "
            "choose another folder, fewer points or float32."
        )
    np.lib.format.open_memmap(half, mode="w+", dtype=dtype, shape=(points, points))
