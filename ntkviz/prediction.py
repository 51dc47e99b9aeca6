r"""A training that is predicted before it starts: the closed form of the infinitely wide network.

    f_k(x) = Θ(x, X) Θ⁻¹ (1 − (1 − ηΘ)^k) y,        u_iᵀ(f_k − y) = −(1 − ηλ_i)^k u_iᵀy,        η = c/λ_max(Θ)

Θ is the kernel at infinite width, so that the width and the seed of a network have no part in it. To follow another
quantity, give `Curves` a field and `curves_of` a line: prediction, linearisation and network then have it.

Source: Jacot, Gabriel & Hongler 2018 (the closed form, its modes).
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ntkviz import costs
from ntkviz.costs import Cost
from ntkviz.data import Dataset, DataSpec, load
from ntkviz.dynamics import Descent, Ensemble, Flow, ensemble, linearise
from ntkviz.errors import InvalidInput
from ntkviz.kernels import infinite_kernels, ntk_and_across
from ntkviz.measures import steps_bound
from ntkviz.modes import Modes, strongest
from ntkviz.nets import Architecture
from ntkviz.training import log_steps

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FRAMES, SURFACE_FRAMES = 44, 34  # recorded steps: in general, and where the outputs over a plane are drawn
GRID = 36  # points on each side of such a plane
PICTURED = 600  # outputs at test points that are drawn at each recorded step
MOST_TARGETS = 1000  # training points times outputs: the side of the kernel of the linearised network


@dataclass(frozen=True, eq=False)
class Curves:
    """T recorded steps of a training: of the prediction, of the linearised network or of the network."""

    loss: Floats  # (T,) ½ ‖f − y‖², mean over the training points
    test_loss: Floats | None  # (T,) the same over the test points, where their targets are known
    modes: Floats  # (T, G) what is left of each followed mode
    f: Floats  # (T, M, K) outputs at `Prediction.points`


@dataclass(frozen=True, eq=False)
class Prediction:
    """Everything that is known before the training starts; N training points, K outputs."""

    data: Dataset
    points: Floats  # (M, d) where outputs are recorded: the points of the picture, and the test points
    pictured: int  # how many of them, the first ones, are the picture
    c: float  # ηλ_max(Θ); the closed form converges below 2
    eta: float
    steps: Integers  # (T,) from 0
    eigenvalues: Floats  # (N,) of Θ, descending
    modes: Modes  # G modes that are followed
    curves: Curves
    flow: Floats  # (T, G) e^{−λt}, what gradient flow would leave of the modes at t = ηk
    fraction: float  # the wanted loss, as a share of the first
    reached: float | None  # first step at the wanted loss, infinite if there is none; None for c ≥ 2
    bound: int | None  # the same in the worst case over all targets; None where there is no bound

    @property
    def level(self) -> float:
        """The wanted loss, in the unit of the loss."""
        return self.fraction * float(self.curves.loss[0])

    @property
    def tested(self) -> slice:
        """Which of the points are the test points."""
        return slice(len(self.points) - len(self.data.x_test), None)


def predict(
    arch: Architecture,
    data: DataSpec,
    *,
    c: float,
    steps: int,
    fraction: float = 0.01,
    frames: int | None = None,
) -> Prediction:
    """The training of the infinitely wide network in closed form.

    Args:
        arch: the architecture; its width has no part in it.
        data: what is learned.
        c: the step ηλ_max, which converges below 2.
        steps: of gradient descent.
        fraction: the wanted loss, as a share of the first.
        frames: recorded steps; None chooses by the data.

    Raises:
        InvalidInput: for targets that are too many or all zero, and for a kernel that is zero.
    """
    return _predict(replace(arch, width=Architecture().width), data, c, steps, fraction, frames)


@lru_cache(maxsize=32)
def _predict(
    arch: Architecture, spec: DataSpec, c: float, steps: int, fraction: float, frames: int | None
) -> Prediction:
    data = loaded(spec)
    points, pictured = recorded_points(data)
    kernel, across = ntk_and_across(arch, data.x, points)
    model = linearise(kernel, data.y)
    largest = float(model.eigenvalues[0])
    if largest <= 0:
        raise InvalidInput("The kernel is zero: nothing can be learned without larger inputs or biases.")
    eta = c / largest
    clock = Descent(eta, log_steps(steps, frames or (SURFACE_FRAMES if data.kind == "plane" else FRAMES)))
    modes = strongest(model, data.angle)
    f = model.predict(clock, across)
    exact = np.abs(clock.decay(modes.eigenvalues))  # where another mode grows without bound too
    curves = curves_of(data, modes, model.train(clock), f)
    return Prediction(
        data=data,
        points=points,
        pictured=pictured,
        c=c,
        eta=eta,
        steps=clock.steps.astype(np.int64),
        eigenvalues=model.eigenvalues,
        modes=modes,
        curves=replace(curves, modes=exact),
        flow=np.exp(-np.outer(clock.times, modes.eigenvalues)),
        fraction=fraction,
        reached=model.steps_to(eta, fraction * float(model.loss(clock)[0])) if c < 2 else None,
        bound=steps_bound(eta, model.eigenvalues, fraction) if c < 2 else None,
    )


def ensemble_of(
    arch: Architecture, data: Dataset, c: float, steps: ArrayLike | None, *, last_layer: bool = False
) -> tuple[Ensemble, float]:
    """What infinitely wide networks of random weights do on the test points, and the step η of their training.

    Args:
        arch: the architecture.
        data: the training points and the test points, with one output.
        c: the step ηλ_max.
        steps: (T,) of gradient descent; None is the end of the training.
        last_layer: whether the last layer alone is trained: with the NNGP kernel in place of the tangent kernel the
            end is the posterior of Bayesian regression.
    """
    n = len(data.x)
    both = infinite_kernels(arch, np.concatenate([data.x, data.x_test]))
    nngp = np.asarray(both.nngp)
    theta = nngp if last_layer else np.asarray(both.ntk)
    model = linearise(theta[:n, :n], data.y)
    eta = c / float(model.eigenvalues[0])
    made = ensemble(
        model,
        Flow(np.inf) if steps is None else Descent(eta, steps),
        theta_test_train=theta[n:, :n],
        nngp_train=nngp[:n, :n],
        nngp_test_train=nngp[n:, :n],
        nngp_test=nngp[n:, n:],
    )
    return made, eta


def curves_of(data: Dataset, modes: Modes, f_train: ArrayLike, f: ArrayLike) -> Curves:
    """What is followed of a training.

    Args:
        data: N training points and their targets (N, K).
        modes: that are followed.
        f_train: (T, N, K) outputs on the training points.
        f: (T, M, K) outputs where they are recorded; the test points are the last ones.
    """
    trained, recorded = np.asarray(f_train, np.float64), np.asarray(f, np.float64)
    residual = trained - data.y
    test = recorded[:, recorded.shape[1] - len(data.x_test) :]
    return Curves(
        loss=0.5 * np.sum(residual**2, axis=2).mean(axis=1),
        test_loss=0.5 * np.sum((test - data.y_test) ** 2, axis=2).mean(axis=1) if data.known else None,
        modes=modes.left(residual, data.y),
        f=recorded,
    )


def prediction_cost(arch: Architecture, data: DataSpec, frames: int = FRAMES) -> Cost:
    """What `predict` takes."""
    known, points = loaded(data), recorded_points(loaded(data))[0]
    dim, n, outputs = known.x.shape[1], len(known.x), known.y.shape[1]
    kernels = costs.infinite_kernel(arch, dim, n) + costs.infinite_kernel(arch, dim, len(points), n)
    return kernels + costs.linearised(n, len(points), frames, outputs=outputs)


@lru_cache(maxsize=16)
def loaded(spec: DataSpec) -> Dataset:
    """The data set; raises `InvalidInput` where it has too many targets, or none to learn."""
    data = load(spec)
    if data.y.size > MOST_TARGETS:
        raise InvalidInput(f"{data.y.size} targets are too many here: lower the points until there are {MOST_TARGETS}.")
    if not np.any(data.y):
        raise InvalidInput("The targets are all zero, and the network starts at zero: there is nothing to learn.")
    return data


def recorded_points(data: Dataset) -> tuple[Floats, int]:
    """Where outputs are recorded, (M, d), and how many of these points, the first ones, are the picture."""
    if data.kind == "plane":
        return np.concatenate([data.grid(GRID), data.x_test]), GRID**2
    if data.kind == "circle":
        return data.x_test, len(data.x_test)
    return data.x_test, min(len(data.x_test), max(1, PICTURED // data.y.shape[1]))
