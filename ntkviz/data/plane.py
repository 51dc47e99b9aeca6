"""Data sets of two classes in the plane, where the decision of a network can be drawn.

The points of each class lie on a curve, with Gaussian noise in their positions; labels alternate from point to point.
Without the noise E|x|²/2 is 1. To add a data set, derive `Plane` and define `curve`.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ntkviz.data.base import MOST_POINTS, SCALES, SIGN_NAMES, TEST_POINTS, Dataset, DataSpec, Floats, Kind, rng
from ntkviz.specs import choice, number


@dataclass(frozen=True, kw_only=True)
class Plane(DataSpec):
    """Base of the data sets in the plane."""

    kind: ClassVar[Kind] = "plane"

    n: int = number(
        64,
        2,
        MOST_POINTS,
        reach=1000,
        label="Training points",
        help="N, the number of points; half of them have each label.",
    )
    scale: str = choice(
        "none", {key: SCALES[key] for key in ("none", "centre", "standardise")}, label="Scaling of the inputs"
    )
    spread: float = number(
        0.1, 0.0, 1.0, step=0.05, label="Spread", help="Standard deviation of the noise in the points' positions."
    )

    @abstractmethod
    def curve(self, along: Floats, label: Floats) -> Floats:
        """Points (N, 2) on the curves.

        Args:
            along: (N,), the places on the curve, from 0 to 1.
            label: (N,), the labels −1 or +1, which choose the curve.
        """

    def clean(self) -> Dataset:
        x, y = self._draw(self.n, rng(self.seed, "train"))
        x_test, y_test = self._draw(TEST_POINTS, rng(self.seed, "test"))
        return Dataset(x=x, y=y, x_test=x_test, y_test=y_test, kind="plane", task="binary", classes=SIGN_NAMES)

    def _draw(self, n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
        place, jitter = generator.spawn(2)
        label = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
        x = self.curve(place.random(n), label) + self.spread * jitter.standard_normal((n, 2))
        return x, label[:, None]


@dataclass(frozen=True, kw_only=True)
class Moons(Plane):
    """Two half circles that interlock."""

    title = "Two moons"
    sentence = "The classes are two interlocking half circles, which no straight line separates."

    def curve(self, along: Floats, label: Floats) -> Floats:
        angle = np.pi * along
        upper = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1)
        size = math.sqrt(2 / (1.3125 - 1 / math.pi))  # E|upper|² = 1.3125 − 1/π
        x: Floats = size * label[:, None] * upper
        return x


@dataclass(frozen=True, kw_only=True)
class Spirals(Plane):
    """Two arms of a spiral."""

    title = "Spirals"
    sentence = "The classes are two arms of a spiral. With more turns, more of the target lies in slow modes."

    n: int = number(
        128,
        2,
        MOST_POINTS,
        reach=1000,
        label="Training points",
        help="N, the number of points; half of them have each label.",
    )
    spread: float = number(
        0.02, 0.0, 1.0, step=0.01, label="Spread", help="Standard deviation of the noise in the points' positions."
    )
    turns: float = number(1.5, 0.25, 4.0, step=0.25, label="Turns", help="How often each arm turns around the centre.")

    def curve(self, along: Floats, label: Floats) -> Floats:
        start = 0.1
        radius = start + (1 - start) * along
        angle = 2 * np.pi * self.turns * along
        arm = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        size = math.sqrt(6 / (1 + start + start**2))  # E r² = (1 + s + s²)/3
        x: Floats = size * label[:, None] * arm
        return x


@dataclass(frozen=True, kw_only=True)
class Rings(Plane):
    """A circle inside another; the inner one has the label +1."""

    title = "Concentric circles"
    sentence = "The classes are two circles with the same centre, so that the label depends on the radius alone."

    inner: float = number(
        0.5,
        0.1,
        0.9,
        step=0.05,
        label="Inner radius",
        help="The radius of the inner circle as a fraction of the outer one.",
    )

    def curve(self, along: Floats, label: Floats) -> Floats:
        radius = np.where(label > 0, self.inner, 1.0) * math.sqrt(4 / (1 + self.inner**2))
        angle = 2 * np.pi * along
        x: Floats = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return x
