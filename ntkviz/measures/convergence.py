"""Whether a training has come to its end: the last error of a run, and how much it still falls.

A curve is the error at recorded steps, with NaN where a run has not come to or where it diverged.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def last(curves: ArrayLike) -> Floats:
    """The last number of each curve, (A,); NaN for a curve without one.

    Args:
        curves: (A, T).

    >>> last([[3.0, 2.0, float("nan")], [1.0, 0.5, 0.25]]).tolist()
    [2.0, 0.25]
    """
    rows = np.asarray(curves, np.float64)
    seen = np.isfinite(rows)
    place = rows.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    return np.asarray(rows[np.arange(len(rows)), place])


def recent_fall(steps: ArrayLike, curve: ArrayLike) -> float:
    """The share of its error that a run lost in the second half of its steps; 0 on a plateau.

    The error at half of the steps is interpolated along a straight line in the logarithm of the error.

    Args:
        steps: (T,) recorded steps, ascending.
        curve: (T,) the error at these steps, finite and positive.

    >>> recent_fall([0, 5, 10], [4.0, 2.0, 1.0])
    0.5
    """
    at, error = np.asarray(steps, np.float64), np.log(np.asarray(curve, np.float64))
    return float(1 - np.exp(error[-1] - np.interp(at[-1] / 2, at, error)))
