r"""A network trained by gradient descent, beside the closed form that was known before it started.

    f_k(x) = Θ(x, X) Θ⁻¹ (1 - (1 - ηΘ)^k) y,        u_iᵀ(f_k - y) = -(1 - ηλ_i)^k u_iᵀy,        η = c/λ_max(Θ)

Θ is the kernel at infinite width. The network is centred, f(w) - f(w₀), so that both start at zero. Between them stands
the network's own linearisation: the same closed form with its kernel Θ₀ at the start. A gap is the network's distance
to either. The step c is in units of the infinite-width λ_max, so that all widths share one clock.

To follow another quantity, give `Curves` a field and `_curves` a line: theory, linearisation and network then have it.

Sources: Jacot, Gabriel & Hongler 2018 (the closed form, its modes); Lee, Xiao, Schoenholz et al. 2019 (the linearised
network and its gap over width); Dyer & Gur-Ari 2020, Huang & Yau 2020 (corrections of order 1/n).
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.stats import linregress

from ntkviz import specs
from ntkviz.activations import activation
from ntkviz.data import CircleFunction, Dataset, DataSpec, labels, load
from ntkviz.dynamics import Descent, Linearised, linearise
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Cost, Report, silent
from ntkviz.kernels import empirical_ntk, infinite_ntk
from ntkviz.kernels.work import activation_numbers, duals, pair_seconds
from ntkviz.nets import Architecture, Params, init, multiplications, parameter_count
from ntkviz.spectra import relative_distance, spectrum
from ntkviz.training import Recording, Run, log_steps, train

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FRAMES, SURFACE_FRAMES, SWEEP_FRAMES = 44, 34, 16  # recorded steps: in general, with a picture of a plane, in the sweep
GRID = 36  # points on each side of that picture
FOLLOWED = 5  # modes that are drawn
WEAK = 0.02  # a mode with less than this share of the strongest one is not: mixing would hide its decay
WIDTHS = (128, 256, 512, 1024, 2048)
SEEDS = 2  # networks of each width of the sweep
SWEEP_SECONDS = 0.4  # a network that takes longer is left out of the sweep
KERNEL_ROWS = 1000  # training points times outputs: the side of the linearised network's kernel

ARCHITECTURE = Architecture(width=512, activation="erf", sigma_w=1.5, sigma_b=0.3)
DATA = CircleFunction(n=16, terms="1:1, 2:0.5, 3:0.5, 5:0.3")


@dataclass(frozen=True, kw_only=True)
class Spec(specs.Spec):
    """What is trained, on what, how fast and for how long. The number of outputs is that of the data."""

    arch: Architecture = ARCHITECTURE
    data: DataSpec = DATA
    c: float = specs.number(
        0.5, 0.05, 4.5, label="Step c = ηλ_max", step=0.05, help="The closed form converges below 2."
    )
    steps: int = specs.number(500, 10, 20000, label="Steps", help="Steps k of full-batch gradient descent.", log=True)
    fraction: float = specs.number(
        0.01, 1e-6, 0.9, label="Loss to reach", help="As a share of the first loss: when is it predicted, when reached?"
    )
    seed: int = specs.number(0, 0, 2**31 - 1, label="Network seed", help="The same seed draws the same weights.")
    sweep: bool = specs.flag(
        True, label="Measure over widths", help="Train networks of other widths too, and fit how their gap falls."
    )

    def check(self) -> None:
        if self.arch.parameterization != "ntk":
            raise InvalidInput("This lesson trains in the NTK parameterization: choose that one.")


@dataclass(frozen=True, eq=False)
class Curves:
    """T recorded steps of a training: of the theory, of the linearised network or of the network."""

    loss: Floats  # (T,) ½ ‖f - y‖², mean over the training points
    test_loss: Floats | None  # (T,) the same over the test points, where their targets are known
    modes: Floats  # (T, G) what is left of each followed mode, ‖U_gᵀ(f - y)‖/‖U_gᵀy‖
    f: Floats  # (T, M, K) outputs at `Theory.points`


@dataclass(frozen=True, eq=False)
class Theory:
    """Everything that is known before the training starts; N training points, K outputs."""

    data: Dataset
    points: Floats  # (M, d): the picture, then the test points; on a circle they are one
    pictured: int  # points of the picture
    eta: float
    steps: Integers  # (T,) from 0
    eigenvalues: Floats  # (N,) of Θ, descending
    first: Integers  # (G,) the number, from 1, of the first eigenvalue of each followed mode
    bases: tuple[Floats, ...]  # G of (N, D): its eigenspace, of D equal eigenvalues
    frequencies: Integers | None  # (G,) where the modes are waves: points at equal steps around a circle
    curves: Curves
    flow: Floats  # (T, G) e^{-λt}, what gradient flow would leave of the modes at t = ηk
    reached: float | None  # first step at the loss that is asked for, infinite if there is none; None for c ≥ 2
    bound: float | None  # the same from λ_min alone, ln(1/fraction)/(2ηλ_min)

    @property
    def tested(self) -> slice:
        """Which of the points are the test points."""
        return slice(len(self.points) - len(self.data.x_test), None)

    @property
    def followed(self) -> Floats:
        """(G,): the eigenvalue of each followed mode."""
        return np.asarray(self.eigenvalues[self.first - 1])


@dataclass(frozen=True, eq=False)
class Network:
    """What a network did; its curves end early where it diverged or has not finished."""

    curves: Curves
    linearised: Curves  # the closed form with the network's own kernel Θ₀
    lambda_max: float  # of Θ₀
    movement: float  # ‖w - w₀‖/‖w₀‖ at the last recorded step
    diverged_at: int | None
    drift: float | None = None  # ‖Θ - Θ₀‖/‖Θ₀‖ at the end, on the training data, Frobenius; None while it trains
    lambda_end: float | None = None  # λ_max of Θ at the end


@dataclass(frozen=True, eq=False)
class Slope:
    """gap = prefactor · n^exponent, fitted by least squares to the logarithms."""

    exponent: float
    error: float  # its standard error
    prefactor: float

    def __call__(self, width: Integers) -> Floats:
        return np.asarray(self.prefactor * width**self.exponent)


@dataclass(frozen=True, eq=False)
class Sweep:
    """Gaps of networks of W widths and S seeds; NaN where a closed form diverges, or is not measured yet."""

    widths: Integers  # (W,)
    linearised: Floats  # (W, S)
    infinite: Floats  # (W, S)

    @property
    def slopes(self) -> tuple[Slope | None, Slope | None]:
        """How both gaps fall; None with fewer than three widths."""
        return _slope(self.widths, self.linearised), _slope(self.widths, self.infinite)


@dataclass(frozen=True, eq=False)
class Result:
    """The theory, complete from the first moment, and the network as far as it has got."""

    spec: Spec
    theory: Theory
    network: Network | None = None
    sweep: Sweep | None = None

    @property
    def gaps(self) -> tuple[float | None, float | None]:
        """Network - linearisation and network - theory: rms over the test points at the worst step, over rms(y)."""
        if self.network is None or self.network.diverged_at is not None:
            return None, None
        own, infinite = (
            _gap(self.theory, self.network.curves, f) for f in (self.network.linearised, self.theory.curves)
        )
        return own if self.own_c < 2 else None, infinite if self.spec.c < 2 else None  # a diverged one has no gap

    @property
    def own_c(self) -> float:
        """ηλ_max with the network's own kernel Θ₀: its linearisation converges below 2. NaN while there is none."""
        return math.nan if self.network is None else self.theory.eta * self.network.lambda_max

    @property
    def reached(self) -> float | None:
        """Step at which the network's loss came to what is asked for, interpolated; None where it did not."""
        if self.network is None:
            return None
        return _crossing(self.theory.steps, self.network.curves.loss, self.spec.fraction)

    @property
    def accuracy(self) -> tuple[float, float] | None:
        """Share of the test points that theory and network classify rightly at the end, where there are classes."""
        data = self.theory.data
        if self.network is None or data.task == "regression" or self.spec.c >= 2:
            return None
        ends = (curves.f[-1, self.theory.tested] for curves in (self.theory.curves, self.network.curves))
        theory, network = (float(np.mean(labels(f) == data.label_test)) for f in ends)
        return theory, network

    @property
    def smooth(self) -> bool:
        """Whether the activation has no kink."""
        return not activation(self.spec.arch.activation).kinks


