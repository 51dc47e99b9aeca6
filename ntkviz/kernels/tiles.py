"""A kernel tile by tile: what a pair of tiles needs stays in the cache, and nothing is held beside the result.

    out[i, j] = block(x_i, x_j),    out[j, i] = block(x_i, x_j)ᵀ        for tiles i ≤ j of one set of points

A kernel of points with themselves takes half of the tiles, and is symmetric to the bit. The last tile reaches back over
the one before it where the sides do not divide.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

SIDE = 400  # points a tile: 80 to 400 are within a third of each other for ReLU, and fewer tiles have fewer edges

# (x1, x2, same) -> arrays (len(x1), len(x2)); `same` says that both are the same points.
Block = Callable[[Array, Array, Array], tuple[Array, ...]]


class Tiled(NamedTuple):
    """The arrays (N1, N2), and whether all of their entries are finite."""

    arrays: tuple[Array, ...]
    finite: Array


def starts(points: int, side: int) -> np.ndarray:
    """First points of the fewest tiles of one size, at most `side`, that cover all points; the last may overlap."""
    count = -(-points // side)
    return np.minimum(np.arange(count) * -(-points // count), points - -(-points // count))


def pairs(rows: np.ndarray, columns: np.ndarray | None) -> np.ndarray:
    """(P, 3): the starts of each pair of tiles and whether they are one tile; without `columns` those with i ≤ j.

    Tiles on the diagonal come last: they write over what an overlapping tile left in them.
    """
    if columns is None:
        i, j = np.triu_indices(len(rows), 1)
        each = np.arange(len(rows))
        i, j = np.concatenate([i, each]), np.concatenate([j, each])
        return np.stack([rows[i], rows[j], i == j], axis=1)
    i, j = (index.ravel() for index in np.indices((len(rows), len(columns))))
    return np.stack([rows[i], columns[j], np.zeros_like(i)], axis=1)


def by_tiles(block: Block, x1: Array, x2: Array | None, side: int = SIDE) -> Tiled:
    """`block` of every pair of points, for traced code; x2=None means x1."""
    other = x1 if x2 is None else x2
    rows, columns = starts(len(x1), side), starts(len(other), side)
    high, wide = -(-len(x1) // len(rows)), -(-len(other) // len(columns))
    plan = jnp.asarray(pairs(rows, None if x2 is None else columns))

    def tile(i: Array, j: Array, same: Array) -> tuple[Array, ...]:
        return block(lax.dynamic_slice_in_dim(x1, i, high), lax.dynamic_slice_in_dim(other, j, wide), same)

    def write(pair: Array, so_far: Tiled) -> Tiled:
        i, j, same = plan[pair]
        made, arrays, finite = tile(i, j, same == 1), [], so_far.finite
        for array, part in zip(so_far.arrays, made, strict=True):
            finite &= jnp.isfinite(part).all()
            if x2 is None:  # matrix products round (i, j) and (j, i) differently
                part = jnp.where(same == 1, (part + part.T) / 2, part)
                array = lax.dynamic_update_slice(array, part.T, (j, i))
            arrays.append(lax.dynamic_update_slice(array, part, (i, j)))
        return Tiled(tuple(arrays), finite)

    shapes = jax.eval_shape(tile, plan[0, 0], plan[0, 1], plan[0, 2] == 1)
    empty = tuple(jnp.zeros((len(x1), len(other)), shape.dtype) for shape in shapes)
    return lax.fori_loop(0, len(plan), write, Tiled(empty, jnp.asarray(True)))
