r"""Closed forms of training a model that is linear in its weights, in the eigenbasis of its kernel.

    f_t − y = e^{−Θt} (f_0 − y)                                  gradient flow on L = ½ Σ ‖f − y‖²
    f_k − y = (1 − ηΘ)^k (f_0 − y)                               gradient descent with step η
    f_t(x)  = f_0(x) − Θ(x, X) Θ⁻¹ (1 − e^{−Θt}) (f_0 − y)       at points x outside the training data X

Each mode (eigenvector of Θ) trains by itself, at a rate that depends on its eigenvalue λ. A `Clock` says how: `Flow` is
gradient flow at given times, `Descent` is gradient descent after given steps. To add an optimiser whose residual
f − y is a linear function of the residual at the start, write a clock for it. The kernel (N, N) acts on each of K
outputs in the same way.

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

INDEFINITE = 1e-5  # rounding in float32 makes no eigenvalue of a kernel less than −INDEFINITE λ_max
LOG_CAP = 300.0  # a mode that explodes is cut off at e^300 = 1e130, so that its square stays finite


class Clock(Protocol):
    """T moments of a training in which each mode moves by itself. All methods take the eigenvalues λ, (N,)."""

    def decay(self, eigenvalues: Floats) -> Floats:
        """(T, N), the fraction of each mode's residual that is left."""

    def learned(self, eigenvalues: Floats) -> Floats:
        """(T, N), the fraction of each mode that is learned, 1 − decay, without cancellation for small λ."""

    def reach(self, eigenvalues: Floats) -> Floats:
        """(T, N), (1 − decay)/λ. Its limit for λ → 0 is the time; at infinite time it is set to 0 for λ = 0.

        The value 0 leaves modes that cannot be learned at their start, which gives the minimum-norm solution.
        """

    def rate(self, eigenvalues: Floats) -> Floats:
        """(N,), the rate −ln|decay| of each mode in a unit of time (`Flow`) or in a step (`Descent`)."""


class Flow:
    """Gradient flow at `times` (T,), which may include infinity; a mode decays as e^{−λt}."""

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
        """(N,), the eigenvalues: a mode decays at the rate λ in a unit of time."""
        return np.array(eigenvalues, dtype=np.float64)


class Descent:
    """Gradient descent on all points with step `eta`, after `steps` (T,), which may include infinity.

    A mode decays as (1 − ηλ)^k. Raises `InvalidInput` for a step that is not positive or numbers that are not whole.
    """

    def __init__(self, eta: float, steps: ArrayLike) -> None:
        if not (np.isfinite(eta) and eta > 0):
            raise InvalidInput(f"The step η must be positive, not {eta:g}.")
        self.eta = float(eta)
        self.steps = _moments(steps, "steps")
        if np.any(np.isfinite(self.steps) & (self.steps != np.round(self.steps))):
            raise InvalidInput("Steps of gradient descent must be whole numbers.")

    @property
    def times(self) -> Floats:
        """(T,), the times t = ηk."""
        return self.eta * self.steps

    def _log_size(self, eigenvalues: Floats) -> Floats:
        """(T, N), k ln|1 − ηλ|, at most `LOG_CAP`."""
        return np.minimum(-_outer(self.steps, self.rate(eigenvalues)), LOG_CAP)

    def _sign(self, eigenvalues: Floats) -> Floats:
        """(T, N), the sign of (1 − ηλ)^k; + at infinite k, where a mode that changes sign in each step has no limit."""
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
        """(N,), −ln|1 − ηλ|, the rate of each mode in a step; negative where the mode diverges (ηλ > 2)."""
        step = self.eta * np.asarray(eigenvalues, dtype=np.float64)
        with np.errstate(divide="ignore"):  # where ηλ = 1 one step removes the mode: its rate is infinite
            return -np.where(step < 1, np.log1p(-np.minimum(step, 1.0)), np.log(np.abs(step - 1.0)))


def _moments(values: ArrayLike, name: str) -> Floats:
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if array.ndim != 1 or not np.all(array >= 0):
        raise InvalidInput(f"The {name} must be a list of numbers that are not negative.")
    return array


def _outer(moments: Floats, rates: Floats) -> Floats:
    """(T, N), products with 0 · ∞ = 0: nothing has moved at time 0, and a mode of eigenvalue 0 never moves."""
    with np.errstate(invalid="ignore"):
        product = np.multiply.outer(moments, rates)
    return np.where((moments[:, None] == 0) | (rates == 0), 0.0, product)


