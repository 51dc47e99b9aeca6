r"""Which frequencies the kernels of an infinitely wide network have, and which have an eigenvalue of exactly zero.

    K = Σ_n c_n ρⁿ with c_n ≥ 0;    frequency k is there if and only if c_n > 0 for some n ≥ k of the parity of k

for inputs of equal norm, where ρ is the cosine of their angle: on the circle ρⁿ is made of the frequencies n, n − 2, …,
and on a sphere of these degrees of harmonics. No term cancels another, so that it suffices to follow the highest even
and the highest odd power through the network. To support another operation, give it a method of `Limit`.

Source: Schoenberg 1942 (the signs of the c_n).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from numpy.typing import NDArray

from ntkviz.activations import Activation, activation
from ntkviz.kernels.limit import Gain, gains_of, passed
from ntkviz.nets import Architecture
from ntkviz.nets.operations import Axes, Limit
from ntkviz.writing import listed

NONE = -math.inf
POWERS = 9  # the highest power of a nonlinearity that is a polynomial
EXACT = 1e-9  # how well a polynomial must fit to be one


@dataclass(frozen=True)
class Degrees:
    """The highest even and the highest odd power of a series: `NONE` without such powers, infinite without an end."""

    even: float
    odd: float

    def has(self, k: int) -> bool:
        """Whether frequency k has a positive eigenvalue."""
        return k <= (self.odd if k % 2 else self.even)

    @property
    def missing(self) -> str:
        """The frequencies that are not there, in words; empty where all are.

        >>> Degrees(math.inf, 1).missing, Degrees(-math.inf, 1).missing
        ('the odd frequencies from 3 on', 'all frequencies but 1')
        """
        if self.even == math.inf:
            return "" if self.odd == math.inf else _from("odd", self.odd, 1)
        if self.odd == math.inf:
            return _from("even", self.even, 0)
        there = [str(k) for k in range(int(max(self.even, self.odd, -1)) + 1) if self.has(k)]
        return f"all frequencies but {listed(there)}" if there else "all frequencies"


EMPTY, CONSTANT, COSINE = Degrees(NONE, NONE), Degrees(0, NONE), Degrees(NONE, 1)
EVERYTHING = Degrees(math.inf, math.inf)


def _from(parity: str, highest: float, lowest: int) -> str:
    """The frequencies of a parity beyond the highest, where `lowest` is the first of this parity."""
    return f"the {parity} frequencies" + ("" if highest < lowest else f" from {int(highest) + 2} on")


def kernel_degrees(arch: Architecture) -> Degrees | None:
    """The powers of the NTK at infinite width in the cosine of the angle; None for networks on images.

    >>> kernel_degrees(Architecture(depth=1, activation="erf", sigma_b=None))
    Degrees(even=-inf, odd=inf)
    """
    if arch.input_dim is not None:
        return None
    made: _Kernel = passed(arch, False, _Pass, gains_of(arch, 2), arch.depth, _Kernel(COSINE, EMPTY))
    return made.ntk


def absent(degrees: Degrees, points: int) -> NDArray[np.bool_]:
    """Whether the matrix on equal steps round the circle has the eigenvalue zero, for the frequencies 0, …, N/2.

    At N points the frequencies k, N − k, N + k, … look the same, so that all of them must be missing.

    Args:
        degrees: of the kernel.
        points: N.
    """
    return np.array([not (degrees.has(k) or degrees.has(points - k)) for k in range(points // 2 + 1)])


@lru_cache
def nonlinearity_degrees(act: Activation) -> Degrees:
    """The highest even and odd Hermite polynomials in φ: those of its powers, if it is a polynomial."""
    x = 4 * np.cos(np.pi * (np.arange(64) + 0.5) / 128)  # Chebyshev's points, the positive half
    right, left = np.asarray(jax.jit(act.function)(np.stack([x, -x])), np.float64)
    return Degrees(_power((right + left) / 2, x, 0), _power((right - left) / 2, x, 1))


def _power(values: NDArray[np.float64], x: NDArray[np.float64], parity: int) -> float:
    """The degree of the even or odd polynomial with these values at x; infinite where there is none."""
    size = float(np.abs(values).max())
    if size < EXACT:
        return NONE
    powers = np.arange(parity, POWERS, 2)
    basis = (x[:, None] / 4) ** powers
    weights = np.linalg.lstsq(basis, values / size, rcond=None)[0]
    if np.abs(basis @ weights - values / size).max() > EXACT:
        return math.inf
    return float(powers[np.abs(weights) > EXACT].max())


def _plus(a: Degrees, b: Degrees) -> Degrees:
    return Degrees(max(a.even, b.even), max(a.odd, b.odd))


def _times(a: Degrees, b: Degrees) -> Degrees:
    def both(one: float, other: float) -> float:
        return NONE if NONE in (one, other) else one + other

    even = max(both(a.even, b.even), both(a.odd, b.odd))
    return Degrees(even, max(both(a.even, b.odd), both(a.odd, b.even)))


def _composed(outer: Degrees, inner: Degrees) -> Degrees:
    """Σ_n h_n² Kⁿ, whose highest n of each parity are those of `outer`."""
    return _plus(_raised(inner, outer.even, 0), _raised(inner, outer.odd, 1))


def _raised(a: Degrees, n: float, parity: int) -> Degrees:
    """The sum of aⁿ, aⁿ⁻², …; of all n of a parity where n is infinite."""
    if n == NONE:
        return EMPTY
    if math.isinf(n):
        square = _times(a, a)
        grows = Degrees(*(math.inf if degree >= 1 else degree for degree in (square.even, square.odd)))
        return grows if parity == 0 else _plus(a, _times(grows, a))
    power = CONSTANT if parity == 0 else a
    for _ in range(int(n) // 2):
        power = _times(power, _times(a, a))
    return power


def _slope(phi: Degrees, act: Activation) -> Degrees:
    """The Hermite polynomials in φ′, which is zero for a step."""
    if act.rough == 0:
        return EMPTY
    return Degrees(phi.odd - 1 if phi.odd >= 1 else NONE, phi.even - 1 if phi.even >= 2 else NONE)


class _Kernel(NamedTuple):
    """The powers of both kernels of a layer."""

    nngp: Degrees
    ntk: Degrees


class _Pass(Limit[_Kernel]):
    """The pass that moves powers."""

    def __init__(self, gains: tuple[Gain, ...]) -> None:
        self.layers = iter(gains)

    def affine(self, state: _Kernel) -> _Kernel:
        layer = next(self.layers)
        nngp = _plus(state.nngp, CONSTANT if layer.bias > 0 else EMPTY)
        ntk = _plus(_plus(state.nngp, state.ntk), CONSTANT if layer.biases > 0 else EMPTY)
        return _Kernel(nngp, ntk)

    def activate(self, state: _Kernel, act: Activation) -> _Kernel:
        phi = nonlinearity_degrees(activation(act))
        slope = _composed(_slope(phi, act), state.nngp)
        return _Kernel(_composed(phi, state.nngp), _times(state.ntk, slope))

    def normalise(self, state: _Kernel) -> _Kernel:
        return state

    def linear(self, state: _Kernel, average: Callable[[Array, Axes], Array]) -> _Kernel:
        return state

    def add(self, state: _Kernel, other: _Kernel, share: float | Array) -> _Kernel:
        if not share > 0:
            return state
        return _Kernel(_plus(state.nngp, other.nngp), _plus(state.ntk, other.ntk))
