"""Functions of an angle γ, given to the network as two inputs x = √2 (cos γ, sin γ) with |x|²/d = 1.

    y(γ) = Σ_j a_j cos(k_j γ + φ_j)          or points that the user places

The test points are 256 equispaced angles. On the circle the eigenfunctions of the kernel are known: they are the
Fourier modes (Jacot, Gabriel & Hongler 2018; Basri et al. 2019).
"""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ntkviz.data.base import MOST_POINTS, Dataset, DataSpec, Floats, Kind, rng
from ntkviz.errors import InvalidInput
from ntkviz.specs import choice, number, text

GRID = 256
MAX_TERMS = 16
MAX_FREQUENCY = 128
MAX_POINTS = 64
MAX_VALUE = 100.0


def on_circle(angle: Floats) -> Floats:
    """Inputs (N, 2) on the circle of radius √2 at angles (N,) in radians."""
    return math.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def grid() -> Floats:
    """The 256 equispaced test angles in [0, 2π)."""
    return 2 * np.pi * np.arange(GRID) / GRID


@dataclass(frozen=True, kw_only=True)
class Circle(DataSpec):
    """Base of the data sets on a circle; their inputs are not scaled, so that they stay on the circle."""

    kind: ClassVar[Kind] = "circle"
    scale: str = field(default="none", init=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class CircleFunction(Circle):
    """A sum of cosines, sampled at equispaced or random angles."""

    title = "Function on a circle"
    sentence = "The target is a sum of cosines of an angle. Their frequencies and amplitudes can be chosen."

    n: int = number(
        32, 2, MOST_POINTS, reach=1000, label="Training points", help="N, the number of angles on the circle."
    )
    terms: str = text(
        "1:1, 3:0.5, 5:0.25",
        length=300,
        label="Frequencies and amplitudes",
        help="Write frequency:amplitude, with commas between the waves. A third number is a phase in degrees, as in "
        "3:0.5:90.",
    )
    placing: str = choice(
        "equispaced", {"equispaced": "equispaced", "random": "at random"}, label="Angles of the training points"
    )

    def check(self) -> None:
        waves(self.terms)

    def clean(self) -> Dataset:
        angle = 2 * np.pi * np.arange(self.n) / self.n
        if self.placing == "random":
            angle = 2 * np.pi * rng(self.seed, "train").random(self.n)
        return Dataset(
            x=on_circle(angle),
            y=self.target(angle),
            x_test=on_circle(grid()),
            y_test=self.target(grid()),
            kind="circle",
            task="regression",
            angle=angle,
            angle_test=grid(),
        )

    def target(self, angle: Floats) -> Floats:
        """The function without noise, (N, 1), at angles (N,) in radians."""
        total = np.zeros_like(angle)
        for frequency, amplitude, phase in waves(self.terms):
            total += amplitude * np.cos(frequency * angle + np.deg2rad(phase))
        return total[:, None]


@dataclass(frozen=True, kw_only=True)
class CirclePoints(Circle):
    """Points that the user places; the target is not known elsewhere, and so there are no test targets."""

    title = "Your points on a circle"
    sentence = "You place a few points. Between them, each network continues the curve in its own way."

    n: int = field(default=0, init=False, repr=False)  # the number of points in the text
    points: str = text(
        "0:1, 72:-1, 144:0.5, 216:1, 288:-0.5",
        length=1500,
        label="Points",
        help=f"Write angle:value for each of 2 to {MAX_POINTS} points, with commas between; angles are in degrees.",
    )

    def check(self) -> None:
        object.__setattr__(self, "n", len(placed(self.points)))

    def clean(self) -> Dataset:
        degrees, values = np.array(placed(self.points), dtype=np.float64).T
        degrees = degrees % 360.0
        shared = len(degrees) - len(np.unique(degrees))
        told = "Two points have the same angle. The kernel matrix is singular, and no function takes both values."
        return Dataset(
            x=on_circle(np.deg2rad(degrees)),
            y=values[:, None],
            x_test=on_circle(grid()),
            y_test=np.zeros((0, 1)),
            kind="circle",
            task="regression",
            angle=np.deg2rad(degrees),
            angle_test=grid(),
            warnings=(told,) if shared else (),
        )


def waves(terms: str) -> tuple[tuple[int, float, float], ...]:
    """The frequency, the amplitude and the phase in degrees of each term in a text.

    Raises `InvalidInput` where the text cannot be read or a number is out of range.

    Example:
        >>> waves("1:1, 3:0.5:90")
        ((1, 1.0, 0.0), (3, 0.5, 90.0))
    """
    rows = _rows(terms, "Write each wave as frequency:amplitude or frequency:amplitude:phase, as in 1:1, 3:0.5", (2, 3))
    if not 1 <= len(rows) <= MAX_TERMS:
        raise InvalidInput(f"Give 1 to {MAX_TERMS} waves, not {len(rows)}, as in 1:1, 3:0.5.")
    for frequency, amplitude, *_ in rows:
        if not (0 <= frequency <= MAX_FREQUENCY and frequency == int(frequency)):
            raise InvalidInput(f"A frequency must be a whole number from 0 to {MAX_FREQUENCY}, not {frequency:g}.")
        if abs(amplitude) > MAX_VALUE:
            raise InvalidInput(f"An amplitude must lie between -{MAX_VALUE:g} and {MAX_VALUE:g}, not {amplitude:g}.")
    return tuple((int(row[0]), row[1], row[2] if len(row) == 3 else 0.0) for row in rows)


def placed(points: str) -> tuple[tuple[float, float], ...]:
    """The angle in degrees and the value of each point in a text.

    Raises `InvalidInput` where the text cannot be read or a number is out of range.

    Example:
        >>> placed("0:1, 72:-1")
        ((0.0, 1.0), (72.0, -1.0))
    """
    rows = _rows(points, "Write each point as angle:value with the angle in degrees, as in 0:1, 72:-1", (2,))
    if not 2 <= len(rows) <= MAX_POINTS:
        raise InvalidInput(f"Place 2 to {MAX_POINTS} points, not {len(rows)}, as in 0:1, 72:-1.")
    for _, value in rows:
        if abs(value) > MAX_VALUE:
            raise InvalidInput(f"A point's value must lie between -{MAX_VALUE:g} and {MAX_VALUE:g}, not {value:g}.")
    return tuple((row[0], row[1]) for row in rows)


def _rows(entered: str, advice: str, lengths: tuple[int, ...]) -> list[list[float]]:
    """The numbers in a text such as "1:2, 3:4"; raises `InvalidInput` with the advice where it cannot be read."""
    rows = []
    for part in (part.strip() for part in entered.split(",") if part.strip()):
        try:
            row = [float(cell) for cell in part.split(":")]
        except ValueError:
            row = []
        if len(row) not in lengths or not all(math.isfinite(cell) for cell in row):
            raise InvalidInput(f"{advice}, not {part[:40]!r}.")
        rows.append(row)
    return rows
