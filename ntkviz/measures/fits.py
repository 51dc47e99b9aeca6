r"""Fits of decay laws: a power of the size, or a factor a unit, each with the standard error of its exponent.

    y ≈ prefactor · x^exponent            ln y is linear in ln x
    y ≈ prefactor · factor^x              ln y is linear in x
    y ≈ prefactor · exp(−rate · x^power)  a stretched exponential for power < 1

`power_law`, `exponential` and `stretched` are least squares in the logarithms, for measurements over sizes and seeds.
`decay_law` is the median of the slopes between all pairs (Theil-Sen), for the eigenvalues of one kernel. To add a law,
write a frozen dataclass with `__call__` and a function that returns it or None.

Source: Sen 1968 (the median slope and its interval).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import curve_fit
from scipy.stats import linregress, t

from ntkviz.errors import InvalidInput
from ntkviz.spectra import DecayFit, fit_decay

Floats = NDArray[np.float64]

FEWEST = 3  # distinct x of a least-squares fit: two points lie on every line
FEWEST_STRETCHED = 6  # of a fit with one more parameter
POWERS = 0.05, 4.0  # between which the power of a stretched exponential is looked for
CONFIDENCE = 0.95  # of the interval between `low` and `high`
NORMAL = 1.959964  # half the width of that interval in standard errors, for a normal distribution


@dataclass(frozen=True)
class PowerLaw:
    """y ≈ prefactor · x^exponent for x between `first` and `last`."""

    exponent: float
    error: float  # one standard error of the exponent
    prefactor: float
    first: float
    last: float
    low: float  # 95 % interval of the exponent
    high: float

    def __call__(self, x: ArrayLike) -> Floats:
        """The fitted y at positive x, of the same shape."""
        return np.asarray(self.prefactor * np.asarray(x, np.float64) ** self.exponent)


@dataclass(frozen=True)
class Exponential:
    """y ≈ prefactor · factor^x for x between `first` and `last`."""

    factor: float
    error: float  # one standard error of the factor
    prefactor: float
    first: float
    last: float
    low: float  # 95 % interval of the factor
    high: float

    def __call__(self, x: ArrayLike) -> Floats:
        """The fitted y at x, of the same shape."""
        return np.asarray(self.prefactor * self.factor ** np.asarray(x, np.float64))


@dataclass(frozen=True)
class Stretched:
    """y ≈ prefactor · exp(−rate · x^power) for x between `first` and `last`: an exponential where the power is 1."""

    power: float
    error: float  # one standard error of the power
    rate: float
    prefactor: float
    first: float
    last: float

    def __call__(self, x: ArrayLike) -> Floats:
        """The fitted y at x ≥ 0, of the same shape."""
        return np.asarray(self.prefactor * np.exp(-self.rate * np.asarray(x, np.float64) ** self.power))


@dataclass(frozen=True)
class _Line:
    """Least squares of v = intercept + slope · u."""

    slope: float
    error: float
    intercept: float
    margin: float  # half the 95 % interval of the slope


def power_law(x: ArrayLike, y: ArrayLike) -> PowerLaw | None:
    """The power law through measurements, by least squares in the logarithms.

    Measurements that are not finite and positive are left out. The standard error takes every measurement as
    independent; it does not know of a bend that all of them share.

    Args:
        x: (W,) sizes, such as widths.
        y: (W,), or (W, S) with S seeds at each size.

    Returns:
        None where fewer than three different sizes are left.

    Raises:
        InvalidInput: for shapes that do not pair up.

    >>> law = power_law([10, 100, 1000], [[3.0, 3.0], [0.3, 0.3], [0.03, 0.03]])
    >>> round(law.exponent, 6), round(law.prefactor, 6), law.first, law.last
    (-1.0, 30.0, 10.0, 1000.0)
    >>> power_law([10, 100], [3.0, 0.3]) is None
    True
    """
    at, values = _pairs(x, y)
    usable = np.isfinite(at) & (at > 0) & np.isfinite(values) & (values > 0)
    at, values = at[usable], values[usable]
    line = _line(np.log(at), np.log(values))
    if line is None:
        return None
    return PowerLaw(
        exponent=line.slope,
        error=line.error,
        prefactor=math.exp(line.intercept),
        first=float(at.min()),
        last=float(at.max()),
        low=line.slope - line.margin,
        high=line.slope + line.margin,
    )


def exponential(x: ArrayLike, y: ArrayLike) -> Exponential | None:
    """The factor by which measurements fall a unit of x, by least squares in the logarithm of y.

    Measurements that are not finite and positive are left out.

    Args:
        x: (W,) such as frequencies.
        y: (W,), or (W, S) with S seeds at each x.

    Returns:
        None where fewer than three different x are left.

    Raises:
        InvalidInput: for shapes that do not pair up.

    >>> round(exponential([0, 1, 2, 3], [8.0, 4.0, 2.0, 1.0]).factor, 6)
    0.5
    """
    at, values = _pairs(x, y)
    usable = np.isfinite(at) & np.isfinite(values) & (values > 0)
    at, values = at[usable], values[usable]
    line = _line(at, np.log(values))
    if line is None:
        return None
    factor = math.exp(line.slope)
    return Exponential(
        factor=factor,
        error=factor * line.error,
        prefactor=math.exp(line.intercept),
        first=float(at.min()),
        last=float(at.max()),
        low=math.exp(line.slope - line.margin),
        high=math.exp(line.slope + line.margin),
    )


def stretched(x: ArrayLike, y: ArrayLike, *, fewest: int = FEWEST_STRETCHED) -> Stretched | None:
    """The stretched exponential through measurements, by least squares in the logarithm of y.

    Its power tells an exponential (1) from a slower decay, such as that of a kernel with poles near the real line.
    Measurements that are not finite and positive are left out.

    Args:
        x: (W,) not negative, such as frequencies.
        y: (W,), or (W, S) with S seeds at each x.
        fewest: different x that are needed.

    Returns:
        None where fewer different x are left, or where no power between 0.05 and 4 fits, as where the values grow.

    Raises:
        InvalidInput: for shapes that do not pair up.

    >>> law = stretched(range(10), [math.exp(-2 * k ** 0.5) for k in range(10)])
    >>> round(law.power, 4), round(law.rate, 4)
    (0.5, 2.0)
    """
    at, values = _pairs(x, y)
    usable = np.isfinite(at) & (at >= 0) & np.isfinite(values) & (values > 0)
    at, logs = at[usable], np.log(values[usable])
    if len(np.unique(at)) < fewest:
        return None
    span = max(float(np.ptp(logs)), 1e-12)
    unit = float(at.max())  # powers of x up to 1 keep the problem well scaled
    bounds = [-np.inf, 0.0, POWERS[0]], [np.inf, np.inf, POWERS[1]]
    try:
        found, covariance = curve_fit(
            lambda u, top, fall, power: top - fall * u**power, at / unit, logs, (logs.max(), span, 1.0), bounds=bounds
        )
    except RuntimeError:  # no convergence
        return None
    top, fall, power = (float(number) for number in found)
    error = math.sqrt(float(covariance[2, 2]))
    if not (math.isfinite(error) and POWERS[0] * 1.01 < power < POWERS[1] * 0.99):
        return None
    return Stretched(power, error, fall / unit**power, math.exp(top), float(at.min()), float(at.max()))


def decay_law(
    eigenvalues: ArrayLike,
    *,
    at: ArrayLike | None = None,
    floor: float = 0.0,
    first: float | None = None,
    last: float | None = None,
) -> PowerLaw | None:
    """The power law of a spectrum by the median of the slopes between all pairs: `spectra.fit_decay` with its error.

    The standard error is that of a normal distribution with the same 95 % interval.

    Args:
        eigenvalues: (N,) over `at`.
        at: (N,) mode numbers or frequencies; 1, …, N unless given.
        floor: eigenvalues at or below it are left out.
        first: where the fit starts, at 10 unless given.
        last: where it ends, at N/5 unless given.

    Returns:
        None where fewer than eight points are usable.

    Raises:
        InvalidInput: for shapes that do not pair up.

    >>> law = decay_law([i**-2.0 for i in range(1, 101)])
    >>> round(law.exponent, 6), law.first, law.last
    (-2.0, 10.0, 20.0)
    """
    fit = fit_decay(eigenvalues, at=at, floor=floor, first=first, last=last)
    if fit is None:
        return None
    error = (fit.high - fit.low) / (2 * NORMAL)
    return PowerLaw(fit.exponent, error, fit.prefactor, fit.first, fit.last, fit.low, fit.high)


def _pairs(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """x and y as lists of one length, x repeated over the seeds."""
    at, values = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if at.ndim != 1 or values.ndim not in (1, 2) or len(values) != len(at):
        raise InvalidInput(f"Values {values.shape} at {at.shape} do not pair up; pass one row of values for each x.")
    seeds = values.size // max(len(at), 1)
    return np.repeat(at, seeds), values.ravel()


def _line(u: Floats, v: Floats) -> _Line | None:
    """Least squares; None with fewer than `FEWEST` different u."""
    if len(np.unique(u)) < FEWEST:
        return None
    fit = linregress(u, v)
    error = float(fit.stderr)
    return _Line(float(fit.slope), error, float(fit.intercept), float(t.ppf((1 + CONFIDENCE) / 2, len(u) - 2)) * error)


__all__ = [
    "DecayFit",
    "Exponential",
    "PowerLaw",
    "Stretched",
    "decay_law",
    "exponential",
    "fit_decay",
    "power_law",
    "stretched",
]
