r"""Spectra of kernels: what a network learns first, how fast the rest decays, and where rounding takes over.

    Θ = Σ_i λ_i u_i u_iᵀ,   λ_1 ≥ … ≥ λ_N;   mode i of the residual decays as e^{−λ_i t}

A `Spectrum` carries its rounding floor: an eigenvalue below it is noise, belongs under a drawn line and into no fit.
To add a measure of a spectrum, add a property to `Spectrum`.

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

LARGEST = 4000  # points of an eigendecomposition: 4000 take about ten seconds and 0.4 GB
FEWEST = 8  # points of a fitted slope; with fewer its interval says nothing


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigensystem of a kernel. Eigenvalues below `floor` cannot be told from zero."""

    eigenvalues: Floats  # (N,) descending; rounding can make the last ones negative
    eigenvectors: Floats  # (N, N), column i belongs to eigenvalue i; its largest entry is positive
    floor: float  # in the unit of the eigenvalues
    dtype: str  # what the kernel was computed in

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
        """λ_max/λ_min; infinite where λ_min is below the floor, because its size is then unknown."""
        if self.resolved < len(self.eigenvalues):
            return math.inf
        return float(self.eigenvalues[0] / self.eigenvalues[-1])

    @property
    def resolved_condition_number(self) -> float:
        """λ_max over the smallest eigenvalue above the floor: a lower bound of the condition number, always finite."""
        return float(self.eigenvalues[0] / self.eigenvalues[self.resolved - 1]) if self.resolved else 1.0

    @property
    def effective_rank(self) -> float:
        """exp(−Σ p_i ln p_i) with p = λ/Σλ: N for equal eigenvalues, 1 for a single one (Roy & Vetterli 2007)."""
        shares = self._shares[self._shares > 0]
        return float(np.exp(-np.sum(shares * np.log(shares)))) if shares.size else 0.0

    @property
    def participation_ratio(self) -> float:
        """(Σλ)²/Σλ²: like the effective rank from N to 1, with more weight on the large eigenvalues."""
        return float(1 / np.sum(self._shares**2)) if self.resolved else 0.0

    @property
    def cumulative_power(self) -> Floats:
        """Share of the trace in the first i eigenvalues, (N,)."""
        return cumulative(self._shares)

    @property
    def _shares(self) -> Floats:
        positive = np.where(self.eigenvalues > self.floor, self.eigenvalues, 0.0)
        return positive / positive.sum() if self.resolved else positive


@dataclass(frozen=True)
class DecayFit:
    """λ ≈ prefactor · i^exponent for i between `first` and `last`."""

    exponent: float
    low: float  # 95 % interval of the exponent
    high: float
    prefactor: float
    first: float
    last: float

    def __call__(self, i: ArrayLike) -> Floats:
        """The fitted line at the numbers i, to be drawn."""
        return self.prefactor * np.asarray(i, np.float64) ** self.exponent


@dataclass(frozen=True, eq=False)
class CircleSpectrum:
    """Eigenvalues of a rotation-invariant kernel on N equispaced points of the circle, by frequency."""

    frequencies: Floats  # (N//2 + 1,): 0, 1, …
    eigenvalues: Floats  # (N//2 + 1,), of the N × N matrix
    multiplicities: NDArray[np.int64]  # (N//2 + 1,): cosine and sine make 2, but for frequency 0 and N/2
    floor: float
    dtype: str = "float64"  # of the transform, and of the row that it takes

    @property
    def below(self) -> int:
        """Number of eigenvalues of the matrix that cannot be told from zero."""
        return int(self.multiplicities[self.eigenvalues <= self.floor].sum())

    def decay(self, *, first: float = 5, last: float | None = None) -> DecayFit | None:
        """The exponent of λ_k ~ k^exponent; ReLU networks have -2 at every depth (NTK) and -4 (NNGP).

        Up to N/10 by default, where aliases add 3 % to a decay of k⁻². Frequencies that the kernel
        does not have (odd ones of one hidden ReLU layer without bias) are below the floor and are left out.
        """
        points = int(self.multiplicities.sum())
        last = points / 10 if last is None else last
        return fit_decay(self.eigenvalues, at=self.frequencies, floor=self.floor, first=first, last=last)


