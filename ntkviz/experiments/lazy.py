r"""One network trained at many output scales α: from learning features to keeping its kernel.

    F = α (f(w) − f(w₀)),    w ← w − η ∇_w L/α²,    L = ½ Σ_i (F(x_i) − y_i)²

In function space dF = −η Θ (F − y) whatever α is, but the weights have only 1/α as far to go. As α → ∞ the kernel Θ
stays what it was and the network becomes its own linearisation; to first order in 1/α its drift is

    ‖Θ − Θ₀‖/‖Θ₀‖ = ‖∂_w Θ [u]‖/(α ‖Θ₀‖),    u = Jᵀ Θ₀⁻¹ (1 − (1 − ηΘ₀)^k) y    (J = ∂f/∂w at w₀, (N, P)),

which `first_order_drift` evaluates; nothing in it is fitted. Beside the sweep, a small network in the plane is trained
at the same α's, so that its neurons can be watched. To look at another quantity of a trained network, give it a field
in `Sweep` and a line in `_features`.

Sources: Chizat, Oyallon & Bach 2019 (α, neurons in the plane); Geiger, Spigler, Jacot & Wyart 2020 (crossover at
constant α√n); Yang & Hu 2021 (µP). The first-order drift is the derivative of Θ along the linearised path.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ntkviz import nets
from ntkviz.activations import activation
from ntkviz.data import CirclePoints, Dataset, DataSpec, Digits, Xor, load
from ntkviz.dynamics import Clock, Descent, Flow, Linearised, linearise
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Cost, Report, silent
from ntkviz.kernels.finite import empirical_ntk, layerwise
from ntkviz.kernels.infinite import infinite_ntk
from ntkviz.nets import Architecture, Layer, Params, parameter_count
from ntkviz.specs import Spec as BaseSpec
from ntkviz.specs import number
from ntkviz.training import Run, descent, log_steps, stable_step, train_many

LAZY, RICH = 0.1, 1.0  # drift below and above which a run is called lazy and feature learning: conventions, not theory
RECORDS = 24  # recorded steps of a curve
NEURONS, PLANE_POINTS, PLANE_STEPS, PLANE_RECORDS = 60, 40, 800, 14  # the small network in the plane
TEACHER = 3  # its teacher's neurons


@dataclass(frozen=True, kw_only=True)
class Spec(BaseSpec):
    """What is swept; α goes from `low` to `high` in equal ratios."""

    data: DataSpec = field(default_factory=lambda: Xor(n=150, dim=20))
    arch: Architecture = field(default_factory=lambda: Architecture(width=128, sigma_b=0.3))
    low: float = number(0.01, 1e-3, 1e3, label="Smallest α")
    high: float = number(100.0, 1e-3, 1e3, label="Largest α")
    count: int = number(9, 3, 25, label="Values of α")
    steps: int = number(600, 20, 10_000, label="Steps", help="Steps of gradient descent, the same for every α.")
    factor: float = number(
        0.5,
        0.05,
        1.9,
        step=0.05,
        label="Step c = η λ_max",
        help="The step of the lazy runs. Richer runs take a smaller one, c · min(1, α√(n/16)), for their kernel grows.",
    )
    seed: int = number(0, 0, 10_000, label="Seed", help="Of the weights; each further run has the next seed.")
    seeds: int = number(1, 1, 5, label="Seeds averaged", help="Each has its own data and its own weights.")

    def check(self) -> None:
        if self.low >= self.high:
            raise InvalidInput("The smallest α must be below the largest.")
        if self.arch.outputs != 1 or (isinstance(self.data, Digits) and self.data.question == "classes"):
            raise InvalidInput("This lesson trains networks with one output: choose a question with two answers.")
        if isinstance(self.data, CirclePoints):
            raise InvalidInput("This lesson needs a test error: choose data whose target is known between the points.")
        if self.arch.depth > 3:
            raise InvalidInput("The step rule of this lesson is known to be stable up to three hidden layers.")

    @property
    def alphas(self) -> np.ndarray:
        """(A,)"""
        return np.geomspace(self.low, self.high, self.count)

    @property
    def scale(self) -> float:
        """What turns α into the α of the NTK parameterization: 1/√n in µP, which is NTP at α/√n, else 1."""
        return 1 / math.sqrt(self.arch.width) if self.arch.parameterization == "mup" else 1.0


@dataclass(frozen=True, eq=False)
class Sweep:
    """One seed: the network at every α, with what theory says of it. Errors are mean squares over the points."""

    eta: np.ndarray  # (A,)
    steps: np.ndarray  # (T,) recorded steps, of which a run that goes on has seen the first few
    train_curve: np.ndarray  # (A, T) NaN where not reached or diverged
    test_curve: np.ndarray  # (A, T)
    linear_curve: np.ndarray  # (A, T) test error of the linearised network with the same steps, in closed form
    movement: np.ndarray  # (A,) ‖w − w₀‖/‖w₀‖
    drift: np.ndarray  # (A,) ‖Θ − Θ₀‖/‖Θ₀‖ on the training points; NaN until the end
    aligned: np.ndarray  # (A,) CKA of the last hidden layer with the target on the test points; NaN until the end
    aligned_start: float  # the same before training
    kernel_error: float  # test error of kernel regression with the infinitely wide network's NTK
    linear_error: float  # of the linearised network after the steps of the laziest run
    first_order: float  # α times the drift, to first order in 1/α
    diverged: np.ndarray  # (A,) bool

    @property
    def test_error(self) -> np.ndarray:
        """(A,) the last that was recorded."""
        return _last(self.test_curve)

    @property
    def train_error(self) -> np.ndarray:
        """(A,)"""
        return _last(self.train_curve)


@dataclass(frozen=True, eq=False)
class Plane:
    """A small network in the plane at every α: neuron j is drawn at |a_j| w_j over its length at the start."""

    path: np.ndarray  # (A, T, n, 2)
    sign: np.ndarray  # (n,) of the output weight
    teacher: np.ndarray  # (m, 2) unit directions
    teacher_sign: np.ndarray  # (m,)
    movement: np.ndarray  # (A,) ‖w − w₀‖/‖w₀‖ over all weights


@dataclass(frozen=True, eq=False)
class Result:
    """The sweeps of the seeds so far, and the neurons."""

    spec: Spec
    alpha: np.ndarray  # (A,)
    sweeps: tuple[Sweep, ...]
    plane: Plane
    finished: bool

    def over_seeds(self, name: str) -> np.ndarray:
        """(S, …) of a field of the sweeps."""
        return np.array([getattr(sweep, name) for sweep in self.sweeps])

    @property
    def slope(self) -> float | None:
        """d log drift / d log α over the lazy runs (drift below `LAZY`); None with fewer than three."""
        drift = np.exp(np.mean(np.log(self.over_seeds("drift")), axis=0))
        lazy = np.isfinite(drift) & (drift < LAZY)
        if lazy.sum() < 3:
            return None
        return float(np.polyfit(np.log(self.alpha[lazy]), np.log(drift[lazy]), 1)[0])

    @property
    def gain(self) -> np.ndarray:
        """(S,) test error of the laziest run over that of the richest."""
        error = self.over_seeds("test_error")
        return np.asarray(error[:, -1] / error[:, 0])


def cost(spec: Spec) -> Cost:
    """Measured on one core: 80 GFlop/s in training, 0.4 ns for a ReLU, 4 ns for a smooth φ, eigensystems 0.6 ns N³."""
    n, m, d = spec.data.n or 64, 500, getattr(spec.data, "dim", 64)
    lanes, width, depth = spec.count, spec.arch.width, spec.arch.depth
    neuron = 4e-10 if activation(spec.arch.activation).kinks else 4e-9
    step = 6.0 * n * parameter_count(spec.arch, d) / 80e9 + neuron * n * width * depth + 1e-6
    theory = 6e-10 * n**3 + (n + m) * n * (6e-8 + depth * (4 * width + 2 * d) / 5e9)
    features = lanes * (n * n + m * width) * depth * (4 * width + 2 * d) / 2e10
    held = 8.0 * (lanes * (6 * n * width * depth + n * n) + 10 * m * (m + n) + 10 * n * n)
    return Cost(0.06 + spec.seeds * (spec.steps * lanes * step + theory + features), 2e7 + held)


def run(spec: Spec, report: Report = silent) -> Result:
    """Train the network in the plane and the sweep of every seed; the first sweep is reported as it grows."""
    plane = neurons(spec.arch.parameterization, tuple(spec.alphas.tolist()), spec.seed)
    sweeps: list[Sweep] = []

    def grow(fraction: float, growing: Sweep | None) -> None:
        shown = tuple(sweeps) or (() if growing is None else (growing,))
        so_far = Result(spec, spec.alphas, shown, plane, False) if shown else None
        report((len(sweeps) + fraction) / spec.seeds, so_far)

    for seed in range(spec.seeds):
        sweeps.append(_sweep(spec, seed, grow))
    report(1.0)
    return Result(spec, spec.alphas, tuple(sweeps), plane, True)


def _sweep(spec: Spec, seed: int, grow: Callable[[float, Sweep | None], None]) -> Sweep:
    """One seed's data, theory and training."""
    data = load(replace(spec.data, seed=spec.data.seed + seed))
    start = nets.init(spec.arch, data.x.shape[1], key=jax.random.key(spec.seed + seed), dtype=jnp.float32)
    known = foreseen(spec, data, start)
    grow(0.05, known)

    def seen(fraction: float, runs: Any = None, /) -> None:
        grow(0.05 + 0.9 * fraction, None if runs is None else _curves(known, data, runs))

    runs = train_many(
        spec.arch,
        start,
        data.x,
        data.y,
        eta=known.eta,
        alpha=spec.alphas,
        steps=spec.steps,
        report=seen,
        record=known.steps,
        centred=True,
        x_test=data.x_test,
        y_test=data.y_test,
        allow_divergence=True,
    )
    return _features(spec.arch, _curves(known, data, runs), data, start, [run.params for run in runs])


