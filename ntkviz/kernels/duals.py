r"""The dual of any nonlinearity, for every pair of samples, by its Hermite series.

    b_m(q) = E[φ'(√q x) h_m(x)],  x ~ N(0, 1):      E[φ'(u) φ'(v)] = Σ_m b_m(q1) b_m(q2) ρ^m
    E[φ(u) φ(v)] = a(q1) a(q2) + √(q1 q2) Σ_m b_m(q1) b_m(q2) ρ^{m+1} / (m + 1),   a(q) = E[φ(√q x)]

h_m are the normalised Hermite polynomials; the expansion is Mehler's formula. The coefficients belong to a sample, so a
pair costs one polynomial in ρ. Which orders m it takes is a rule (`hermite`). What a series leaves out at ρ = 1 is
known, E[φ'²] − Σ b_m², and is put into the next even and the next odd power: the diagonal and duplicates are exact, and
the same number bounds the error (`truncation`).

Kinks make the coefficients decay slowly: the series then carries only the difference to a function with the same
kinks and a known dual (`ramps`).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from ntkviz.activations import Activation, Dual, correlation
from ntkviz.kernels import hermite, ramps
from ntkviz.kernels.hermite import Basis, Rule

DENSE = (Rule(16), Rule(32), Rule(64))
SPARSE = (Rule(48, 3), Rule(48, 6), Rule(48, 9))
LONG = (Rule(128), Rule(256), Rule(512))
RULES = (*DENSE, *SPARSE, *LONG)  # few, so that few programs are compiled
RULES_AWAY = (*DENSE, *LONG)  # for kinks away from 0, whose coefficients oscillate in m
TOLERANCE = 1e-10  # aimed at, relative to E[φ²] and E[φ'²]
NOISE = 64 * 2.0**-52  # of a sum of squares
ROWS = 32  # rows of the kernel that are evaluated together


class Series(NamedTuple):
    """What a sample contributes to a pair; the last axis is the sample, parities are those of the order m."""

    mean: Array  # (N,) a
    coefficients: Array  # (terms, 2, N) b_m
    value_tail: Array  # (2, N) √ of the rest of E[φ²]/q, for even m and odd m
    slope_tail: Array  # (2, N) √ of the rest of E[φ'²]


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


def _nodes(act: Activation, root: Array, basis: Basis) -> tuple[Array, Array]:
    """Nodes x > 0 and weights of E over |x|, split at the kinks of φ(root · x)."""
    x, weight = basis.x, basis.weight
    if away := _away(act):
        kinks = jnp.minimum(jnp.asarray(away) / root, hermite.REACH)
        ends = jnp.sort(jnp.concatenate([hermite.edges(basis.rule), kinks]))
        x, weight = hermite.panel(ends, hermite.per_panel(basis.rule, 0.5))
    return x, weight * 2 * jnp.exp(-(x**2) / 2) / np.sqrt(2 * np.pi).item()


class _Parts(NamedTuple):
    """φ(√q x) and φ'(√q x) at the nodes x > 0, by the parity of the orders m that see them in φ'."""

    x: Array  # (nodes,)
    weight: Array
    value: Array  # (2, nodes) φ: odd part, even part
    slope: Array  # (2, nodes) φ': even part, odd part

    def moments(self) -> Dual:
        return Dual((self.value**2).sum(axis=0) @ self.weight, (self.slope**2).sum(axis=0) @ self.weight)


def _parts(act: Activation, q: Array, basis: Basis) -> _Parts:
    root = jnp.sqrt(jnp.maximum(q, 1e-300))  # a variance of 0 is the limit of small ones, also at a kink
    x, weight = _nodes(act, root, basis)
    u = root * x
    right, slope_right = jax.jvp(act.function, (u,), (jnp.ones_like(u),))
    left, slope_left = jax.jvp(act.function, (-u,), (jnp.ones_like(u),))
    value = jnp.stack([right - left, right + left]) / 2
    return _Parts(x, weight, value, jnp.stack([slope_right + slope_left, slope_right - slope_left]) / 2)


def moments(act: Activation, q: Array, basis: Basis | None) -> Dual:
    """E[φ(u)²] and E[φ'(u)²] for u ~ N(0, q), shape (N,)."""
    if act.dual is not None:
        return act.dual(q, q, q)
    return Dual(*by_rows(lambda one: _parts(act, one, _given(act, basis)).moments(), q))


def _given(act: Activation, basis: Basis | None) -> Basis:
    if basis is None:
        raise TypeError(f"{act.label} has no closed form: its series needs a basis.")
    return basis


def _orders(rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Orders m and their weights, (terms, 2) and (terms, 1)."""
    half, weight = hermite.halves(rule)
    return 2 * half[:, None] + np.arange(2), weight[:, None]


def _series(act: Activation, q: Array, basis: Basis) -> Series:
    """The series of one sample (q a scalar)."""
    x, weight, value, slope = _parts(act, q, basis)
    table = hermite.polynomials(x, basis.rule) if _away(act) else basis.table
    b = jnp.stack([table[0] @ (weight * slope[0]), table[1] @ (weight * slope[1])], axis=1)
    orders, shares = _orders(basis.rule)
    mean = value[1] @ weight
    energy = slope**2 @ weight
    slope_rest = energy - (shares * b**2).sum(axis=0)
    slope_rest = jnp.where(slope_rest > NOISE * energy.sum(), slope_rest, 0.0)  # the root of rounding would be seen
    # The rest of E[φ²] over q is at most that of the slope over the next order, which also tames the division by a
    # small q.
    whole = (value**2 @ weight - jnp.stack([jnp.zeros(()), mean**2])) / jnp.where(q > 0, q, 1.0)
    next_order = basis.rule.end + np.array([1.0, 2.0])
    value_rest = jnp.clip(whole - (shares * b**2 / (orders + 1)).sum(axis=0), 0.0, slope_rest / next_order)
    return Series(mean, b, jnp.sqrt(value_rest), jnp.sqrt(slope_rest))


def series(act: Activation, q: Array, basis: Basis) -> Series:
    """The Hermite series of φ(√q x) for each variance in q (N,)."""
    return Series(*(jnp.moveaxis(part, 0, -1) for part in by_rows(lambda one: _series(act, one, basis), q)))


def _sum(one: Series, other: Series, scale: Array, rho: Array, rule: Rule) -> Dual:
    """Both series of one sample with N others, by Horner's rule in ρ², ρ⁴, …: scale and rho are (N,)."""
    orders, weights = _orders(rule)
    weighted = one.coefficients * weights  # (terms, 2)
    terms = weighted / (orders + 1), weighted, other.coefficients
    tails = one.value_tail[:, None] * other.value_tail, one.slope_tail[:, None] * other.slope_tail
    powers = [rho * rho]
    for _ in range(rule.octaves):
        powers.append(powers[-1] ** 2)

    def add(power: Array, carry: Any, term: Any) -> tuple[Any, None]:
        value, slope, b = term
        return (carry[0] * power + value[:, None] * b, carry[1] * power + slope[:, None] * b), None

    carry: Any = tails
    for octave in reversed(range(rule.octaves + 1)):
        start = rule.base + (octave - 1) * (rule.base // 2) if octave else 0
        stop = rule.base + octave * (rule.base // 2)
        level = jax.tree.map(lambda array, start=start, stop=stop: array[start:stop], terms)
        carry, _ = lax.scan(partial(add, powers[octave]), carry, level, reverse=True, unroll=8)
    value, slope = (even + rho * odd for even, odd in carry)
    return Dual(one.mean * other.mean + scale * rho * value, slope)


def dual(act: Activation, q1: Array, q2: Array, k: Array, basis: Basis | None) -> Dual:
    """The dual for variances q1 (N1,), q2 (N2,) and covariances k (N1, N2), in blocks of rows.

    `basis` is ignored where a closed form is known; see `choose_rule`.
    """
    if act.dual is not None:
        closed = act.dual
        return Dual(*by_rows(lambda row: closed(row[0], q2, row[1]), (q1, k)))
    basis = _given(act, basis)
    kinks = ramps.kinks_of(act)
    parts = [act, ramps.combination(kinks)] if kinks else [act]
    n = len(q1)
    both = [series(part, q1 if q1 is q2 else jnp.concatenate([q1, q2]), basis) for part in parts]
    others = both if q1 is q2 else [Series(*(array[..., n:] for array in each)) for each in both]
    rows = [Series(*(jnp.moveaxis(array[..., :n], -1, 0) for array in each)) for each in both]

    def row(args: tuple[Array, Array, list[Series]]) -> Dual:
        q, k_row, own = args
        scale, rho = correlation(q, q2, k_row)
        smooth = _sum(own[0], others[0], scale, rho, basis.rule)
        if not kinks:
            return smooth
        ramp, exact = _sum(own[1], others[1], scale, rho, basis.rule), ramps.dual(kinks, q, q2, scale, rho)
        return Dual(smooth.value - ramp.value + exact.value, smooth.slope - ramp.slope + exact.slope)

    return Dual(*by_rows(row, (q1, k, rows)))


class _Rests(NamedTuple):
    """E[φ²] and E[φ'²], what each rule leaves out of them, and how far the longest rule misses them."""

    whole: Dual  # (N,)
    beyond: Dual  # (rules, N)
    missed: Dual  # (N,)


@jax.jit(static_argnums=(0, 3))
def _rests(act: Activation, q: Array, basis: Basis, rules: tuple[Rule, ...]) -> _Rests:
    """From the series of the longest rule, whose own rest is taken to be three times its last octave."""
    whole, parts = moments(act, q, basis), series(act, q, basis)
    orders, shares = (np.broadcast_to(each, parts.coefficients.shape[:2]) for each in _orders(basis.rule))
    energy = (shares[..., None] * parts.coefficients**2).reshape(-1, len(q))
    out = []
    m, nothing = orders.ravel(), jnp.zeros_like(q)
    for each, share, mean in zip(whole, (q / (m[:, None] + 1), jnp.ones(1)), (parts.mean, nothing), strict=True):
        mine = energy * share
        last = jnp.abs(mine[m >= basis.rule.end // 2].sum(axis=0))
        beyond = jnp.stack([jnp.abs(mine[m >= rule.end].sum(axis=0)) + 3 * last for rule in rules])
        out.append((beyond, jnp.abs(each - mean**2 - mine.sum(axis=0))))
    return _Rests(whole, Dual(*(each[0] for each in out)), Dual(*(each[1] for each in out)))


class Truncation(NamedTuple):
    """Bounds of the error of a series by each of `rules`, and the largest E[φ²] and E[φ'²] beside them."""

    rules: tuple[Rule, ...]
    value: np.ndarray  # of E[φ(u) φ(v)]
    slope: np.ndarray  # of E[φ'(u) φ'(v)]
    value_size: float
    slope_size: float


def truncation(act: Activation, q: ArrayLike) -> Truncation:
    """How far a series can be off, for all pairs of samples with variances in q (N,) and every correlation.

    With r = φ − ramps, what is left of φφ' − ramps ramps' is rr' + r ramps' + ramps r': Cauchy-Schwarz on each. The
    factor 2 is for what is left out and for the power that stands in for it. A rule that interpolates is off by what
    it misses of E[r²] besides. Rounding comes on top.
    """
    variances = jnp.atleast_1d(jnp.asarray(q, dtype=jnp.float64))
    if act.dual is not None:
        sizes = (float(part.max()) for part in act.dual(variances, variances, variances))
        return Truncation((), np.zeros(0), np.zeros(0), *sizes)
    rules = RULES_AWAY if _away(act) else RULES
    longest = hermite.basis(LONG[-1] if _away(act) else SPARSE[-1])
    kinks = ramps.kinks_of(act)
    whole, *rests = _rests(act, variances, longest, rules)
    smooth = ramps.without(act, kinks) if kinks else act
    _, *smooth_rests = _rests(smooth, variances, longest, rules) if kinks else (whole, *rests)
    ramp = _rests(ramps.combination(kinks), variances, longest, rules).beyond if kinks else rests[0]
    bounds = []
    for part in (0, 1):
        left, missed = (np.asarray(each[part]).max(axis=-1) for each in smooth_rests)
        other = np.maximum(rests[0][part], ramp[part]).max(axis=1)
        bound = left + (2 * np.sqrt(left * other) if kinks else 0.0)
        bounds.append(2 * bound + np.where([rule.octaves > 0 for rule in rules], missed, 0.0))
    return Truncation(rules, bounds[0], bounds[1], float(whole.value.max()), float(whole.slope.max()))


def choose_rule(act: Activation, q: ArrayLike) -> Rule | None:
    """The first rule whose bound is below `TOLERANCE` for the variances q, or the best; None for a closed form."""
    if act.dual is not None:
        return None
    bound = truncation(act, q)
    worst = np.maximum(bound.value / max(bound.value_size, 1e-300), bound.slope / max(bound.slope_size, 1e-300))
    good = np.flatnonzero(worst <= TOLERANCE)
    return bound.rules[int(good[0] if len(good) else np.nan_to_num(worst, nan=np.inf).argmin())]


def cancellation(act: Activation, q: ArrayLike) -> float:
    """How many times its size the parts of the dual are that cancel: E[φ² + g²] / E[φ²] with the ramps g taken out."""
    kinks = ramps.kinks_of(act)
    if not kinks:
        return 1.0
    variances = jnp.asarray(q, dtype=jnp.float64)
    terms = hermite.basis(SPARSE[0])
    whole, ramp = moments(act, variances, terms).value, moments(ramps.combination(kinks), variances, terms).value
    return float((1 + ramp / jnp.maximum(whole, 1e-300)).max())
