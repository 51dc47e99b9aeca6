r"""The dual of any nonlinearity, for every pair of samples, by its Hermite series.

    b_m(q) = E[φ'(√q x) h_m(x)],  x ~ N(0, 1):      E[φ'(u) φ'(v)] = Σ_m b_m(q1) b_m(q2) ρ^m
    E[φ(u) φ(v)] = a(q1) a(q2) + √(q1 q2) Σ_m b_m(q1) b_m(q2) ρ^{m+1} / (m + 1),   a(q) = E[φ(√q x)]

h_m are the normalised Hermite polynomials; the expansion is Mehler's formula. The coefficients belong to a sample, so a
pair costs one polynomial in ρ. A series stops at a degree D; what it leaves out at ρ = 1 is known, E[φ'²] − Σ b_m²,
and is put into the next even and the next odd power. That makes the diagonal and duplicates exact, keeps both
matrices positive semi-definite, and bounds the error by the same number (`truncation`).

A kink at 0 makes the coefficients decay slowly: the series then carries only the difference to a function with the
same kink and a known dual (`kernels.ramps`). Kinks elsewhere split the integrals but keep their slow decay, and
`truncation` says what that costs.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from ntkviz.activations import Activation, Dual, correlation
from ntkviz.kernels import ramps

DEGREES = (32, 64, 128, 256, 512)  # buckets, so that few programs are compiled; even
TOLERANCE = 1e-10  # aimed at, relative to E[φ²] and E[φ'²]
REACH = 13.0  # standard deviations; e^{−x²/4} bounds what h_m lets through, 4e-19 here
NODES = 16  # Gauss-Legendre nodes a panel
ROWS = 32  # rows of the kernel that are evaluated together
# Panels halve towards 0: a feature of φ at u = O(1) sits at x = u/√q.
EDGES = np.concatenate([[0.0], 2.0 ** np.arange(-10, -1), np.arange(0.5, REACH + 0.25, 0.5)])


class Series(NamedTuple):
    """What a sample contributes to a pair; M = degree + 1, and the last axis is the sample."""

    mean: Array  # (N,) a
    coefficients: Array  # (M, N) b_m
    value_tail: Array  # (2, N) √ of the rest of E[φ²]/q: even part of φ, odd part
    slope_tail: Array  # (2, N) √ of the rest of E[φ'²]: odd part of φ', even part


def by_rows(function: Callable[[Any], Any], rows: Any) -> Any:
    """`function` of each row of the arrays in `rows`, `ROWS` at a time; the last block is filled up."""
    n = jax.tree.leaves(rows)[0].shape[0]
    size = min(ROWS, n)
    blocks = -(-n // size)

    def split(array: Array) -> Array:
        padding = [(0, blocks * size - n)] + [(0, 0)] * (array.ndim - 1)
        return jnp.pad(array, padding, mode="edge").reshape(blocks, size, *array.shape[1:])

    out = lax.map(jax.vmap(function), jax.tree.map(split, rows))
    return jax.tree.map(lambda array: array.reshape(blocks * size, *array.shape[2:])[:n], out)


def _away(act: Activation) -> list[float]:
    """Distances from 0 of the kinks elsewhere: they move with the variance, and the nodes with them."""
    return [abs(kink) for kink in act.kinks if kink != 0]


def _nodes(edges: np.ndarray | Array) -> tuple[Any, Any]:
    """Gauss-Legendre nodes and weights of the panels between the edges."""
    unit, weight = np.polynomial.legendre.leggauss(NODES)
    half = (edges[1:, None] - edges[:-1, None]) / 2
    return (edges[:-1, None] + half * (1 + unit)).ravel(), (half * weight).ravel()


def _quadrature(act: Activation, root: Array) -> tuple[Array, Array]:
    """Nodes x > 0 and weights of E over |x|, split at the kinks of φ(root · x)."""
    edges: np.ndarray | Array = EDGES
    if away := _away(act):
        edges = jnp.sort(jnp.concatenate([jnp.asarray(EDGES), jnp.minimum(jnp.asarray(away) / root, REACH)]))
    x, weight = _nodes(edges)
    return jnp.asarray(x), jnp.asarray(weight) * 2 * jnp.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


class _Parts(NamedTuple):
    """φ(√q x) and φ'(√q x) at the nodes x > 0, split by parity."""

    x: Array
    weight: Array
    odd: Array  # of φ
    even: Array
    slope_even: Array  # of φ'
    slope_odd: Array

    def moments(self) -> Dual:
        value, slope = self.odd**2 + self.even**2, self.slope_even**2 + self.slope_odd**2
        return Dual(value @ self.weight, slope @ self.weight)


