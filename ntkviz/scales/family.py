r"""One network trained at many output scales α, beside what theory foresees from its weights at the start.

    F = α (f(w) − f(w₀)),    w ← w − η ∇_w L/α²,    L = ½ Σ_i (F(x_i) − y_i)²

In function space dF = −η Θ (F − y) for every α, but to change F by a given amount f changes by 1/α of it. As α → ∞ the
kernel Θ keeps its value at the start and the network becomes its own linearisation. To record another quantity of a
trained network, give it a field in `Family` and a line in `_measured`.

Sources: Chizat, Oyallon & Bach 2019 (α); Geiger, Spigler, Jacot & Wyart 2020 (drift depends on α√n); Yang & Hu 2021
(µP, which is the NTK parameterization at α/√n).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from ntkviz import costs, nets
from ntkviz.costs import Cost
from ntkviz.data import Dataset
from ntkviz.dynamics import Clock, Descent, Flow, Linearised, linearise
from ntkviz.errors import InvalidInput
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.kernels.infinite import ntk_and_across
from ntkviz.measures import drifts, hidden_alignment
from ntkviz.measures.convergence import last
from ntkviz.measures.first_order import first_order_drift
from ntkviz.nets import Architecture, Params
from ntkviz.nets.padding import padded
from ntkviz.specs import Spec, number
from ntkviz.training import Run, log_steps, stable_step, train_many
from ntkviz.training.measured import kernels

RECORDS = 24  # recorded steps of a curve


@dataclass(frozen=True, kw_only=True)
class Scales(Spec):
    """The output scales α of a family: from `low` to `high` in equal ratios."""

    low: float = number(0.01, 1e-3, 1e3, label="Smallest α")
    high: float = number(100.0, 1e-3, 1e3, label="Largest α")
    count: int = number(9, 3, 25, label="Values of α")

    def check(self) -> None:
        if self.low >= self.high:
            raise InvalidInput("The smallest α must be below the largest.")

    @property
    def alphas(self) -> np.ndarray:
        """(A,)"""
        return np.geomspace(self.low, self.high, self.count)

    @property
    def nearest_one(self) -> int:
        """The place of the α that is nearest to 1, the network as it is."""
        return int(np.argmin(np.abs(np.log(self.alphas))))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How every network of a family is trained."""

    arch: Architecture
    scales: Scales
    steps: int
    factor: float  # c = η λ_max of the lazy runs


@dataclass(frozen=True, eq=False)
class Family:
    """One start w₀ trained at each of A output scales. Errors are mean squares over the points."""

    eta: np.ndarray  # (A,)
    steps: np.ndarray  # (T,) recorded steps
    train_curve: np.ndarray  # (A, T) NaN where a run has not come to or where it diverged
    test_curve: np.ndarray  # (A, T)
    linear_curve: np.ndarray  # (A, T) test error of the linearised network with the same steps, in closed form
    movement: np.ndarray  # (A,) ‖w − w₀‖/‖w₀‖
    drift: np.ndarray  # (A,) ‖Θ − Θ₀‖/‖Θ₀‖ on the training points; NaN until the end
    aligned: np.ndarray  # (A,) CKA of the last hidden layer with the target on the test points; NaN until the end
    aligned_start: float  # the same before training; NaN until the end
    kernel_error: float  # test error of kernel regression with the infinitely wide network's NTK
    linear_error: float  # test error of the linearised network after the steps of the run at the largest α
    linear_end: float  # test error of the linearised network trained to its end
    constant_error: float  # test error of the mean of the training targets, whatever the input
    first_order: float  # α times the drift, to first order in 1/α
    diverged: np.ndarray  # (A,) bool

    @property
    def test_error(self) -> np.ndarray:
        """(A,) the last that was recorded."""
        return last(self.test_curve)

    @property
    def train_error(self) -> np.ndarray:
        """(A,) the last that was recorded."""
        return last(self.train_curve)

    @property
    def left(self) -> np.ndarray:
        """(A,) the training error over that at the start."""
        return np.asarray(self.train_error / self.train_curve[:, 0])


def ntk_scale(arch: Architecture) -> float:
    """The factor that turns α into the α of the NTK parameterization: 1/√n in µP, else 1."""
    return 1 / math.sqrt(arch.width) if arch.parameterization == "mup" else 1.0


def stable_steps(recipe: Recipe, lambda_max: float) -> np.ndarray:
    """The step η of every α, (A,): `stable_step` at the α of the NTK parameterization, with the user's c for its ½."""
    scale, width = ntk_scale(recipe.arch), recipe.arch.width
    rule = [stable_step(alpha * scale, width, lambda_max) for alpha in recipe.scales.alphas]
    return np.array(rule) * (recipe.factor / 0.5)


def family_cost(recipe: Recipe, input_dim: int, points: int, test_points: int) -> Cost:
    """What `train_family` takes.

    Args:
        recipe: how the networks are trained.
        input_dim: d.
        points: N that are trained on.
        test_points: M.
    """
    arch, lanes = recipe.arch, recipe.scales.count
    shapes = (arch, input_dim, points)
    theory = (
        costs.weights(arch, input_dim)
        + costs.empirical_kernel(arch, input_dim, points + test_points, points, dtype="float64")
        + costs.infinite_kernel(*shapes)
        + costs.infinite_kernel(arch, input_dim, test_points, points)
        + 2 * costs.linearised(points, test_points, RECORDS)
        + 3 * costs.empirical_kernel(*shapes, dtype="float64")  # the derivative of the kernel
    )
    training = costs.training(
        arch, input_dim, points, recipe.steps, networks=lanes, frames=RECORDS, test_points=test_points
    )
    return (theory.dropped + training + costs.empirical_kernel(*shapes, networks=lanes + 1)).dropped


