"""Axes of charts: titles, ranges and one style of ticks.

An axis may have two ranges: one that is known before the answer is shown, and one that holds the answer too. The
first must not be computed from the answer, for a range can give it away.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

FEW_DECADES = 2.0  # below so many decades an axis labels 1, 2 and 5 of each


@dataclass(frozen=True)
class Axis:
    """An axis of a chart: Plotly's settings, before and after the answer is shown."""

    title: str
    settings: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)  # settings that change once the answer is shown


def linear(
    title: str,
    range: tuple[float, float] | None = None,
    *,
    answer: tuple[float, float] | None = None,
    **settings: Any,
) -> Axis:
    """A linear axis.

    Args:
        title: what is measured along it, with its unit.
        range: lowest and highest value shown; None leaves it to the browser.
        answer: the range once the answer is shown, where it is another.
        settings: further settings of Plotly, such as `dtick=90`.
    """
    shown = {} if range is None else {"range": list(range)}
    return Axis(title, shown | settings, {} if answer is None else {"range": list(answer)})


def log(
    title: str, values: ArrayLike = (), *, answer: ArrayLike | None = None, margin: float = 1.3, **settings: Any
) -> Axis:
    """A logarithmic axis over all positive `values`.

    Args:
        title: what is measured along it, with its unit.
        values: numbers that the axis must hold before the answer is shown; what is not positive is left out.
        answer: numbers that it must hold once the answer is shown, where these are others.
        margin: factor by which the axis goes beyond the smallest and the largest.
        settings: further settings of Plotly.
    """
    later = {} if answer is None else _decades(answer, margin)
    return Axis(title, {"type": "log", "exponentformat": "power"} | _decades(values, margin) | settings, later)


def around(values: ArrayLike, share: float = 1 / 3) -> tuple[float, float]:
    """The lowest and highest value with a margin on either side: a share of the distance, or 1 where there is none.

    >>> around([0.0, 3.0])
    (-1.0, 4.0)
    """
    array = np.asarray(values, np.float64)
    low, high = float(array.min()), float(array.max())
    margin = share * (high - low) or 1.0
    return low - margin, high + margin


def levels(low: float, high: float, count: int) -> dict[str, float]:
    """Plotly's settings of contour lines at so many equal distances between two values.

    >>> levels(0.0, 1.0, 4)
    {'start': 0.25, 'end': 0.75, 'size': 0.25}
    """
    size = (high - low) / count
    return {"start": low + size, "end": high - size, "size": size}


def positive(values: ArrayLike, low: float = 1e-30, high: float = 1e30) -> np.ndarray:
    """The values held between two positive numbers, for a logarithmic axis; the default bounds fit float32."""
    return np.clip(np.asarray(values, np.float64), low, high)


def _decades(values: ArrayLike, margin: float) -> dict[str, Any]:
    """Range and ticks of a logarithmic axis; empty where there is nothing positive."""
    array = np.asarray(values, np.float64).ravel()
    seen = array[np.isfinite(array) & (array > 0)]
    if not seen.size:
        return {}
    low, high = math.log10(seen.min() / margin), math.log10(seen.max() * margin)
    step: int | str = "D2" if high - low < FEW_DECADES else max(1, round((high - low) / 7))
    return {"range": [low, high], "dtick": step}


def above_zero(values: ArrayLike) -> np.ndarray:
    """The values that a logarithmic axis can show; NaN for the others."""
    array = np.asarray(values, np.float64)
    return np.where(array > 0, array, np.nan)
