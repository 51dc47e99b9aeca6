r"""Modes of a kernel that are followed through a training: what is left of each, and at which rate it decays.

    left_G(k) = ‖U_Gᵀ (f_k − y)‖/‖U_Gᵀ y‖          in the linear model |1 − ηλ_G|^k

U_G holds the eigenvectors of the eigenspace G, whose eigenvalues are all λ_G. On points at equal steps around a circle
the modes are waves, and each has a frequency. `strongest` chooses the modes, `Modes.left` follows them.

Source: Jacot, Gabriel & Hongler 2018 (each mode decays at the rate of its eigenvalue).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ntkviz.dynamics import Linearised
from ntkviz.modes.eigenspaces import eigenspaces

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FOLLOWED = 5  # modes at most
WEAK = 0.02  # a mode with less than this share of the strongest one is left out: the mixing of modes hides its decay
FALLEN = 0.1  # a rate is measured while more than this is left: later the slow modes leak into the fast ones
MOVED = 0.9  # a mode of which more than this is left has no rate yet


@dataclass(frozen=True, eq=False)
class Modes:
    """G eigenspaces of a kernel on N points, by descending eigenvalue."""

    first: Integers  # (G,) the number, from 1, of the first eigenvalue of each
    eigenvalues: Floats  # (G,)
    bases: tuple[Floats, ...]  # G of (N, D): orthonormal, with D equal eigenvalues
    frequencies: Integers | None = None  # (G,) where the modes are waves around a circle

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called: its frequency where it has one, else its number."""
        if self.frequencies is not None:
            return tuple(f"frequency {frequency}" for frequency in self.frequencies)
        return tuple(f"mode {number}" for number in self.first)

    def left(self, residual: ArrayLike, y: ArrayLike) -> Floats:
        """What is left of each mode, (T, G), as a share of the start at f = 0.

        Args:
            residual: (T, N, K), f − y at T moments.
            y: (N, K) targets.
        """
        now, start = np.asarray(residual, np.float64), np.asarray(y, np.float64)
        sizes = [np.linalg.norm(basis.T @ now, axis=(1, 2)) / np.linalg.norm(basis.T @ start) for basis in self.bases]
        return np.stack(sizes, axis=1)


def strongest(model: Linearised, angle: Floats | None = None) -> Modes:
    """The modes with the largest parts of the first residual, at most `FOLLOWED`.

    Args:
        model: of the training.
        angle: (N,) of the training points in radians, where they lie on a circle.
    """
    spaces = eigenspaces(model.eigenvalues)
    sizes = np.array([np.linalg.norm(model.coefficients[space]) for space in spaces])
    largest = [i for i in np.argsort(-sizes)[:FOLLOWED] if sizes[i] >= WEAK * sizes.max()]
    chosen = [spaces[i] for i in sorted(largest)]
    bases = tuple(model.modes[:, space] for space in chosen)
    first = np.array([space[0] for space in chosen])
    return Modes(first + 1, model.eigenvalues[first], bases, None if angle is None else _frequencies(angle, bases))


def _frequencies(angle: Floats, bases: tuple[Floats, ...]) -> Integers | None:
    """(G,) frequencies of waves; None where points are not at equal steps, or a mode is no single wave."""
    mixed = any(basis.shape[1] > 2 for basis in bases)  # such as all the waves that the kernel does not see
    if mixed or not np.allclose(np.diff(angle), 2 * np.pi / len(angle)):
        return None
    found = np.array([np.argmax(np.abs(np.fft.rfft(basis[:, 0]))) for basis in bases])
    return found if len(np.unique(found)) == len(found) else None


def decay_rate(steps: ArrayLike, left: ArrayLike) -> float | None:
    """−ln of what is left of a mode, a step: least squares through the start, while more than `FALLEN` is left.

    Args:
        steps: (T,) recorded steps, from 0.
        left: (T′,) what is left at the first T′ ≤ T of them, 1 at the start.

    Returns:
        None where the mode fell within the first recorded step, or where more than `MOVED` of it is left.

    >>> round(decay_rate([0, 1, 2, 4, 8], [1.0, 0.5, 0.25, 0.0625, 0.004]), 4)
    0.6931
    >>> decay_rate([0, 1, 2], [1.0, 0.05, 0.0]) is None
    True
    """
    values = np.asarray(left, np.float64)
    fallen = np.flatnonzero(~(values > FALLEN))
    end = int(fallen[0]) if fallen.size else len(values)
    if end < 2 or values[end - 1] > MOVED:
        return None
    at, logs = np.asarray(steps, np.float64)[1:end], -np.log(values[1:end])
    return float(at @ logs / (at @ at))
