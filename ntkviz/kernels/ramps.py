r"""What a kink at 0 does to the dual of a nonlinearity, in closed form.

    g(x) = Σ_j J_j x₊^j / j!,  j = 1, 2, 3

has the jumps J_j in its j-th derivative at 0. Where φ has the same jumps, φ − g is smooth there to third order, its
Hermite coefficients decay fast, and E[g(u) g(v)] follows from the moments E[x₊^j y₊^k] of two unit normals.
"""

import math
from functools import lru_cache

import jax
import jax.numpy as jnp
from jax import Array

from ntkviz.activations import Activation, Dual, sine_and_arcsine
from ntkviz.errors import InvalidInput


@lru_cache(maxsize=64)
def jumps_of(act: Activation) -> tuple[float, ...]:
    """Jumps of φ', φ'', φ''' at 0, from derivatives on both sides of it; () without a kink there."""
    if 0.0 not in act.kinks or act.dual is not None:
        return ()
    near, noise = 1e-12, 1e-9  # the derivatives at ±near are the one-sided limits but for less than the noise
    with jax.ensure_compile_time_eval():
        derivative, jumps = act.function, []
        for _ in range(4):
            jumps.append(float(derivative(jnp.asarray(near))) - float(derivative(jnp.asarray(-near))))
            derivative = jax.grad(derivative)
    if abs(jumps[0]) > noise:
        raise InvalidInput(f"{act.label} jumps at 0, and a step has no tangent kernel; use a continuous nonlinearity.")
    return tuple(jump if abs(jump) > noise else 0.0 for jump in jumps[1:])


@lru_cache(maxsize=64)
def combination(jumps: tuple[float, ...]) -> Activation:
    """Σ_j jump_j x₊^j / j!, the simplest function with these jumps."""
    weights = [jump / math.factorial(j) for j, jump in enumerate(jumps, 1)]

    def function(x: Array) -> Array:
        ramp = jnp.where(x > 0, x, 0.0)
        return sum((w * ramp**j for j, w in enumerate(weights, 1)), start=jnp.zeros_like(x))

    return Activation("ramps", "ramps", "", function, (0.0,))


@lru_cache(maxsize=64)
def without(act: Activation, jumps: tuple[float, ...]) -> Activation:
    """φ less the function that has its jumps."""
    kinked = combination(jumps).function
    return Activation(f"smooth part of {act.name}", "", "", lambda x: act.function(x) - kinked(x), act.kinks)


def _moments(rho: Array) -> list[list[Array]]:
    """I_jk = E[x₊^j y₊^k], j, k ≤ 3, of unit normals with correlation rho (x₊⁰ is the step).

    By parts, I_jk = (j − 1) I_{j−2,k} + ρ k I_{j−1,k−1}. Where a step is differentiated (j = 1, or k = 0) its delta
    leaves the moment of the other factor at x = 0, or y = 0, over √(2π).
    """
    root = math.sqrt(2 * math.pi)
    sine, arcsine = sine_and_arcsine(rho)
    half_moment = (0.5, 1 / root, 0.5, 2 / root)  # E[y₊^k] of a unit normal
    table: list[list[Array]] = [[jnp.zeros_like(rho)] * 4 for _ in range(4)]
    table[0][0] = 0.25 + arcsine / (2 * math.pi)
    for k in range(4):
        for j in range(max(k, 1), 4):
            edge = half_moment[k] * sine**k / root if j == 1 else (j - 1) * table[j - 2][k]
            across = k * table[j - 1][k - 1] if k else half_moment[j - 1] * sine ** (j - 1) / root
            table[j][k] = table[k][j] = edge + rho * across
    return table


def dual(jumps: tuple[float, ...], q1: Array, q2: Array, scale: Array, rho: Array) -> Dual:
    """Closed-form dual of `combination(jumps)`."""
    table = _moments(rho)
    left, right = jnp.sqrt(q1), jnp.sqrt(q2)
    value, slope = jnp.zeros_like(rho), jnp.zeros_like(rho)
    for j, first in enumerate(jumps):
        for k, second in enumerate(jumps):
            weight = first * second / (math.factorial(j) * math.factorial(k))
            term = weight * left**j * right**k
            slope = slope + term * table[j][k]
            value = value + term * scale * table[j + 1][k + 1] / ((j + 1) * (k + 1))
    return Dual(value, slope)
