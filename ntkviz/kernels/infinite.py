r"""Kernels of infinitely wide networks at initialisation, layer by layer.

    K⁰ = x·x′/d,    K^{l+1} = σ_w² E[φ(u) φ(v)] + σ_b²,    Θ^{l+1} = K^{l+1} + σ_w² Θ^l E[φ′(u) φ′(v)]

with (u, v) ~ N(0, K^l restricted to the pair), K¹ = Θ¹ = σ_w² K⁰ + σ_b²; the output's kernels are those of layer L + 1.
That is the NTK parameterization. In the standard one the gradient of a layer's weights carries its fan-in, and that of
its biases carries 1: the first term of Θ is n E[φφ] + 1 instead of K^{l+1}. The maximal update parameterization is the
NTK network with √n w for its weights and its output divided by √n (`nets`): at initialisation its NTK is that of the
NTK parameterization, and its output is 0 in the limit, hence so is the NNGP kernel; in training its NTK moves.

σ_w, σ_b, the width and the depth are arguments of the compiled programs, not constants in them: moving them compiles
nothing. A new nonlinearity needs nothing here.

Sources: Jacot, Gabriel, Hongler 2018 (NTK); Lee et al. 2018 (NNGP); Yang & Hu 2021 (maximal update).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from ntkviz.activations import Activation, activation
from ntkviz.errors import InvalidInput
from ntkviz.kernels.duals import DENSE, SPARSE, cancellation, choose_rule, dual, moments
from ntkviz.kernels.hermite import Basis, Rule, basis, finer
from ntkviz.kernels.room import room_for
from ntkviz.kernels.tiles import by_tiles
from ntkviz.nets import Architecture

EPS = 2.0**-52


class Kernels(NamedTuple):
    """Covariance of the output at initialisation and neural tangent kernel, one output, same shape."""

    nngp: Array
    ntk: Array


BOTH = Kernels._fields


class KernelError(NamedTuple):
    """Largest error of an entry over the largest entry, of each of `Kernels`."""

    nngp: float
    ntk: float


# The largest variance that a series is used for: at 2·10⁹ the slope of softsign is off by a factor, at 2·10¹⁰ negative.
LARGEST = 1e9


class _Gains(NamedTuple):
    """What multiplies what in a layer: numbers that change without compiling."""

    weight: float  # σ_w²
    bias: float  # σ_b²
    first_weights: float  # K⁰ → the share of the first layer's weights in Θ
    weights: float  # E[φφ] → the share of a later layer's weights in Θ
    biases: float  # the share of a layer's biases in Θ
    shaken: float = 0.0  # relative change of the inner products of the points: what rounding does to them

    def covariance(self, expectation: Array) -> Array:
        """Of pre-activations, from E[φφ] of the layer below (or K⁰)."""
        return self.weight * expectation + self.bias


class _State(NamedTuple):
    """A layer's kernels, and the variances of both sets of samples: q2 is empty where they are one set."""

    q1: Array  # (N1,)
    q2: Array  # (N2,) or (0,)
    nngp: Array  # (N1, N2)
    ntk: Array  # (N1, N2)


def infinite_ntk(arch: Architecture, x1: ArrayLike, x2: ArrayLike | None = None) -> Array:
    """Neural tangent kernel Θ at infinite width, (N1, N2), for inputs (N1, d) and (N2, d); x2=None means x1.

    One output, float64. In the standard parameterization Θ grows with the width, and `arch.width` says which is
    meant. Raises `InvalidInput` for inputs that do not fit, and where a kernel overflows.
    """
    return _infinite(arch, x1, x2, ("ntk",))[0]


def infinite_nngp(arch: Architecture, x1: ArrayLike, x2: ArrayLike | None = None) -> Array:
    """Covariance K of the output at initialisation at infinite width; arguments as in `infinite_ntk`."""
    return _infinite(arch, x1, x2, ("nngp",))[0]


def infinite_kernels(arch: Architecture, x1: ArrayLike, x2: ArrayLike | None = None) -> Kernels:
    """Both kernels of `infinite_ntk` and `infinite_nngp`, at the price of one."""
    return Kernels(*_infinite(arch, x1, x2, BOTH))


def infinite_blocks(arch: Architecture, x: ArrayLike, wanted: str) -> Callable[[ArrayLike, ArrayLike | None], Array]:
    """The kernel "ntk" or "nngp" of pieces of `x` (N, d): a function of (x1, x2) that answers as if for all of them.

    Where there is no closed form, the series is the one that the norms of all of `x` need.
    """
    whole, _ = _inputs(x, None)
    rule = _rule(activation(arch.activation), _gains(arch, whole.shape[1]), arch.depth, whole, None)
    return lambda x1, x2: _infinite(arch, x1, x2, (wanted,), rule)[0]


def recursion_of(arch: Architecture, x: ArrayLike) -> tuple[Activation, Array, tuple[Basis | None, _Gains, Array]]:
    """For traced code: φ, the points, and what `recursion` takes beside them."""
    points, _ = _inputs(x, None)
    act, gains = activation(arch.activation), _gains(arch, points.shape[1])
    return act, points, (_basis(_rule(act, gains, arch.depth, points, None)), gains, jnp.asarray(arch.depth))


