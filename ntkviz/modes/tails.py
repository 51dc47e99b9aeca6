r"""Which law the tail of a smooth kernel's spectrum follows: an exponential, or a stretched or compressed one.

    ln y ≈ ln prefactor − rate · x^power,        power 1 is an exponential

A pole of φ off the real line, as tanh has them, stretches the exponential (power 2/3 for one hidden layer in the limit
of large frequencies); entire functions such as the sine compress it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from ntkviz.measures.fits import Exponential, Floats, exponential

FEWEST = 8  # points of a fit of three numbers
ALIKE = 0.07  # a power this near to 1 is an exponential: erf, GELU and the Gaussian have 0.95 to 1.05
POWERS = (0.1, 3.0)  # that are looked at


@dataclass(frozen=True)
class Stretched:
    """y ≈ prefactor · exp(−rate · x^power) for x between `first` and `last`."""

    power: float
    error: float  # one standard error of the power
    rate: float
    prefactor: float
    first: float
    last: float

    def __call__(self, x: ArrayLike) -> Floats:
        """The fitted y at positive x, of the same shape."""
        return np.asarray(self.prefactor * np.exp(-self.rate * np.asarray(x, np.float64) ** self.power))


def stretched(x: ArrayLike, y: ArrayLike) -> Stretched | None:
    """The stretched exponential through positive values, by least squares in the logarithm of y.

    Args:
        x: (P,) positive, such as frequencies.
        y: (P,) positive.

    Returns:
        None with fewer than eight points, and where the values do not fall.

    >>> law = stretched(range(1, 21), [math.exp(-2 * k**0.5) for k in range(1, 21)])
    >>> round(law.power, 4), round(law.rate, 4), round(law.prefactor, 4)
    (0.5, 2.0, 1.0)
    """
    at, values = np.asarray(x, np.float64), np.log(np.asarray(y, np.float64))
    if len(at) < FEWEST:
        return None
    power = float(minimize_scalar(lambda p: _line(at**p, values)[2], bounds=POWERS, method="bounded").x)
    slope, intercept, left = _line(at**power, values)
    if slope >= 0:
        return None
    columns = np.stack([np.ones_like(at), at**power, slope * at**power * np.log(at)], axis=1)  # of the derivatives
    variance = left / (len(at) - 3) * np.linalg.pinv(columns.T @ columns)[2, 2]
    first, last = float(at.min()), float(at.max())
    return Stretched(power, math.sqrt(variance), -slope, math.exp(intercept), first, last)


def smooth_tail(x: ArrayLike, y: ArrayLike) -> Exponential | Stretched | None:
    """The exponential through positive values where its power is 1 within `ALIKE` or two standard errors, else the
    stretched or compressed one.

    Args:
        x: (P,) positive, such as frequencies.
        y: (P,) positive.

    Returns:
        None with fewer than eight points, and where the values do not fall.
    """
    law = stretched(x, y)
    if law is None or abs(law.power - 1) > max(ALIKE, 2 * law.error):
        return law
    return exponential(x, y)


def _line(u: Floats, v: Floats) -> tuple[float, float, float]:
    """Least squares of v = intercept + slope · u: slope, intercept and what is left, summed in squares."""
    slope, intercept = np.polyfit(u, v, 1)
    return float(slope), float(intercept), float(np.sum((v - intercept - slope * u) ** 2))
