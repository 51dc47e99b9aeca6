"""Numbers of points that compiled programs share: points are padded to the next of these numbers.

A program is compiled for the shapes of its arrays, which takes up to a thousand times as long as running it. Points are
therefore padded with copies of the first one, and the results are cut to the points that were given. A copy of a point
has finite values where the point has.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax import Array

LARGEST = 1024  # points up to which they are padded; beyond it computing takes longer than compiling
FEWEST = 16
STEPS = 4  # numbers between two powers of two, from 64 on; smaller programs take as long at any number of points

T = TypeVar("T", bound=np.generic)


def bucket(points: int) -> int:
    """The number of points to which so many points are padded; a single point is not padded.

    >>> [bucket(points) for points in (1, 2, 17, 65, 130, 1000, 2000)]
    [1, 16, 32, 80, 160, 1024, 2000]
    """
    if points <= 1 or points > LARGEST:
        return points
    step = max(FEWEST, 2 ** (points - 1).bit_length() // (2 * STEPS))
    return -(-points // step) * step


def padded(rows: np.ndarray[Any, np.dtype[T]]) -> np.ndarray[Any, np.dtype[T]]:
    """The array (bucket(N), …) of N rows and copies of the first one."""
    return np.concatenate([rows, np.repeat(rows[:1], bucket(len(rows)) - len(rows), axis=0)])


def cut(array: Array, shape: Sequence[int]) -> Array:
    """The first rows and columns of an array of a compiled function; nothing is compiled for it."""
    if array.shape == tuple(shape):
        return array
    kept: Array = jax.device_put(np.asarray(array)[tuple(slice(size) for size in shape)])
    return kept