def train_family(
    recipe: Recipe,
    data: Dataset,
    seed: int,
    report: Callable[[float, Family | None], None] = lambda fraction, family: None,
) -> Family:
    """Train one network at every output scale.

    Args:
        recipe: how it is trained.
        data: with known targets at the test points, and one output.
        seed: of the weights.
        report: is called with the fraction done and, where there is something new, the family so far. What it raises
            ends the training.
    """
    start = nets.init(recipe.arch, data.x.shape[1], seed=seed, dtype=np.float32)
    known = foreseen(recipe, data, start)
    report(0.05, known)

    def watch(fraction: float, runs: Any = None, /) -> None:
        report(0.05 + 0.9 * fraction, None if runs is None else _with_curves(known, data, runs))

    runs = train_many(
        recipe.arch,
        start,
        data.x,
        data.y,
        eta=known.eta,
        alpha=recipe.scales.alphas,
        steps=recipe.steps,
        report=watch,
        record=known.steps,
        centred=True,
        x_test=data.x_test,
        y_test=data.y_test,
        allow_divergence=True,
    )
    return _measured(recipe.arch, _with_curves(known, data, runs), data, start, [run.params for run in runs])


def foreseen(recipe: Recipe, data: Dataset, start: Params) -> Family:
    """A family before its training: what theory says of it, from the weights `start` alone."""
    arch = recipe.arch
    precise: Params = jax.device_put(jax.tree.map(lambda w: np.asarray(w, np.float64), start))
    both = np.asarray(empirical_ntk(arch, precise, np.concatenate([data.x, data.x_test]), data.x))  # in one program
    kernel, across = np.split(both, [len(data.x)])
    own = linearise((kernel + kernel.T) / 2, data.y)
    theory, theory_across = ntk_and_across(arch, data.x, data.x_test)
    limit = linearise(theory, data.y)
    eta = stable_steps(recipe, own.eigenvalues[0])
    marks = np.union1d([0], log_steps(recipe.steps, RECORDS))
    clocks = {rate: Descent(rate, marks) for rate in set(eta.tolist())}  # lazy runs share a step
    errors = {rate: _test_error(own, clock, across, data) for rate, clock in clocks.items()}
    linear = np.array([errors[rate] for rate in eta.tolist()])
    nothing = np.full(linear.shape, np.nan)
    return Family(
        eta=eta,
        steps=marks,
        train_curve=nothing,
        test_curve=nothing,
        linear_curve=linear,
        movement=nothing[:, 0],
        drift=nothing[:, 0],
        aligned=nothing[:, 0],
        aligned_start=math.nan,
        kernel_error=float(_test_error(limit, Flow(np.inf), theory_across, data)[0]),
        linear_error=float(linear[-1, -1]),
        linear_end=float(_test_error(own, Flow(np.inf), across, data)[0]),
        constant_error=float(np.mean((data.y_test - data.y.mean()) ** 2)),
        first_order=first_order_drift(arch, precise, data.x, own, Descent(eta[-1], recipe.steps)),
        diverged=np.zeros(len(eta), dtype=bool),
    )


def _test_error(model: Linearised, clock: Clock, across: ArrayLike, data: Dataset) -> np.ndarray:
    """(T,) of a linear model at the moments of `clock`; `across` (M, N) is its kernel of test and training points."""
    return np.asarray(np.mean((model.predict(clock, across) - data.y_test) ** 2, axis=(1, 2)))


def _with_curves(known: Family, data: Dataset, runs: tuple[Run, ...]) -> Family:
    """The family with what has been trained of it."""
    train, test = known.train_curve.copy(), known.test_curve.copy()
    for lane, run in enumerate(runs):
        train[lane, : len(run.loss)] = 2 * run.loss / len(data.x)
        test[lane, : len(run.loss)] = 2 * np.asarray(run.test_loss) / len(data.x_test)
    return replace(
        known,
        train_curve=train,
        test_curve=test,
        movement=np.array([run.movement[-1] for run in runs]),
        diverged=np.array([run.diverged_at is not None for run in runs]),
    )


def _measured(arch: Architecture, family: Family, data: Dataset, start: Params, ends: list[Params]) -> Family:
    """The family with what became of the kernel and of the hidden layer."""
    stacked: Params = jax.device_put(jax.tree.map(lambda *layers: np.stack(layers), start, *ends))
    points = len(data.x)
    found = np.asarray(kernels(arch, stacked, padded(data.x.astype(np.float32))))[:, :points, :points]
    drift, aligned = drifts(found[1:], found[0]), hidden_alignment(arch, stacked, data.x_test, data.y_test)
    return replace(
        family,
        drift=np.where(family.diverged, np.nan, drift),
        aligned=np.where(family.diverged, np.nan, aligned[1:]),
        aligned_start=float(aligned[0]),
    )