def spectrum(kernel: ArrayLike, *, computed_in: DTypeLike | None = None) -> Spectrum:
    """Eigenvalues and eigenvectors of a kernel (N, N), symmetrised, in float64.

    `computed_in` is the dtype in which the kernel's entries were computed, by default that of the array; it sets the
    floor (`rounding_floor`). Raises `InvalidInput` unless the kernel is square, finite and at most 4000 on a side.
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
    """The size below which eigenvalues, from a kernel computed in `dtype` and decomposed in float64, are noise.

    λ_max (ε/2 + √N ε₆₄/5), or the most negative eigenvalue where that is larger: a kernel has none, so what is there
    is noise. Measured, not proven: in 108 empirical kernels (ReLU, erf, tanh; depth 1-10; 2-10 inputs; N = 32-800) the
    first eigenvalue that float32 puts 20 % off lay at 0.55 ε λ_max or below, for N ≥ 200 at 0.14; null eigenvalues of
    float64 kernels of known rank grew from 0.8 to 2.9 ε λ_max between N = 64 and 2000. Errors larger than rounding (a
    truncated series, a ReLU that switches sign in float32) are not in it.
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
    """The exponent of λ_i ~ i^exponent: the median slope of all pairs (Theil-Sen) of log λ over log i.

    Args:
        eigenvalues: (N,) over `at`, which is 1, …, N unless given (a circle's frequencies, a sphere's degrees).
        floor: eigenvalues at or below it are left out.
        first, last: the range of `at`, 10 to N/5 by default: before it the head is no power law, after it the
            finite sample bends the tail down.

    Returns None where fewer than 8 points are usable. The interval is that of Sen 1968 for independent errors; it does
    not know of a bend that all the points share.
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
    """The spectrum of a kernel on N equispaced points of the circle from its first row (N,), by one FFT.

    Where the kernel depends on the angle alone its matrix is circulant, and cosines and sines are its eigenvectors:
    exact, N log N. Divide by N for the eigenvalues of the integral operator with the uniform measure, up to the
    aliases N ± k, 2N ± k, …. Raises `InvalidInput` for a row that no rotation- and reflection-invariant kernel has.
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
    """Share of ‖y‖² in each mode, (N,), for targets (N,) or (N, K), whose outputs are summed."""
    targets = _targets(y, len(modes.eigenvalues))
    power: Floats = np.sum((modes.eigenvectors.T @ targets) ** 2, axis=1)
    return power / _positive(power.sum(), "The targets are all zero, so that no mode has a share of them.")


def cumulative(power: ArrayLike) -> Floats:
    """Running sum of shares, (N,), at most 1."""
    return np.minimum(np.cumsum(np.asarray(power, np.float64)), 1.0)


def alignment(kernel: ArrayLike, other: ArrayLike, *, centred: bool = True) -> float:
    """⟨K, K′⟩_F/(‖K‖ ‖K′‖) of two kernels (N, N): 1 where they are proportional.

    Centred (the default), the mean is removed from the rows and columns of both, which makes it the centred kernel
    alignment of Cortes, Mohri & Rostamizadeh 2012, known as CKA; otherwise a constant share aligns every pair.
    """
    a, b = _square(kernel, "kernel"), _square(other, "other kernel")
    if a.shape != b.shape:
        raise InvalidInput(f"Kernels on {len(a)} and {len(b)} points cannot be compared; use the same points.")
    a, b = _unit(a, centred), _unit(b, centred)
    return float(np.sum(a * b))


def target_alignment(kernel: ArrayLike, y: ArrayLike, *, centred: bool = True) -> float:
    """The `alignment` of a kernel (N, N) with yyᵀ, for targets (N,) or (N, K)."""
    matrix = _square(kernel, "kernel")
    targets = _targets(y, len(matrix))
    return alignment(matrix, targets @ targets.T, centred=centred)


def relative_distance(kernel: ArrayLike, reference: ArrayLike) -> float:
    """‖K − K₀‖_F/‖K₀‖_F: the drift of a kernel in training, or a network's distance to the theory."""
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