def _parts(act: Activation, q: Array) -> _Parts:
    root = jnp.sqrt(jnp.maximum(q, 1e-300))  # a variance of 0 is the limit of small ones, also at a kink
    x, weight = _quadrature(act, root)
    u = root * x
    right, slope_right = jax.jvp(act.function, (u,), (jnp.ones_like(u),))
    left, slope_left = jax.jvp(act.function, (-u,), (jnp.ones_like(u),))
    halves = (right - left, right + left, slope_right + slope_left, slope_right - slope_left)
    return _Parts(x, weight, *(half / 2 for half in halves))


def _next(x: Any, below: Any, here: Any, m: Any) -> Any:
    """h_{m+1} from h_{m−1} and h_m: the normalised Hermite polynomials are orthonormal under N(0, 1)."""
    return (x * here - m**0.5 * below) / (m + 1) ** 0.5


def _hermite(x: Array, degree: int) -> Array:
    """h_0 … h_degree at x, shape (degree + 1, nodes)."""

    def step(carry: tuple[Array, Array], m: Array) -> tuple[tuple[Array, Array], Array]:
        below, here = carry
        return (here, _next(x, below, here, m)), here

    return lax.scan(step, (jnp.zeros_like(x), jnp.ones_like(x)), jnp.arange(degree + 1.0))[1]


@cache
def _table() -> np.ndarray:
    """`_hermite` at the nodes that all nonlinearities without kinks away from 0 share, to the largest degree."""
    x, _ = _nodes(EDGES)
    rows = [np.zeros_like(x), np.ones_like(x)]
    for m in range(DEGREES[-1]):
        rows.append(_next(x, rows[-2], rows[-1], m))
    return np.stack(rows[1:])


def moments(act: Activation, q: Array) -> Dual:
    """E[φ(u)²] and E[φ'(u)²] for u ~ N(0, q), shape (N,)."""
    if act.dual is not None:
        return act.dual(q, q, q)
    return Dual(*by_rows(lambda one: _parts(act, one).moments(), q))


def _series(act: Activation, q: Array, degree: int) -> Series:
    """The series of one sample (q a scalar)."""
    x, weight, odd, even, slope_even, slope_odd = _parts(act, q)
    table = _hermite(x, degree) if _away(act) else _table()[: degree + 1]
    order = np.arange(degree + 1)
    parity = np.stack([order % 2, 1 - order % 2]).astype(float)  # rows: odd m, even m
    b = (parity * jnp.stack([table @ (weight * slope_odd), table @ (weight * slope_even)])).sum(axis=0)
    mean = even @ weight
    slope_rest = jnp.stack([slope_odd**2, slope_even**2]) @ weight - parity @ b**2
    slope_rest = jnp.maximum(slope_rest, 0.0)
    # An even part of φ has odd powers in φ'. Its rest over q is at most that of the slope over the next order, which
    # also tames the division by a small q.
    whole = jnp.stack([even**2 @ weight - mean**2, odd**2 @ weight]) / jnp.where(q > 0, q, 1.0)
    value_rest = jnp.clip(whole - parity @ (b**2 / (order + 1)), 0.0, slope_rest / (degree + np.array([2.0, 3.0])))
    return Series(mean, b, jnp.sqrt(value_rest), jnp.sqrt(slope_rest))


def series(act: Activation, q: Array, degree: int) -> Series:
    """The Hermite series of φ(√q x) for each variance in q (N,)."""
    by_sample = by_rows(lambda one: _series(act, one, degree), q)
    return Series(by_sample.mean, *(part.T for part in by_sample[1:]))


def _sum(one: Series, other: Series, scale: Array, rho: Array) -> Dual:
    """Both series of one sample with N others, by Horner's rule: scale and rho are (N,)."""
    tails = one.value_tail[:, None] * other.value_tail, one.slope_tail[:, None] * other.slope_tail
    start = tails[0][1] * rho + tails[0][0], tails[1][1] * rho + tails[1][0]

    def step(carry: tuple[Array, Array], term: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], None]:
        b, b_other, share = term
        product = b * b_other
        return (carry[0] * rho + product * share, carry[1] * rho + product), None

    shares = 1 / np.arange(1.0, len(one.coefficients) + 1)
    terms = (one.coefficients, other.coefficients, jnp.asarray(shares))
    (value, slope), _ = lax.scan(step, start, terms, reverse=True, unroll=16)
    return Dual(one.mean * other.mean + scale * rho * value, slope)


