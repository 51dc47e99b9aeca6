r"""Distances that lessons measure: between kernels, functions, hidden layers and targets, and along a loss.

    drift ‖Θ − Θ₀‖/‖Θ₀‖,    gap max_k rms(f_k − g_k)/rms(y),    CKA ‖Hᵀy‖²/(‖HᵀH‖ ‖yᵀy‖)  (H and y centred)

Norms of matrices are Frobenius norms. Sources: Cortes, Mohri & Rostamizadeh 2012 (centred alignment); Kornblith et al.
2019 (its form in the features, known as CKA).
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from ntkviz.compiling import quickly
from ntkviz.dynamics import Descent
from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture, Params, forward
from ntkviz.nets.padding import bucket, padded
from ntkviz.spectra import relative_distance

Floats = NDArray[np.float64]


def drift(kernel: ArrayLike, start: ArrayLike) -> float:
    """‖Θ − Θ₀‖/‖Θ₀‖, the relative change of a kernel (N, N), in float64.

    Raises:
        InvalidInput: for kernels on different points, and where the first one is zero.

    >>> drift([[2.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]])
    1.0
    """
    return relative_distance(np.asarray(kernel), np.asarray(start))


def drifts(kernels: ArrayLike, start: ArrayLike) -> Floats:
    """The relative change of each of S kernels, (S,), in float64; NaN where a kernel is not finite.

    Args:
        kernels: (S, N, N).
        start: (N, N), the kernel that all are compared with, or (S, N, N), one for each.

    Raises:
        InvalidInput: for kernels on different points, and where a first one is zero.

    >>> drifts([[[1.0]], [[3.0]]], [[2.0]]).tolist()
    [0.5, 0.5]
    """
    after, before = np.asarray(kernels), np.asarray(start)
    if after.ndim != 3 or before.shape not in (after.shape, after.shape[1:]):
        raise InvalidInput(
            f"Kernels of shapes {after.shape} and {before.shape} cannot be compared; use the same points."
        )
    pairs = zip(after, np.broadcast_to(before, after.shape), strict=True)
    return np.array([relative_distance(one, first) if np.isfinite(one).all() else math.nan for one, first in pairs])


def gap(f: ArrayLike, g: ArrayLike, y: ArrayLike) -> float:
    """The largest distance of two functions over the recorded steps: rms over points and outputs, over rms(y).

    Args:
        f: (T, M, K) outputs at T recorded steps on M points.
        g: (T′, M, K) outputs at the same steps; where one of them ends early, the steps that both have count.
        y: targets of any shape, which set the unit.

    Raises:
        InvalidInput: for outputs that do not pair up, and for targets that are all zero.

    >>> gap([[[0.0], [0.0]], [[3.0], [4.0]]], [[[0.0], [0.0]], [[0.0], [0.0]]], [[5.0], [5.0]])
    0.7071067811865476
    """
    one, other, targets = (np.asarray(values, np.float64) for values in (f, g, y))
    both = min(len(one), len(other))
    if one.ndim != 3 or one.shape[1:] != other.shape[1:] or not both:
        raise InvalidInput(f"Outputs {one.shape} and {other.shape} cannot be compared; use the same steps and points.")
    unit = float(np.mean(targets**2))
    if not unit > 0:
        raise InvalidInput("The targets are all zero, so that a gap has no unit.")
    return math.sqrt(float(np.mean((one[:both] - other[:both]) ** 2, axis=(1, 2)).max()) / unit)


def crossing(steps: ArrayLike, loss: ArrayLike, level: float) -> float | None:
    """The step at which a loss first falls to a level, interpolated between records.

    The interpolation is a straight line in the logarithms of step and loss. Where the record before is step 0, which
    has no logarithm, or the loss falls to zero, it is the recorded step.

    Args:
        steps: (T,) recorded steps, ascending.
        loss: (T′,) the loss at the first T′ ≤ T of them, for a run that ended early.
        level: in the unit of the loss.

    Returns:
        None where no recorded loss is at or below the level.

    >>> round(crossing([0, 1, 10, 100], [100.0, 10.0, 1.0, 0.1], 0.3), 3)
    33.333
    >>> crossing([0, 1, 10], [100.0, 10.0, 1.0], 0.3) is None
    True
    """
    at, values = np.asarray(steps, np.float64), np.asarray(loss, np.float64)
    below = np.flatnonzero(values <= level)
    if not below.size:
        return None
    found = int(below[0])
    if found == 0 or at[found - 1] <= 0 or values[found] <= 0:
        return float(at[found])
    around = slice(found - 1, found + 1)
    return math.exp(float(np.interp(-math.log(level), -np.log(values[around]), np.log(at[around]))))


def steps_bound(eta: float, eigenvalues: ArrayLike, fraction: float) -> int | None:
    """Steps of gradient descent after which the loss is at most a fraction of its start, whatever the targets are.

    The slowest mode loses the factor r = max_i |1 − ηλ_i| a step, and its loss r². The bound is ln(1/ε)/(−2 ln r),
    rounded up. For ηλ_max > 1 the slowest mode may be the largest one, which overshoots.

    Args:
        eta: the step η.
        eigenvalues: (N,) of the kernel on the training points.
        fraction: ε, the share of the first loss that is to be reached.

    Returns:
        None where a mode does not decay: an eigenvalue that is zero or negative, or a step of 2/λ_max or more.

    Raises:
        InvalidInput: unless the step is positive and the fraction lies between 0 and 1.

    >>> steps_bound(1.0, [1.9, 0.5], 0.01)
    22
    >>> steps_bound(1.0, [1.5, 0.0], 0.01) is None
    True
    """
    if not 0 < fraction < 1:
        raise InvalidInput(f"The fraction of the loss must lie between 0 and 1, not {fraction:g}.")
    rates = Descent(eta, [0]).rate(np.atleast_1d(np.asarray(eigenvalues, np.float64)))
    slowest = float(np.min(rates))
    if not slowest > 0:
        return None
    steps = math.log(1 / fraction) / (2 * slowest)
    return max(1, math.ceil(steps * (1 - 1e-12)))  # a whole number that rounding put a little higher stays what it is


@jax.jit
def feature_alignment(features: ArrayLike, y: ArrayLike) -> Array:
    """CKA of features with targets: `spectra.target_alignment` of H Hᵀ, without its (M, M) kernel where M is larger.

    It may be used in traced code. It is NaN where the features or the targets are constant.

    Args:
        features: (M, …) such as a hidden layer on M points; further axes are flattened.
        y: (M,) or (M, K).

    Returns:
        A number between 0 and 1, in the dtype of the features.
    """
    h = jnp.asarray(features)
    return _alignment(h, jnp.asarray(y, h.dtype), jnp.ones(len(h), h.dtype))


def _alignment(features: Array, y: Array, there: Array) -> Array:
    """The alignment of the points whose `there` (M,) is 1; the others, where it is 0, have no part in it."""

    def centred(values: Array) -> Array:
        rows = there[:, None] * values.reshape(len(values), -1)
        return there[:, None] * (rows - rows.sum(axis=0) / there.sum())

    h, targets = centred(features), centred(y)
    return jnp.sum((h.T @ targets) ** 2) / (_gram_size(h) * _gram_size(targets))


def hidden_alignment(arch: Architecture, params: Params, x: ArrayLike, y: ArrayLike) -> Floats:
    """CKA of the last hidden layer of each of S networks with the targets, (S,), best on points not trained on.

    Args:
        arch: the networks.
        params: their weights, with a leading axis S.
        x: (M, d) inputs.
        y: (M,) or (M, K) targets.
    """
    kind = params[0].weight.dtype
    points = np.asarray(x, kind)
    targets = np.asarray(y, kind).reshape(len(points), -1)
    there = (np.arange(bucket(len(points))) < len(points)).astype(kind)
    return np.asarray(_hidden_alignment(arch, params, padded(points), padded(targets), there), np.float64)


@quickly
def _hidden_alignment(arch: Architecture, params: Params, x: Array, y: Array, there: Array) -> Array:
    return jax.lax.map(lambda one: _alignment(forward(arch, one, x)[1][-1], y, there), params)


def _gram_size(h: Array) -> Array:
    """‖H Hᵀ‖ = ‖Hᵀ H‖, from the smaller of the two."""
    return jnp.linalg.norm(h.T @ h if h.shape[1] <= h.shape[0] else h @ h.T)
