r"""Rules and bases of Hermite series: the orders of a series, and the nodes for the integrals of its coefficients.

    Σ_m f(m)  ≈  Σ_i w_i f(2i) + Σ_i w_i f(2i + 1)

Where a nonlinearity has no kinks but at 0, its coefficients of one parity are a smooth function of the order m, up to a
sign that cancels in products. A series can therefore leave out orders: it has all orders below 2·base, and in each
octave above that base/2 orders of each parity. A slowly decaying series of 1,000 terms then has 100, and one of 48,000
has 528. The weights w_i are those of sums over the polynomial of degree 7 through the nearest orders.
"""

import math
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

REACH = 13.0  # integrals end at this many standard deviations, where the bound e^{−x²/4} of integrands is 4e-19
STENCIL = 8  # the number of orders between which an order left out is interpolated


class Rule(NamedTuple):
    """Orders 0 … 2·base − 1, and base/2 more of each parity in each of the octaves above."""

    base: int
    octaves: int = 0

    @property
    def end(self) -> int:
        """The first even order above those of the rule."""
        return int(2 * self.base * 2**self.octaves)


def finer(rule: Rule) -> Rule:
    """A rule with more orders in each octave, and more octaves if there are any, to estimate the error of another."""
    return Rule(64, min(rule.octaves + 2, 10)) if rule.octaves else Rule(2 * rule.base)


@cache
def halves(rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """The numbers i and weights w_i of a rule, (terms,); its orders are 2i and 2i + 1."""
    per = rule.base // 2
    weights = dict.fromkeys(range(rule.base), 1.0)
    for octave in range(1, rule.octaves + 1):
        step = 2**octave
        weights |= {step * j: 0.0 for j in range(per, 2 * per)}
        at = np.arange(per * step, 2 * per * step) / step
        first = np.clip(np.floor(at).astype(int) - STENCIL // 2 + 1, per, 2 * per - STENCIL)
        grid = first[:, None] + np.arange(STENCIL)
        for a in range(STENCIL):
            others = np.delete(grid, a, axis=1)
            lagrange = np.prod((at[:, None] - others) / (grid[:, [a]] - others), axis=1)
            for j, share in enumerate(np.bincount(grid[:, a], lagrange)):
                if share:
                    weights[step * j] += share
    i = np.array(sorted(weights))
    return i, np.array([weights[each] for each in i])


def edges(rule: Rule) -> np.ndarray:
    """The ends of the panels of an integral. Panels halve towards 0.

    A feature of φ at u of order 1 lies at x = u/√q, and long rules are used where q is large.
    """
    finest = -20 if rule.octaves else -10
    return np.concatenate([[0.0], 2.0 ** np.arange(finest, -1), np.arange(0.5, REACH + 0.25, 0.5)])


def nodes(ends: np.ndarray, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights of the panels between the ends, for integrals with the polynomials of a rule."""
    parts = [panel(np.array(pair), per_panel(rule, pair[1] - pair[0])) for pair in pairwise(ends)]
    x, weight = zip(*parts, strict=True)
    return np.concatenate(x), np.concatenate(weight)


def per_panel(rule: Rule, width: float) -> int:
    """The number of nodes in a panel of that width; h_m oscillates with √m radians in a unit."""
    return 16 * math.ceil((math.sqrt(rule.end) * width / 2 + 8) / 16)


def panel(ends: Any, count: int) -> tuple[Any, Any]:
    """Gauss-Legendre nodes and weights, `count` in each panel between consecutive ends."""
    unit, weight = np.polynomial.legendre.leggauss(count)
    half = (ends[1:, None] - ends[:-1, None]) / 2
    return (ends[:-1, None] + half * (1 + unit)).ravel(), (half * weight).ravel()


@partial(jax.tree_util.register_dataclass, data_fields=["x", "weight", "table"], meta_fields=["rule"])
@dataclass(frozen=True)
class Basis:
    """The Hermite polynomials of a rule at nodes x > 0; programs that sum series take it as an argument."""

    rule: Rule
    x: Array  # (nodes,)
    weight: Array  # (nodes,)
    table: Array  # (2, terms, nodes), h_m for even m and for odd m


def step(x: Any, below: Any, here: Any, m: Any) -> Any:
    """The polynomial h_{m+1} from h_{m−1} and h_m; they are normalised to be orthonormal under N(0, 1).

    Args:
        x: the points.
        below: h_{m−1} at the points.
        here: h_m at the points.
        m: the order.
    """
    return (x * here - m**0.5 * below) / (m + 1) ** 0.5


@cache
def basis(rule: Rule) -> Basis:
    """The basis of a rule, for all nonlinearities that have no kinks but at 0."""
    x, weight = nodes(edges(rule), rule)
    orders = halves(rule)[0] * 2
    wanted = set(orders.tolist())
    table, below, here = [], np.zeros_like(x), np.ones_like(x)
    for m in range(0, rule.end, 2):
        after = step(x, below, here, m)
        if m in wanted:
            table.append((here, after))
        below, here = after, step(x, here, after, m + 1)
    return Basis(rule, *jax.device_put((x, weight, np.stack(table, axis=1))))


def polynomials(x: Array, rule: Rule) -> Array:
    """The polynomials of a rule without octaves at nodes x, in the layout of `Basis.table`."""

    def add(carry: tuple[Array, Array], m: Array) -> tuple[tuple[Array, Array], Array]:
        below, here = carry
        return (here, step(x, below, here, m)), here

    start = jnp.zeros_like(x), jnp.ones_like(x)
    rows = lax.scan(add, start, jnp.arange(float(rule.end)))[1]
    return rows.reshape(rule.base, 2, -1).transpose(1, 0, 2)
