r"""The modes of a kernel with the target's share in each, and those of theory and network side by side.

    share of the target in an eigenspace G: Σ_{i ∈ G} (u_iᵀ y)²/‖y‖²

The share in a single mode depends on the basis of its eigenspace; the sum over the whole space does not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ntkviz.modes.eigenspaces import TopShare, eigenspaces, top_share
from ntkviz.spectra import Spectrum, target_power

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HALF = 0.5  # of the theory's eigenvalue: below it a network's mode counts as lost
FIRST = 10  # modes whose share of the target is counted
DRAWN = 40  # modes that are drawn, at most
NOTHING = 1e-24  # a share below it is a rounding error, squared
FEWEST = 8  # modes that an axis shows, where so few are above the floor


@dataclass(frozen=True, eq=False)
class Modes(Spectrum):
    """A spectrum without its eigenvectors, (N, 0), and the target's share in each mode."""

    shares: Floats  # (N,) summing to 1; all zero for a target that is zero

    @property
    def last(self) -> int:
        """The number, from 1, of the last mode above the rounding floor; 1 where none is."""
        return max(self.resolved, 1)

    @property
    def condition(self) -> float:
        """λ_max/λ_min, with the rounding floor in the place of a λ_min below it: then it is a lower bound."""
        return float(self.eigenvalues[0] / max(self.eigenvalues[-1], self.floor))


def with_shares(modes: Spectrum, y: Floats) -> Modes:
    """The spectrum with the shares of targets y (N, K) instead of its eigenvectors."""
    shares = target_power(modes, y) if y.any() else np.zeros(len(y))
    shares[shares < NOTHING] = 0.0
    return Modes(modes.eigenvalues, modes.eigenvectors[:, :0], modes.floor, modes.dtype, shares)


def drawn_spaces(modes: Spectrum) -> tuple[Integers, ...]:
    """The numbers of the modes of the first eigenspaces above the rounding floor, whole, with at most 40 modes.

    A first eigenspace that is larger is cut. There is one mode at least.
    """
    count = min(DRAWN, max(modes.resolved, 1))
    spaces = eigenspaces(modes.eigenvalues, floor=modes.floor)
    whole = tuple(space for space in spaces if space[-1] < count)
    return whole or (np.arange(count),)


@dataclass(frozen=True, eq=False)
class Pair:
    """The modes of the kernel at infinite width and of a network's kernel on the same N points."""

    theory: Modes
    network: Modes

    @property
    def relative(self) -> Floats:
        """(2, N) eigenvalues of theory and network over the largest of the theory."""
        return np.stack([self.theory.eigenvalues, self.network.eigenvalues]) / self.theory.eigenvalues[0]

    @property
    def floor(self) -> float | None:
        """The higher of the two rounding floors, relative as well; None where all eigenvalues are above theirs."""
        if not self.theory.below and not self.network.below:
            return None
        return float(max(self.theory.floor, self.network.floor) / self.theory.eigenvalues[0])

    @property
    def visible(self) -> Floats:
        """(5,) the extreme relative eigenvalues above their floors, and the floor, or 0 where none reaches it."""
        largest = self.theory.eigenvalues[0]
        ends = [modes.eigenvalues[i] for modes in (self.theory, self.network) for i in (0, modes.last - 1)]
        return np.array([*ends, 0.0 if self.floor is None else largest * self.floor]) / largest

    @property
    def width(self) -> float:
        """How far an axis of mode numbers must reach to show all modes of the theory above the floor."""
        return 1.1 * max(self.theory.resolved, FEWEST)

    @property
    def spaces(self) -> tuple[Integers, ...]:
        """The numbers, from 0, of the drawn modes in each eigenspace of the theory."""
        return drawn_spaces(self.theory)

    @property
    def shares(self) -> Floats:
        """(2, S) the target's share in the modes of each of these spaces, of theory and network."""
        return np.array([[modes.shares[space].sum() for space in self.spaces] for modes in (self.theory, self.network)])

    @property
    def strongest(self) -> int:
        """The number, from 0, of the first mode of the space with the largest share of the target."""
        return int(self.spaces[int(np.argmax(self.shares[0]))][0])

    @property
    def top(self) -> TopShare:
        """The target's share in the eigenspaces with the ten largest eigenvalues of the theory, and their modes."""
        return top_share(self.theory.eigenvalues, self.theory.shares, FIRST, floor=self.theory.floor)

    @property
    def lost_from(self) -> int | None:
        """The number, from 1, of the mode from which on the network's eigenvalues are below half of the theory's.

        Modes of the theory below its rounding floor do not count. None where the last one that counts is not lost.
        """
        count = self.theory.resolved
        kept = np.flatnonzero(self.network.eigenvalues[:count] >= HALF * self.theory.eigenvalues[:count])
        after = int(kept[-1]) + 1 if kept.size else 0
        return after + 1 if after < count else None
