r"""How a network that is linear in its weights trains: closed forms in the eigenbasis of its kernel.

    f_t - y = e^{-Θt} (f_0 - y)                                  gradient flow on L = ½ Σ ‖f - y‖²
    f_k - y = (1 - ηΘ)^k (f_0 - y)                               gradient descent, step η
    f_t(x)  = f_0(x) - Θ(x, X) Θ⁻¹ (1 - e^{-Θt}) (f_0 - y)       off the data

Everything is a function of the eigenvalues λ, taken at a `Clock`: `Flow(times)` or `Descent(eta, steps)`. To add
another optimizer that is linear in f - y, write a clock for it. With K outputs the (N, N) kernel acts on each alike.

Sources: Jacot, Gabriel, Hongler 2018; Lee, Xiao, Schoenholz et al. 2019 (gradient flow and the ensemble's moments).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ntkviz.errors import InvalidInput
from ntkviz.spectra import Spectrum, spectrum

Floats = NDArray[np.float64]

INDEFINITE = 1e-5  # of λ_max: a kernel that was computed in float32 is less negative than that
LOG_CAP = 300.0  # a mode that explodes is held at e^300 = 1e130, so that its square stays finite


class Clock(Protocol):
    """T moments of a training whose modes do not interact."""

    def decay(self, eigenvalues: Floats) -> Floats:
        """(T, N): what is left of each mode's residual."""

    def learned(self, eigenvalues: Floats) -> Floats:
        """(T, N): 1 - decay, without cancellation for small λ."""

    def reach(self, eigenvalues: Floats) -> Floats:
        """(T, N): (1 - decay)/λ, whose limit for λ → 0 is the time; 0 for λ = 0 at infinite time (minimum norm)."""

    def rate(self, eigenvalues: Floats) -> Floats:
        """(N,): -ln|decay| a unit of the clock."""


class Flow:
    """Gradient flow seen at `times` (T,), which may include infinity."""

    def __init__(self, times: ArrayLike) -> None:
        self.times = _moments(times, "times")

    def _exponent(self, eigenvalues: Floats) -> Floats:
        return _outer(self.times, eigenvalues)

    def decay(self, eigenvalues: Floats) -> Floats:
        return np.exp(-self._exponent(eigenvalues))

    def learned(self, eigenvalues: Floats) -> Floats:
        return -np.expm1(-self._exponent(eigenvalues))

    def reach(self, eigenvalues: Floats) -> Floats:
        return _reach(self.learned(eigenvalues), eigenvalues, self.times)

    def rate(self, eigenvalues: Floats) -> Floats:
        """λ: the decay a unit of time."""
        return np.array(eigenvalues, dtype=np.float64)


class Descent:
    """Full-batch gradient descent with step `eta`, seen after `steps` (T,) steps, which may include infinity."""

    def __init__(self, eta: float, steps: ArrayLike) -> None:
        if not (np.isfinite(eta) and eta > 0):
            raise InvalidInput(f"The step η must be positive, not {eta:g}.")
        self.eta = float(eta)
        self.steps = _moments(steps, "steps")
        if np.any(np.isfinite(self.steps) & (self.steps != np.round(self.steps))):
            raise InvalidInput("Steps of gradient descent must be whole numbers.")

    @property
    def times(self) -> Floats:
        """t = ηk."""
        return self.eta * self.steps

    def _log_size(self, eigenvalues: Floats) -> Floats:
        """(T, N): k ln|1 - ηλ|, at most `LOG_CAP`."""
        return np.minimum(-_outer(self.steps, self.rate(eigenvalues)), LOG_CAP)

    def _sign(self, eigenvalues: Floats) -> Floats:
        """(T, N): the sign of (1 - ηλ)^k. At infinite k an overshooting mode has none to speak of: it is +."""
        odd = np.where(np.isfinite(self.steps), self.steps, 0.0) % 2 == 1
        return np.where(odd[:, None] & (self.eta * eigenvalues > 1), -1.0, 1.0)

    def decay(self, eigenvalues: Floats) -> Floats:
        return self._sign(eigenvalues) * np.exp(self._log_size(eigenvalues))

    def learned(self, eigenvalues: Floats) -> Floats:
        size = self._log_size(eigenvalues)
        return np.where(self._sign(eigenvalues) > 0, -np.expm1(size), 1.0 + np.exp(size))

    def reach(self, eigenvalues: Floats) -> Floats:
        return _reach(self.learned(eigenvalues), eigenvalues, self.times)

    def rate(self, eigenvalues: Floats) -> Floats:
        """-ln|1 - ηλ|: the decay a step; negative where the mode diverges (ηλ > 2)."""
        step = self.eta * np.asarray(eigenvalues, dtype=np.float64)
        with np.errstate(divide="ignore"):  # ηλ = 1 removes a mode in one step: infinite rate
            return -np.where(step < 1, np.log1p(-np.minimum(step, 1.0)), np.log(np.abs(step - 1.0)))


