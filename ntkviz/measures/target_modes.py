r"""The modes of a kernel with the target's share in each, and the modes of two kernels side by side.

    share of the target in mode i: (u_iᵀ y)²/‖y‖²

Shares of single modes depend on the basis of their eigenspace: sum them over `whole_spaces`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ntkviz.measures.eigenspaces import eigenspaces
from ntkviz.spectra import Spectrum, target_power

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HALF = 0.5  # of the theory's eigenvalue: below it a network's mode counts as lost


@dataclass(frozen=True, eq=False)
class Modes(Spectrum):
    """A spectrum without its eigenvectors, (N, 0), and the target's share in each mode."""

    shares: Floats  # (N,) summing to 1; all zero for a target that is zero


def with_shares(modes: Spectrum, y: Floats) -> Modes:
    """The spectrum with the shares of targets y (N, K) instead of its eigenvectors."""
    shares = target_power(modes, y) if y.any() else np.zeros(len(y))
    return Modes(modes.eigenvalues, modes.eigenvectors[:, :0], modes.floor, modes.dtype, shares)


def whole_spaces(modes: Spectrum, most: int) -> tuple[Integers, ...]:
    """The first eigenspaces above the rounding floor, whole, that have at most so many modes together.

    A first eigenspace that is larger is cut. There is one mode at least.

    Args:
        modes: of a kernel.
        most: modes.
    """
    count = min(most, max(modes.resolved, 1))
    spaces = eigenspaces(modes.eigenvalues, floor=modes.floor)
    whole = tuple(space for space in spaces if space[-1] < count)
    return whole or (np.arange(count),)


def lost_from(theory: Spectrum, network: Spectrum) -> int | None:
    """The number, from 1, of the mode from which on the network's eigenvalues are below half of the theory's.

    Modes of the theory below its rounding floor do not count. None where the last one that counts is not lost.
    """
    count = theory.resolved
    kept = np.flatnonzero(network.eigenvalues[:count] >= HALF * theory.eigenvalues[:count])
    after = int(kept[-1]) + 1 if kept.size else 0
    return after + 1 if after < count else None