def dual(act: Activation, q1: Array, q2: Array, k: Array, degree: int) -> Dual:
    """The dual for variances q1 (N1,), q2 (N2,) and covariances k (N1, N2), in blocks of rows.

    `degree` of the series is ignored where a closed form is known; see `choose_degree`.
    """
    if act.dual is not None:
        closed = act.dual
        return Dual(*by_rows(lambda row: closed(row[0], q2, row[1]), (q1, k)))
    jumps = ramps.jumps_of(act)
    parts = [act, ramps.combination(jumps)] if any(jumps) else [act]
    n = len(q1)
    both = [series(part, q1 if q1 is q2 else jnp.concatenate([q1, q2]), degree) for part in parts]
    others = both if q1 is q2 else [Series(*(array[..., n:] for array in each)) for each in both]
    rows = [Series(each.mean[:n], *(array[:, :n].T for array in each[1:])) for each in both]

    def row(args: tuple[Array, Array, list[Series]]) -> Dual:
        q, k_row, own = args
        scale, rho = correlation(q, q2, k_row)
        smooth = _sum(own[0], others[0], scale, rho)
        if not any(jumps):
            return smooth
        ramp, exact = _sum(own[1], others[1], scale, rho), ramps.dual(jumps, q, q2, scale, rho)
        return Dual(smooth.value - ramp.value + exact.value, smooth.slope - ramp.slope + exact.slope)

    return Dual(*by_rows(row, (q1, k, rows)))


@jax.jit(static_argnums=0)
def _gaps(act: Activation, q: Array) -> tuple[Dual, Dual]:
    """E[φ²] and E[φ'²], (N,), and what a series of each of `DEGREES` leaves out of them, (5, N)."""
    whole = moments(act, q)
    parts = series(act, q, DEGREES[-1])
    energy = parts.coefficients**2
    share = q * energy / jnp.arange(1, len(energy) + 1)[:, None]
    value, slope = (jnp.cumsum(each, axis=0)[jnp.asarray(DEGREES)] for each in (share, energy))
    return whole, Dual(jnp.maximum(whole.value - parts.mean**2 - value, 0.0), jnp.maximum(whole.slope - slope, 0.0))


class Truncation(NamedTuple):
    """Bounds of the error of a series of each of `DEGREES`, (5,), and the largest E[φ²] and E[φ'²] beside them."""

    value: np.ndarray  # of E[φ(u) φ(v)]
    slope: np.ndarray  # of E[φ'(u) φ'(v)]
    value_size: float
    slope_size: float


def truncation(act: Activation, q: ArrayLike) -> Truncation:
    """How far a series can be off, for all pairs of samples with variances in q (N,).

    The bounds hold for every correlation ρ, and times |ρ|^degree for a given one; rounding comes on top. With
    r = φ − ramps, what is left of φφ' − ramps ramps' is rr' + r ramps' + ramps r': Cauchy-Schwarz on each. The
    factor 2 is for what is left out and for the power that stands in for it.
    """
    variances = np.atleast_1d(np.asarray(q, dtype=np.float64))
    if act.dual is not None:
        sizes = (float(part.max()) for part in moments(act, jnp.asarray(variances)))
        return Truncation(np.zeros(len(DEGREES)), np.zeros(len(DEGREES)), *sizes)
    whole, gaps = jax.tree.map(np.asarray, _gaps(act, variances))
    worst = [gap.max(axis=1) for gap in gaps]
    jumps = ramps.jumps_of(act)
    if any(jumps):
        ramp = _gaps(ramps.combination(jumps), variances)[1]
        smooth = _gaps(ramps.without(act, jumps), variances)[1]
        for i, (own, other, rest) in enumerate(zip(gaps, ramp, smooth, strict=True)):
            r = np.asarray(rest).max(axis=1)
            worst[i] = r + 2 * np.sqrt(r * np.maximum(own, other).max(axis=1))
    return Truncation(2 * worst[0], 2 * worst[1], float(whole.value.max()), float(whole.slope.max()))


def choose_degree(act: Activation, q: ArrayLike) -> int:
    """The smallest of `DEGREES` whose bound is below `TOLERANCE` for the variances q, or the largest."""
    if act.dual is not None:
        return 0
    bound = truncation(act, q)
    good = (bound.value <= TOLERANCE * bound.value_size) & (bound.slope <= TOLERANCE * bound.slope_size)
    return next((degree for degree, ok in zip(DEGREES, good, strict=True) if ok), DEGREES[-1])
