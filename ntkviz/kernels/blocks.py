r"""Kernels by pairs of blocks of points: in bounded memory, into an array or a file, with progress.

    out[i, j] = Θ(x_i, x_j),    out[j, i] = Θ(x_i, x_j)ᵀ        for blocks i ≤ j of B points

B is the largest that the memory allows. Time over N points, in blocks of B: N² (L pairs of the recursion)/2 at infinite
width; N² (2Ln + d) for a network of width n, and N²/B · 6P more for its P weights, since each pair of blocks makes its
activations and gradients anew. The file has 8 N² bytes in float64, half of that in float32; while it is incomplete it
bears another name, and the same call goes on where it was stopped.

To add a kernel, pass a function of two blocks, and say how many bytes it holds (`Footprint`).
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
FEWEST = 16  # points a block: with fewer the calls cost more than what they compute
MOST = 2000  # and with more nothing is gained

# (x1, x2 or None for x1) -> the kernel of every pair
Kernel = Callable[[NDArray[np.floating], NDArray[np.floating] | None], ArrayLike]
Progress = Callable[[float], None]


def _silent(fraction: float) -> None:
    """Nobody watches."""


class Footprint(NamedTuple):
    """Bytes that the kernel of two blocks holds at its peak, beside what the process holds anyway."""

    fixed: float
    point: float
    pair: float

    def rows(self, megabytes: float, points: int) -> int:
        """The largest block that fits. Raises `TooExpensive` where none does."""
        root = (self.point**2 + 4 * self.pair * max(megabytes * MEGABYTE - self.fixed, 0.0)) ** 0.5
        rows = int((root - self.point) / (2 * self.pair))
        if rows < min(FEWEST, points):
            least = (self.fixed + FEWEST * (self.point + FEWEST * self.pair)) / MEGABYTE
            raise TooExpensive(
                f"{megabytes:.0f} MB hold no block of this kernel: allow {least + 1:.0f} MB or take a smaller network."
            )
        return min(rows, points, MOST)


def infinite_footprint(arch: Architecture, input_dim: int) -> Footprint:
    """Of `infinite_ntk` on two blocks: the kernel and its copy, or every array of the recursion for a series."""
    tiled = activation(arch.activation).dual is not None or arch.input_dim is not None
    fixed = 2e7 + tile_bytes(arch, input_dim)
    return Footprint(fixed, 32.0 * input_dim + (0 if tiled else 4e4), 32.0 if tiled else 120.0)


def empirical_footprint(arch: Architecture, input_dim: int, dtype: DTypeLike) -> Footprint:
    """Of `empirical_ntk` on two blocks: inputs and gradients of every layer, three kernels and their copy."""
    size = np.dtype(dtype).itemsize
    numbers = activation_numbers(arch, input_dim, arch.outputs)
    return Footprint(2.0 * size * parameter_count(arch, input_dim), 2.0 * size * numbers, 5.0 * size)


def infinite_kernel(arch: Architecture, x: ArrayLike) -> Kernel:
    """The infinite-width NTK of blocks of `x` (N, d), for `in_blocks` and `write_kernel`."""
    return infinite_blocks(arch, x, "ntk")


def empirical_kernel(arch: Architecture, params: Params) -> Kernel:
    """The trace NTK of one network, for `in_blocks` and `write_kernel`."""
    return lambda x1, x2: empirical_ntk(arch, params, x1, x2)


def in_blocks(
    kernel: Kernel, x: ArrayLike, *, rows: int, dtype: DTypeLike = np.float64, report: Progress = _silent
) -> np.ndarray:
    """The kernel (N, N) of `x` (N, d), `rows` points at a time: memory for the result and one pair of blocks."""
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
    """The kernel (N, N) of `x` (N, d) as the .npy file `path`, which appears when it is complete.

    Until then it is `path`.part, and `path`.part.json counts the blocks. A call with the same points, `rows`, `dtype`
    and `label` (which names the kernel) goes on from there; another one begins anew. Raises `TooExpensive` where the
    disk has no room; whatever `report` raises stops it between two blocks.
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
        # Mapped anew for each pair: pages that stay mapped count as memory of the process.
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
    """Pairs of blocks that an earlier call has written."""
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
