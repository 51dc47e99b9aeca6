r"""The maps of kernels, and of variances alone, that the operations of a network make at infinite width.

    affine:     K ↦ a² F s² K + c² t²,    Θ ↦ a² F K + c² + a² F s² Θ
    nonlinear:  K ↦ E[φ(u) φ(v)],         Θ ↦ Θ E[φ′(u) φ′(v)]
    branches:   K and Θ add;    layer norm:  K ↦ K/√(q q′), Θ ↦ Θ/√(q q′) with q = K(x, x)

(u, v) ~ N(0, K restricted to the pair). The factors a, c and standard deviations s, t of a layer (`nets.Scale`) and its
fan-in F are different for each parameterization; the rule is the same for all.

The K of images depends on positions. Without pooling, covariances of a position with itself are enough, and the layout
is (positions, N1, N2). With pooling, those of all pairs of positions are needed. The layout is then
(positions, N1, positions, N2), as if each position were a sample.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from ntkviz.activations import Activation, Dual, correlation
from ntkviz.kernels.duals import dual, moments
from ntkviz.kernels.hermite import Basis
from ntkviz.nets import Architecture, scales, sizes
from ntkviz.nets.operations import Axes, Limit, S, Scale, Shape, sizes_of, transfer_through


class Gain(NamedTuple):
    """The factors of a layer in the maps of kernels. Another value of them compiles nothing."""

    weight: float  # a² F s², which multiplies K and Θ
    bias: float  # c² t², which is added to K
    weights: float  # a² F, which multiplies K in the part of the weights in Θ
    biases: float  # c², the part of the biases in Θ


def gain(scale: Scale, fan_in: int, biases: bool) -> Gain:
    """The factors of a layer in the maps of kernels.

    Args:
        scale: the scale of the layer.
        fan_in: its fan-in F.
        biases: whether the network has biases.
    """
    weights, shift = scale.weight**2 * fan_in, scale.bias**2 * biases
    return Gain(weights * scale.weight_std**2, shift * scale.bias_std**2, weights, shift)


class Gains(NamedTuple):
    """The factors of the layers before the blocks, in the first block, in any later block, and after the blocks."""

    begin: tuple[Gain, ...]
    first: tuple[Gain, ...]
    later: tuple[Gain, ...]
    end: tuple[Gain, ...]


def gains_of(arch: Architecture, input_dim: int) -> Gains:
    """The factors of all layers of an architecture, for inputs of `input_dim` numbers."""
    layers = zip(scales(arch, input_dim), sizes(arch, input_dim), strict=True)
    each = tuple(gain(scale, size.fan_in, arch.sigma_b is not None) for scale, size in layers)
    shape = arch.input_shape(input_dim)
    before, shape = sizes_of(arch.begin(), shape)
    start, count = len(before), len(sizes_of(arch.block(), shape)[0])
    later = each[start + count : start + 2 * count] if arch.depth > 1 else each[start : start + count]
    return Gains(each[:start], each[start : start + count], later, each[start + count * arch.depth :])


def is_loop(arch: Architecture, shape: Shape) -> bool:
    """Whether a block keeps the number of positions of an image. If so, one compiled loop serves every depth."""
    before = sizes_of(arch.begin(), shape)[1]
    return sizes_of(arch.block(), before)[1][:-1] == before[:-1]


def pairs_meet(arch: Architecture) -> bool:
    """Whether an operation mixes positions of an image, so that the covariances of all pairs of them are needed."""
    return any(operation.pairs for operation in arch.operations)


def passed(
    arch: Architecture,
    loop: bool,
    make: Callable[[tuple[Gain, ...]], Limit[S]],
    gains: Gains,
    depth: Array | int,
    state: S,
) -> S:
    """The state after the whole network, for traced code.

    Args:
        arch: the architecture.
        loop: whether the blocks can be a compiled loop (`is_loop`).
        make: makes the pass for layers with given gains.
        gains: the factors of all layers.
        depth: the number of blocks, where they are a loop.
        state: the state before the network.
    """
    state = transfer_through(arch.begin(), state, make(gains.begin))
    if loop:
        state = lax.fori_loop(0, depth, partial(block_passed, arch, make, gains), state)
    else:
        for i in range(arch.depth):
            state = block_passed(arch, make, gains, i, state)
    return transfer_through(arch.end(), state, make(gains.end))


def block_passed(
    arch: Architecture, make: Callable[[tuple[Gain, ...]], Limit[S]], gains: Gains, i: Array | int, state: S
) -> S:
    """The state after block i, which is counted from 0.

    Args:
        arch: the architecture.
        make: makes the pass for layers with given gains.
        gains: the factors of all layers; the fan-in of the first block may differ from that of the others.
        i: the number of the block.
        state: the state before the block.
    """
    if isinstance(i, int):
        return transfer_through(arch.block(), state, make(gains.first if i == 0 else gains.later))
    now: tuple[Gain, ...] = jax.tree.map(partial(jnp.where, i == 0), gains.first, gains.later)
    return transfer_through(arch.block(), state, make(now))


class Kernel(NamedTuple):
    """The kernels at a layer between two sets of samples, and the covariances of each set with itself.

    The covariances are None where both sets are the same; images always have two sets.
    """

    nngp: Array  # (*positions, N1, N2), or (*positions, N1, *positions, N2)
    ntk: Array
    own: tuple[Array, Array] | None  # (*positions, N), or (*positions, *positions, N)


class KernelPass(Limit[Kernel]):
    """The pass whose state is kernels. With `pairs` the state has the covariances of all pairs of positions."""

    def __init__(self, terms: Basis | None, pairs: bool, gains: tuple[Gain, ...]) -> None:
        self.terms, self.pairs, self.layers = terms, pairs, iter(gains)

    def affine(self, state: Kernel) -> Kernel:
        layer = next(self.layers)

        def covariance(expectation: Array) -> Array:
            return layer.weight * expectation + layer.bias

        ntk = layer.weights * state.nngp + layer.biases + layer.weight * state.ntk
        return Kernel(covariance(state.nngp), ntk, jax.tree.map(covariance, state.own))

    def activate(self, state: Kernel, act: Activation) -> Kernel:
        q1, q2 = self._variances(state)
        value, slope = self._dual(act, q1, q2, state.nngp)
        return Kernel(value, state.ntk * slope, None if state.own is None else self._moments(act, state.own, q1, q2))

    def normalise(self, state: Kernel) -> Kernel:
        q1, q2 = self._variances(state)
        if self.pairs:
            one, other, k = q1.ravel(), q2.ravel(), state.nngp.reshape(q1.size, q2.size)
        else:
            one, other, k = q1, q2, state.nngp
        scale, rho = (part.reshape(state.nngp.shape) for part in correlation(one[..., :, None], other[..., None, :], k))
        ntk = jnp.where(scale > 0, state.ntk, 0.0) / jnp.where(scale > 0, scale, 1.0)
        if state.own is None:
            return Kernel(rho, ntk, None)
        return Kernel(rho, ntk, (_correlated(state.own[0], q1), _correlated(state.own[1], q2)))

    def linear(self, state: Kernel, average: Callable[[Array, Axes], Array]) -> Kernel:
        dimensions = range(self._dimensions(state))
        behind = len(dimensions) + 1  # the axis after the positions and the samples of the first set
        between = tuple((i, behind + i) if self.pairs else (i,) for i in dimensions)
        within = tuple((i, behind - 1 + i) if self.pairs else (i,) for i in dimensions)
        own = None if state.own is None else (average(state.own[0], within), average(state.own[1], within))
        return Kernel(average(state.nngp, between), average(state.ntk, between), own)

    def add(self, state: Kernel, other: Kernel, share: float | Array) -> Kernel:
        return jax.tree.map(lambda a, b: a + share * b, state, other)

    def _dimensions(self, state: Kernel) -> int:
        """The number of dimensions of the image; 0 where there are no positions."""
        return (state.nngp.ndim - 2) // (2 if self.pairs else 1)

    def _variances(self, state: Kernel) -> tuple[Array, Array]:
        """The variances (*positions, N) of each set; the same array twice where both sets are the same."""
        if state.own is None:
            q = jnp.diagonal(state.nngp)
            return q, q
        if not self.pairs:
            return state.own
        positions = state.nngp.shape[: self._dimensions(state)]
        size = prod(positions)
        first, second = (jnp.diagonal(own.reshape(size, size, -1)).T.reshape(*positions, -1) for own in state.own)
        return first, second

    def _dual(self, act: Activation, q1: Array, q2: Array, k: Array) -> Dual:
        if self.pairs or q1.ndim == 1:
            one, other = (q1.ravel(),) * 2 if q1 is q2 else (q1.ravel(), q2.ravel())
            found = dual(act, one, other, k.reshape(len(one), len(other)), self.terms)
        else:
            there = _positions_first(q1, 1), _positions_first(q2, 1), _positions_first(k, 2)
            found = lax.map(lambda at: dual(act, at[0], at[1], at[2], self.terms), there)
        return Dual(*(part.reshape(k.shape) for part in found))

    def _moments(self, act: Activation, own: tuple[Array, Array], q1: Array, q2: Array) -> tuple[Array, Array]:
        if self.pairs and q1.ndim > 1:
            one, other = (self._within(act, each, q) for each, q in zip(own, (q1, q2), strict=True))
            return one, other
        both = moments(act, jnp.concatenate([q1.ravel(), q2.ravel()]), self.terms).value
        one, other = jnp.split(both, [q1.size])
        return one.reshape(q1.shape), other.reshape(q2.shape)

    def _within(self, act: Activation, own: Array, q: Array) -> Array:
        """The expectations E[φφ] for all pairs of positions within each sample."""
        size, n = prod(q.shape[:-1]), q.shape[-1]
        samples = jnp.moveaxis(own.reshape(size, size, n), -1, 0), q.reshape(size, n).T
        value = lax.map(lambda sample: dual(act, sample[1], sample[1], sample[0], self.terms).value, samples)
        return jnp.moveaxis(value, 0, -1).reshape(own.shape)


def _correlated(own: Array, q: Array) -> Array:
    """The correlations within each sample, from the covariances `own` and the variances q (*positions, N)."""
    if own.shape == q.shape:
        return correlation(q, q, own)[1]
    size, n = prod(q.shape[:-1]), q.shape[-1]
    flat = q.reshape(size, n)
    return correlation(flat[:, None], flat[None, :], own.reshape(size, size, n))[1].reshape(own.shape)


def _positions_first(array: Array, kept: int) -> Array:
    """The array with all axes but the last `kept`, which are positions, made one."""
    return array.reshape(-1, *array.shape[array.ndim - kept :])


class Range(NamedTuple):
    """The variances (*positions, N) at a layer, and the extremes of the variances of all pre-activations so far."""

    q: Array
    low: Array
    high: Array


class RangePass(Limit[Range]):
    """The pass whose state is variances. For pooled positions it has their mean, an upper bound of the variance."""

    def __init__(self, terms: Basis | None, gains: tuple[Gain, ...]) -> None:
        self.terms, self.layers = terms, iter(gains)

    def affine(self, state: Range) -> Range:
        layer = next(self.layers)
        return state._replace(q=layer.weight * state.q + layer.bias)

    def activate(self, state: Range, act: Activation) -> Range:
        value = moments(act, state.q.ravel(), self.terms).value.reshape(state.q.shape)
        return Range(value, jnp.minimum(state.low, state.q.min()), jnp.maximum(state.high, state.q.max()))

    def normalise(self, state: Range) -> Range:
        return state._replace(q=jnp.where(state.q > 0, 1.0, 0.0))

    def linear(self, state: Range, average: Callable[[Array, Axes], Array]) -> Range:
        return state._replace(q=average(state.q, tuple((axis,) for axis in range(state.q.ndim - 1))))

    def add(self, state: Range, other: Range, share: float | Array) -> Range:
        return Range(state.q + share * other.q, other.low, other.high)