def _reach(learned: Floats, eigenvalues: Floats, times: Floats) -> Floats:
    still = np.where(np.isfinite(times), times, 0.0)[:, None]
    return np.where(eigenvalues > 0, learned / np.where(eigenvalues > 0, eigenvalues, 1.0), still)


@dataclass(frozen=True, eq=False)
class Linearised:
    """The training of a linear model on N points with K outputs; made by `linearise`.

    The `ridge` δ stands for weight decay, ½ δ ‖w − w₀‖² added to the loss. Each mode then moves at the rate λ + δ and
    stops at the fraction λ/(λ + δ) of the way to its target, so that t = ∞ is kernel ridge regression.
    """

    eigenvalues: Floats  # (N,) of the training kernel, descending; those below `floor` are exactly 0
    modes: Floats  # (N, N), column i is mode i
    y: Floats  # (N, K), the targets
    f0: Floats  # (N, K), the outputs at the start
    floor: float  # the size below which an eigenvalue cannot be told from zero
    ridge: float = 0.0  # δ, in the unit of the eigenvalues

    @property
    def eta_max(self) -> float:
        """The step 2/(λ_max + δ) below which gradient descent converges."""
        return float(2.0 / (self.eigenvalues[0] + self.ridge)) if self.eigenvalues[0] > 0 else np.inf

    @cached_property
    def coefficients(self) -> Floats:
        """(N, K), the coefficients of the residual at the start, f₀ − y, in the modes, with their signs."""
        return np.asarray(self.modes.T @ (self.f0 - self.y))

    def residual(self, clock: Clock) -> Floats:
        """(T, N, K), the coefficient of each mode in the residual f − y, with its sign."""
        if self.ridge:
            left = 1.0 - self.eigenvalues * clock.reach(self.eigenvalues + self.ridge)
        else:
            left = clock.decay(self.eigenvalues)
        return np.asarray(left[:, :, None] * self.coefficients)

    def train(self, clock: Clock) -> Floats:
        """(T, N, K), the outputs on the training data."""
        return np.asarray(self.y + np.matmul(self.modes, self.residual(clock)))

    def flow(self, times: ArrayLike) -> Floats:
        """(T, N, K), the outputs on the training data under gradient flow at `times` (T,)."""
        return self.train(Flow(times))

    def descent(self, eta: float, steps: ArrayLike) -> Floats:
        """(T, N, K), the outputs on the training data after `steps` (T,) of gradient descent with step `eta`."""
        return self.train(Descent(eta, steps))

    def loss(self, clock: Clock) -> Floats:
        """(T,), the loss ½ Σ ‖f − y‖² over the training data, without the weight decay."""
        return np.asarray(0.5 * np.sum(self.residual(clock) ** 2, axis=(1, 2)))

    def steps_to(self, eta: float, loss: float) -> float:
        """The first step after which gradient descent has a loss of at most `loss`; infinite where it never does.

        It is found by bisection: below `eta_max` the loss falls at every step.

        Args:
            eta: the step η.
            loss: ½ Σ ‖f − y‖² to reach.

        Raises:
            InvalidInput: where η is not between 0 and `eta_max`.
        """
        if not 0 < eta < self.eta_max:
            raise InvalidInput(f"The step η = {eta:g} does not converge; take one below {self.eta_max:g}.")

        def reached(step: float) -> bool:
            return bool(self.loss(Descent(eta, step))[0] <= loss)

        if not reached(np.inf):
            return np.inf
        low, high = -1, 1  # bounds: the loss is not reached at `low`, and will be at `high`
        while not reached(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reached(middle) else (middle, high)
        return float(high)

    def predict(self, clock: Clock, theta_test_train: ArrayLike, f0_test: ArrayLike = 0.0) -> Floats:
        """The outputs on M other points, (T, M, K).

        At infinite time they are f₀* − Θ* Θ⁺ (f₀ − y), the minimum-norm interpolant, or with a ridge kernel ridge
        regression.

        Args:
            clock: the T moments.
            theta_test_train: (M, N), the kernel Θ* of the other points with the training points.
            f0_test: (M,) or (M, K), the outputs on the other points at the start, or one number.

        Raises:
            InvalidInput: where a shape does not fit.
        """
        across = self._across(theta_test_train)
        start = _columns(f0_test, len(across), self.y.shape[1], "f0_test")
        reach = clock.reach(self.eigenvalues + self.ridge)
        return np.asarray(start - np.matmul(across, reach[:, :, None] * self.coefficients))

    def weights(self, clock: Clock, theta_test_train: ArrayLike) -> Floats:
        """(T, M, N), the linear map A_t = Θ* (Θ + δ)⁻¹ (1 − decay) from the targets to the predictions."""
        across = self._across(theta_test_train)
        reach = clock.reach(self.eigenvalues + self.ridge)
        return np.asarray(np.matmul(across * reach[:, None, :], self.modes.T))

    def _across(self, theta_test_train: ArrayLike) -> Floats:
        """(M, N), the coefficients of Θ* in the modes."""
        kernel = np.asarray(theta_test_train, dtype=np.float64)
        if kernel.ndim != 2 or kernel.shape[1] != len(self.y):
            raise InvalidInput(
                f"The test kernel must have shape (M, {len(self.y)}), test by training, not {kernel.shape}."
            )
        return np.asarray(kernel @ self.modes)


def linearise(
    theta_train: ArrayLike | Spectrum, y: ArrayLike, f0: ArrayLike = 0.0, *, ridge: float = 0.0
) -> Linearised:
    """The training of the linear model with a given kernel. Eigenvalues below their rounding floor count as zero.

    Args:
        theta_train: (N, N), the kernel Θ of the training points, or its `Spectrum` where that is known already.
        y: (N,) or (N, K), the targets.
        f0: (N,) or (N, K), the outputs at the start, or one number.
        ridge: δ, the weight decay in the unit of the eigenvalues.

    Raises:
        InvalidInput: where a shape does not fit, or the ridge is negative.

    Example:
        A mode of eigenvalue 4 is learned at once; one of eigenvalue 1 falls by e⁻¹ in a unit of time:

        >>> model = linearise(np.diag([4.0, 1.0]), [1.0, 1.0])
        >>> np.round(model.flow([0, 1, np.inf])[:, :, 0], 3)
        array([[0.   , 0.   ],
               [0.982, 0.632],
               [1.   , 1.   ]])
        >>> model.eta_max
        0.5
        >>> model.steps_to(eta=0.25, loss=0.01)
        7.0
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
    """(rows, outputs), from one number, (rows,) or (rows, outputs)."""
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
    """Mean and covariance over initialisations of infinitely wide networks, at T moments on M points."""

    mean: Floats  # (T, M, K)
    factor: Floats  # (T, M, M), lower triangular; a draw is mean + factor @ z with standard normals z (M, K)

    @property
    def covariance(self) -> Floats:
        """(T, M, M), factor factorᵀ: the covariance of each output. Outputs are independent of each other."""
        return np.asarray(np.matmul(self.factor, np.swapaxes(self.factor, 1, 2)))

    @property
    def std(self) -> Floats:
        """(T, M), the standard deviation of each output."""
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
    """The Gaussian process of infinitely wide networks trained on the data of `model` (Lee et al. 2019).

    With A = Θ* (Θ + δ)⁻¹ (1 − decay) and the NNGP kernel K, the mean is A y. The covariance is that of f* − A f before
    training, K** + A K Aᵀ − A K*ᵀ − K* Aᵀ, where * marks the test points. It is computed as the square of [−A, 1] times
    a root of the joint kernel, so that no variance can be negative.

    With Θ = K only the last layer is trained, and t = ∞ is the posterior of Bayesian regression. For noise of variance
    δ pass the ridge δ, and K + δ as `nngp_train`.

    Args:
        model: the training; it starts at the prior mean f₀ = 0. With a ridge each network is pulled to its own start.
        clock: the T moments.
        theta_test_train: (M, N), the tangent kernel of test with training points. Training points may be test points.
        nngp_train: (N, N), the NNGP kernel of the training points.
        nngp_test_train: (M, N), that of test with training points.
        nngp_test: (M, M), that of the test points.

    Raises:
        InvalidInput: where the three NNGP kernels do not fit, in shape or as parts of one covariance.
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
    """(N + M, N + M), a root R of the NNGP kernel R Rᵀ of training and test points together."""
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
    """The fraction 1 − e^{−λt} of each mode that gradient flow has learned; shapes broadcast."""
    return np.asarray(-np.expm1(-np.asarray(eigenvalues, dtype=np.float64) * np.asarray(time, dtype=np.float64)))


def ridge_filter(eigenvalues: ArrayLike, ridge: ArrayLike) -> Floats:
    """The fraction λ/(λ + δ) of each mode that ridge regression learns; shapes broadcast.

    Gradient flow that is stopped at time t learns similar fractions as ridge regression with δ = 1/t.
    """
    lam, delta = np.asarray(eigenvalues, dtype=np.float64), np.asarray(ridge, dtype=np.float64)
    total = lam + delta
    return np.asarray(np.where(lam > 0, lam / np.where(total > 0, total, 1.0), 0.0))
