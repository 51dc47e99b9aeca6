r"""Kernels of infinitely wide networks at initialisation, layer by layer.

    K⁰ = x·x′/d,    K^{l+1} = σ_w² E[φ(u) φ(v)] + σ_b²,    Θ^{l+1} = K^{l+1} + σ_w² Θ^l E[φ′(u) φ′(v)]

with (u, v) ~ N(0, K^l restricted to the pair) and K¹ = Θ¹ = σ_w² K⁰ + σ_b². The kernels of the output are those of
layer L + 1. These formulas hold for the fully connected network in the NTK parameterization. Other architectures have
other operations between their layers (`nets.operations`). In general a layer with factors a, c, standard deviations
s, t and fan-in F maps the kernels by

    K ↦ a² F s² K + c² t²,    Θ ↦ a² F K + c² + a² F s² Θ.

- NTK parameterization: a² F = σ_w² and c² = σ_b². Every layer contributes to Θ at order one.
- Standard parameterization: a² F = F and c² = 1. A layer whose inputs are n features contributes n E[φφ], and all other
  layers contribute at order one. Θ grows in proportion to n, and the setting `width` decides which Θ is returned.
- µP: before the readout a² F = n σ_w² and c² = n σ_b², so that Θ^l is of order n and K^l as above. The readout has
  a² F = σ_w² and c² = σ_b², and passes on Θ^L σ_w²/n. The weights and biases of every layer contribute at order one, as
  much as in the NTK parameterization. The K of the output is (σ_w² E[φφ] + σ_b²)/n; its limit 0 is returned. This Θ
  moves in training at any width.

The same orders hold for every architecture, where Θ^l stands for the kernel before the last layer.

Compiled programs take σ_w, σ_b and the width as arguments, so that another value compiles nothing. The same is true of
the depth, unless a block changes the size of an image. A new nonlinearity or architecture needs no code in this module.

Sources: Jacot, Gabriel, Hongler 2018 (NTK); Lee et al. 2018 (NNGP); Yang & Hu 2021 (maximal update).
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike
from numpy.typing import NDArray

from ntkviz.activations import Activation, activation
from ntkviz.compiling import quickly
from ntkviz.errors import InvalidInput
from ntkviz.kernels.duals import DENSE, SPARSE, cancellation, choose_rule
from ntkviz.kernels.hermite import Basis, Rule, basis, finer
from ntkviz.kernels.limit import (
    Gains,
    Kernel,
    KernelPass,
    Range,
    RangePass,
    block_passed,
    gains_of,
    is_loop,
    pairs_meet,
    passed,
)
from ntkviz.kernels.points import inputs_of
from ntkviz.kernels.room import room_for
from ntkviz.kernels.start import positioned, start_of
from ntkviz.kernels.tiles import SIDE, by_tiles
from ntkviz.nets import Architecture, scales
from ntkviz.nets.operations import Shape, transfer_through
from ntkviz.nets.padding import cut, padded

EPS = 2.0**-52
Floats = NDArray[np.float64]


class Kernels(NamedTuple):
    """The covariance of an output at initialisation and the neural tangent kernel of an output, of the same shape."""

    nngp: Array
    ntk: Array


BOTH = Kernels._fields


class KernelError(NamedTuple):
    """The largest error of an entry over the largest entry, for each of the `Kernels`."""

    nngp: float
    ntk: float


LARGEST = 1e9  # largest variance for which a series is used: for softsign E[φ′φ′] is wrong by a factor at 2·10⁹
SMALL = 1024**2  # entries up to which both kernels are made where one is wanted, so that one program serves both
PAIRS = 4e6  # most covariances of image positions held at once: 0.4 GB with all that is computed from them


def infinite_ntk(arch: Architecture, x1: ArrayLike, x2: ArrayLike | None = None) -> Array:
    """The neural tangent kernel Θ at infinite width, (N1, N2), of one output, in float64.

    In the standard parameterization Θ grows with the width: the result is that of `arch.width`.

    Args:
        arch: the architecture.
        x1: (N1, d), the inputs.
        x2: (N2, d), other inputs; None stands for `x1`.

    Raises:
        InvalidInput: where the inputs do not fit, or a kernel overflows.
        TooExpensive: where the kernel is larger than the memory of the machine.
    """
    return _infinite(arch, x1, x2, ("ntk",))[0]


def infinite_nngp(arch: Architecture, x1: ArrayLike, x2: ArrayLike | None = None) -> Array:
    """The NNGP kernel K, the covariance of an output at initialisation; arguments and errors as in `infinite_ntk`."""
    return _infinite(arch, x1, x2, ("nngp",))[0]


def infinite_kernels(arch: Architecture, x1: ArrayLike, x2: ArrayLike | None = None) -> Kernels:
    """Both kernels, in the time of one of them; arguments and errors as in `infinite_ntk`."""
    return Kernels(*_infinite(arch, x1, x2, BOTH))


def infinite_blocks(arch: Architecture, x: ArrayLike, wanted: str) -> Callable[[ArrayLike, ArrayLike | None], Array]:
    """The function (x1, x2) ↦ kernel for blocks of points, with the entries that the kernel of all points has.

    Where a dual has no closed form, every block uses the series that the norms of all points require.

    Args:
        arch: the architecture.
        x: (N, d), all points.
        wanted: "ntk" or "nngp".
    """
    whole, _ = inputs_of(x, None)
    rule = _rule(_problem(arch, whole.shape[1]), whole, None)
    return lambda x1, x2: _infinite(arch, x1, x2, (wanted,), rule)[0]


def recursion_of(
    arch: Architecture, x: ArrayLike
) -> tuple[Floats, tuple[Architecture, Basis | None, Gains, np.ndarray]]:
    """The points (N, d), and the arguments that `recursion` takes after them, for traced code."""
    points, _ = inputs_of(x, None)
    problem = _problem(arch, points.shape[1])
    terms = _basis(_rule(problem, points, None))
    return points, (problem.outline, terms, problem.gains, np.asarray(arch.depth))


def ntk_and_across(arch: Architecture, x: ArrayLike, others: ArrayLike) -> tuple[Floats, Floats]:
    """The kernel Θ(x, x), exactly symmetric, and Θ(others, x), both by one program.

    It compiles in half of the time of two calls of `infinite_ntk`, and agrees with them to rounding.

    Args:
        arch: the architecture.
        x: (N, d), the inputs.
        others: (M, d), other inputs.

    Returns:
        (N, N) and (M, N), in float64. Errors are those of `infinite_ntk`.
    """
    first, second = inputs_of(x, others)
    both = _infinite(arch, np.concatenate([first, np.asarray(second)]), first, ("ntk",), shared=len(first))[0]
    kernel, across = np.split(np.asarray(both), [len(first)])
    return (kernel + kernel.T) / 2, across


def _infinite(
    arch: Architecture,
    x1: ArrayLike,
    x2: ArrayLike | None,
    wanted: tuple[str, ...],
    rule: Rule | None = None,
    shared: int = 0,
) -> tuple[Array, ...]:
    """The kernels with the given names, "nngp" or "ntk"."""
    first, second = inputs_of(x1, x2)
    room_for(len(first) * len(wanted), len(first if second is None else second))
    problem = _problem(arch, first.shape[1])
    return _evaluated(problem, wanted, rule or _rule(problem, first, second), first, second, shared=shared)


def infinite_layers(arch: Architecture, x1: ArrayLike, x2: ArrayLike | None = None) -> Kernels:
    """The kernels (depth, N1, N2) of the networks of depth 1, 2, …, `arch.depth` that are otherwise like `arch`.

    Inputs and errors are those of `infinite_ntk`.
    """
    first, second = inputs_of(x1, x2)
    problem = _problem(arch, first.shape[1])
    if not problem.loop or problem.positions > 1:
        each = [infinite_kernels(replace(arch, depth=depth), x1, x2) for depth in range(1, arch.depth + 1)]
        return Kernels(*(jnp.stack(kernels) for kernels in zip(*each, strict=True)))
    terms = _basis(_rule(problem, first, second))
    one, other = padded(first), None if second is None else padded(second)
    made, finite = _layers(problem.outline, arch.depth, terms, one, other, problem.gains)
    shape = arch.depth, len(first), len(first if second is None else second)
    return Kernels(*_checked(arch, BOTH, tuple(cut(kernel, shape) for kernel in made), finite))


class _Problem(NamedTuple):
    """An architecture in the form that the compiled programs take."""

    arch: Architecture
    outline: Architecture  # the architecture with fixed values of all settings for which nothing needs compiling
    gains: Gains
    loop: bool
    positions: int  # the positions of an input image; 1 for other inputs

    @property
    def act(self) -> Activation:
        return activation(self.arch.activation)


def _problem(arch: Architecture, input_dim: int) -> _Problem:
    shape = arch.input_shape(input_dim)
    if _entries(arch, shape) > 8 * PAIRS:
        raise InvalidInput(
            f"Pooling needs the covariance of every pair of {prod(shape[:-1])} positions: take smaller images, or a "
            "network without pooling."
        )
    loop = is_loop(arch, shape)
    depth = 1 if loop else arch.depth
    outline = replace(arch, depth=depth, width=1, outputs=1, parameterization="ntk", sigma_w=1.0, sigma_b=0.0)
    return _Problem(arch, outline, gains_of(arch, input_dim), loop, prod(shape[:-1]))


def _entries(arch: Architecture, shape: Shape) -> int:
    """The number of covariances for a pair of points: one for each position, or for each pair of positions."""
    return prod(shape[:-1]) ** (2 if pairs_meet(arch) else 1)


def _evaluated(
    problem: _Problem,
    wanted: tuple[str, ...],
    rule: Rule | None,
    x1: Floats,
    x2: Floats | None,
    shaken: float = 0.0,
    shared: int = 0,
) -> tuple[Array, ...]:
    arch, shape = problem.arch, (len(x1), len(x1 if x2 is None else x2))
    names = BOTH if prod(shape) <= SMALL else wanted
    first, second = padded(x1), None if x2 is None else padded(x2)
    settings = problem.outline, _basis(rule), problem.gains, arch.depth, shaken, shared
    made, finite = _recursion(names, first, second, *settings)
    kernels = {name: cut(kernel, shape) for name, kernel in zip(names, made, strict=True) if name in wanted}
    return _checked(arch, wanted, tuple(kernels[name] for name in wanted), finite)


def kernel_error(arch: Architecture, x1: ArrayLike, x2: ArrayLike | None = None) -> KernelError:
    """An estimate of the error of `infinite_kernels`: the largest error of an entry over the largest entry.

    The kernels are computed once more, with finer and longer series and with an error in the last three bits of the
    inner products. The estimate is eight times the change, plus the rounding of a few operations in each layer. It is
    1e-8 or better for variances up to 10, and grows beyond them, and for nonlinearities that change over much less
    than a unit. It takes several times as long as the kernels. Inputs and errors are those of `infinite_ntk`.
    """
    first, second = inputs_of(x1, x2)
    problem = _problem(arch, first.shape[1])
    rule = _rule(problem, first, second)
    used = _evaluated(problem, BOTH, rule, first, second)
    fine = _evaluated(problem, BOTH, rule and finer(rule), first, second, 8 * EPS)
    layers = len(scales(arch, first.shape[1])) - 1
    rounding = 64 * EPS * (layers + cancellation(problem.act, _spread(problem, first, second)))
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(used, fine, strict=True)]
    nngp, ntk = (8 * np.abs(a - b).max().item() / max(np.abs(a).max().item(), 1e-300) + rounding for a, b in pairs)
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
        jax.device_put(np.zeros(kernel.shape)) if name == "nngp" else kernel
        for name, kernel in zip(wanted, kernels, strict=True)
    )


def _symmetric(kernels: Kernels, symmetric: bool) -> Kernels:
    """The kernels; those of a set with itself are made exactly symmetric."""
    return Kernels(*((kernel + kernel.T) / 2 for kernel in kernels)) if symmetric else kernels


def _finite(kernels: Kernels) -> Array:
    return jnp.isfinite(kernels.nngp).all() & jnp.isfinite(kernels.ntk).all()


def recursion(
    wanted: tuple[str, ...],
    x1: Array,
    x2: Array | None,
    outline: Architecture,
    terms: Basis | None,
    gains: Gains,
    depth: Array,
    shaken: float | Array = 0.0,
    shared: int | Array = 0,
) -> tuple[tuple[Array, ...], Array]:
    """Infinite-width kernels, and whether all of their entries are finite, for traced code.

    Kernels with a dual in closed form, and those of images, are computed tile by tile. Where the dual is a series all
    pairs are computed at once, because the series of a point is then made only once.

    Args:
        wanted: the names of the kernels, "nngp" or "ntk".
        x1: (N1, d), the inputs.
        x2: (N2, d), other inputs; None stands for `x1`.
        outline: the architecture, with fixed values of the settings that do not decide the program.
        terms: the basis of the series, or None for a closed form.
        gains: the factors of the layers.
        depth: the number of blocks.
        shaken: a relative error of the inner products of the inputs, to test how much they matter.
        shared: how many points, the first ones, both sets have in common; all where `x2` is None.
    """
    shape = outline.input_shape(x1.shape[1])

    def block(one: Array, other: Array | None, i: int | Array = 0, j: int | Array = 0) -> Kernels:
        make = partial(KernelPass, terms, pairs_meet(outline))
        rows, columns = i + jnp.arange(len(one)), j + jnp.arange(len(one if other is None else other))
        same = (rows[:, None] == columns) & (rows < (len(x1) if x2 is None else shared))[:, None]
        start = start_of(outline, one, other, shaken, same)
        state = passed(outline, is_loop(outline, shape), make, gains, depth, start)
        return Kernels(state.nngp, state.ntk)

    if activation(outline.activation).dual is not None or len(shape) > 1:
        side = min(SIDE, max(1, int(math.sqrt(PAIRS / _entries(outline, shape)))))
        return by_tiles(lambda *tile: tuple(getattr(block(*tile), name) for name in wanted), x1, x2, side)
    kernels = _symmetric(block(x1, x2), x2 is None)
    return tuple(getattr(kernels, name) for name in wanted), _finite(kernels)


_recursion = quickly(recursion, static_argnums=0)


@partial(quickly, static_argnums=1)
def _layers(
    outline: Architecture, depth: int, terms: Basis | None, x1: Array, x2: Array | None, gains: Gains
) -> tuple[Kernels, Array]:
    make = partial(KernelPass, terms, False)

    def step(state: Kernel, i: Array) -> tuple[Kernel, Kernels]:
        state = block_passed(outline, make, gains, i, state)
        behind = transfer_through(outline.end(), state, make(gains.end))
        return state, _symmetric(Kernels(behind.nngp, behind.ntk), x2 is None)

    start = start_of(outline, x1, x2, 0.0)
    kernels = lax.scan(step, transfer_through(outline.begin(), start, make(gains.begin)), jnp.arange(depth))[1]
    return kernels, _finite(kernels)


def _basis(rule: Rule | None) -> Basis | None:
    return None if rule is None else basis(rule)


def _rule(problem: _Problem, x1: Floats, x2: Floats | None) -> Rule | None:
    """What serves the variances of every layer."""
    act = problem.act
    if act.dual is not None:
        return None
    variances = np.asarray(_spread(problem, x1, x2))
    if not np.isfinite(variances).all():
        return DENSE[0]  # an overflow has its own error
    if variances.max(initial=0.0) > LARGEST:
        raise InvalidInput(
            f"Pre-activations of variance {variances.max():.1e} are beyond the {LARGEST:.0e} that the series for "
            f"{act.label} resolves; scale the inputs down or lower σ_w."
        )
    return choose_rule(act, variances)


def _spread(problem: _Problem, x1: Floats, x2: Floats | None) -> Floats:
    """Variances (8,) that span those of every layer: 16 samples are followed through the network."""
    points = np.concatenate([np.asarray(x) for x in (x1, x2) if x is not None])
    sizes = (positioned(problem.arch, points) ** 2).mean(axis=-1)
    order = np.argsort(sizes.reshape(-1, len(points)).max(axis=0))
    chosen = points[order[np.linspace(0, len(points) - 1, 16).round().astype(int)]]
    terms = None if problem.act.dual is not None else basis(SPARSE[0])
    low, high = map(float, _variances(problem.outline, chosen, problem.gains, problem.arch.depth, terms))
    high = max(high, 1e-300)
    return np.geomspace(max(low, 1e-4 * high), high, 8) if np.isfinite(high) else np.full(8, np.inf)


@quickly
def _variances(outline: Architecture, x: Array, gains: Gains, depth: Array, terms: Basis | None) -> tuple[Array, Array]:
    """Smallest and largest variance of a pre-activation, over the layers, the positions and the samples x (N, d)."""
    q = (positioned(outline, x) ** 2).mean(axis=-1)
    start = Range(q, jnp.asarray(jnp.inf), jnp.asarray(0.0))
    loop = is_loop(outline, outline.input_shape(x.shape[1]))
    state = passed(outline, loop, partial(RangePass, terms), gains, depth, start)
    return state.low, state.high