def foreseen(spec: Spec, data: Dataset, start: Params) -> Sweep:
    """A sweep before its training: what theory says of it, from the weights `start` alone."""
    precise: Params = jax.tree.map(lambda w: w.astype(jnp.float64), start)
    theta = np.asarray(empirical_ntk(spec.arch, precise, data.x))
    across = np.asarray(empirical_ntk(spec.arch, precise, data.x_test, data.x))
    own = linearise(theta, data.y)
    eta = steps_of(spec, own.eigenvalues[0])
    marks = np.union1d([0], log_steps(spec.steps, RECORDS))
    linear = _linear_curve(own, across, data.y_test, eta, marks)
    limit = linearise(infinite_ntk(spec.arch, data.x), data.y)
    regression = limit.predict(Flow(np.inf), infinite_ntk(spec.arch, data.x_test, data.x))
    nothing = np.full(linear.shape, np.nan)
    return Sweep(
        eta=eta,
        steps=marks,
        train_curve=nothing,
        test_curve=nothing,
        linear_curve=linear,
        movement=nothing[:, 0],
        drift=nothing[:, 0],
        aligned=nothing[:, 0],
        aligned_start=math.nan,
        kernel_error=float(mean_square(regression, data.y_test)[0]),
        linear_error=float(linear[-1, -1]),
        first_order=first_order_drift(spec.arch, precise, data.x, own, Descent(eta[-1], spec.steps)),
        diverged=np.zeros(len(eta), dtype=bool),
    )


