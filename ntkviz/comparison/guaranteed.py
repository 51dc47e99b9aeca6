r"""What the spectrum of the kernel says of the training loss before any training, and networks beside it.

    L_k/L_0 ≤ r^2k,  r = max_i |1 − ηλ_i|                                the guarantee, which holds for every target
    L_k/L_0 = Σ_i s_i (1 − ηλ_i)^2k,  s_i = |u_iᵀy|²/‖y‖²                the prediction, for this target
    L_∞/L_0 = Σ s_i over the modes with λ_i = 0                          the floor

λ_i, u_i belong to the kernel Θ at infinite width on the training points, and η = c/λ_max. The networks start
at zero, because their outputs at the start are subtracted, and have the clock of infinite width.

Sources: Jacot, Gabriel & Hongler 2018 (the closed form); Du, Zhai, Poczos & Singh 2019 (the rate from λ_min).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ntkviz import costs
from ntkviz.costs import Cost
from ntkviz.data import Dataset, DataSpec
from ntkviz.dynamics import Descent, linearise
from ntkviz.errors import InvalidInput
from ntkviz.kernels import infinite_ntk
from ntkviz.measures import crossing, steps_bound
from ntkviz.measures.seeds import mean_and_error
from ntkviz.modes.eigenspaces import eigenspaces
from ntkviz.nets import Architecture, init_many
from ntkviz.prediction import loaded
from ntkviz.training import Report, log_steps, silent, train_many

Floats = NDArray[np.float64]

FRAMES = 41  # recorded steps


@dataclass(frozen=True, eq=False)
class Guaranteed:
    """What is known beforehand: N training points, T recorded steps. Losses are shares of the first loss."""

    data: Dataset
    eta: float
    first: float  # the first loss, ½ Σ ‖y‖²
    fraction: float  # the wanted loss
    eigenvalues: Floats  # (N,) of Θ, descending; 0 where they cannot be told from zero
    modes: Floats  # (N, N) column i is mode i
    steps: Floats  # (T,) from 0
    left: Floats  # (T, N) the predicted loss in each mode; modes of one eigenvalue have equal parts of theirs
    bound: Floats  # (T,) the largest loss that the guarantee allows: 1 at all steps where it is void
    reached: float | None  # the step at which the prediction has the wanted loss; None where it never has
    bounded: int | None  # the step from which the guarantee has it; None where it is void

    @property
    def loss(self) -> Floats:
        """(T,) the predicted loss."""
        return np.asarray(self.left.sum(axis=1))

    @property
    def shares(self) -> Floats:
        """(N,) the share of the target in each mode."""
        return np.asarray(self.left[0])

    @property
    def positive(self) -> int:
        """The number of eigenvalues above zero."""
        return int(np.sum(self.eigenvalues > 0))

    @property
    def floor(self) -> float:
        """The loss that the prediction never falls below."""
        return float(self.shares[self.positive :].sum())

    @property
    def condition(self) -> float:
        """λ_max/λ_min; infinite where λ_min is zero."""
        return float(self.eigenvalues[0] / self.eigenvalues[-1]) if self.eigenvalues[-1] > 0 else math.inf

    @property
    def crossed(self) -> float | None:
        """The step at which the prediction has the wanted loss, read from its curve as from that of a network."""
        found = crossing(self.steps, self.loss, self.fraction)
        return self.reached if found is None else found

    def in_modes(self, f: NDArray[np.floating]) -> Floats:
        """(T, N), the loss in each mode of outputs f (T, N, K)."""
        left = self.modes.T @ (np.asarray(f, np.float64) - self.data.y)
        return _levelled(0.5 * np.sum(left**2, axis=2) / self.first, self.eigenvalues)


@dataclass(frozen=True, eq=False)
class Networks:
    """S networks at the same T steps. Losses are shares of the first loss, and NaN after a network diverged."""

    loss: Floats  # (S, T)
    left: Floats  # (T, N) the loss in each mode of theory, mean over the networks
    drift: Floats  # (S,) ‖Θ_T − Θ₀‖/‖Θ₀‖ of each kernel


@dataclass(frozen=True, eq=False, kw_only=True)
class Beside:
    """What is known beforehand, and the networks once they are trained."""

    known: Guaranteed
    networks: Networks | None = None

    @property
    def reached(self) -> Floats:
        """(S,) the step at which each network had the wanted loss, NaN where it had not; none before the training."""
        losses = () if self.networks is None else self.networks.loss
        found = [crossing(self.known.steps, loss, self.known.fraction) for loss in losses]
        return np.array([math.nan if step is None else step for step in found], np.float64)

    @property
    def steps(self) -> float | None:
        """The geometric mean of these steps; None unless all networks had the wanted loss."""
        reached = self.reached
        return mean_and_error(reached)[0] if np.isfinite(reached).all() else None


def guaranteed(
    arch: Architecture, data: DataSpec, *, c: float, steps: int, fraction: float, frames: int = FRAMES
) -> Guaranteed:
    """What is known of a training beforehand.

    Args:
        arch: the architecture; its width has no part in it.
        data: what is learned.
        c: the step ηλ_max, below 2.
        steps: of gradient descent.
        fraction: the wanted loss, as a share of the first.
        frames: recorded steps.

    Raises:
        InvalidInput: for targets that are too many or all zero, and for a kernel that is zero.
    """
    return _guaranteed(replace(arch, width=Architecture().width), data, c, steps, fraction, frames)


@lru_cache(maxsize=32)
def _guaranteed(arch: Architecture, spec: DataSpec, c: float, steps: int, fraction: float, frames: int) -> Guaranteed:
    data = loaded(spec)
    model = linearise(np.asarray(infinite_ntk(arch, data.x)), data.y)
    largest = float(model.eigenvalues[0])
    if largest <= 0:
        raise InvalidInput("The kernel is zero: nothing can be learned without larger inputs or biases.")
    eta, first = c / largest, 0.5 * float(np.sum(data.y**2))
    clock = Descent(eta, log_steps(steps, frames))
    slowest = max(float(np.min(clock.rate(model.eigenvalues))), 0.0)
    reached = model.steps_to(eta, fraction * first)
    return Guaranteed(
        data=data,
        eta=eta,
        first=first,
        fraction=fraction,
        eigenvalues=model.eigenvalues,
        modes=model.modes,
        steps=clock.steps,
        left=_levelled(0.5 * np.sum(model.residual(clock) ** 2, axis=2) / first, model.eigenvalues),
        bound=np.exp(-2 * slowest * clock.steps),
        reached=reached if math.isfinite(reached) else None,
        bounded=steps_bound(eta, model.eigenvalues, fraction),
    )


def _levelled(left: Floats, eigenvalues: Floats) -> Floats:
    """The loss (T, N) in each mode, in equal parts for the modes of one eigenvalue, whose basis means nothing."""
    level = np.array(left)
    for space in eigenspaces(eigenvalues):
        level[:, space] = left[:, space].mean(axis=1, keepdims=True)
    return level


def guaranteed_cost(arch: Architecture, data: DataSpec, frames: int = FRAMES) -> Cost:
    """What `guaranteed` takes."""
    n, dim = loaded(data).x.shape
    return costs.infinite_kernel(arch, dim, n) + costs.linearised(n, 0, frames, outputs=loaded(data).y.shape[1])


def train_networks(arch: Architecture, known: Guaranteed, seeds: Sequence[int], watch: Report = silent) -> Networks:
    """Train networks side by side on the data and the clock of what is known.

    Args:
        arch: the architecture, at the width that is trained.
        known: of the same data and architecture.
        seeds: of the weights of each network.
        watch: gets the fraction done.
    """
    data, arch = known.data, replace(arch, outputs=known.data.y.shape[1])
    runs = train_many(
        *(arch, init_many(arch, data.x.shape[1], seeds, dtype=np.float32), data.x, data.y),
        eta=known.eta,
        steps=int(known.steps[-1]),
        record=known.steps.astype(int),
        centred=True,
        kernel=True,
        allow_divergence=True,
        report=watch,
    )
    loss = np.full((len(runs), len(known.steps)), math.nan)
    left = np.full((len(runs), *known.left.shape), math.nan)
    for one, run in enumerate(runs):
        loss[one, : len(run.loss)] = np.asarray(run.loss, np.float64) / known.first
        left[one, : len(run.loss)] = known.in_modes(run.f_train)
    drift = np.array([math.nan if run.drift is None else float(run.drift[-1]) for run in runs])
    return Networks(loss, left.mean(axis=0), drift)


def networks_cost(arch: Architecture, data: DataSpec, *, steps: int, networks: int, frames: int = FRAMES) -> Cost:
    """What `train_networks` takes."""
    x, y = loaded(data).x, loaded(data).y
    arch = replace(arch, outputs=y.shape[1])
    trained = costs.training(arch, x.shape[1], len(x), steps, networks=networks, frames=frames)
    kernels = frames * costs.empirical_kernel(arch, x.shape[1], len(x), networks=networks).dropped
    return costs.weights(arch, x.shape[1], networks=networks) + trained + kernels
