"""The order in which the points of a data set are drawn along the axes of a kernel matrix, and their places there."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ntkviz.data.base import Dataset, Floats

Sorting = Literal["angle", "target", "class"]


@dataclass(frozen=True)
class Group:
    """The ranks of the points of one class."""

    name: str
    first: float
    last: float


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Some points of a data set in their order along an axis."""

    rows: NDArray[np.int64]  # (P,) numbers of the points, in their order
    place: Floats  # (P,) degrees on the circle, else ranks from 1 among all points


def sorting(data: Dataset) -> Sorting:
    """The property by which the points of a data set are sorted."""
    if data.angle is not None:
        return "angle"
    return "target" if data.task == "regression" else "class"


def arranged(data: Dataset, within: Floats, most: int) -> Arrangement:
    """At most so many of the points, evenly thinned, sorted by angle, by target, or by class.

    Args:
        data: N points.
        within: (N,) numbers that sort the points of a class.
        most: how many points are kept at most.
    """
    order = _order(data, within)
    kept = np.arange(0, len(order), math.ceil(len(order) / most))
    rows = order[kept]
    place = kept + 1.0 if data.angle is None else np.rad2deg(data.angle[rows])
    return Arrangement(rows, np.asarray(place, np.float64))


def groups(data: Dataset) -> tuple[Group, ...]:
    """The classes with their first and last ranks among the sorted points; none for numbers."""
    if data.task == "regression":
        return ()
    found, sizes = np.unique(data.label, return_counts=True)
    ends = np.cumsum(sizes)
    return tuple(
        Group(data.classes[label], float(end - size + 1), float(end))
        for label, size, end in zip(found.tolist(), sizes, ends, strict=True)
    )


def _order(data: Dataset, within: Floats) -> NDArray[np.int64]:
    if data.angle is not None:
        return np.argsort(data.angle, kind="stable")
    if data.task == "regression":
        return np.argsort(data.y[:, 0], kind="stable")
    return np.lexsort((within, data.label))