def _linear_curve(own: Linearised, across: np.ndarray, y: np.ndarray, eta: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """(A, T) test error of `own`, whose kernel with the test points is `across` (M, N), after `marks` steps of η."""
    seen = across @ own.modes
    reached = {
        rate: Descent(rate, marks).reach(own.eigenvalues) for rate in set(eta.tolist())
    }  # lazy runs share a step
    errors = {rate: np.mean((y + seen @ (reach.T * own.coefficients)) ** 2, axis=0) for rate, reach in reached.items()}
    return np.array([errors[rate] for rate in eta.tolist()])


def steps_of(spec: Spec, lambda_max: float) -> np.ndarray:
    """(A,) the step η of every α: `stable_step` at the α of the NTK parameterization, with the user's c for its ½."""
    rule = [stable_step(alpha * spec.scale, spec.arch.width, lambda_max) for alpha in spec.alphas]
    return np.array(rule) * (spec.factor / 0.5)


def first_order_drift(arch: Architecture, params: Params, x: ArrayLike, own: Linearised, clock: Clock) -> float:
    """α ‖Θ − Θ₀‖/‖Θ₀‖ to first order in 1/α at the last moment of `clock`, for a centred network on x (N, d).

    ReLU's second derivative counts as zero: that neurons switch on and off is not in it.
    """
    pull = own.modes @ (-own.coefficients * clock.reach(own.eigenvalues)[-1][:, None])  # Θ₀⁻¹ (1 − decay) y, (N, 1)
    turned, size = _turn(arch, params, jnp.asarray(x), jnp.asarray(pull))
    return float(turned / size)


@jax.jit
def _turn(arch: Architecture, params: Params, x: Array, pull: Array) -> tuple[Array, Array]:
    """‖∂_w Θ [Jᵀ pull]‖ and ‖Θ‖, Frobenius."""
    (direction,) = jax.vjp(lambda params: nets.apply(arch, params, x), params)[1](pull)
    theta, change = jax.jvp(lambda params: layerwise(arch, params, x), (params,), (direction,))
    return jnp.linalg.norm(change), jnp.linalg.norm(theta)


def _curves(known: Sweep, data: Dataset, runs: tuple[Run, ...]) -> Sweep:
    """The sweep with what has been trained of it."""
    train, test = known.train_curve.copy(), known.test_curve.copy()
    for lane, one in enumerate(runs):
        train[lane, : len(one.loss)] = 2 * one.loss / len(data.x)
        test[lane, : len(one.loss)] = 2 * np.asarray(one.test_loss) / len(data.x_test)
    return replace(
        known,
        train_curve=train,
        test_curve=test,
        movement=np.array([one.movement[-1] for one in runs]),
        diverged=np.array([one.diverged_at is not None for one in runs]),
    )


def _features(arch: Architecture, sweep: Sweep, data: Dataset, start: Params, ends: list[Params]) -> Sweep:
    """The sweep with what became of the kernel and of the hidden layer."""
    stacked: Params = jax.tree.map(lambda *layers: jnp.stack([jnp.asarray(w) for w in layers]), start, *ends)
    drift = np.asarray(_drift(descent.kernels(arch, stacked, jnp.asarray(data.x, jnp.float32))), np.float64)
    aligned = np.asarray(_alignment(arch, stacked, data.x_test, data.y_test), np.float64)
    return replace(
        sweep,
        drift=np.where(sweep.diverged, np.nan, drift[1:]),
        aligned=np.where(sweep.diverged, np.nan, aligned[1:]),
        aligned_start=float(aligned[0]),
    )


@jax.jit
def _drift(kernels: Array) -> Array:
    """(S,) relative distance of kernels (S, N, N) from the first."""
    return jnp.linalg.norm(kernels - kernels[0], axis=(1, 2)) / jnp.linalg.norm(kernels[0])


@jax.jit
def _alignment(arch: Architecture, params: Params, x: ArrayLike, y: ArrayLike) -> Array:
    """(S,) CKA of the last hidden layer of S networks with targets y (M, 1), on points x that were not trained on.

    `spectra.target_alignment` of H Hᵀ for the hidden layer H (M, n) of each, without its (M, M) kernel.
    """
    target = jnp.asarray(y, jnp.float32) - jnp.mean(jnp.asarray(y, jnp.float32), axis=0)

    def one(params: Params) -> Array:
        hidden = nets.forward(arch, params, x)[1][-1]
        hidden = hidden - hidden.mean(axis=0)
        size = jnp.linalg.norm(hidden.T @ hidden) * jnp.sum(target**2)
        return jnp.sum((hidden.T @ target) ** 2) / size

    return jax.lax.map(one, params)


def mean_square(outputs: ArrayLike, y: ArrayLike) -> np.ndarray:
    """Mean square of outputs (…, N, 1) about targets (N, 1), over the last two axes."""
    error = np.asarray(outputs, np.float64) - np.asarray(y, np.float64)
    return np.asarray(np.mean(error**2, axis=(-2, -1)))


@lru_cache(maxsize=64)
def neurons(parameterization: str, alphas: tuple[float, ...], seed: int) -> Plane:
    """A ReLU network of 60 neurons, trained at every α on 40 points of a teacher of three neurons in the plane.

    At the start each neuron has |a| = ‖w‖ in the units of the NTK parameterization, and a twin with the opposite
    output weight: f(w₀) = 0. It does not depend on the lesson's data, so it is kept.
    """
    arch = Architecture(width=NEURONS, sigma_b=None, parameterization=parameterization)
    draw = np.random.default_rng([seed, NEURONS])
    teacher = _unit(
        2 * np.pi * (np.arange(TEACHER) + draw.uniform(-0.25, 0.25, TEACHER)) / TEACHER + draw.uniform(0, 6)
    )
    teacher_sign = np.where(np.arange(TEACHER) % 2 == 0, 1.0, -1.0)
    x = draw.standard_normal((PLANE_POINTS, 2))
    y = np.maximum(x @ teacher.T, 0.0) @ teacher_sign
    y /= math.sqrt(float(np.mean(y**2)))
    half = _unit(draw.uniform(0, 2 * np.pi, NEURONS // 2))
    sign = np.repeat([1.0, -1.0], NEURONS // 2)
    first, second = nets.scales(arch, 2)
    start = (
        Layer(jnp.asarray(first.weight_std * np.concatenate([half, half]).T, jnp.float32), None),
        Layer(jnp.asarray(second.weight_std * sign[:, None], jnp.float32), None),
    )
    top = float(np.linalg.eigvalsh(np.asarray(empirical_ntk(arch, start, x), np.float64))[-1])
    scale = 1 / math.sqrt(NEURONS) if parameterization == "mup" else 1.0
    runs = train_many(
        arch,
        start,
        x,
        y,
        eta=np.array([stable_step(alpha * scale, NEURONS, top) for alpha in alphas]),
        alpha=np.array(alphas),
        steps=PLANE_STEPS,
        record=log_steps(PLANE_STEPS, PLANE_RECORDS),
        weights=True,
    )
    length = first.weight_std * second.weight_std  # |a| ‖w‖ at the start
    paths = [np.abs(a.weight) * np.swapaxes(w.weight, 1, 2) / length for w, a in (one.weights or () for one in runs)]
    return Plane(np.stack(paths), sign, teacher, teacher_sign, np.array([one.movement[-1] for one in runs]))


def _unit(angle: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 2)."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _last(curves: np.ndarray) -> np.ndarray:
    """The last number of each row (A, T) that is one; NaN for a row that ends in divergence before its first."""
    seen = np.isfinite(curves)
    place = curves.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    return np.asarray(curves[np.arange(len(curves)), place])
