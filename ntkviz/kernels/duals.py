r"""The duals of nonlinearities without a closed form, for all pairs of samples, by Hermite series.

    b_m(q) = E[φ'(√q x) h_m(x)],  x ~ N(0, 1):      E[φ'(u) φ'(v)] = Σ_m b_m(q1) b_m(q2) ρ^m
    E[φ(u) φ(v)] = a(q1) a(q2) + √(q1 q2) Σ_m b_m(q1) b_m(q2) ρ^{m+1} / (m + 1),   a(q) = E[φ(√q x)]

h_m are the normalised Hermite polynomials, and the expansion is Mehler's formula. Each coefficient depends on only one
sample, so that a pair takes the evaluation of one polynomial in ρ. A rule decides which orders m a series has
(`hermite`). The sum of the orders that are left out is known at ρ = 1: it is E[φ'²] − Σ b_m². It is added to the next
even and the next odd power, so that the diagonal and the entries of equal points are exact. The same number bounds the
error elsewhere (`truncation`).

The coefficients decay slowly where φ has kinks. A function with the same kinks and a known dual is then subtracted, and
the series is used for the difference (`ramps`).
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
from ntkviz.compiling import quickly
from ntkviz.kernels import hermite, ramps
from ntkviz.kernels.hermite import Basis, Rule

DENSE = (Rule(16), Rule(32), Rule(64))
SPARSE = (Rule(48, 3), Rule(48, 6), Rule(48, 9))
LONG = (Rule(128), Rule(256), Rule(512))
RULES = (*DENSE, *SPARSE, *LONG)  # there are few, so that few programs are compiled
RULES_AWAY = (*DENSE, *LONG)  # for kinks at other points than 0, where coefficients oscillate in m
TOLERANCE = 1e-10  # the error that a rule should have, relative to E[φ²] and E[φ'²]
NOISE = 64 * 2.0**-52  # relative rounding error of a sum of squares
ROWS = 32  # rows of the kernel that are evaluated together


class Series(NamedTuple):
    """The Hermite series of N samples; an axis of length 2 is for even and odd orders m."""

    mean: Array  # (N,), a
    coefficients: Array  # (terms, 2, N), b_m
    value_tail: Array  # (2, N), the root of what the orders left out add to E[φ²]/q
    slope_tail: Array  # (2, N), the root of what they add to E[φ'²]


def by_rows(function: Callable[[Any], Any], rows: Any) -> Any:
    """Apply `function` to each row of the arrays in `rows`, to `ROWS` rows at a time; the last block is padded."""
    n = jax.tree.leaves(rows)[0].shape[0]
    size = min(ROWS, n)
    blocks = -(-n // size)

    def split(array: Array) -> Array:
        padding = [(0, blocks * size - n)] + [(0, 0)] * (array.ndim - 1)
        return jnp.pad(array, padding, mode="edge").reshape(blocks, size, *array.shape[1:])

    out = lax.map(jax.vmap(function), jax.tree.map(split, rows))
    return jax.tree.map(lambda array: array.reshape(blocks * size, *array.shape[2:])[:n], out)


def _away(act: Activation) -> list[float]:
    """The distances from 0 of the kinks that are not at 0; for these the nodes depend on the variance."""
    return [abs(kink) for kink in act.kinks if kink != 0]


def _nodes(act: Activation, root: Array, basis: Basis) -> tuple[Array, Array]:
    """Nodes x > 0 and weights for expectations over |x|, split at the kinks of φ(root · x)."""
    x, weight = basis.x, basis.weight
    if away := _away(act):
        kinks = jnp.minimum(jnp.asarray(away) / root, hermite.REACH)
        ends = jnp.sort(jnp.concatenate([hermite.edges(basis.rule), kinks]))
        x, weight = hermite.panel(ends, hermite.per_panel(basis.rule, 0.5))
    return x, weight * 2 * jnp.exp(-(x**2) / 2) / np.sqrt(2 * np.pi).item()


class _Parts(NamedTuple):
    """Odd and even parts of φ(√q x) and φ'(√q x) at the nodes x > 0; first those that belong to even orders m."""

    x: Array  # (nodes,)
    weight: Array  # (nodes,)
    value: Array  # (2, nodes), of φ: odd part, even part
    slope: Array  # (2, nodes), of φ': even part, odd part

    def moments(self) -> Dual:
        return Dual((self.value**2).sum(axis=0) @ self.weight, (self.slope**2).sum(axis=0) @ self.weight)


def _parts(act: Activation, q: Array, basis: Basis) -> _Parts:
    root = jnp.sqrt(jnp.maximum(q, 1e-300))  # a variance of 0 is taken as the limit of small variances
    x, weight = _nodes(act, root, basis)
    u = root * x
    right, slope_right = jax.jvp(act.function, (u,), (jnp.ones_like(u),))
    left, slope_left = jax.jvp(act.function, (-u,), (jnp.ones_like(u),))
    value = jnp.stack([right - left, right + left]) / 2
    return _Parts(x, weight, value, jnp.stack([slope_right + slope_left, slope_right - slope_left]) / 2)


