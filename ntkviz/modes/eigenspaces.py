r"""Eigenspaces: equal eigenvalues are one mode, whose basis the kernel leaves open.

    share of the target in the eigenspace G: Σ_{i ∈ G} (u_iᵀ y)²/‖y‖²

A share of a single eigenvector in such a space depends on the basis that was chosen; the sum over the space does not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ntkviz.errors import InvalidInput

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EQUAL = 1e-6  # eigenvalues nearer than this share of their size count as equal
NOISE = 1e-10  # of λ_max: the same for eigenvalues that are small


class TopShare(NamedTuple):
    """A share of the target, and the number of modes that have it."""

    share: float
    modes: int


def eigenspaces(eigenvalues: ArrayLike, *, floor: float = 0.0) -> tuple[Integers, ...]:
    """The numbers, from 0, of the eigenvalues of each eigenspace, by descending eigenvalue.

    Args:
        eigenvalues: (N,) descending.
        floor: eigenvalues at or below it cannot be told from zero and are one eigenspace, the null space.

    Raises:
        InvalidInput: where the eigenvalues are not a descending list.

    >>> [space.tolist() for space in eigenspaces([3.0, 2.0, 2.0, 0.0])]
    [[0], [1, 2], [3]]
    """
    values = np.asarray(eigenvalues, np.float64)
    drops = -np.diff(values)
    if values.ndim != 1 or not values.size or not np.all(drops >= 0):
        raise InvalidInput("The eigenvalues must be a list in descending order.")
    apart = (drops > EQUAL * np.abs(values[:-1]) + NOISE * abs(values[0])) & (values[:-1] > floor)
    return tuple(np.split(np.arange(len(values)), np.flatnonzero(apart) + 1))


def space_shares(eigenvalues: ArrayLike, shares: ArrayLike, *, floor: float = 0.0) -> Floats:
    """Shares of the target summed over whole eigenspaces, (G,); they do not depend on the basis within one.

    Args:
        eigenvalues: (N,) descending.
        shares: (N,) of each eigenvector, such as `spectra.target_power` gives.
        floor: as in `eigenspaces`.

    Raises:
        InvalidInput: where the eigenvalues are not a descending list, or the shares do not pair up.

    >>> space_shares([3.0, 2.0, 2.0], [0.5, 0.1, 0.4]).tolist()
    [0.5, 0.5]
    """
    spaces = eigenspaces(eigenvalues, floor=floor)
    parts = np.asarray(shares, np.float64)
    if parts.shape != np.shape(eigenvalues):
        raise InvalidInput(f"Shares {parts.shape} and eigenvalues {np.shape(eigenvalues)} do not pair up.")
    return np.array([parts[space].sum() for space in spaces])


def top_share(eigenvalues: ArrayLike, shares: ArrayLike, modes: int, *, floor: float = 0.0) -> TopShare:
    """The share of the target in the first modes, with the eigenspace that the last of them belongs to as a whole.

    Args:
        eigenvalues: (N,) descending.
        shares: (N,) of each eigenvector.
        modes: how many to count at least; all of them where there are fewer.
        floor: eigenvalues at or below it are the null space, which is not counted.

    Returns:
        The share, and how many modes were counted.

    Raises:
        InvalidInput: as `space_shares` does.

    >>> top_share([3.0, 2.0, 2.0, 1.0], [0.5, 0.1, 0.4, 0.0], 2)
    TopShare(share=1.0, modes=3)
    """
    values, counted, share = np.asarray(eigenvalues, np.float64), 0, 0.0
    for space, part in zip(eigenspaces(values, floor=floor), space_shares(values, shares, floor=floor), strict=True):
        if counted >= modes or not values[space[0]] > floor:
            break
        counted, share = counted + len(space), share + float(part)
    return TopShare(min(share, 1.0), counted)
