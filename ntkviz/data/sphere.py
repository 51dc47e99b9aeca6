r"""Uniform points on the sphere of radius √d in R^d, with zonal targets, which are functions of t = ⟨x, w⟩/√d.

    Y_k(x) = √N(d, k) P_k(t),    E Y_j Y_k = δ_jk,    N(d, k) = (2k+d−2)/k · C(k+d−3, k−1)

P_k is the Gegenbauer polynomial of S^{d−1} with P_k(1) = 1, and N(d, k) is the number of independent harmonics of
degree k. On such inputs the Y_k are eigenfunctions of every kernel of a fully connected network (Funk-Hecke theorem).

Source: Müller 1966, Spherical Harmonics.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from ntkviz.data.base import TEST_POINTS, Dataset, DataSpec, Floats, rng
from ntkviz.errors import InvalidInput
from ntkviz.specs import number, text

MAX_DEGREE = 16


def harmonics(dim: int, degree: int) -> int:
    """The number N(d, k) of independent spherical harmonics of degree k on S^{d−1}, for d ≥ 2.

    Example:
        >>> [harmonics(3, degree) for degree in range(4)]
        [1, 3, 5, 7]
    """
    if degree == 0:
        return 1
    return (2 * degree + dim - 2) * math.comb(degree + dim - 3, degree - 1) // degree


def zonal(t: Floats, degree: int, dim: int) -> Floats:
    """The zonal harmonic √N(d, k) P_k(t), which has variance 1 under the uniform measure of S^{d−1}.

    It is computed by the recurrence (k+d−2) P_{k+1} = (2k+d−2) t P_k − k P_{k−1}. For d = 2 it is √2 cos(kθ).

    Args:
        t: points in [−1, 1].
        degree: k.
        dim: d.
    """
    before, now = np.ones_like(t), np.asarray(t, dtype=np.float64)
    if degree == 0:
        return before
    for k in range(1, degree):
        before, now = now, ((2 * k + dim - 2) * t * now - k * before) / (k + dim - 2)
    value: Floats = math.sqrt(harmonics(dim, degree)) * now
    return value


def on_sphere(n: int, dim: int, generator: np.random.Generator) -> Floats:
    """Uniform random points (n, dim) on the sphere of radius √dim.

    Args:
        n: the number of points.
        dim: d.
        generator: of the random numbers.
    """
    normal = generator.standard_normal((n, dim))
    x: Floats = math.sqrt(dim) * normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return x


def direction(dim: int, generator: np.random.Generator) -> Floats:
    """A uniform random unit vector (dim,)."""
    unit: Floats = on_sphere(1, dim, generator)[0] / math.sqrt(dim)
    return unit


@dataclass(frozen=True, kw_only=True)
class Zonal(DataSpec):
    """Base of the data sets on a sphere.

    The target is Σ_k √p_k Y_k for one random direction w; its variance is Σ_k p_k.
    """

    dim: int = number(10, 2, 64, label="Dimension", help="d, the number of inputs; every point has |x|² = d.")

    @abstractmethod
    def spectrum(self) -> tuple[tuple[int, float], ...]:
        """The degree k and the power p_k of each part of the target."""

    def clean(self) -> Dataset:
        along = direction(self.dim, rng(self.seed, "target"))
        x = on_sphere(self.n, self.dim, rng(self.seed, "train"))
        x_test = on_sphere(TEST_POINTS, self.dim, rng(self.seed, "test"))
        return Dataset(
            x=x,
            y=self._target(x, along),
            x_test=x_test,
            y_test=self._target(x_test, along),
            kind="vector",
            task="regression",
        )

    def _target(self, x: Floats, along: Floats) -> Floats:
        t = np.clip(x @ along / math.sqrt(self.dim), -1.0, 1.0)
        parts = [math.sqrt(power) * zonal(t, degree, self.dim) for degree, power in self.spectrum()]
        total: Floats = np.sum(parts, axis=0)[:, None]
        return total


@dataclass(frozen=True, kw_only=True)
class Sphere(Zonal):
    """A target of one degree and unit variance."""

    title = "Sphere"
    sentence = (
        "Points lie uniformly on a sphere. The target is one spherical harmonic; higher degrees are harder to learn."
    )

    degree: int = number(
        2, 1, MAX_DEGREE, label="Degree", help="k, the degree of the harmonic; higher degrees are harder to learn."
    )

    def spectrum(self) -> tuple[tuple[int, float], ...]:
        return ((self.degree, 1.0),)


@dataclass(frozen=True, kw_only=True)
class SphereMix(Zonal):
    """A target with power in several degrees."""

    title = "Sphere, several degrees"
    sentence = "The target is a sum of harmonics of several degrees, which the kernel learns one after the other."

    dim: int = number(8, 2, 64, label="Dimension", help="d, the number of inputs; every point has |x|² = d.")
    powers: str = text(
        "1:0.4, 2:0.4, 4:0.2",
        length=200,
        label="Degrees and powers",
        help="Write degree:power, with commas between. The powers add up to the variance of the target.",
    )

    def check(self) -> None:
        self.spectrum()

    def spectrum(self) -> tuple[tuple[int, float], ...]:
        """The degrees and powers in the text; raises `InvalidInput` where it cannot be read."""
        parts = [part.split(":") for part in self.powers.split(",") if part.strip()]
        try:
            pairs = tuple((int(degree), float(power)) for degree, power in parts)
        except ValueError:
            raise InvalidInput("Write each part as degree:power, as in 1:0.4, 2:0.4, 4:0.2.") from None
        if not pairs or any(not (1 <= degree <= MAX_DEGREE and 0 < power <= 100) for degree, power in pairs):
            raise InvalidInput(f"Give at least one degree from 1 to {MAX_DEGREE}, with a power above 0 and up to 100.")
        if len({degree for degree, _ in pairs}) < len(pairs):
            raise InvalidInput("Give each degree once, with one power.")
        return pairs
