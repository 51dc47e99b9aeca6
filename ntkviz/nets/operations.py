r"""Operations, of which networks are made; each maps the values of a finite network and the kernels of an infinite one.

    h ↦ forward(h),        (K, Θ) ↦ transfer(K, Θ)

A network is a sequence of operations. All weights belong to affine layers z = a h W + c b with W of shape
(fan_in, fan_out), which are applied to a vector or to the patch at each position of an image. The same code therefore
draws the weights of all layers, counts them, and computes their part of the empirical kernel.

An operation gets its affine layers from the `Run`, which stands for one forward pass. At infinite width it maps kernels
by the methods of a `Limit` (`kernels.limit`). To add an operation, derive from `Operation`.

Sources: He et al. 2016 (residual blocks); Ba, Kiros & Hinton 2016 (layer normalisation).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple, Protocol, TypeVar

import jax.numpy as jnp
from jax import Array

from ntkviz.activations import Activation

Shape = tuple[int, ...]  # of the values at one point: (features,), or (*positions, features) for an image
# For each dimension of an image, the axes of an array that hold the position, or both positions of a pair.
Axes = tuple[tuple[int, ...], ...]
S = TypeVar("S")


class Layer(NamedTuple):
    """The weights (fan_in, fan_out) of a layer and its biases (fan_out,), or None where it has no biases."""

    weight: Array
    bias: Array | None


Params = tuple[Layer, ...]


class Size(NamedTuple):
    """The size of a layer."""

    fan_in: int
    fan_out: int
    positions: Shape = ()  # the positions of an image at which the layer is applied, with the same weights

    @property
    def uses(self) -> int:
        """How often each weight is used in the forward pass of a point."""
        return prod(self.positions)


class Scale(NamedTuple):
    """The factors of a layer's weights and biases in the forward pass, and their initial standard deviations."""

    weight: float
    bias: float
    weight_std: float
    bias_std: float


class Run:
    """One forward pass: holds the weights, scales and taps of the layers, and keeps the input of each layer.

    A tap is an array that is added to the pre-activations of a layer (see `network.forward`).
    """

    def __init__(self, params: Params, scales: Sequence[Scale], taps: Sequence[Array] | None) -> None:
        self.layers = zip(params, scales, strict=True)
        self.taps: Iterator[Array] | None = None if taps is None else iter(taps)
        self.inputs: list[Array] = []

    def affine(self, h: Array) -> Array:
        """The pre-activations (N, …, fan_out) of the next layer for its inputs (N, …, fan_in)."""
        (weight, bias), scale = next(self.layers)
        self.inputs.append(h)
        z = scale.weight * (h @ weight)
        if bias is not None:
            z = z + scale.bias * bias
        return z if self.taps is None else z + next(self.taps)


class Limit(Protocol[S]):
    """One pass at infinite width: the maps of a state S, which holds kernels, or bounds of variances."""

    def affine(self, state: S) -> S:
        """The state after the next affine layer, whose pre-activations are Gaussian with independent features."""

    def activate(self, state: S, act: Activation) -> S:
        """The state after a nonlinearity that is applied entry by entry."""

    def normalise(self, state: S) -> S:
        """The state after division by the root of the mean square over the features."""

    def linear(self, state: S, average: Callable[[Array, Axes], Array]) -> S:
        """The state after a linear map of the positions, the same for every feature.

        Args:
            state: the state before it.
            average: the map of the second moments; it takes an array and the axes of its positions.
        """

    def add(self, state: S, other: S, share: float | Array) -> S:
        """The state of a sum of two branches with independent features, state + share · other.

        Args:
            state: the state of one branch.
            other: the state of the other branch.
            share: the square of the factor of the other branch.
        """