def moments(act: Activation, q: Array, basis: Basis | None) -> Dual:
    """The expectations E[φ(u)²] and E[φ'(u)²] for u ~ N(0, q), shape (N,).

    Args:
        act: the nonlinearity φ.
        q: (N,), the variances.
        basis: of the series; ignored where there is a closed form.
    """
    if act.dual is not None:
        return act.dual(q, q, q)
    return Dual(*by_rows(lambda one: _parts(act, one, _given(act, basis)).moments(), q))


def _given(act: Activation, basis: Basis | None) -> Basis:
    if basis is None:
        raise TypeError(f"{act.label} has no closed form: its series needs a basis.")
    return basis


def _orders(rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """The orders m of a rule (terms, 2), and their weights (terms, 1)."""
    half, weight = hermite.halves(rule)
    return 2 * half[:, None] + np.arange(2), weight[:, None]


def _series(act: Activation, q: Array, basis: Basis) -> Series:
    """The series of one sample with variance q, one number."""
    x, weight, value, slope = _parts(act, q, basis)
    table = hermite.polynomials(x, basis.rule) if _away(act) else basis.table
    b = jnp.stack([table[0] @ (weight * slope[0]), table[1] @ (weight * slope[1])], axis=1)
    orders, shares = _orders(basis.rule)
    mean = value[1] @ weight
    energy = slope**2 @ weight
    slope_rest = energy - (shares * b**2).sum(axis=0)
    slope_rest = jnp.where(slope_rest > NOISE * energy.sum(), slope_rest, 0.0)  # the root of a rounding error is large
    # The rest of E[φ²]/q is at most the rest of E[φ'²] over the next order. This bound also limits the error of the
    # division by a small q.
    whole = (value**2 @ weight - jnp.stack([jnp.zeros(()), mean**2])) / jnp.where(q > 0, q, 1.0)
    next_order = basis.rule.end + np.array([1.0, 2.0])
    value_rest = jnp.clip(whole - (shares * b**2 / (orders + 1)).sum(axis=0), 0.0, slope_rest / next_order)
    return Series(mean, b, jnp.sqrt(value_rest), jnp.sqrt(slope_rest))


def series(act: Activation, q: Array, basis: Basis) -> Series:
    """The Hermite series of φ(√q x) for each of the variances q.

    Args:
        act: the nonlinearity φ.
        q: (N,), the variances.
        basis: the basis of the series.
    """
    return Series(*(jnp.moveaxis(part, 0, -1) for part in by_rows(lambda one: _series(act, one, basis), q)))


def _sum(one: Series, other: Series, scale: Array, rho: Array, rule: Rule) -> Dual:
    """The dual of one sample with N others from their series, by Horner's rule in ρ², ρ⁴, …; scale and rho are (N,)."""
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
    """The dual for all pairs of two sets of samples, in blocks of rows.

    Args:
        act: the nonlinearity φ.
        q1: (N1,), the variances of one set.
        q2: (N2,), the variances of the other set.
        k: (N1, N2), the covariances.
        basis: of the series (see `choose_rule`); ignored where there is a closed form.
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
    """E[φ²] and E[φ'²], what each rule leaves out of them, and the error of the longest rule."""

    whole: Dual  # (N,)
    beyond: Dual  # (rules, N)
    missed: Dual  # (N,)


@partial(quickly, static_argnums=(0, 3))
def _rests(act: Activation, q: Array, basis: Basis, rules: tuple[Rule, ...]) -> _Rests:
    """What each rule leaves out, from the series of the longest; its own rest is set to three times its last octave."""
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
    """Bounds of the error of a series for each of the `rules`, and the largest E[φ²] and E[φ'²]."""

    rules: tuple[Rule, ...]
    value: np.ndarray  # of E[φ(u) φ(v)]
    slope: np.ndarray  # of E[φ'(u) φ'(v)]
    value_size: float
    slope_size: float


def truncation(act: Activation, q: ArrayLike) -> Truncation:
    """Bounds of the truncation error of a series, for samples with variances in q (N,) and every correlation.

    With r = φ − g, where g has the kinks of φ, the expectation of φφ' − gg' is that of rr' + rg' + gr'. The orders left
    out of each term are bounded by the Cauchy-Schwarz inequality. A factor 2 covers both the orders left out and the
    power that replaces them. Rules that interpolate between orders have a further error in E[r²]. Rounding errors are
    not included.
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
    """The first rule with a bound below `TOLERANCE` for the variances q (N,), or else the best rule.

    None where there is a closed form.
    """
    if act.dual is not None:
        return None
    bound = truncation(act, q)
    worst = np.maximum(bound.value / max(bound.value_size, 1e-300), bound.slope / max(bound.slope_size, 1e-300))
    good = np.flatnonzero(worst <= TOLERANCE)
    return bound.rules[int(good[0] if len(good) else np.nan_to_num(worst, nan=np.inf).argmin())]


def cancellation(act: Activation, q: ArrayLike) -> float:
    """The factor E[φ² + g²]/E[φ²] by which terms of the dual are larger than their sum, for variances q (N,).

    g is the function with the kinks of φ that is subtracted. Rounding errors grow by this factor.
    """
    kinks = ramps.kinks_of(act)
    if not kinks:
        return 1.0
    variances = jnp.asarray(q, dtype=jnp.float64)
    terms = hermite.basis(SPARSE[0])
    whole, ramp = moments(act, variances, terms).value, moments(ramps.combination(kinks), variances, terms).value
    return float((1 + ramp / jnp.maximum(whole, 1e-300)).max())
