r"""Closed-form duals of functions that are made of ramps, and have the same kinks as a nonlinearity.

    g(x) = Σ_c Σ_j J_cj (x − c)₊^j / j!,  j = 1, 2, 3      (for c < 0 with ramps (c − x)₊ to the left)

The function g has the jumps J_cj in its j-th derivative at c. Where φ has the same jumps, φ − g is smooth to third
order and its Hermite coefficients decay fast. E[g(u) g(v)] follows from moments of ramps (`bivariate`).

Most nonlinearities have no kink but at 0. The terms with j = 2 and 3 are then multiplied by a window e^{−x²/2τ²}, so
that g grows no faster than |x|. Expectations with the window are moments of ramps under another covariance, and for
ramps that start at 0 these need nothing but an arcsine.
"""

import math
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from ntkviz.activations import Activation, Dual, sine_and_arcsine
from ntkviz.errors import InvalidInput
from ntkviz.kernels import bivariate

WINDOW = 4.0  # τ² in units of the pre-activation, the scale on which nonlinearities change
HALF_MOMENTS = (0.5, 1 / math.sqrt(2 * math.pi), 0.5, 2 / math.sqrt(2 * math.pi), 1.5)  # E[y₊^k] for y ~ N(0, 1)


class Kink(NamedTuple):
    """The jumps of φ′, φ″ and φ‴ at a point."""

    at: float
    jumps: tuple[float, float, float]


Kinks = tuple[Kink, ...]


@lru_cache(maxsize=64)
def kinks_of(act: Activation) -> Kinks:
    """The kinks of φ with jumps up to the third derivative, from the derivatives on both sides."""
    if act.dual is not None:
        return ()
    found = (Kink(at, _jumps(act, at)) for at in act.kinks)
    return tuple(kink for kink in found if any(kink.jumps))


def _jumps(act: Activation, at: float) -> tuple[float, float, float]:
    near, noise = 1e-12 * max(1.0, abs(at)), 1e-9  # derivatives at ±near are one-sided limits with an error of `noise`
    with jax.ensure_compile_time_eval():
        derivative, jumps = act.function, []
        for _ in range(4):
            jumps.append(float(derivative(jnp.asarray(at + near))) - float(derivative(jnp.asarray(at - near))))
            derivative = jax.grad(derivative)
    if abs(jumps[0]) > noise * max(1.0, abs(at)):
        raise InvalidInput(
            f"{act.label} jumps at {at:g}, and its tangent kernel needs a closed form; use a continuous nonlinearity, "
            "or sign or step."
        )
    first, second, third = (jump if abs(jump) > noise else 0.0 for jump in jumps[1:])
    return first, second, third


def _windowed(kinks: Kinks) -> bool:
    return all(kink.at == 0 for kink in kinks)


def _side(kink: Kink) -> float:
    return 1.0 if kink.at >= 0 else -1.0


def _outward(kink: Kink) -> tuple[float, ...]:
    """Weights of ramps (±(x − c))₊^j with the jumps of a kink; the ramps lead away from 0, so that g is 0 around 0."""
    return tuple(_side(kink) ** (j + 1) * jump for j, jump in enumerate(kink.jumps, 1))


@lru_cache(maxsize=64)
def combination(kinks: Kinks) -> Activation:
    """The function g with these kinks, as an activation."""
    windowed = _windowed(kinks)

    def function(x: Array) -> Array:
        total = jnp.zeros_like(x)
        for kink in kinks:
            side, jumps = _side(kink), _outward(kink)
            ramp = jnp.maximum(side * (x - kink.at), 0.0)
            window = jnp.exp(-(x**2) / (2 * WINDOW)) if windowed and any(jumps[1:]) else 1.0
            for j, jump in enumerate(jumps, 1):
                if jump:
                    total = total + jump / math.factorial(j) * ramp**j * (window if j > 1 else 1.0)
        return total

    return Activation("ramps", "ramps", "", function, tuple(kink.at for kink in kinks))


@lru_cache(maxsize=64)
def without(act: Activation, kinks: Kinks) -> Activation:
    """The difference φ − g of an activation and the function with the given kinks."""
    kinked = combination(kinks).function
    return Activation(f"smooth part of {act.name}", "", "", lambda x: act.function(x) - kinked(x), act.kinks)


def dual(kinks: Kinks, q1: Array, q2: Array, scale: Array, rho: Array) -> Dual:
    """The dual of `combination(kinks)` in closed form.

    Args:
        kinks: the kinks of the function.
        q1: variances.
        q2: variances, of a shape that broadcasts with q1.
        scale: the product of the standard deviations.
        rho: the correlations.
    """
    if _windowed(kinks):
        return _at_zero(kinks[0].jumps, q1, q2, scale, rho)
    return _anywhere(kinks, q1, q2, rho)