def cost(spec: Spec) -> Cost:
    """Seconds on one core for the network and the sweep; bytes of outputs, kernels, weights and activations."""
    data = _loaded(spec.data)
    arch, dim = replace(spec.arch, outputs=data.y.shape[1]), data.x.shape[1]
    rows, across = len(_points(data)[0]), len(_points(data)[0]) * len(data.x)
    seconds = _seconds(spec) + SEEDS * sum(_seconds(_at(spec, width), SWEEP_FRAMES) for width in _widths(spec))
    seconds += 0.02 + pair_seconds(arch) * duals(arch, dim) * across
    held = 32.0 * FRAMES * rows * arch.outputs + 24.0 * across * arch.outputs**2
    return Cost(seconds, 30e6 + held + 16.0 * parameter_count(arch, dim) + 12.0 * rows * activation_numbers(arch, dim))


def run(spec: Spec, report: Report = silent) -> Result:
    """The theory, whole before the first step; then the network as it goes; then the gap at other widths."""
    result = Result(spec, predict(spec))
    report(0.0, result)
    widths = _widths(spec)
    share = 1.0 / (1 + len(widths))

    def watch(fraction: float, network: Network | None = None, /) -> None:
        report(share * fraction, None if network is None else replace(result, network=network))

    result = replace(result, network=measure(spec, result.theory, watch))
    gaps = np.full((2, len(widths), SEEDS), np.nan)
    for i, s in np.ndindex(gaps.shape[1:]):
        report(share * (1 + i + s / SEEDS), replace(result, sweep=Sweep(np.array(widths), *gaps.copy())))
        gaps[:, i, s] = _gaps(replace(_at(spec, widths[i]), seed=(spec.seed + s) % 2**31))
    result = replace(result, sweep=Sweep(np.array(widths), *gaps) if widths else None)
    report(1.0, result)
    return result


