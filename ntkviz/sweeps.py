r"""Sweeps over one setting and over seeds: values, bands, fits, and the comparison of a fit with a law.

    values[w, s] = the quantity at the w-th size, for the network of the s-th seed

`sweep` measures size by size, the smallest first and all seeds of a size before the next one, so that a band is seen
early. It reports after each network. To sweep something new, write the function that measures one network.

    def measure(width, seed, watch):
        return (one_number, another)

    linearised, infinite = sweep("width", (64, 128, 256), 2, measure, (Quantity(law=law), Quantity()), report=told)
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ntkviz.errors import InvalidInput
from ntkviz.findings import Finding, Interval
from ntkviz.measures import PowerLaw, power_law
from ntkviz.training import Report

Floats = NDArray[np.float64]
A = TypeVar("A", bound=float)
A_contra = TypeVar("A_contra", bound=float, contravariant=True)
Average = Literal["geometric", "arithmetic"]


@dataclass(frozen=True, eq=False)
class Sweep:
    """One quantity over W sizes of a setting and S seeds."""

    name: str  # of the setting, such as “width”
    at: Floats  # (W,) ascending
    values: Floats  # (W, S) NaN where it is not measured yet, or where the network has no value
    average: Average = "geometric"  # how seeds are averaged; the geometric mean is of the positive values
    law: Interval | None = None  # the exponent that theory expects, with its source
    pending: int = 0  # networks that are still to be measured
    skipped: tuple[float, ...] = ()  # sizes that take too long

    def __post_init__(self) -> None:
        if self.at.ndim != 1 or self.values.ndim != 2 or len(self.values) != len(self.at):
            raise InvalidInput(f"A sweep needs one row for each size, not {self.values.shape} for {self.at.shape}.")

    @property
    def finished(self) -> bool:
        """Whether every network has been measured."""
        return self.pending == 0

    @property
    def networks(self) -> int:
        """How many networks have a value."""
        return int(np.isfinite(self.values).sum())

    @property
    def mean(self) -> Floats:
        """(W,) the average over the seeds; NaN where there is no value."""
        return self._unscaled(self._moments[0])

    @property
    def low(self) -> Floats:
        """(W,) the lower end of the band: one standard deviation of the seeds below the mean, as a ratio if geometric.

        With one value it is the value.
        """
        mean, deviation = self._moments
        return self._unscaled(mean - deviation)

    @property
    def high(self) -> Floats:
        """(W,) the upper end of the band."""
        mean, deviation = self._moments
        return self._unscaled(mean + deviation)

    @property
    def fit(self) -> PowerLaw | None:
        """The power law through all networks; None while fewer than three sizes have positive values."""
        return power_law(self.at, self.values)

    def kept(self, sizes: ArrayLike) -> "Sweep":
        """The sweep at some of its sizes, such as those in the regime that a law is about.

        Args:
            sizes: (W,) of bool.
        """
        chosen = np.asarray(sizes, bool)
        return replace(self, at=self.at[chosen], values=self.values[chosen])

    def finding(
        self, name: str, *, claim: int | None = None, help: str = "", caveat: str = "", answer: bool = True
    ) -> Finding:
        """The exponent of the fit with its standard error, beside the law.

        Args:
            name: of the finding.
            claim: the number of the claim that it answers.
            help: what the number is, in words.
            caveat: a sentence that limits the number; how much of the sweep is missing is added to it.
            answer: whether it gives a lesson's answer away.
        """
        fit = self.fit
        missing = self._missing(fit)
        return Finding(
            name,
            None if fit is None else fit.exponent,
            error=None if fit is None else fit.error,
            over="" if fit is None else f"{self.networks} networks",
            expected=self.law,
            claim=claim,
            help=help,
            caveat=" ".join(part for part in (caveat, missing) if part),
            answer=answer,
        )

    def _missing(self, fit: PowerLaw | None) -> str:
        """What the fit does without, as a sentence."""
        if not self.finished:
            return f"Networks that are still to be measured: {self.pending}."
        return f"A fit needs positive values at three sizes ({self.name})." if fit is None else ""

    @property
    def _moments(self) -> tuple[Floats, Floats]:
        """(W,) mean and standard deviation over the seeds, of the logarithms if the average is geometric."""
        usable = np.isfinite(self.values)
        scaled = self.values
        if self.average == "geometric":
            usable &= self.values > 0
            scaled = np.log(np.where(usable, self.values, 1.0))
        count = usable.sum(axis=1)
        total = np.where(usable, scaled, 0.0).sum(axis=1)
        mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        square = np.where(usable, (scaled - mean[:, None]) ** 2, 0.0).sum(axis=1)
        return mean, np.sqrt(square / np.maximum(count - 1, 1))

    def _unscaled(self, number: Floats) -> Floats:
        return np.exp(number) if self.average == "geometric" else number


@dataclass(frozen=True)
class Quantity:
    """What a sweep measures: how its seeds are averaged, and the exponent that theory expects."""

    average: Average = "geometric"
    law: Interval | None = None


class Measure(Protocol[A_contra]):
    """Measures one network: a number for each quantity, None or NaN where it has none.

    `watch` takes the fraction of this network that is done, as `training.train` reports it, so that a run can be
    stopped within a network.
    """

    def __call__(self, at: A_contra, seed: int, watch: Report, /) -> Sequence[float | None]: ...


def affordable(at: Sequence[A], seconds: Callable[[A], float], limit: float) -> tuple[A, ...]:
    """The sizes, ascending, at which a network takes at most so many seconds.

    >>> affordable((256, 64, 1024), lambda width: width / 1000, 0.5)
    (64, 256)
    """
    return tuple(size for size in sorted(set(at)) if seconds(size) <= limit)


def sweep(
    name: str,
    at: Sequence[A],
    seeds: int,
    measure: Measure[A],
    quantities: Sequence[Quantity] = (Quantity(),),
    *,
    report: Callable[[float, tuple[Sweep, ...]], None] = lambda fraction, sweeps: None,
    seconds: Callable[[A], float] = lambda size: 1.0,
    limit: float = math.inf,
) -> tuple[Sweep, ...]:
    """Measure quantities at every size and seed.

    Args:
        name: of the setting.
        at: (W,) its sizes; they are measured in ascending order.
        seeds: S, networks at each size; `measure` gets the numbers 0, …, S − 1.
        measure: measures one network; it is called as `measure(size, seed, watch)`.
        quantities: Q, one for each number that `measure` returns.
        report: is called before each network, while it is measured and at the end, with the fraction done and the
            sweeps so far. What it raises ends the sweep.
        seconds: estimate for one network of a size; the fraction done counts by it.
        limit: sizes whose networks take more seconds are skipped.

    Returns:
        Q sweeps over the same sizes.

    Raises:
        InvalidInput: where `measure` returns another number of quantities.
    """
    sizes = affordable(at, seconds, limit)
    values = np.full((len(quantities), len(sizes), seeds), np.nan)
    skipped = tuple(sorted(float(size) for size in set(at) - set(sizes)))
    work = np.repeat([seconds(size) for size in sizes], seeds)
    total, done = float(work.sum()) or 1.0, np.concatenate([[0.0], np.cumsum(work)])

    def so_far(cells: int) -> tuple[Sweep, ...]:
        places, pending = np.array(sizes, np.float64), len(work) - cells
        rows = zip(values.copy(), quantities, strict=True)
        return tuple(Sweep(name, places, row, what.average, what.law, pending, skipped) for row, what in rows)

    def watching(cell: int) -> Report:
        present = so_far(cell)

        def watch(fraction: float, partial: Any = None, /) -> None:
            report((done[cell] + fraction * work[cell]) / total, present)

        return watch

    for cell, (i, seed) in enumerate(np.ndindex(len(sizes), seeds)):
        watch = watching(cell)
        watch(0.0)
        found = measure(sizes[i], seed, watch)
        if len(found) != len(quantities):
            raise InvalidInput(f"A network gave {len(found)} numbers for {len(quantities)} quantities.")
        values[:, i, seed] = [math.nan if number is None else number for number in found]
    finished = so_far(len(work))
    report(1.0, finished)
    return finished
