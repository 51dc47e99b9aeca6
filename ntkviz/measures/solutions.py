r"""The weights that solve a linear regression, where there are more weights than points.

    f(x; w) = f₀(x) + ∂f(x) (w − w₀),    J = ∂f(X)  (N, P)
    all solutions:    w = w₀ + J⁺(y − f₀(X)) + v    with J v = 0

The data do not see v, and so training does not change it: gradient descent from w₀ ends at v = 0, the solution that is
nearest to its start. Between the data v changes the function. To shift it by h at a point x*, the shortest v is

    v = h/s · (∂f(x*) − Θ(x*, X) Θ⁻¹ J),    s = Θ(x*, x*) − Θ(x*, X) Θ⁻¹ Θ(X, x*)

    f_h(x) = Θ(x, X) Θ⁻¹ y + h/s · (Θ(x, x*) − Θ(x, X) Θ⁻¹ Θ(X, x*)),    ‖w − w₀‖² = yᵀ Θ⁻¹ y + h²/s

where s is the Schur complement of Θ, and f₀ is subtracted from f_h.
"""

from dataclasses import dataclass

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from ntkviz import nets
from ntkviz.compiling import quickly
from ntkviz.kernels import empirical_ntk
from ntkviz.nets import Architecture, Params
from ntkviz.nets.padding import padded

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solutions:
    """Solutions of the regression with a kernel, one for each shift h of the function at x*; f₀ is subtracted."""

    least: Floats  # (M,) the solution that is nearest to the start, at M points
    unseen: Floats  # (M,) what a shift of 1 at x* adds to it
    nearest: float  # ‖w − w₀‖² of the first
    steepness: float  # s: a shift h adds h²/s to ‖w − w₀‖²

    def at(self, shift: float) -> Floats:
        """(M,), the solution whose start was shifted by h at x*."""
        return self.least + shift * self.unseen

    def movement(self, shift: float) -> float:
        """‖w − w₀‖ of that solution."""
        return float(np.sqrt(self.nearest + shift**2 / self.steepness))


def solutions(kernel: ArrayLike, y: ArrayLike) -> Solutions:
    """The solutions of the regression with a kernel.

    Args:
        kernel: (M, N + 1), the kernel of M points with the data and, in the last column, with x*. Its first N + 1 rows
            are the data and x*.
        y: (N,) targets, of which f₀ is subtracted.

    >>> found = solutions([[2.0, 1.0], [1.0, 2.0]], [1.0])
    >>> found.at(0.5).tolist(), found.steepness
    ([1.0, 1.0], 1.5)
    """
    theta, targets = np.asarray(kernel, np.float64), np.asarray(y, np.float64)
    n = len(targets)
    inverse = np.linalg.pinv(theta[:n, :n], hermitian=True)
    weights = theta[:, :n] @ inverse
    rest = theta[:, n] - weights @ theta[:n, n]
    steepness = float(rest[n])
    unseen = np.divide(rest, steepness, out=np.full_like(rest, np.nan), where=steepness != 0)
    return Solutions(weights @ targets, unseen, float(targets @ inverse @ targets), steepness)


def unseen_direction(arch: Architecture, params: Params, x: ArrayLike) -> tuple[Params, Floats]:
    """The shortest change v of the weights that shifts f by 1 at the last point, and by 0 at the others.

    Args:
        arch: the architecture, with one output.
        params: the weights w₀.
        x: (N + 1, d), the data and x*.

    Returns:
        v, to first order in v, and the outputs f₀ at the points, (N + 1,).
    """
    points = np.asarray(x, params[0].weight.dtype)
    theta = np.asarray(empirical_ntk(arch, params, points), np.float64)
    shares = np.append(-np.linalg.pinv(theta[:-1, :-1], hermitian=True) @ theta[:-1, -1], 1.0)
    shares /= float(shares @ theta[-1])
    pull = np.zeros((len(padded(points)), 1), points.dtype)
    pull[: len(points), 0] = shares
    f, direction = _pulled(arch, params, padded(points), pull)
    return direction, np.asarray(f, np.float64)[: len(points), 0]


@quickly
def _pulled(arch: Architecture, params: Params, x: Array, pull: Array) -> tuple[Array, Params]:
    """The outputs (N, 1), and Jᵀ pull in the shape of the weights."""
    f, back = jax.vjp(lambda params: nets.apply(arch, params, x), params)
    return f, back(pull)[0]


def shifted(params: Params, direction: Params, shifts: ArrayLike) -> Params:
    """The weights w₀ + h v for each shift h, with a leading axis.

    Args:
        params: w₀.
        direction: v.
        shifts: (S,).
    """
    sizes = np.asarray(shifts)

    def moved(start: ArrayLike, step: ArrayLike) -> NDArray[np.floating]:
        one, other = np.asarray(start), np.asarray(step)
        return one + (sizes.reshape(-1, *[1] * one.ndim) * other).astype(one.dtype)

    stacked: Params = jax.tree.map(moved, params, direction)
    return stacked


def distance(params: Params, start: Params) -> float:
    """‖w − w₀‖ over all weights."""
    squares = (
        float(np.sum((np.asarray(one, np.float64) - np.asarray(other, np.float64)) ** 2))
        for one, other in zip(jax.tree.leaves(params), jax.tree.leaves(start), strict=True)
    )
    return float(np.sqrt(sum(squares)))