def predict(spec: Spec, frames: int | None = None) -> Theory:
    """The closed form of the infinitely wide network, in which width and seed have no part, at so many steps."""
    return _predict(replace(spec, arch=replace(spec.arch, width=512), seed=0, sweep=False), frames)


@lru_cache(maxsize=32)
def _predict(spec: Spec, frames: int | None) -> Theory:
    data = _loaded(spec.data)
    points, pictured = _points(data)
    model = linearise(np.asarray(infinite_ntk(spec.arch, data.x)), data.y)
    largest, smallest = float(model.eigenvalues[0]), float(model.eigenvalues[-1])
    if largest <= 0:
        raise InvalidInput("The kernel is zero: nothing can be learned without larger inputs or biases.")
    eta, stable = spec.c / largest, spec.c < 2
    clock = Descent(eta, log_steps(spec.steps, frames or (SURFACE_FRAMES if data.kind == "plane" else FRAMES)))
    numbers = _strongest(model)
    bases = tuple(model.modes[:, number] for number in numbers)
    followed = model.eigenvalues[[number[0] for number in numbers]]
    f = model.predict(clock, infinite_ntk(spec.arch, points, data.x))
    curves = _curves(data, bases, model.train(clock), f)
    return Theory(
        data=data,
        points=points,
        pictured=pictured,
        eta=eta,
        steps=clock.steps.astype(np.int64),
        eigenvalues=model.eigenvalues,
        first=np.array([number[0] + 1 for number in numbers]),
        bases=bases,
        frequencies=_frequencies(data, bases),
        curves=replace(curves, modes=np.abs(clock.decay(followed))),  # exact, where another mode explodes too
        flow=np.exp(-np.outer(clock.times, followed)),
        reached=model.steps_to(eta, spec.fraction * float(model.loss(clock)[0])) if stable else None,
        bound=math.log(1 / spec.fraction) / (2 * eta * smallest) if stable and smallest > 0 else None,
    )