def _anywhere(kinks: Kinks, q1: Array, q2: Array, rho: Array) -> Dual:
    """The dual for kinks at any points. A compiled loop over pairs of kinks takes less time to compile than copies."""
    sine, _ = sine_and_arcsine(rho)
    roots = jnp.sqrt(jnp.maximum(q1, 1e-300)), jnp.sqrt(jnp.maximum(q2, 1e-300))
    order = max(j for kink in kinks for j, jump in enumerate(kink.jumps, 1) if jump)
    pairs = list(product(kinks, repeat=2))
    starts = np.array([[abs(one.at), abs(other.at)] for one, other in pairs])
    sides = np.array([[_side(one), _side(other)] for one, other in pairs])
    jumps = np.array([[_outward(one), _outward(other)] for one, other in pairs])

    def add(total: Dual, pair: tuple[Array, Array, Array]) -> tuple[Dual, None]:
        (c, d), (first, second), turn = pair[0], pair[1], pair[2].prod()
        table = bivariate.moments((c, d), roots, turn * rho, sine, order)
        value, slope = total
        for j, k in product(range(1, order + 1), repeat=2):
            weight = first[j - 1] * second[k - 1] / (math.factorial(j) * math.factorial(k))
            value = value + weight * table[j][k]
            slope = slope + weight * turn * j * k * table[j - 1][k - 1]
        return Dual(value, slope), None

    start = Dual(jnp.zeros_like(rho), jnp.zeros_like(rho))
    return lax.scan(add, start, (jnp.asarray(starts), jnp.asarray(jumps), jnp.asarray(sides)))[0]


def _moments(rho: Array, sine: Array, order: int) -> list[list[Array]]:
    """The moments I_jk = E[x₊^j y₊^k], j, k ≤ order ≤ 4, of unit normals with correlation rho; x₊⁰ is the unit step.

    Integration by parts gives I_jk = (j − 1) I_{j−2,k} + ρ k I_{j−1,k−1}. The derivative of a step (j = 1, or k = 0) is
    a delta function, and gives the moment of the other factor at x = 0, or y = 0, over √(2π).
    """
    root = math.sqrt(2 * math.pi)
    table: list[list[Array]] = [[jnp.zeros_like(rho)] * (order + 1) for _ in range(order + 1)]
    table[0][0] = 0.25 + jnp.arctan2(rho, sine) / (2 * math.pi)
    for k in range(order + 1):
        for j in range(max(k, 1), order + 1):
            edge = HALF_MOMENTS[k] * sine**k / root if j == 1 else (j - 1) * table[j - 2][k]
            across = k * table[j - 1][k - 1] if k else HALF_MOMENTS[j - 1] * sine ** (j - 1) / root
            table[j][k] = table[k][j] = edge + rho * across
    return table


class _Part(NamedTuple):
    """The coefficients c_j of a part Σ_j c_j u₊^j of g, perhaps with a window e^{−u²/2τ²}, and of its derivative."""

    windowed: bool
    value: tuple[float, ...]
    slope: tuple[float, ...]


def _parts(jumps: tuple[float, float, float]) -> list[_Part]:
    first, second, third = jumps
    parts = [_Part(False, (0.0, first), (first,))] if first else []
    if second or third:
        slope = (0.0, second, third / 2, -second / (2 * WINDOW), -third / (6 * WINDOW))
        parts.append(_Part(True, (0.0, 0.0, second / 2, third / 6), slope))
    return parts


def _at_zero(jumps: tuple[float, float, float], q1: Array, q2: Array, scale: Array, rho: Array) -> Dual:
    """The dual for a kink at 0, summed over pairs of parts of g.

    Multiplying the density of unit normals by windows e^{−αx²/2} e^{−βy²/2} gives, up to a factor 1/√Δ, a density with
    covariance [[1 + β s², ρ], [ρ, 1 + α s²]]/Δ, where Δ = 1 + α + β + αβ s² and s² = 1 − ρ².
    """
    value, slope = jnp.zeros_like(scale * rho), jnp.zeros_like(scale * rho)
    sine, _ = sine_and_arcsine(rho)
    for one in _parts(jumps):
        for other in _parts(jumps):
            alpha, beta = one.windowed * q1 / WINDOW, other.windowed * q2 / WINDOW
            delta = 1 + alpha + beta + alpha * beta * sine**2
            across, along = 1 + alpha * sine**2, 1 + beta * sine**2
            norm = jnp.sqrt(along * across)
            order = max(len(one.slope), len(other.slope), 2) - 1
            table = _moments(rho / norm, sine * jnp.sqrt(delta) / norm, order)
            left, right = jnp.sqrt(q1 * along / delta), jnp.sqrt(q2 * across / delta)
            value = value + _pair(one.value, other.value, table, left, right) / jnp.sqrt(delta)
            slope = slope + _pair(one.slope, other.slope, table, left, right) / jnp.sqrt(delta)
    return Dual(value, slope)


def _pair(
    one: tuple[float, ...], other: tuple[float, ...], table: list[list[Array]], left: Array, right: Array
) -> Array:
    terms = [
        c * d * left**j * right**k * table[j][k] for j, c in enumerate(one) for k, d in enumerate(other) if c and d
    ]
    return sum(terms, start=jnp.zeros_like(table[0][0]))
