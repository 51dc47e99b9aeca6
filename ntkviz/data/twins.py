"""Points on the sphere of radius √d in pairs of near-duplicates, with the same label or with opposite ones.

    x′ = cos(ε) x + sin(ε) √d t,   ⟨t, x⟩ = 0,  |t| = 1        the twin of x, at the angle ε

The label of a pair is the side of a random plane on which its first point lies. The angle decides the smallest
eigenvalue of a kernel; the labels decide whether the target lies in the slow modes.
"""

import math
from dataclasses import dataclass

import numpy as np

from ntkviz.data.base import SIGN_NAMES, TEST_POINTS, Dataset, DataSpec, Floats, rng
from ntkviz.data.sphere import direction, on_sphere
from ntkviz.specs import number


@dataclass(frozen=True, kw_only=True)
class Twins(DataSpec):
    """Pairs at an angle; points 1 and 2, 3 and 4, … are twins, and with an odd number the last one has none."""

    title = "Twins on a sphere"
    sentence = "The points come in pairs of near-duplicates. Some pairs may have opposite labels."

    n: int = number(16, 2, 1000, label="Training points", help="N, the number of points: two for each pair.")
    dim: int = number(10, 2, 64, label="Dimension", help="d, the number of inputs; every point has |x|² = d.")
    angle: float = number(
        10.0, 0.0, 90.0, step=0.5, label="Angle of the twins (degrees)", help="ε. At 0 both have the same inputs."
    )
    opposite: int = number(
        0, 0, 500, reach=8, label="Pairs with opposite labels", help="In these pairs, one label is −1 and one is +1."
    )

    def clean(self) -> Dataset:
        first, second = twins((self.n + 1) // 2, self.dim, math.radians(self.angle), self.seed)
        along = direction(self.dim, rng(self.seed, "target"))
        label = _sides(first, along)
        flipped = np.where(np.arange(len(label)) < self.opposite, -1.0, 1.0)[:, None] * label
        x_test = on_sphere(TEST_POINTS, self.dim, rng(self.seed, "test"))
        return Dataset(
            x=_paired(first, second)[: self.n],
            y=_paired(label, flipped)[: self.n],
            x_test=x_test,
            y_test=_sides(x_test, along),
            kind="vector",
            task="binary",
            classes=SIGN_NAMES,
        )


def twins(pairs: int, dim: int, angle: float, seed: int) -> tuple[Floats, Floats]:
    """The first and the second points of pairs, (pairs, dim) each; at the angle 0 they are equal to the last bit.

    Args:
        pairs: their number.
        dim: d.
        angle: between the points of a pair, in radians.
        seed: of the points and of the directions in which their twins lie.
    """
    first = on_sphere(pairs, dim, rng(seed, "train"))
    aside = rng(seed, "split").standard_normal((pairs, dim))
    aside -= np.sum(aside * first, axis=1, keepdims=True) / dim * first
    aside *= math.sqrt(dim) / np.linalg.norm(aside, axis=1, keepdims=True)
    return first, math.cos(angle) * first + math.sin(angle) * aside


def _paired(first: Floats, second: Floats) -> Floats:
    """Rows of both in turn, (2 · pairs, ·)."""
    both: Floats = np.stack([first, second], axis=1).reshape(2 * len(first), -1)
    return both


def _sides(x: Floats, along: Floats) -> Floats:
    """±1, (N, 1): the side of the plane through the origin on which each point lies."""
    sides: Floats = np.where(x @ along >= 0, 1.0, -1.0)[:, None]
    return sides