def _strongest(model: Linearised) -> list[Integers]:
    """Numbers, from 0, of the eigenvalues of the modes to follow: equal ones are one mode, as on a circle."""
    values = model.eigenvalues
    apart = -np.diff(values) > 1e-6 * values[:-1] + 1e-10 * values[0]
    modes = np.split(np.arange(len(values)), np.flatnonzero(apart) + 1)
    sizes = np.array([np.linalg.norm(model.coefficients[mode]) for mode in modes])
    order = [i for i in np.argsort(-sizes)[:FOLLOWED] if sizes[i] >= WEAK * sizes.max()]
    return [modes[i] for i in sorted(order)]


def _frequencies(data: Dataset, bases: tuple[Floats, ...]) -> Integers | None:
    mixed = any(basis.shape[1] > 2 for basis in bases)  # such as the frequencies that the kernel does not see
    if mixed or data.angle is None or not np.allclose(np.diff(data.angle), 2 * np.pi / len(data.x)):
        return None
    return np.array([np.argmax(np.abs(np.fft.rfft(basis[:, 0]))) for basis in bases])


def _curves(data: Dataset, bases: tuple[Floats, ...], f_train: Floats, f: Floats) -> Curves:
    """What is followed of outputs on the training points (T, N, K) and on all points (T, M, K)."""
    residual = f_train - data.y
    test = f[:, f.shape[1] - len(data.x_test) :]
    sizes = [np.linalg.norm(basis.T @ residual, axis=(1, 2)) for basis in bases]
    starts = [np.linalg.norm(basis.T @ data.y) for basis in bases]
    return Curves(
        loss=0.5 * np.sum(residual**2, axis=2).mean(axis=1),
        test_loss=0.5 * np.sum((test - data.y_test) ** 2, axis=2).mean(axis=1) if data.known else None,
        modes=np.stack(sizes, axis=1) / np.array(starts),
        f=f,
    )


def measure(spec: Spec, theory: Theory, watch: Report = silent) -> Network:
    """One network trained, beside its linearisation; `watch` gets the fraction done and what there is so far."""
    data, arch = theory.data, replace(spec.arch, outputs=theory.data.y.shape[1])
    start = init(arch, data.x.shape[1], key=jax.random.key(spec.seed), dtype=jnp.float32)
    kernel = np.asarray(empirical_ntk(arch, start, data.x, outputs="full"), np.float64)
    linearised, lambda_max = _linearised(arch, start, theory, kernel)

    def seen(run: Run) -> Network:
        curves = _curves(data, theory.bases, np.asarray(run.f_train, np.float64), np.asarray(run.f_test, np.float64))
        return Network(curves, linearised, lambda_max, float(run.movement[-1]), run.diverged_at)

    def told(fraction: float, run: Run | None = None, /) -> None:
        watch(fraction, None if run is None else seen(run))

    recording: Recording = {"record": theory.steps, "x_test": theory.points, "centred": True, "allow_divergence": True}
    done = train(arch, start, data.x, data.y, eta=theory.eta, steps=spec.steps, report=told, **recording)
    end = np.asarray(empirical_ntk(arch, done.params, data.x, outputs="full"), np.float64)
    drift, lambda_end = relative_distance(end, kernel), float(np.linalg.norm(end, 2))
    return replace(seen(done), drift=drift, lambda_end=lambda_end)


def _linearised(arch: Architecture, start: Params, theory: Theory, kernel: Floats) -> tuple[Curves, float]:
    """The network's Taylor expansion in its weights, trained in closed form, and its λ_max; kernel row n·K + k."""
    data, steps = theory.data, len(theory.steps)
    across = empirical_ntk(arch, start, theory.points, data.x, outputs="full")
    model = linearise(spectrum(kernel, computed_in=np.float32), data.y.ravel())
    clock = Descent(theory.eta, theory.steps)
    f_train, f = (f.reshape(steps, -1, arch.outputs) for f in (model.train(clock), model.predict(clock, across)))
    return _curves(data, theory.bases, f_train, f), float(model.eigenvalues[0])


