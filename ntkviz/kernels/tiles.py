"""Kernels computed tile by tile, so that intermediate arrays stay in the cache and take no further memory.

    out[i, j] = block(x_i, x_j),    out[j, i] = block(x_i, x_j)ᵀ        for tiles i ≤ j of one set of points

For the kernel of a set with itself half of the tiles are computed, and the result is exactly symmetric. All tiles have
the same size; where it does not divide the number of points, the last tile overlaps the one before it.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

# Points on a side of a tile. For ReLU times differ by a third between 80 and 400, and larger tiles overlap less.
SIDE = 400

# Takes x1, x2 and the numbers of their first points to arrays (len(x1), len(x2)).
Block = Callable[[Array, Array, Array, Array], tuple[Array, ...]]


class Tiled(NamedTuple):
    """Arrays (N1, N2), and whether all of their entries are finite."""

    arrays: tuple[Array, ...]
    finite: Array


def starts(points: int, side: int) -> np.ndarray:
    """The first points of the fewest tiles of one size, at most `side`, that cover all points; the last may overlap."""
    count = -(-points // side)
    return np.minimum(np.arange(count) * -(-points // count), points - -(-points // count))


def pairs(rows: np.ndarray, columns: np.ndarray | None) -> np.ndarray:
    """Pairs of tiles (P, 3): the first row, the first column, and whether both are the same tile.

    Without `columns` these are the pairs of tiles i ≤ j of one set. Tiles on the diagonal come last, because they must
    overwrite what overlapping tiles have written there.
    """
    if columns is None:
        i, j = np.triu_indices(len(rows), 1)
        each = np.arange(len(rows))
        i, j = np.concatenate([i, each]), np.concatenate([j, each])
        return np.stack([rows[i], rows[j], i == j], axis=1)
    i, j = (index.ravel() for index in np.indices((len(rows), len(columns))))
    return np.stack([rows[i], columns[j], np.zeros_like(i)], axis=1)


def by_tiles(block: Block, x1: Array, x2: Array | None, side: int = SIDE) -> Tiled:
    """Compute arrays for all pairs of points tile by tile, for traced code.

    Args:
        block: computes the arrays for two tiles.
        x1: (N1, d), the points.
        x2: (N2, d), other points; None stands for `x1`.
        side: most points on a side of a tile.
    """
    other = x1 if x2 is None else x2
    rows, columns = starts(len(x1), side), starts(len(other), side)
    high, wide = -(-len(x1) // len(rows)), -(-len(other) // len(columns))
    plan = jnp.asarray(pairs(rows, None if x2 is None else columns))

    def tile(i: Array, j: Array) -> tuple[Array, ...]:
        return block(lax.dynamic_slice_in_dim(x1, i, high), lax.dynamic_slice_in_dim(other, j, wide), i, j)

    def write(pair: Array, so_far: Tiled) -> Tiled:
        i, j, same = plan[pair]
        made, arrays, finite = tile(i, j), [], so_far.finite
        for array, part in zip(so_far.arrays, made, strict=True):
            finite &= jnp.isfinite(part).all()
            if x2 is None:  # matrix products may round (i, j) and (j, i) differently
                part = jnp.where(same == 1, (part + part.T) / 2, part)
                array = lax.dynamic_update_slice(array, part.T, (j, i))
            arrays.append(lax.dynamic_update_slice(array, part, (i, j)))
        return Tiled(tuple(arrays), finite)

    shapes = jax.eval_shape(tile, plan[0, 0], plan[0, 1])
    empty = tuple(jnp.zeros((len(x1), len(other)), shape.dtype) for shape in shapes)
    return lax.fori_loop(0, len(plan), write, Tiled(empty, jnp.asarray(True)))
