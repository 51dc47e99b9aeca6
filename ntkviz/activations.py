r"""Nonlinearities and the Gaussian expectations that infinite width needs of them.

    (u, v) ~ N(0, [[q1, k], [k, q2]])   ↦   (E[φ(u) φ(v)], E[φ'(u) φ'(v)])

The pair is the dual of φ; by Price's theorem the second is the derivative of the first in k. To add a nonlinearity,
add an entry to `ACTIVATIONS`: without a closed-form dual it is integrated numerically (`kernels.duals`).

Sources: Cho & Saul 2009 (ReLU); Williams 1996 (erf). The others follow from the Gaussian integral by parts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erf

from ntkviz.errors import InvalidInput


class Dual(NamedTuple):
    """E[φ(u) φ(v)] and E[φ'(u) φ'(v)], broadcast over the covariances."""

    value: Array
    slope: Array


Function = Callable[[Array], Array]
ClosedForm = Callable[[Array, Array, Array], Dual]


@dataclass(frozen=True)
class Activation:
    """A nonlinearity, applied entry by entry. Hashable, hence static under `jax.jit`.

    `kinks` are the points where φ' jumps; numerical integrals are split there. `dual(q1, q2, k)` is the closed form
    of the dual, or None where none is known.
    """

    name: str
    label: str  # what a selector shows
    formula: str  # LaTeX
    function: Function
    kinks: tuple[float, ...] = ()
    dual: ClosedForm | None = None


SNAP = 32 * 2.0**-52  # a correlation this close to ±1 is ±1: Gram matrices of duplicates round by a few eps


def correlation(q1: Array, q2: Array, k: Array) -> tuple[Array, Array]:
    """√(q1 q2) and ρ = k / √(q1 q2) in [−1, 1]; ρ is 0 where a variance is."""
    scale = jnp.sqrt(q1) * jnp.sqrt(q2)
    rho = jnp.where(scale > 0, k, 0.0) / jnp.where(scale > 0, scale, 1.0)
    return scale, jnp.where(jnp.abs(rho) > 1 - SNAP, jnp.sign(rho), rho)


def sine_and_arcsine(rho: Array) -> tuple[Array, Array]:
    """√(1 − ρ²) and arcsin ρ = atan2(ρ, √(1 − ρ²)), which keeps its digits near ρ = ±1."""
    sine = jnp.sqrt((1 - rho) * (1 + rho))
    return sine, jnp.arctan2(rho, sine)


def _piecewise_linear_dual(left: float, right: float, q1: Array, q2: Array, k: Array) -> Dual:
    """φ(x) = m x + h |x|: the cross terms vanish by symmetry, E|uv| = (2/π) √(q1 q2) (√(1 − ρ²) + ρ arcsin ρ)."""
    mean, half = (left + right) / 2, (right - left) / 2
    scale, rho = correlation(q1, q2, k)
    sine, arcsine = sine_and_arcsine(rho)
    value = scale * (mean**2 * rho + half**2 * (2 / math.pi) * (sine + rho * arcsine))
    return Dual(value, mean**2 + half**2 * (2 / math.pi) * arcsine)


def _linear_dual(q1: Array, q2: Array, k: Array) -> Dual:
    return Dual(k + 0 * (q1 + q2), jnp.ones_like(k + 0 * (q1 + q2)))


def _erf_dual(q1: Array, q2: Array, k: Array) -> Dual:
    """(2/π) arcsin(2k/√((1 + 2q1)(1 + 2q2))), written with atan2 so that it keeps its digits for large q."""
    scale, rho = correlation(q1, q2, k)
    k = scale * rho
    root = jnp.sqrt(1 + 2 * (q1 + q2) + 4 * scale**2 * (1 - rho) * (1 + rho))
    return Dual((2 / math.pi) * jnp.arctan2(2 * k, root), (4 / math.pi) / root)


def _gelu_dual(q1: Array, q2: Array, k: Array) -> Dual:
    """With Δ = (1 + q1)(1 + q2) − k², g = q1 q2 − k² and h = 1/(1 + q1) + 1/(1 + q2),

    E[φφ] = k P + (g + k² h)/(2π√Δ),   P = E[Φ(u) Φ(v)] = 1/4 + arcsin(k/√((1 + q1)(1 + q2)))/(2π).
    """
    scale, rho = correlation(q1, q2, k)
    k = scale * rho
    g = scale**2 * (1 - rho) * (1 + rho)
    h = 1 / (1 + q1) + 1 / (1 + q2)
    delta = 1 + q1 + q2 + g
    root = jnp.sqrt(delta)
    both = 0.25 + jnp.arctan2(k, root) / (2 * math.pi)
    rest = g + k**2 * h
    value = k * both + rest / (2 * math.pi * root)
    return Dual(value, both + k / (2 * math.pi * root) * (2 * h - 1 + rest / delta))


def _wave(q1: Array, q2: Array, k: Array) -> tuple[Array, Array]:
    """E[sin u sin v] = e^{−(q1+q2)/2} sinh k and E[cos u cos v] = e^{−(q1+q2)/2} cosh k, without overflow."""
    scale, rho = correlation(q1, q2, k)
    size = scale * jnp.abs(rho)
    envelope = 0.5 * jnp.exp(-jnp.maximum((q1 + q2) / 2 - size, 0.0))
    return -jnp.sign(rho) * envelope * jnp.expm1(-2 * size), envelope * (1 + jnp.exp(-2 * size))


def _sin_dual(q1: Array, q2: Array, k: Array) -> Dual:
    return Dual(*_wave(q1, q2, k))


def _cos_dual(q1: Array, q2: Array, k: Array) -> Dual:
    return Dual(*reversed(_wave(q1, q2, k)))


def _piecewise_linear(name: str, label: str, formula: str, left: float, right: float) -> Activation:
    def function(x: Array) -> Array:
        return jnp.where(x > 0, right * x, left * x)

    return Activation(name, label, formula, function, (0.0,), partial(_piecewise_linear_dual, left, right))


def _leaky_relu(slope: float) -> Activation:
    """max(x, 0) + slope · min(x, 0)."""
    formula = rf"\max(x, 0) + {slope:g} \min(x, 0)"
    return _piecewise_linear(f"leaky_relu_{slope!r}", f"leaky ReLU ({slope:g})", formula, slope, 1.0)


def _abrelu(left: float, right: float) -> Activation:
    """left · min(x, 0) + right · max(x, 0)."""
    formula = rf"{left:g} \min(x, 0) + {right:g} \max(x, 0)"
    return _piecewise_linear(f"abrelu_{left!r}_{right!r}", f"ABReLU ({left:g}, {right:g})", formula, left, right)


def _registry(*entries: Activation) -> dict[str, Activation]:
    return {entry.name: entry for entry in entries}


ACTIVATIONS: dict[str, Activation] = _registry(
    Activation("relu", "ReLU", r"\max(x, 0)", jax.nn.relu, (0.0,), partial(_piecewise_linear_dual, 0.0, 1.0)),
    _piecewise_linear("leaky_relu", "leaky ReLU", r"\max(x, 0) + 0.1 \min(x, 0)", 0.1, 1.0),
    Activation("erf", "erf", r"\operatorname{erf}(x)", erf, (), _erf_dual),
    Activation("tanh", "tanh", r"\tanh(x)", jnp.tanh),
    Activation("gelu", "GELU", r"x\, \Phi(x)", partial(jax.nn.gelu, approximate=False), (), _gelu_dual),
    Activation("silu", "SiLU (Swish)", r"x / (1 + e^{-x})", jax.nn.silu),
    Activation("softplus", "softplus", r"\log(1 + e^x)", jax.nn.softplus),
    Activation("sigmoid", "sigmoid", r"1 / (1 + e^{-x})", jax.nn.sigmoid),
    Activation("sin", "sine", r"\sin(x)", jnp.sin, (), _sin_dual),
    Activation("cos", "cosine", r"\cos(x)", jnp.cos, (), _cos_dual),
    Activation("abs", "absolute value", r"|x|", jnp.abs, (0.0,), partial(_piecewise_linear_dual, -1.0, 1.0)),
    Activation("linear", "linear", "x", lambda x: x, (), _linear_dual),
)
ALIASES = {"identity": "linear", "swish": "silu"}
FAMILIES: dict[str, tuple[Callable[..., Activation], int]] = {"leaky_relu": (_leaky_relu, 1), "abrelu": (_abrelu, 2)}


def activation(name: str | Activation) -> Activation:
    """The entry of that name (any case); `leaky_relu_0.2` and `abrelu_-0.5_2` carry their slopes, left one first.

    An `Activation` of your own is returned as it is. Raises `InvalidInput` for an unknown name.
    """
    if isinstance(name, Activation):
        return name
    if not isinstance(name, str):
        raise InvalidInput(f"An activation is a name or an Activation, not {type(name).__name__}.")
    return _named(name.strip().lower())


@lru_cache(maxsize=256)  # the same name gives the same object: jit compiles once for it
def _named(name: str) -> Activation:
    key = ALIASES.get(name, name)
    if key in ACTIVATIONS:
        return ACTIVATIONS[key]
    for family, (make, count) in FAMILIES.items():
        slopes = _slopes(name, family)
        if len(slopes) == count:
            return make(*slopes)
    known = ", ".join([*ACTIVATIONS, *ALIASES, "leaky_relu_SLOPE", "abrelu_LEFT_RIGHT"])
    raise InvalidInput(f"There is no activation {name!r}; choose one of {known}.")


def _slopes(name: str, family: str) -> tuple[float, ...]:
    """The finite numbers after `family_` in a name, or none."""
    head, _, tail = name.partition(f"{family}_")
    try:
        slopes = tuple(float(part) for part in tail.split("_"))
    except ValueError:
        return ()
    return slopes if not head and all(map(math.isfinite, slopes)) else ()