def _moments(values: ArrayLike, name: str) -> Floats:
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if array.ndim != 1 or not np.all(array >= 0):
        raise InvalidInput(f"The {name} must be a list of numbers that are not negative.")
    return array


def _outer(moments: Floats, rates: Floats) -> Floats:
    """(T, N) products in which 0 · ∞ = 0: nothing moves at time 0, and a zero mode never does."""
    with np.errstate(invalid="ignore"):
        product = np.multiply.outer(moments, rates)
    return np.where((moments[:, None] == 0) | (rates == 0), 0.0, product)


def _reach(learned: Floats, eigenvalues: Floats, times: Floats) -> Floats:
    still = np.where(np.isfinite(times), times, 0.0)[:, None]
    return np.where(eigenvalues > 0, learned / np.where(eigenvalues > 0, eigenvalues, 1.0), still)


@dataclass(frozen=True, eq=False)
class Linearised:
    """A linear model's training on N points; made by `linearise`.

    The `ridge` δ is weight decay ½δ‖w - w₀‖² added to the loss: each mode moves at λ + δ and stops at the fraction
    λ/(λ + δ) of its target, so that t = ∞ is kernel ridge regression.
    """

    eigenvalues: Floats  # (N,) of the training kernel, descending; those below `floor` are exactly 0
    modes: Floats  # (N, N), column i is mode i
    y: Floats  # (N, K)
    f0: Floats  # (N, K)
    floor: float  # the size below which an eigenvalue cannot be told from zero
    ridge: float = 0.0

    @property
    def eta_max(self) -> float:
        """2/(λ_max + δ): the largest step for which gradient descent converges."""
        return float(2.0 / (self.eigenvalues[0] + self.ridge)) if self.eigenvalues[0] > 0 else np.inf

    @cached_property
    def coefficients(self) -> Floats:
        """(N, K): the initial residual f₀ - y in the modes, with its sign."""
        return np.asarray(self.modes.T @ (self.f0 - self.y))

    def residual(self, clock: Clock) -> Floats:
        """(T, N, K): the signed coefficient of each mode in f - y."""
        if self.ridge:
            left = 1.0 - self.eigenvalues * clock.reach(self.eigenvalues + self.ridge)
        else:
            left = clock.decay(self.eigenvalues)
        return np.asarray(left[:, :, None] * self.coefficients)

    def train(self, clock: Clock) -> Floats:
        """(T, N, K): the outputs on the training data."""
        return np.asarray(self.y + np.matmul(self.modes, self.residual(clock)))

    def flow(self, times: ArrayLike) -> Floats:
        """(T, N, K): the outputs on the training data under gradient flow."""
        return self.train(Flow(times))

    def descent(self, eta: float, steps: ArrayLike) -> Floats:
        """(T, N, K): the outputs on the training data after `steps` steps of gradient descent."""
        return self.train(Descent(eta, steps))

    def loss(self, clock: Clock) -> Floats:
        """(T,): ½ Σ ‖f - y‖², summed over data and outputs (without the weight decay)."""
        return np.asarray(0.5 * np.sum(self.residual(clock) ** 2, axis=(1, 2)))

    def steps_to(self, eta: float, loss: float) -> float:
        """The first step at which gradient descent has a loss of at most `loss`; infinite if it never does.

        Needs η < `eta_max`, so that the loss falls at every step; found by bisection.
        """
        if not 0 < eta < self.eta_max:
            raise InvalidInput(f"The step η = {eta:g} does not converge; take one below {self.eta_max:g}.")

        def reached(step: float) -> bool:
            return bool(self.loss(Descent(eta, step))[0] <= loss)

        if not reached(np.inf):
            return np.inf
        low, high = -1, 1  # not reached at low, reached at high
        while not reached(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reached(middle) else (middle, high)
        return float(high)

    def predict(self, clock: Clock, theta_test_train: ArrayLike, f0_test: ArrayLike = 0.0) -> Floats:
        """(T, M, K): the outputs on M other points, from their kernel with the training data (M, N).

        At infinite time this is the minimum-norm interpolant, f₀* - Θ* Θ⁺ (f₀ - y), or its ridge regression.
        """
        across = self._across(theta_test_train)
        start = _columns(f0_test, len(across), self.y.shape[1], "f0_test")
        reach = clock.reach(self.eigenvalues + self.ridge)
        return np.asarray(start - np.matmul(across, reach[:, :, None] * self.coefficients))

    def weights(self, clock: Clock, theta_test_train: ArrayLike) -> Floats:
        """(T, M, N): A_t = Θ* (Θ+δ)⁻¹ (1 - decay), the linear map from the targets to the predictions."""
        across = self._across(theta_test_train)
        reach = clock.reach(self.eigenvalues + self.ridge)
        return np.asarray(np.matmul(across * reach[:, None, :], self.modes.T))

    def _across(self, theta_test_train: ArrayLike) -> Floats:
        """(M, N): Θ* in the modes."""
        kernel = np.asarray(theta_test_train, dtype=np.float64)
        if kernel.ndim != 2 or kernel.shape[1] != len(self.y):
            raise InvalidInput(
                f"The test kernel must have shape (M, {len(self.y)}), test by training, not {kernel.shape}."
            )
        return np.asarray(kernel @ self.modes)


def linearise(
    theta_train: ArrayLike | Spectrum, y: ArrayLike, f0: ArrayLike = 0.0, *, ridge: float = 0.0
) -> Linearised:
    """The training of the linear model with kernel `theta_train` (N, N) on targets `y` (N,) or (N, K) from `f0`.

    Pass the kernel's `Spectrum` where there is one already. Eigenvalues below its floor count as zero.
    """
    modes = theta_train if isinstance(theta_train, Spectrum) else spectrum(theta_train)
    if not ridge >= 0:
        raise InvalidInput(f"The ridge must not be negative, but is {ridge:g}.")
    points = len(modes.eigenvalues)
    targets = np.asarray(y, dtype=np.float64)
    outputs = targets.shape[1] if targets.ndim == 2 else 1
    return Linearised(
        eigenvalues=np.where(modes.eigenvalues > modes.floor, modes.eigenvalues, 0.0),
        modes=np.ascontiguousarray(modes.eigenvectors),
        y=_columns(targets, points, outputs, "y"),
        f0=_columns(f0, points, outputs, "f0"),
        floor=modes.floor,
        ridge=float(ridge),
    )


def _columns(values: ArrayLike, rows: int, outputs: int, name: str) -> Floats:
    """(rows, outputs) from a scalar, (rows,) or (rows, outputs)."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape == (rows,):
        array = array[:, None]
    if array.ndim not in (0, 2) or (array.ndim == 2 and array.shape[0] != rows):
        raise InvalidInput(f"{name} must have {rows} rows, one a point; its shape is {array.shape}.")
    if array.ndim == 2 and array.shape[1] not in (1, outputs):
        raise InvalidInput(f"{name} must have {outputs} columns, one an output; its shape is {array.shape}.")
    return np.array(np.broadcast_to(array, (rows, outputs)))


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Mean and covariance over initialisations of infinitely wide networks at T times on M points."""

    mean: Floats  # (T, M, K)
    factor: Floats  # (T, M, M) lower triangular; a draw is mean + factor @ standard normals, (M, K)

    @property
    def covariance(self) -> Floats:
        """(T, M, M): factor factorᵀ, the same for each output; outputs are independent."""
        return np.asarray(np.matmul(self.factor, np.swapaxes(self.factor, 1, 2)))

    @property
    def std(self) -> Floats:
        """(T, M)."""
        return np.asarray(np.linalg.norm(self.factor, axis=2))


def ensemble(
    model: Linearised,
    clock: Clock,
    *,
    theta_test_train: ArrayLike,
    nngp_train: ArrayLike,
    nngp_test_train: ArrayLike,
    nngp_test: ArrayLike,
) -> Ensemble:
    """The Gaussian process of infinitely wide networks trained on `model`'s data (Lee et al. 2019).

    `model` starts at the prior mean, f₀ = 0; with a ridge each network is held to its own start. The mean is A y and
    the covariance that of f* - A f under the prior, K** + A K Aᵀ - A K*ᵀ - K* Aᵀ, with A = Θ* (Θ+δ)⁻¹ (1 - decay), K
    the NNGP kernel, * the test points. It is the square of [-A, 1] times a root of the joint kernel: no variance can
    come out negative. With Θ = K only the last layer is trained, and t = ∞ is the posterior of Bayesian regression;
    for noise of variance δ pass the ridge δ and `nngp_train` K + δ. The training points are a test set like any other.

    Raises `InvalidInput` where the three NNGP kernels do not fit, in shape or as parts of one covariance.
    """
    weights = model.weights(clock, theta_test_train)
    root = _root(
        *(np.asarray(kernel, dtype=np.float64) for kernel in (nngp_train, nngp_test_train, nngp_test)),
        shapes=weights.shape[1:],
    )
    points = weights.shape[2]
    parts = root[points:] - np.matmul(weights, root[:points])
    upper = np.linalg.qr(np.swapaxes(parts, 1, 2), mode="r")
    return Ensemble(mean=model.predict(clock, theta_test_train), factor=np.swapaxes(upper, 1, 2))


def _root(prior: Floats, cross: Floats, test: Floats, *, shapes: tuple[int, ...]) -> Floats:
    """(N + M, N + M): R with R Rᵀ the NNGP kernel of training and test points together."""
    m, n = shapes
    if prior.shape != (n, n) or cross.shape != (m, n) or test.shape != (m, m):
        raise InvalidInput(
            f"The NNGP kernels must have shapes {(n, n)}, {(m, n)} and {(m, m)} "
            f"(train, test by train, test), not {prior.shape}, {cross.shape} and {test.shape}."
        )
    joint = spectrum(np.block([[prior, cross.T], [cross, test]]))
    if joint.eigenvalues[-1] < -INDEFINITE * joint.eigenvalues[0]:
        raise InvalidInput("The NNGP kernels are not parts of one covariance; compute them with the same network.")
    return joint.eigenvectors * np.sqrt(np.maximum(joint.eigenvalues, 0.0))


def flow_filter(eigenvalues: ArrayLike, time: ArrayLike) -> Floats:
    """1 - e^{-λt}, the fraction of each mode that gradient flow has learned; shapes broadcast."""
    return np.asarray(-np.expm1(-np.asarray(eigenvalues, dtype=np.float64) * np.asarray(time, dtype=np.float64)))


def ridge_filter(eigenvalues: ArrayLike, ridge: ArrayLike) -> Floats:
    """λ/(λ + δ), the fraction of each mode that ridge regression learns; early stopping at t is like δ = 1/t."""
    lam, delta = np.asarray(eigenvalues, dtype=np.float64), np.asarray(ridge, dtype=np.float64)
    total = lam + delta
    return np.asarray(np.where(lam > 0, lam / np.where(total > 0, total, 1.0), 0.0))
