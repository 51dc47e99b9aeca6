r"""Eigensystems of kernels, the decay of their eigenvalues, and the alignment of kernels and targets.

    Θ = Σ_i λ_i u_i u_iᵀ,   λ_1 ≥ … ≥ λ_N

In training, mode i of the residual decays as e^{−λ_i t}: modes with large eigenvalues are learned first. A `Spectrum`
holds its rounding floor. An eigenvalue below the floor is rounding noise and must not enter a fit. To add a measure of
a spectrum, add a property to `Spectrum`.

Sources: Roy & Vetterli 2007 (effective rank); Sen 1968 (robust slope); Cortes, Mohri & Rostamizadeh 2012 (centred
alignment); Bietti & Mairal 2019 (decay of the NTK on the sphere).
"""

import math
from dataclasses import dataclass
from typing import SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.stats import theilslopes

from ntkviz.errors import InvalidInput

Floats = NDArray[np.float64]

LARGEST = 4000  # most points of an eigendecomposition: 4000 take about ten seconds and 0.4 GB
FEWEST = 8  # fewest points of a fitted slope: with fewer its interval is too wide to be of use


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigensystem of a kernel. Eigenvalues below `floor` cannot be told from zero."""

    eigenvalues: Floats  # (N,) descending; rounding can make the last ones negative
    eigenvectors: Floats  # (N, N), column i belongs to eigenvalue i; the entry of largest size is positive
    floor: float  # in the unit of the eigenvalues
    dtype: str  # the precision in which the kernel was computed

    @property
    def resolved(self) -> int:
        """Number of eigenvalues above the floor."""
        return int(np.sum(self.eigenvalues > self.floor))

    @property
    def below(self) -> int:
        """Number of eigenvalues that cannot be told from zero."""
        return len(self.eigenvalues) - self.resolved

    @property
    def condition_number(self) -> float:
        """λ_max/λ_min. It is infinite where λ_min is below the floor, because the size of λ_min is then unknown."""
        if self.resolved < len(self.eigenvalues):
            return math.inf
        return float(self.eigenvalues[0] / self.eigenvalues[-1])

    @property
    def resolved_condition_number(self) -> float:
        """λ_max over the smallest eigenvalue above the floor: a finite lower bound of the condition number."""
        return float(self.eigenvalues[0] / self.eigenvalues[self.resolved - 1]) if self.resolved else 1.0

    @property
    def effective_rank(self) -> float:
        """Effective rank exp(−Σ p_i ln p_i) with p = λ/Σλ (Roy & Vetterli 2007).

        It is N for equal eigenvalues and 1 where all but one are zero.
        """
        shares = self._shares[self._shares > 0]
        return float(np.exp(-np.sum(shares * np.log(shares)))) if shares.size else 0.0

    @property
    def participation_ratio(self) -> float:
        """Participation ratio (Σλ)²/Σλ², from 1 to N like the effective rank; large eigenvalues weigh more in it."""
        return float(1 / np.sum(self._shares**2)) if self.resolved else 0.0

    @property
    def cumulative_power(self) -> Floats:
        """(N,), the share of the first i eigenvalues in the trace."""
        return cumulative(self._shares)

    @property
    def _shares(self) -> Floats:
        positive = np.where(self.eigenvalues > self.floor, self.eigenvalues, 0.0)
        return positive / positive.sum() if self.resolved else positive


@dataclass(frozen=True)
class DecayFit:
    """The power law λ ≈ prefactor · i^exponent, fitted for i between `first` and `last`."""

    exponent: float
    low: float  # lower end of the 95 % interval of the exponent
    high: float  # upper end
    prefactor: float
    first: float
    last: float

    def __call__(self, i: ArrayLike) -> Floats:
        """The values of the fitted power law at the numbers i."""
        return self.prefactor * np.asarray(i, np.float64) ** self.exponent


@dataclass(frozen=True, eq=False)
class CircleSpectrum:
    """Eigenvalues of a rotation-invariant kernel on N equispaced points of the circle, by frequency."""

    frequencies: Floats  # (N//2 + 1,), the numbers 0, 1, …
    eigenvalues: Floats  # (N//2 + 1,), of the N × N matrix
    multiplicities: NDArray[np.int64]  # (N//2 + 1,), 2 for a cosine and a sine; 1 for the frequencies 0 and N/2
    floor: float  # the size below which an eigenvalue cannot be told from zero
    dtype: str = "float64"  # precision of the transform and of the row that it was given

    @property
    def below(self) -> int:
        """Number of eigenvalues of the matrix that cannot be told from zero."""
        return int(self.multiplicities[self.eigenvalues <= self.floor].sum())

    def decay(self, *, first: float = 5, last: float | None = None) -> DecayFit | None:
        """The fitted power law of the eigenvalues over the frequencies, or None where fewer than 8 can be used.

        For ReLU networks of every depth the exponent is −2 for the NTK and −4 for the NNGP kernel. Eigenvalues below
        the floor are left out, such as those of odd frequencies for one hidden ReLU layer without biases.

        Args:
            first: the lowest frequency of the fit.
            last: the highest; N/10 by default, where aliases add 3 % to a decay of k⁻².
        """
        points = int(self.multiplicities.sum())
        last = points / 10 if last is None else last
        return fit_decay(self.eigenvalues, at=self.frequencies, floor=self.floor, first=first, last=last)


def spectrum(kernel: ArrayLike, *, computed_in: DTypeLike | None = None) -> Spectrum:
    """Eigenvalues and eigenvectors of a kernel, which is symmetrised first, in float64.

    Args:
        kernel: (N, N).
        computed_in: the precision in which the entries of the kernel were computed; by default that of the array. It
            decides the rounding floor.

    Raises:
        InvalidInput: unless the kernel is square, finite and at most 4000 on a side.

    Example:
        >>> found = spectrum([[2.0, 1.0], [1.0, 2.0]])
        >>> np.round(found.eigenvalues, 6)
        array([3., 1.])
        >>> round(found.condition_number, 6)
        3.0
    """
    matrix = np.asarray(kernel)
    dtype = np.dtype(matrix.dtype if computed_in is None else computed_in)
    matrix = _square(matrix, "kernel")
    if len(matrix) > LARGEST:
        raise InvalidInput(f"A kernel of {len(matrix)} rows is too large to decompose; use at most {LARGEST} points.")
    eigenvalues, eigenvectors = np.linalg.eigh(matrix / 2 + matrix.T / 2)
    eigenvalues, eigenvectors = eigenvalues[::-1].copy(), eigenvectors[:, ::-1]
    largest = np.argmax(np.abs(eigenvectors), axis=0, keepdims=True)
    signs = np.sign(np.take_along_axis(eigenvectors, largest, axis=0))
    return Spectrum(eigenvalues, eigenvectors * signs, rounding_floor(eigenvalues, dtype), dtype.name)


def rounding_floor(eigenvalues: Floats, dtype: DTypeLike) -> float:
    """The size below which eigenvalues of a kernel are rounding noise.

    It is λ_max (ε/2 + √N ε₆₄/5), with the precision ε of `dtype` and ε₆₄ of float64. Where an eigenvalue is more
    negative than that, the floor is its size: a kernel has no negative eigenvalues, so that it is noise.

    The rule was measured and is not proven. In 108 empirical kernels (ReLU, erf, tanh; depth 1-10; 2-10 inputs;
    N = 32-800) the first eigenvalue with an error of 20 % in float32 lay at 0.55 ε λ_max or below, and for N ≥ 200 at
    0.14 ε λ_max or below. In float64 kernels of known rank the eigenvalues that should be zero grew from 0.8 to
    2.9 ε λ_max between N = 64 and 2000. The floor does not cover errors larger than rounding, such as those of a
    truncated series, or of a ReLU whose argument changes sign in float32.

    Args:
        eigenvalues: (N,), in any order.
        dtype: the precision in which the kernel was computed; it was decomposed in float64.
    """
    kind = np.dtype(dtype)
    eps = float(np.finfo(kind if kind.kind == "f" else np.float64).eps)
    noise = eps / 2 + math.sqrt(len(eigenvalues)) * float(np.finfo(np.float64).eps) / 5
    return float(max(noise * np.max(np.abs(eigenvalues)), -np.min(eigenvalues)))


def fit_decay(
    eigenvalues: ArrayLike,
    *,
    at: ArrayLike | None = None,
    floor: float = 0.0,
    first: float | None = None,
    last: float | None = None,
) -> DecayFit | None:
    """The power law λ_i ~ i^exponent: the median slope of log λ over log i among all pairs (Theil and Sen).

    The interval of the exponent is that of Sen 1968. It holds for independent errors and does not cover a curve that
    all points follow together.

    Args:
        eigenvalues: (N,).
        at: (N,), the numbers i, such as the frequencies of a circle or the degrees of a sphere; 1, …, N by default.
        floor: eigenvalues at or below it are left out.
        first: the first i of the fit; 10 by default, because the largest eigenvalues follow no power law.
        last: the last i of the fit; a fifth of the largest by default, because a finite sample bends the tail down.

    Returns:
        The fit, or None where fewer than 8 points can be used.

    Raises:
        InvalidInput: where the two lists have different lengths.

    Example:
        >>> i = np.arange(1, 101)
        >>> round(fit_decay(3.0 / i**2).exponent, 6)
        -2.0
    """
    values = np.asarray(eigenvalues, np.float64)
    index = np.arange(1, len(values) + 1, dtype=np.float64) if at is None else np.asarray(at, np.float64)
    if values.ndim != 1 or index.shape != values.shape:
        raise InvalidInput(f"Eigenvalues {values.shape} at {index.shape} do not pair up; pass two lists of one length.")
    low = 10.0 if first is None else first
    high = index.max(initial=0.0) / 5 if last is None else last
    usable = (index >= max(low, np.finfo(np.float64).tiny)) & (index <= high)
    usable &= np.isfinite(values) & (values > max(floor, 0.0))
    index, values = index[usable], values[usable]
    if len(np.unique(index)) < FEWEST:
        return None
    slope, intercept, below, above = (float(number) for number in theilslopes(np.log(values), np.log(index)))
    return DecayFit(slope, below, above, math.exp(intercept), float(index.min()), float(index.max()))


def circle_spectrum(first_row: ArrayLike) -> CircleSpectrum:
    """The spectrum of a kernel on N equispaced points of the circle, from its first row by one FFT.

    Where the kernel depends on the angle alone its matrix is circulant, and cosines and sines are its eigenvectors.
    The result is exact and takes N log N operations. The eigenvalues over N are those of the integral operator with
    the uniform measure, up to aliases: the eigenvalues at N ± k, 2N ± k, … add to that at k.

    Args:
        first_row: (N,), the kernel of the first point with all points in the order of their angles.

    Raises:
        InvalidInput: where no kernel that is invariant under rotations and reflections has this row.

    Example:
        The kernel 1 + cos(angle) has eigenvalue N at frequency 0 and N/2 at frequency 1:

        >>> found = circle_spectrum(1 + np.cos(2 * np.pi * np.arange(8) / 8))
        >>> found.multiplicities
        array([1, 2, 2, 2, 1])
        >>> np.abs(found.eigenvalues.round(6))
        array([8., 4., 0., 0., 0.])
    """
    row = np.asarray(first_row, np.float64)
    if row.ndim != 1 or not row.size or not np.isfinite(row).all():
        raise InvalidInput(f"The first row of the kernel must be a list of finite numbers, not of shape {row.shape}.")
    mirrored = np.roll(row[::-1], 1)
    if np.max(np.abs(row - mirrored)) > 1e-6 * np.max(np.abs(row)):
        raise InvalidInput("The row is not symmetric; take points at equal steps around the circle, the first first.")
    n = len(row)
    frequencies = np.arange(n // 2 + 1, dtype=np.float64)
    multiplicities = np.full(len(frequencies), 2)
    multiplicities[[0, -1] if n % 2 == 0 else [0]] = 1
    floor = float(np.finfo(np.float64).eps * np.sum(np.abs(row)))
    return CircleSpectrum(frequencies, np.fft.rfft(row / 2 + mirrored / 2).real, multiplicities, floor)


def target_power(modes: Spectrum, y: ArrayLike) -> Floats:
    """(N,), the share of each mode in ‖y‖², for targets (N,) or (N, K); outputs are summed.

    Raises `InvalidInput` where the targets do not fit, are not finite or are all zero.
    """
    targets = _targets(y, len(modes.eigenvalues))
    power: Floats = np.sum((modes.eigenvectors.T @ targets) ** 2, axis=1)
    return power / _positive(power.sum(), "The targets are all zero, so that no mode has a share of them.")


def cumulative(power: ArrayLike) -> Floats:
    """(N,), the running sum of shares (N,), cut off at 1 where rounding goes beyond."""
    return np.minimum(np.cumsum(np.asarray(power, np.float64)), 1.0)


def alignment(kernel: ArrayLike, other: ArrayLike, *, centred: bool = True) -> float:
    """The alignment ⟨K, K′⟩_F/(‖K‖ ‖K′‖) of two kernels, 1 where they are proportional.

    Args:
        kernel: (N, N).
        other: (N, N), on the same points.
        centred: remove the means of rows and columns first. This is the centred kernel alignment of Cortes, Mohri &
            Rostamizadeh 2012, known as CKA. Without it a constant part that both kernels share makes them look aligned.

    Raises:
        InvalidInput: where the shapes differ, or a kernel is not finite or, if centred, constant.
    """
    a, b = _square(kernel, "kernel"), _square(other, "other kernel")
    if a.shape != b.shape:
        raise InvalidInput(f"Kernels on {len(a)} and {len(b)} points cannot be compared; use the same points.")
    a, b = _unit(a, centred), _unit(b, centred)
    return float(np.sum(a * b))


def target_alignment(kernel: ArrayLike, y: ArrayLike, *, centred: bool = True) -> float:
    """The alignment of a kernel with the kernel yyᵀ of the targets.

    Args:
        kernel: (N, N).
        y: (N,) or (N, K), the targets.
        centred: see `alignment`.

    Raises:
        InvalidInput: where the shapes do not fit, or a kernel is not finite or, if centred, constant.
    """
    matrix = _square(kernel, "kernel")
    targets = _targets(y, len(matrix))
    return alignment(matrix, targets @ targets.T, centred=centred)


def relative_distance(kernel: ArrayLike, reference: ArrayLike) -> float:
    """The relative distance ‖K − K₀‖_F/‖K₀‖_F of a kernel from a reference of the same shape.

    It measures how far a kernel moves in training, or how far a network's kernel is from that of infinite width.
    Raises `InvalidInput` where the shapes differ or the reference is zero.
    """
    a, b = np.asarray(kernel, np.float64), np.asarray(reference, np.float64)
    if a.shape != b.shape:
        raise InvalidInput(f"Kernels of shapes {a.shape} and {b.shape} cannot be compared; use the same points.")
    return float(np.linalg.norm(a - b) / _positive(np.linalg.norm(b), "The reference kernel is zero."))


def _square(kernel: ArrayLike, name: str) -> Floats:
    matrix = np.asarray(kernel)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise InvalidInput(f"The {name} has shape {matrix.shape}; a square matrix (N, N) is needed.")
    if not np.isfinite(matrix).all():
        raise InvalidInput(f"The {name} has entries that are not finite; check the inputs and the weights behind it.")
    return matrix.astype(np.float64)


def _targets(y: ArrayLike, points: int) -> Floats:
    targets = np.asarray(y, np.float64)
    if targets.ndim not in (1, 2) or len(targets) != points or not np.isfinite(targets).all():
        raise InvalidInput(
            f"The targets have shape {targets.shape}; pass finite numbers, one row for each of {points}."
        )
    return targets.reshape(points, -1)


def _unit(kernel: Floats, centred: bool) -> Floats:
    size = np.linalg.norm(kernel)
    if centred:
        kernel = kernel - kernel.mean(axis=0) - kernel.mean(axis=1, keepdims=True) + kernel.mean()
    rest = np.linalg.norm(kernel)
    unit: Floats = kernel / _positive(
        rest if rest > 1e-12 * size else 0.0, "A constant kernel or target aligns with none."
    )
    return unit


def _positive(size: SupportsFloat, otherwise: str) -> float:
    if not float(size) > 0:
        raise InvalidInput(otherwise)
    return float(size)
