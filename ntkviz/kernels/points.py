"""The inputs of kernels, checked."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ntkviz.errors import InvalidInput

Floats = NDArray[np.float64]


def inputs_of(x1: ArrayLike, x2: ArrayLike | None) -> tuple[Floats, Floats | None]:
    """Both sets of inputs as arrays (N, d) in float64; the second one may be None.

    Raises:
        InvalidInput: for inputs that are no points of one space, or not finite.
    """
    first = _points(x1, "x1")
    if x2 is None:
        return first, None
    second = _points(x2, "x2")
    if first.shape[1] != second.shape[1]:
        raise InvalidInput(
            f"x1 has {first.shape[1]} columns and x2 has {second.shape[1]}; both must hold points of the same space."
        )
    return first, second


def _points(x: ArrayLike, name: str) -> Floats:
    try:
        points = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name} must hold numbers, one point a row.") from None
    if points.ndim != 2 or 0 in points.shape:
        raise InvalidInput(f"{name} has shape {points.shape}; pass points as rows, shape (N, d) with N, d ≥ 1.")
    if not np.isfinite(points).all():
        raise InvalidInput(f"{name} holds values that are not finite; drop those rows or fill them in.")
    return points