def _infinite(
    arch: Architecture, x1: ArrayLike, x2: ArrayLike | None, wanted: tuple[str, ...], rule: Rule | None = None
) -> tuple[Array, ...]:
    """The kernels of those names."""
    first, second = _inputs(x1, x2)
    room_for(len(first) * len(wanted), len(first if second is None else second))
    act = activation(arch.activation)
    gains = _gains(arch, first.shape[1])
    rule = rule or _rule(act, gains, arch.depth, first, second)
    return _checked(arch, wanted, *recursion(act, wanted, first, second, _basis(rule), gains, arch.depth))


def infinite_layers(arch: Architecture, x1: ArrayLike, x2: ArrayLike | None = None) -> Kernels:
    """Kernels (depth, N1, N2) of the networks of depth 1, 2, …, `arch.depth` that are otherwise `arch`."""
    first, second = _inputs(x1, x2)
    act = activation(arch.activation)
    gains = _gains(arch, first.shape[1])
    rule = _rule(act, gains, arch.depth, first, second)
    return Kernels(*_checked(arch, BOTH, *_layers(act, arch.depth, _basis(rule), first, second, gains)))


def _inputs(x1: ArrayLike, x2: ArrayLike | None) -> tuple[Array, Array | None]:
    first = _points(x1, "x1")
    if x2 is None:
        return first, None
    second = _points(x2, "x2")
    if first.shape[1] != second.shape[1]:
        raise InvalidInput(
            f"x1 has {first.shape[1]} columns and x2 has {second.shape[1]}; both must hold points of the same space."
        )
    return first, second


def _points(x: ArrayLike, name: str) -> Array:
    try:
        points = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name} must hold numbers, one point a row.") from None
    if points.ndim != 2 or 0 in points.shape:
        raise InvalidInput(f"{name} has shape {points.shape}; pass points as rows, shape (N, d) with N, d ≥ 1.")
    if not np.isfinite(points).all():
        raise InvalidInput(f"{name} holds values that are not finite; drop those rows or fill them in.")
    return jnp.asarray(points)


def _gains(arch: Architecture, input_dim: int) -> _Gains:
    weight, bias = arch.sigma_w**2, (arch.sigma_b or 0.0) ** 2
    if arch.parameterization == "standard":
        return _Gains(weight, bias, float(input_dim), float(arch.width), float(arch.sigma_b is not None))
    return _Gains(weight, bias, weight, weight, bias)


def kernel_error(arch: Architecture, x1: ArrayLike, x2: ArrayLike | None = None) -> KernelError:
    """How far `infinite_kernels` may be off for these inputs: largest error of an entry over the largest entry.

    Two numbers, an estimate: eight times what changes when every series is replaced by a finer and longer one while
    the points' inner products lose their last three bits, and what a few operations a layer round. Variances to 10 get
    1e-8 or better; beyond them, and where a nonlinearity changes much faster than over a unit, it grows, and no
    kernel should be read to more digits. Costs several times what the kernels do.
    """
    first, second = _inputs(x1, x2)
    act = activation(arch.activation)
    gains = _gains(arch, first.shape[1])
    rule = _rule(act, gains, arch.depth, first, second)
    used, fine = (
        _checked(arch, BOTH, *recursion(act, BOTH, first, second, _basis(each), shaken, arch.depth))
        for each, shaken in ((rule, gains), (rule and finer(rule), gains._replace(shaken=8 * EPS)))
    )
    rounding = 64 * EPS * (arch.depth + cancellation(act, _spread(act, gains, arch.depth, first, second)))
    sizes = (max(float(jnp.abs(kernel).max()), 1e-300) for kernel in used)
    nngp, ntk = (
        8 * float(jnp.abs(a - b).max()) / size + rounding for a, b, size in zip(used, fine, sizes, strict=True)
    )
    return KernelError(nngp, ntk)


def _checked(
    arch: Architecture, wanted: tuple[str, ...], kernels: tuple[Array, ...], finite: Array
) -> tuple[Array, ...]:
    if not finite:
        raise InvalidInput(
            f"The kernel overflows for σ_w = {arch.sigma_w:g} and depth {arch.depth}; lower one of them or the inputs."
        )
    if arch.parameterization != "mup":
        return kernels
    return tuple(
        jnp.zeros_like(kernel) if name == "nngp" else kernel for name, kernel in zip(wanted, kernels, strict=True)
    )


def _start(x1: Array, x2: Array | None, gains: _Gains, same: Array | None = None) -> _State:
    """Before the first nonlinearity; two sets of one size may turn out to be the `same` one."""
    d = x1.shape[1]
    other = x1 if x2 is None else x2
    k = x1 @ other.T * ((1 - gains.shaken) / d)
    q1 = (x1**2).sum(axis=1) / d
    q2 = jnp.zeros(0) if x2 is None else (x2**2).sum(axis=1) / d
    if x2 is None:
        k = jnp.fill_diagonal(k, q1, inplace=False)
    elif same is not None and len(x1) == len(x2):
        k = jnp.where(same & jnp.eye(len(x1), dtype=bool), q1, k)
    ntk = gains.first_weights * k + gains.biases
    return _State(gains.covariance(q1), gains.covariance(q2), gains.covariance(k), ntk)


