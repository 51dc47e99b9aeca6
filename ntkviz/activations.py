r"""Nonlinearities φ and their duals, the Gaussian expectations from which infinite-width kernels are computed.

    (u, v) ~ N(0, [[q1, k], [k, q2]])   ↦   (E[φ(u) φ(v)], E[φ'(u) φ'(v)])

This pair of expectations is called the dual of φ. By Price's theorem the second is the derivative of the first in k. To
add a nonlinearity, add an entry to `ACTIVATIONS`. A dual without a closed form is integrated numerically
(`kernels.duals`).

Sources: Cho & Saul 2009 (ReLU, step); Williams 1996 (erf). The other closed forms follow by integration by parts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import erf

from ntkviz.errors import InvalidInput


class Dual(NamedTuple):
    """The expectations E[φ(u) φ(v)] and E[φ'(u) φ'(v)]; their shape is that of the covariances, broadcast."""

    value: Array
    slope: Array


Function = Callable[[Array], Array]
ClosedForm = Callable[[Array, Array, Array], Dual]


@dataclass(frozen=True)
class Activation:
    """A nonlinearity φ, applied entry by entry. It is hashable, so that it can be static under `jax.jit`.

    Attributes:
        name: the key in `ACTIVATIONS`.
        label: what a selector shows.
        formula: φ(x) in LaTeX.
        function: φ, for traced code.
        kinks: the points where a derivative of φ jumps. Numerical integrals are split there.
        dual: the closed form of the dual as a function of (q1, q2, k), or None where none is known.
        trains: whether gradient descent makes progress with φ. It does not where φ' vanishes almost everywhere, or
            where φ grows faster than linearly.
        rough: the order of the first derivative that jumps at a kink. The higher it is, the faster the eigenvalues of
            the kernels fall.
    """

    name: str
    label: str
    formula: str
    function: Function
    kinks: tuple[float, ...] = ()
    dual: ClosedForm | None = None
    trains: bool = True
    rough: int = 1


# A correlation that is this close to ±1 is set to ±1: for equal points it is off by a few roundings.
SNAP = 32 * 2.0**-52


def correlation(q1: Array, q2: Array, k: Array) -> tuple[Array, Array]:
    """The scale √(q1 q2) and the correlation ρ = k/√(q1 q2), which is 0 where a variance is 0.

    Args:
        q1: variances.
        q2: variances, of a shape that broadcasts with q1.
        k: covariances.
    """
    scale = jnp.sqrt(q1) * jnp.sqrt(q2)
    rho = jnp.where(scale > 0, k, 0.0) / jnp.where(scale > 0, scale, 1.0)
    return scale, jnp.where(jnp.abs(rho) > 1 - SNAP, jnp.sign(rho), rho)


def _arcsine_series(degree: int = 12) -> tuple[float, ...]:
    """Coefficients, highest degree first, of a polynomial P with arcsin x ≈ x + x³ P(x²) for x² ≤ ¼.

    P interpolates the Taylor series at Chebyshev points. All terms of the series are positive: no digits cancel.
    """
    n = np.arange(1, 40)
    taylor = np.cumprod((2 * n - 1) / (2 * n)) / (2 * n + 1)
    fitted = np.polynomial.Chebyshev.interpolate(np.polynomial.Polynomial(taylor), degree, domain=[0, 0.25])
    return tuple(map(float, fitted.convert(kind=np.polynomial.Polynomial).coef[::-1]))


ARCSINE = _arcsine_series()


def sine_and_arcsine(rho: Array) -> tuple[Array, Array]:
    """√(1 − ρ²) and arcsin ρ for |ρ| ≤ 1, with an error of at most 3 units in the last place.

    For |ρ| ≥ ½ the arcsine is π/2 − 2 arcsin √((1 − |ρ|)/2), with the sign of ρ, which is as exact. There are no
    branches, so that the code is vectorised; JAX's own arcsine takes three times as long.
    """
    size = jnp.abs(rho)
    middle = size < 0.5
    z = jnp.where(middle, rho * rho, (1 - size) / 2)
    total = jnp.zeros_like(z)
    for coefficient in ARCSINE:
        total = total * z + coefficient
    x = jnp.where(middle, size, jnp.sqrt(z))
    arcsine = x + x * z * total
    return jnp.sqrt((1 - rho) * (1 + rho)), jnp.sign(rho) * jnp.where(middle, arcsine, math.pi / 2 - 2 * arcsine)


def _piecewise_linear_dual(left: float, right: float, q1: Array, q2: Array, k: Array) -> Dual:
    """The dual of φ(x) = m x + h |x|, from E|uv| = (2/π) √(q1 q2) (√(1 − ρ²) + ρ arcsin ρ).

    The cross terms E[u |v|] vanish by symmetry.
    """
    mean, half = (left + right) / 2, (right - left) / 2
    scale, rho = correlation(q1, q2, k)
    sine, arcsine = sine_and_arcsine(rho)
    value = scale * (mean**2 * rho + half**2 * (2 / math.pi) * (sine + rho * arcsine))
    return Dual(value, mean**2 + half**2 * (2 / math.pi) * arcsine)


def _linear_dual(q1: Array, q2: Array, k: Array) -> Dual:
    return Dual(k + 0 * (q1 + q2), jnp.ones_like(k + 0 * (q1 + q2)))


def _erf_dual(q1: Array, q2: Array, k: Array) -> Dual:
    """E[φφ] = (2/π) arcsin(2k/√((1 + 2q1)(1 + 2q2))), written with atan2 so that no digits are lost for large q."""
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
    """E[sin u sin v] = e^{−(q1+q2)/2} sinh k and E[cos u cos v] = e^{−(q1+q2)/2} cosh k, written without overflow."""
    scale, rho = correlation(q1, q2, k)
    size = scale * jnp.abs(rho)
    envelope = 0.5 * jnp.exp(-jnp.maximum((q1 + q2) / 2 - size, 0.0))
    return -jnp.sign(rho) * envelope * jnp.expm1(-2 * size), envelope * (1 + jnp.exp(-2 * size))


def _sin_dual(q1: Array, q2: Array, k: Array) -> Dual:
    return Dual(*_wave(q1, q2, k))


def _cos_dual(q1: Array, q2: Array, k: Array) -> Dual:
    return Dual(*reversed(_wave(q1, q2, k)))


def _step_dual(low: float, high: float, q1: Array, q2: Array, k: Array) -> Dual:
    """The dual of a step from `low` (x < 0) to `high` (x > 0), from E[sign u sign v] = (2/π) arcsin ρ.

    φ' is 0 almost everywhere, both for gradient descent and for the kernel of a finite network. The second expectation
    is therefore 0, and not the 2/(π√(q1 q2 − k²)) that Price's theorem gives with delta functions.
    """
    scale, rho = correlation(q1, q2, k)
    mean, half = (low + high) / 2, (high - low) / 2
    value = mean**2 + half**2 * (2 / math.pi) * sine_and_arcsine(rho)[1]
    return Dual(value + 0 * scale, jnp.zeros_like(scale * rho))


def _gaussian_dual(q1: Array, q2: Array, k: Array) -> Dual:
    """The dual of φ = e^{−x²}: E[φφ] = 1/√Δ with Δ = (1 + 2q1)(1 + 2q2) − 4k²."""
    scale, rho = correlation(q1, q2, k)
    root = jnp.sqrt(1 + 2 * (q1 + q2) + 4 * scale**2 * (1 - rho) * (1 + rho))
    return Dual(1 / root, 4 * scale * rho / root**3)


def _rbf_dual(q1: Array, q2: Array, k: Array) -> Dual:
    """The dual of φ = √2 sin(√2 x + π/4): E[φφ] = e^{−(q1 + q2 − 2k)}, the Gaussian (RBF) kernel of the distance."""
    scale, rho = correlation(q1, q2, k)
    value = jnp.exp(-((jnp.sqrt(q1) - jnp.sqrt(q2)) ** 2) - 2 * scale * (1 - rho))
    return Dual(value, 2 * value)


def _exp_dual(q1: Array, q2: Array, k: Array) -> Dual:
    value = jnp.exp((q1 + q2) / 2 + k)
    return Dual(value, value)


def _polynomial_dual(coefficients: tuple[float, ...], q1: Array, q2: Array, k: Array) -> Dual:
    """The dual of φ = Σ c_n xⁿ, by its expansion in Hermite polynomials: E[φφ] = Σ_m m! g_m(q1) g_m(q2) k^m.

    g_m(q) = Σ_j c_n q^j n! / (2^j j! m!), with n = m + 2j.
    """

    def expansion(m: int, q: Array) -> Array:
        terms = (
            (j, c * math.factorial(m + 2 * j) / (2**j * math.factorial(j) * math.factorial(m)))
            for j, c in enumerate(coefficients[m::2])
        )
        return sum((share * q**j for j, share in terms if share), start=jnp.zeros_like(q))

    products = [math.factorial(m) * expansion(m, q1) * expansion(m, q2) for m in range(len(coefficients))]
    value = sum((term * k**m for m, term in enumerate(products)), start=jnp.zeros_like(k))
    slope = sum((m * term * k ** (m - 1) for m, term in enumerate(products) if m), start=jnp.zeros_like(k))
    return Dual(value, slope)


def polynomial(*coefficients: float) -> Activation:
    """The activation c_0 + c_1 x + c_2 x² + …, up to degree 8. As a name, x² is `polynomial_0_0_1`.

    Raises `InvalidInput` unless there are one to nine finite coefficients.
    """
    numbers = tuple(map(float, coefficients))
    if not 1 <= len(numbers) <= 9 or not all(map(math.isfinite, numbers)):
        raise InvalidInput("A polynomial takes one to nine finite coefficients, the constant first.")
    formula = " + ".join(f"{c:g} x^{{{n}}}" for n, c in enumerate(numbers) if c) or "0"
    name = "polynomial_" + "_".join(repr(c) for c in numbers)

    def function(x: Array) -> Array:
        total = jnp.zeros_like(x)
        for c in reversed(numbers):
            total = total * x + c
        return total

    return Activation(name, f"polynomial ({formula})", formula, function, (), partial(_polynomial_dual, numbers), False)


def _elu(alpha: float, scale: float, x: Array) -> Array:
    """scale · x for x > 0, and scale · α (e^x − 1) for x < 0."""
    return scale * jnp.where(x > 0, x, alpha * jnp.expm1(jnp.where(x > 0, 0.0, x)))


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017


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
    Activation("elu", "ELU", r"\max(x, 0) + \min(e^x - 1, 0)", partial(_elu, 1.0, 1.0), (0.0,), rough=2),
    Activation(
        "selu", "SELU", r"1.05\,(\max(x, 0) + 1.67 \min(e^x - 1, 0))", partial(_elu, SELU_ALPHA, SELU_SCALE), (0.0,)
    ),
    Activation("softsign", "softsign", r"x / (1 + |x|)", lambda x: x / (1 + jnp.abs(x)), (0.0,), rough=2),
    Activation("hardtanh", "hard tanh", r"\max(-1, \min(1, x))", lambda x: jnp.clip(x, -1.0, 1.0), (-1.0, 1.0)),
    Activation("sin", "sine", r"\sin(x)", jnp.sin, (), _sin_dual),
    Activation("cos", "cosine", r"\cos(x)", jnp.cos, (), _cos_dual),
    Activation("abs", "absolute value", r"|x|", jnp.abs, (0.0,), partial(_piecewise_linear_dual, -1.0, 1.0)),
    Activation("linear", "linear", "x", lambda x: x, (), _linear_dual),
    Activation("gaussian", "Gaussian", r"e^{-x^2}", lambda x: jnp.exp(-(x**2)), (), _gaussian_dual),
    Activation(
        "rbf",
        "RBF features",
        r"\sqrt{2} \sin(\sqrt{2} x + \pi/4)",
        lambda x: math.sqrt(2) * jnp.sin(math.sqrt(2) * x + math.pi / 4),
        (),
        _rbf_dual,
    ),
    Activation("sign", "sign", r"\operatorname{sign}(x)", jnp.sign, (0.0,), partial(_step_dual, -1.0, 1.0), False, 0),
    Activation(
        "step", "step", r"1_{x > 0}", lambda x: (jnp.sign(x) + 1) / 2, (0.0,), partial(_step_dual, 0.0, 1.0), False, 0
    ),
    Activation("exp", "exponential", "e^x", jnp.exp, (), _exp_dual, False),
    replace(polynomial(0, 0, 1), name="square", label="square", formula="x^2"),
    replace(polynomial(0, 0, 0, 1), name="cubic", label="cubic", formula="x^3"),
)
ALIASES = {"identity": "linear", "swish": "silu"}
# Name of a family of activations -> the function that makes one, and how many numbers it takes.
FAMILIES: dict[str, tuple[Callable[..., Activation], range]] = {
    "leaky_relu": (_leaky_relu, range(1, 2)),
    "abrelu": (_abrelu, range(2, 3)),
    "polynomial": (polynomial, range(1, 10)),
}


def activation(name: str | Activation) -> Activation:
    """The activation of that name, in upper or lower case; an `Activation` is returned as it is.

    A name may end in numbers: `leaky_relu_0.2` and `abrelu_-0.5_2` in slopes, the one for x < 0 first, and
    `polynomial_0_0_1` in coefficients, the constant first. Raises `InvalidInput` for an unknown name.
    """
    if isinstance(name, Activation):
        return name
    if not isinstance(name, str):
        raise InvalidInput(f"An activation is a name or an Activation, not {type(name).__name__}.")
    return _named(name.strip().lower())


@lru_cache(maxsize=256)  # the same name gives the same object, so that jit compiles once for it
def _named(name: str) -> Activation:
    key = ALIASES.get(name, name)
    if key in ACTIVATIONS:
        return ACTIVATIONS[key]
    for family, (make, counts) in FAMILIES.items():
        slopes = _slopes(name, family)
        if len(slopes) in counts:
            return make(*slopes)
    known = ", ".join([*ACTIVATIONS, *ALIASES, "leaky_relu_SLOPE", "abrelu_LEFT_RIGHT", "polynomial_C0_C1_…"])
    raise InvalidInput(f"There is no activation {name!r}; choose one of {known}.")


def _slopes(name: str, family: str) -> tuple[float, ...]:
    """The finite numbers that follow `family_` in a name; empty where the name is not of this form."""
    head, _, tail = name.partition(f"{family}_")
    try:
        slopes = tuple(float(part) for part in tail.split("_"))
    except ValueError:
        return ()
    return slopes if not head and all(map(math.isfinite, slopes)) else ()