class Operation(ABC):
    """A part of a network that maps the values of the part before it."""

    pairs: bool = False  # whether its kernel depends on the covariances of different positions of an image

    def sizes(self, shape: Shape) -> tuple[Size, ...]:
        """The sizes of the affine layers in this operation, for inputs of this shape."""
        return ()

    def shape(self, shape: Shape) -> Shape:
        """The shape of the outputs for inputs of this shape."""
        return shape

    @abstractmethod
    def forward(self, h: Array, run: Run) -> Array:
        """The outputs (N, *shape) of a finite network for the inputs h (N, *shape)."""

    @abstractmethod
    def transfer(self, state: S, limit: Limit[S]) -> S:
        """The kernels after this operation in an infinitely wide network, from those before it."""


Operations = tuple[Operation, ...]


def sizes_of(operations: Operations, shape: Shape) -> tuple[tuple[Size, ...], Shape]:
    """The sizes of all affine layers in a sequence of operations, and the shape of its outputs."""
    sizes: tuple[Size, ...] = ()
    for operation in operations:
        sizes, shape = sizes + operation.sizes(shape), operation.shape(shape)
    return sizes, shape


def forward_through(operations: Operations, h: Array, run: Run) -> Array:
    """The outputs of a sequence of operations in a finite network.

    Args:
        operations: the sequence.
        h: (N, *shape), the inputs.
        run: the forward pass that the sequence is part of.
    """
    for operation in operations:
        h = operation.forward(h, run)
    return h


def transfer_through(operations: Operations, state: S, limit: Limit[S]) -> S:
    """The kernels after a sequence of operations in an infinitely wide network.

    Args:
        operations: the sequence.
        state: the kernels before it.
        limit: the pass that the sequence is part of.
    """
    for operation in operations:
        state = operation.transfer(state, limit)
    return state


@dataclass(frozen=True)
class Dense(Operation):
    """An affine layer z = a h W + c b with a number of output features."""

    features: int

    def sizes(self, shape: Shape) -> tuple[Size, ...]:
        return (Size(shape[-1], self.features, shape[:-1]),)

    def shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.features)

    def forward(self, h: Array, run: Run) -> Array:
        return run.affine(h)

    def transfer(self, state: S, limit: Limit[S]) -> S:
        return limit.affine(state)


@dataclass(frozen=True)
class Pointwise(Operation):
    """A nonlinearity φ(z), applied entry by entry.

    At infinite width z must be Gaussian. It is, if z comes from an affine layer, or from sums or means of such.
    """

    activation: Activation

    def forward(self, h: Array, run: Run) -> Array:
        return self.activation.function(h)

    def transfer(self, state: S, limit: Limit[S]) -> S:
        return limit.activate(state, self.activation)


@dataclass(frozen=True)
class Residual(Operation):
    """A residual block h + scale · branch(h).

    The branch ends in an affine layer, whose own weights make the features of the branch independent of those of h.
    """

    branch: Operations
    scale: Any  # a float, or a traced number under `jit`

    @property
    def pairs(self) -> bool:  # type: ignore[override]
        return any(operation.pairs for operation in self.branch)

    def sizes(self, shape: Shape) -> tuple[Size, ...]:
        return sizes_of(self.branch, shape)[0]

    def forward(self, h: Array, run: Run) -> Array:
        return h + self.scale * forward_through(self.branch, h, run)

    def transfer(self, state: S, limit: Limit[S]) -> S:
        return limit.add(state, transfer_through(self.branch, state, limit), self.scale**2)


@dataclass(frozen=True)
class LayerNorm(Operation):
    r"""Layer normalisation (z − mean z)/√(var z) over the features, without gain, shift or ε; equal features give 0.

    At infinite width the mean is 0 and the variance is K(x, x), up to errors of order 1/√n. Therefore
    K ↦ K/√(K(x, x) K(x′, x′)). The derivative is (1 − 11ᵀ/n − ẑẑᵀ/n)/√(var z). Each of its two projections removes one
    of n directions, and the kernel is the same for every direction, so that Θ ↦ Θ/√(K(x, x) K(x′, x′)).
    """

    def forward(self, h: Array, run: Run) -> Array:
        centred = h - h.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True)
        return jnp.where(variance > 0, centred / jnp.sqrt(jnp.where(variance > 0, variance, 1.0)), 0.0)

    def transfer(self, state: S, limit: Limit[S]) -> S:
        return limit.normalise(state)