def _layer(act: Activation, terms: Basis | None, symmetric: bool, state: _State, gains: _Gains) -> _State:
    """The kernels after one more nonlinearity and the layer behind it."""
    q1, q2, k, ntk = state
    if symmetric:
        value, slope = dual(act, q1, q1, k, terms)
        own, other = jnp.diagonal(value), q2  # exact: the correlation is 1 there
    else:
        value, slope = dual(act, q1, q2, k, terms)
        own, other = jnp.split(moments(act, jnp.concatenate([q1, q2]), terms).value, [len(q1)])
    ntk = gains.weights * value + gains.biases + gains.weight * ntk * slope
    return _State(gains.covariance(own), gains.covariance(other), gains.covariance(value), ntk)


def _kernels_of(state: _State, symmetric: bool) -> Kernels:
    kernels = Kernels(state.nngp, state.ntk)
    return Kernels(*((kernel + kernel.T) / 2 for kernel in kernels)) if symmetric else kernels


def _finite(kernels: Kernels) -> Array:
    return jnp.isfinite(kernels.nngp).all() & jnp.isfinite(kernels.ntk).all()


@jax.jit(static_argnums=(0, 1))
def recursion(
    act: Activation,
    wanted: tuple[str, ...],
    x1: Array,
    x2: Array | None,
    terms: Basis | None,
    gains: _Gains,
    depth: Array,
) -> tuple[tuple[Array, ...], Array]:
    """The kernels of those names, and whether they are finite.

    By tiles where the dual is closed; a series is made once for a point, hence for all pairs at once."""

    def block(x1: Array, x2: Array | None, same: Array | None = None) -> Kernels:
        start, symmetric = _start(x1, x2, gains, same), x2 is None
        state = lax.fori_loop(0, depth, lambda _, state: _layer(act, terms, symmetric, state, gains), start)
        return _kernels_of(state, symmetric)

    if act.dual is not None:
        return by_tiles(lambda *tile: tuple(getattr(block(*tile), name) for name in wanted), x1, x2)
    kernels = block(x1, x2)
    return tuple(getattr(kernels, name) for name in wanted), _finite(kernels)


@jax.jit(static_argnums=(0, 1))
def _layers(
    act: Activation, depth: int, terms: Basis | None, x1: Array, x2: Array | None, gains: _Gains
) -> tuple[Kernels, Array]:
    symmetric = x2 is None

    def step(state: _State, _: None) -> tuple[_State, Kernels]:
        state = _layer(act, terms, symmetric, state, gains)
        return state, _kernels_of(state, symmetric)

    kernels = lax.scan(step, _start(x1, x2, gains), length=depth)[1]
    return kernels, _finite(kernels)


def _basis(rule: Rule | None) -> Basis | None:
    return None if rule is None else basis(rule)


def _rule(act: Activation, gains: _Gains, depth: int, x1: Array, x2: Array | None) -> Rule | None:
    """What serves the variances of every layer."""
    if act.dual is not None:
        return None
    variances = np.asarray(_spread(act, gains, depth, x1, x2))
    if not np.isfinite(variances).all():
        return DENSE[0]  # an overflow has its own error
    if variances.max(initial=0.0) > LARGEST:
        raise InvalidInput(
            f"Pre-activations of variance {variances.max():.1e} are beyond the {LARGEST:.0e} that the series for "
            f"{act.label} resolves; scale the inputs down or lower σ_w."
        )
    return choose_rule(act, variances)


def _spread(act: Activation, gains: _Gains, depth: int, x1: Array, x2: Array | None) -> np.ndarray:
    """Variances (8,) that span those of every layer: 16 samples are followed through the network."""
    norms = np.concatenate([(np.asarray(x) ** 2).mean(axis=1) for x in (x1, x2) if x is not None])
    terms = None if act.dual is not None else basis(SPARSE[0])
    low, high = map(float, _variances(act, np.quantile(norms, np.linspace(0, 1, 16)), gains, depth, terms))
    high = max(high, 1e-300)
    return np.geomspace(max(low, 1e-4 * high), high, 8) if np.isfinite(high) else np.full(8, np.inf)


@jax.jit(static_argnums=0)
def _variances(act: Activation, norms: Array, gains: _Gains, depth: Array, terms: Basis | None) -> tuple[Array, Array]:
    """Smallest and largest variance of a pre-activation, over the hidden layers and the squared norms over d."""

    def step(_: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        q, low, high = carry
        return (
            gains.covariance(moments(act, q, terms).value),
            jnp.minimum(low, q.min()),
            jnp.maximum(high, q.max()),
        )

    start = gains.covariance(norms)
    _, low, high = lax.fori_loop(0, depth, step, (start, jnp.asarray(jnp.inf), jnp.asarray(0.0)))
    return low, high
