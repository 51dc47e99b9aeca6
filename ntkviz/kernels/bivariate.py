r"""Moments of ramps of two correlated normals, where the ramps may start anywhere.

    P(x > a, y > b) = Q(a) Q(b) + (1/2π) ∫₀^{arcsin ρ} exp(−(a² + b² − 2ab sin t) / (2 cos² t)) dt

is the dual of two unit steps. The moments E[(x − a)₊^j (y − b)₊^k] follow from it by integration by parts. Near ρ = ±1
the integral is taken from ρ = ±1 instead, and its singular part is subtracted and integrated in closed form.

Sources: Drezner & Wesolowsky 1990 (the integral), Genz 2004 (its form near ρ = ±1).
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.scipy.special import ndtr

NEAR = 0.925  # for larger |ρ| the expansion around ρ = ±1 is used
UNIT, WEIGHT = np.polynomial.legendre.leggauss(20)
ROOT = math.sqrt(2 * math.pi)
FAR = 40.0  # standard deviations at which probabilities are 0 in float64

Table = list[list[Array]]


def _far(a: Array, b: Array, rho: Array) -> Array:
    """P(x > a, y > b) for |ρ| ≤ `NEAR`."""
    half_angle = jnp.arcsin(rho) / 2
    squares, product = (a * a + b * b) / 2, a * b

    def term(unit: Array) -> Array:
        sine = _sine(half_angle * (unit + 1))
        return jnp.exp((sine * product - squares) / ((1 - sine) * (1 + sine)))

    return _quadrature(term) * half_angle / (2 * math.pi) + ndtr(-a) * ndtr(-b)


def _quadrature(term: Callable[[Array], Array]) -> Array:
    """The sum of weight · term(node), as a compiled loop: twenty copies of the term would take long to compile."""

    def add(total: Array, node: tuple[Array, Array]) -> tuple[Array, None]:
        return total + node[1] * term(node[0]), None

    start = jnp.zeros_like(jax.eval_shape(term, jnp.zeros(())), dtype=jnp.float64)
    return lax.scan(add, start, (jnp.asarray(UNIT), jnp.asarray(WEIGHT)))[0]


def _sine(angle: Array) -> Array:
    """The sine for |angle| ≤ arcsin `NEAR` = 1.18 by its Taylor series, because JAX's own is not vectorised."""
    square, total = angle * angle, jnp.zeros_like(angle)
    for n in range(21, 0, -2):
        total = total * square + (-1) ** (n // 2) / math.factorial(n)
    return angle * total


def _near_one(a: Array, b: Array, sine: Array) -> Array:
    """The difference of P(x > a, y > b) at ρ > `NEAR` and its value Q(max(a, b)) at ρ = 1.

    It is an integral of the density at (a, b) over the correlations from ρ to 1. Its factor exp(−(a − b)²/2s²), with
    s = √(1 − ρ²), is integrated in closed form together with the first terms in s of the other factor. The remaining
    terms are integrated by quadrature.
    """
    ab, gap = a * b, (a - b) ** 2
    c, d = (4 - ab) / 8, (12 - ab) / 80
    square = sine * sine
    safe = jnp.where(square > 0, square, 1.0)
    peak = jnp.exp(jnp.maximum(-(gap / safe + ab) / 2, -700.0))
    head = sine * peak * (1 - c * (gap - square) * (1 - d * gap) / 3 + c * d * square * square)
    far = jnp.sqrt(gap)
    edge = jnp.exp(-jnp.maximum(ab, -100.0) / 2) * ROOT * ndtr(-far / jnp.sqrt(safe)) * far
    head = head - jnp.where(ab > -100, edge * (1 - c * gap * (1 - d * gap) / 3), 0.0)

    def term(unit: Array) -> Array:
        x = (sine / 2 * (unit + 1)) ** 2
        cosine = jnp.sqrt(1 - x)
        known = 1 + c * x * (1 + 5 * d * x)
        power = -(gap / jnp.where(x > 0, x, 1.0) + ab) / 2
        rest = power - ab * x / (2 * (1 + cosine) ** 2)
        return jnp.where(power > -100, jnp.exp(rest) / cosine - known * jnp.exp(power), 0.0)

    rest = _quadrature(term)
    return jnp.where(square > 0, head + sine / 2 * rest, 0.0) / (2 * math.pi)


def above(a: Array, b: Array, rho: Array, sine: Array) -> Array:
    """The probability P(x > a, y > b) for unit normals x, y, with an absolute error of about 1e-15.

    Args:
        a: lower bounds of x.
        b: lower bounds of y.
        rho: correlations ρ.
        sine: √(1 − ρ²).
    """
    a, b, rho = jnp.broadcast_arrays(a, b, rho)
    a, b = jnp.clip(a, -FAR, FAR), jnp.clip(b, -FAR, FAR)
    turned = jnp.where(rho < 0, -b, b)
    lacking = _near_one(a, turned, sine)
    positive = ndtr(-jnp.maximum(a, b)) - lacking
    between = jnp.where(a < 0, ndtr(-b) - ndtr(a), ndtr(-a) - ndtr(b))  # P(a < x < −b), without cancellation
    negative = jnp.where(a < -b, between, 0.0) + lacking
    near = jnp.where(rho > 0, positive, negative)
    return jnp.clip(jnp.where(jnp.abs(rho) > NEAR, near, _far(a, b, jnp.clip(rho, -NEAR, NEAR))), 0.0, 1.0)


def _density(x: Array) -> Array:
    return jnp.exp(-x * x / 2) / ROOT


def _beyond(mean: Array, spread: Array) -> list[Array]:
    """The moments E[w₊^k] for w ~ N(mean, spread²) and k ≤ 3; w₊⁰ is the unit step."""
    flat = spread <= 0
    z = mean / jnp.where(flat, 1.0, spread)
    table = [
        jnp.where(flat, (mean > 0) + 0.5 * (mean == 0), ndtr(z)),
        jnp.where(flat, jnp.maximum(mean, 0.0), mean * ndtr(z) + spread * _density(z)),
    ]
    for k in (1, 2):  # integration by parts
        table.append(mean * table[k] + k * spread**2 * table[k - 1])
    return table


def moments(starts: tuple[Array, Array], roots: tuple[Array, Array], rho: Array, sine: Array, order: int) -> Table:
    """The moments I_jk = E[(u − c)₊^j (v − d)₊^k] of two correlated normals, for j, k ≤ order ≤ 3.

    Integration by parts gives I_{j+1,k} = −c I_jk + j q1 I_{j−1,k} + k Cov(u, v) I_{j,k−1}. Where a step is
    differentiated, there is a further term: the moment of the other factor at the point of the step.

    Args:
        starts: the starts c and d of the ramps.
        roots: the standard deviations of u and v.
        rho: their correlations ρ.
        sine: √(1 − ρ²).
        order: the largest j and k.
    """
    (c, d), (left, right) = starts, roots
    far_a, far_b = c / left, d / right
    a, b = jnp.clip(far_a, -FAR, FAR), jnp.clip(far_b, -FAR, FAR)
    a, b, rho, sine = jnp.broadcast_arrays(a, b, rho, sine)
    # Written with ρa − b and ρb − a, and not with √q2 ρa − d, because at ρ = 1 the two must round to opposite numbers.
    at_c = [left * _density(a) * each for each in _beyond(right * (rho * a - far_b), right * sine)]
    at_d = [right * _density(b) * each for each in _beyond(left * (rho * b - far_a), left * sine)]
    table = [[jnp.zeros_like(rho)] * (order + 1) for _ in range(order + 1)]
    table[0][0] = above(a, b, rho, sine)
    across = left * right * rho
    for j in range(order):  # the first column, k = 0: v has a step and no ramp
        own = j * left**2 * table[j - 1][0] if j else at_c[0]
        table[j + 1][0] = -c * table[j][0] + own + left * rho * at_d[j] / right
    for k in range(1, order + 1):
        own = (k - 1) * right**2 * table[0][k - 2] if k > 1 else at_d[0]
        table[0][k] = -d * table[0][k - 1] + own + right * rho * at_c[k - 1] / left
        for j in range(order):
            own = j * left**2 * table[j - 1][k] if j else at_c[k]
            table[j + 1][k] = -c * table[j][k] + own + k * across * table[j][k - 1]
    return table