@lru_cache(maxsize=1024)
def _gaps(spec: Spec) -> tuple[float, float]:
    """The gaps of a run, kept: the sweep stays what it is while the width of the page moves."""
    theory = predict(spec, SWEEP_FRAMES)
    own, infinite = Result(spec, theory, measure(spec, theory)).gaps
    return math.nan if own is None else own, math.nan if infinite is None else infinite


def _gap(theory: Theory, one: Curves, other: Curves) -> float:
    f, g = one.f[:, theory.tested], other.f[:, theory.tested]
    return float(np.sqrt(np.mean((f - g[: len(f)]) ** 2, axis=(1, 2)).max() / np.mean(theory.data.y**2)))


def _slope(widths: Integers, gaps: Floats) -> Slope | None:
    at, usable = np.repeat(widths, gaps.shape[1]), np.isfinite(gaps.ravel()) & (gaps.ravel() > 0)
    if len(np.unique(at[usable])) < 3:
        return None
    fit = linregress(np.log(at[usable]), np.log(gaps.ravel()[usable]))
    return Slope(float(fit.slope), float(fit.stderr), math.exp(fit.intercept))


def _crossing(steps: Integers, loss: Floats, fraction: float) -> float | None:
    """Where the loss first falls to a share of its start, on straight lines between the logarithms of records."""
    below = np.flatnonzero(loss <= fraction * loss[:1])
    if not below.size or below[0] < 2:  # between step 0 and 1 there is nothing to interpolate
        return float(steps[below[0]]) if below.size else None
    around = slice(below[0] - 1, below[0] + 1)
    return math.exp(np.interp(-math.log(fraction * loss[0]), -np.log(loss[around]), np.log(steps[around])))


@lru_cache(maxsize=16)
def _loaded(spec: DataSpec) -> Dataset:
    data = load(spec)
    if data.y.size > KERNEL_ROWS:
        raise InvalidInput(f"{data.y.size} targets are too many here: lower the points until there are {KERNEL_ROWS}.")
    if not np.any(data.y):
        raise InvalidInput("The targets are all zero, and the network starts at zero: there is nothing to learn.")
    return data


def _points(data: Dataset) -> tuple[Floats, int]:
    """Where outputs are recorded, and how many of these points, the first ones, are the picture."""
    if data.kind != "plane":
        return data.x_test, len(data.x_test)
    return np.concatenate([data.grid(GRID), data.x_test]), GRID**2


def _at(spec: Spec, width: int) -> Spec:
    """The same run at another width, alone."""
    return replace(spec, arch=replace(spec.arch, width=width), fraction=0.5, sweep=False)


def _widths(spec: Spec) -> tuple[int, ...]:
    """Widths of the sweep: those that train quickly, and none where the theory diverges."""
    if not spec.sweep or spec.c >= 2:
        return ()
    return tuple(width for width in WIDTHS if _seconds(_at(spec, width), SWEEP_FRAMES) <= SWEEP_SECONDS)


def _seconds(spec: Spec, frames: int = FRAMES) -> float:
    """Estimate for one network, fitted to measurements."""
    data = _loaded(spec.data)
    arch = replace(spec.arch, outputs=data.y.shape[1])
    points, rows, dim = len(_points(data)[0]), len(data.x), data.x.shape[1]
    neurons, weights = activation_numbers(arch, dim) / 2, multiplications(arch, dim)
    step = 6e-6 + 1.8e-9 * rows * neurons + weights * (2.5e-9 + 1.2e-11 * rows)
    seen = frames * (6e-4 + 1.5e-9 * points * neurons + 2e-11 * points * weights)
    kernel = arch.outputs * points * (5e-9 * neurons + 1e-8 * rows * arch.outputs + 6e-11 * weights)
    return 2e-3 + spec.steps * step + seen + kernel + 2e-9 * data.y.size**3
