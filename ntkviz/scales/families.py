"""The families of several seeds: each quantity over α, which runs have converged, and what must be said of the rest."""

from dataclasses import dataclass

import numpy as np

from ntkviz.findings import Interval, Remark
from ntkviz.measures.convergence import recent_fall
from ntkviz.measures.first_order import drift_law
from ntkviz.nets import Architecture
from ntkviz.scales.family import Family, Recipe
from ntkviz.sweeps import Average, Sweep
from ntkviz.writing import percent, written

LAZY, RICH = 0.1, 1.0  # drift below and above which a run is called lazy and feature learning: conventions
CONVERGED = 0.05  # a run has converged when its training error is at most this share of that at the start
PLATEAU = 0.1  # a run stands on a plateau when it lost less than this share in the second half of its steps
KEPT = f"their training error is above {percent(CONVERGED)} of that at the start."
HARDLY = f"It fell by less than {percent(PLATEAU)} in the second half of the steps, so that more steps hardly help."


@dataclass(frozen=True, eq=False)
class Families:
    """The families of the seeds so far, each with its own data and its own weights."""

    recipe: Recipe
    members: tuple[Family, ...]  # S of them
    pending: int = 0  # seeds whose training has not ended

    @property
    def alpha(self) -> np.ndarray:
        """(A,) ascending."""
        return self.recipe.scales.alphas

    @property
    def arch(self) -> Architecture:
        """The architecture of all networks."""
        return self.recipe.arch

    def values(self, name: str) -> np.ndarray:
        """The field `name` of each family, (S, …)."""
        return np.array([getattr(family, name) for family in self.members])

    def level(self, name: str) -> float | None:
        """The mean over the seeds of a field that is one number; None without a family."""
        return float(np.mean(self.values(name))) if self.members else None

    def sweep(self, name: str, *, average: Average = "geometric", law: Interval | None = None) -> Sweep:
        """A field with a number for each α as a sweep over α and seeds; runs that diverged have no value.

        Args:
            name: of the field, (A,) in each family.
            average: how seeds are averaged.
            law: the exponent in α that theory expects.
        """
        rows = np.empty((len(self.alpha), len(self.members)))
        for seed, family in enumerate(self.members):
            rows[:, seed] = np.where(family.diverged, np.nan, getattr(family, name))
        return Sweep("output scale α", self.alpha, rows, average, law, self.pending * len(self.alpha))

    @property
    def diverged(self) -> np.ndarray:
        """(A,) whether a seed diverged."""
        return np.asarray(self.values("diverged").reshape(len(self.members), len(self.alpha)).any(axis=0))

    @property
    def converged(self) -> np.ndarray:
        """(A,) whether the runs of all seeds have ended and converged."""
        if self.pending or not self.members:
            return np.zeros(len(self.alpha), dtype=bool)
        return ~self.diverged & (self.values("left") <= CONVERGED).all(axis=0)

    @property
    def gain(self) -> np.ndarray:
        """(S,) test error at the largest α over that at the smallest; empty unless the runs there have converged."""
        errors = self.sweep("test_error").values
        return np.asarray(errors[-1] / errors[0]) if self.converged[[0, -1]].all() else np.empty(0)

    @property
    def lazy_drift(self) -> Sweep:
        """The kernel's drift over α among the lazy runs, with the exponent that theory expects."""
        return self.sweep("drift", law=drift_law(self.arch)).kept(self.lazy)

    @property
    def lazy(self) -> np.ndarray:
        """(A,) whether the drift is below `LAZY`, by the mean over the seeds."""
        return np.asarray(self.sweep("drift").mean < LAZY)

    @property
    def on_plateau(self) -> np.ndarray:
        """(A,) whether the runs have not converged and more steps would hardly help, by the mean over the seeds."""
        falls = [[recent_fall(one.steps, curve) for curve in one.train_curve] for one in self.members]
        standing = np.mean(falls, axis=0) < PLATEAU if falls else np.zeros(len(self.alpha), dtype=bool)
        return np.asarray(~self.converged & ~self.diverged & standing)

    def caveat(self, *ends: int) -> str:
        """What limits a number of the runs at some places of α; empty where they have converged.

        Args:
            ends: places among the output scales, from 0; negative ones count from the end.
        """
        chosen = np.zeros(len(self.alpha), dtype=bool)
        chosen[list(ends)] = True
        if self.pending or not self.members:
            return "The training goes on."
        slow = chosen & ~self.converged
        return f"The runs at α = {self.listed(slow)} have not converged." if slow.any() else ""

    def listed(self, chosen: np.ndarray) -> str:
        """The values of α that are chosen, as words.

        Args:
            chosen: (A,) of bool.
        """
        return ", ".join(written(alpha) for alpha in self.alpha[chosen])

    def remarks(self) -> tuple[Remark, ...]:
        """Which runs diverged, have not converged, or stand on a plateau; that all have converged, where they have."""
        if self.pending or not self.members:
            return ()
        slow = ~self.converged & ~self.diverged
        cases = (
            (self.diverged, "The runs at α = {} diverged and are left out. Choose a smaller step."),
            (slow & ~self.on_plateau, f"The runs at α = {{}} have not converged: {KEPT} Choose more steps."),
            (slow & self.on_plateau, f"The runs at α = {{}} stand on a plateau: {KEPT} {HARDLY}"),
        )
        told = tuple(Remark(words.format(self.listed(which))) for which, words in cases if which.any())
        if told:
            return told
        worst = percent(float(self.values("left").max()))
        return (Remark(f"All runs fit the training data: none keeps more than {worst} of its first training error."),)
