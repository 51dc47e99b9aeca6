"""A number over several seeds as a finding: its mean and the standard error of the mean."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ntkviz.findings import Finding


def mean_and_error(values: ArrayLike, *, ratio: bool = True) -> tuple[float | None, float | None]:
    """The mean of numbers and its standard error; None where no number is left, and no error for a single one.

    Args:
        values: (S,), one for each seed; those that are not finite are left out.
        ratio: whether factors count, as for errors and drifts: the mean is geometric, its error from the spread of
            the logarithms, and numbers that are not positive are left out. Else it is arithmetic.

    >>> mean_and_error([1.0, 4.0])[0], mean_and_error([1.0, 3.0], ratio=False), mean_and_error([3.0], ratio=False)
    (2.0, (2.0, 1.0), (3.0, None))
    """
    usable = _usable(values, ratio)
    scaled = np.log(usable) if ratio else usable
    if not scaled.size:
        return None, None
    mean = float(scaled.mean())
    error = float(scaled.std(ddof=1)) / math.sqrt(scaled.size) if scaled.size > 1 else None
    if not ratio:
        return mean, error
    return math.exp(mean), None if error is None else math.exp(mean) * error


def over_seeds(name: str, values: ArrayLike, *, ratio: bool = True, **rest: Any) -> Finding:
    """The finding of a number that was measured once a seed.

    Args:
        name: of the finding.
        values: (S,).
        ratio: as in `mean_and_error`.
        rest: further fields of the `Finding`.
    """
    mean, error = mean_and_error(values, ratio=ratio)
    over = "" if error is None else f"{len(_usable(values, ratio))} seeds"
    return Finding(name, mean, error=error, over=over, **rest)


def _usable(values: ArrayLike, ratio: bool) -> NDArray[np.float64]:
    array = np.ravel(np.asarray(values, np.float64))
    return array[np.isfinite(array) & ((array > 0) | (not ratio))]
