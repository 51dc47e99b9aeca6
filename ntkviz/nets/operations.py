r"""What a network is made of: an operation moves the values of a finite network and the kernels of an infinite one.

    h ↦ forward(h),        (K, Θ) ↦ transfer(K, Θ)

A network is a sequence of operations. Weights enter in one way only, as affine layers z = a h W + c b with W of shape
(fan_in, fan_out), applied to a vector or to the patch at each position of an image: so one rule draws them, one counts
them and one gives their share of the empirical kernel. An operation asks for such a layer through the `Run` of a
forward pass, and moves kernels through the `Limit` of a pass at infinite width (`kernels.limit`). To add an operation,
derive from `Operation`.

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

Shape = tuple[int, ...]  # of what stands for one point: (features,), or (*positions, features)
Axes = tuple[
    tuple[int, ...], ...
]  # of an array, for each dimension of the image: of the position, or of both of a pair
S = TypeVar("S")


class Layer(NamedTuple):
    """Weights of one layer: (fan_in, fan_out) and (fan_out,), or no bias."""

    weight: Array
    bias: Array | None


Params = tuple[Layer, ...]


class Size(NamedTuple):
    """One layer's extent."""

    fan_in: int
    fan_out: int
    positions: Shape = ()  # of an image, where the same weights are applied to each

    @property
    def uses(self) -> int:
        """How often each weight is used for a point."""
        return prod(self.positions)


class Scale(NamedTuple):
    """One layer's factors in the forward pass and standard deviations at initialisation."""

    weight: float
    bias: float
    weight_std: float
    bias_std: float


class Run:
    """One forward pass: gives each layer its weights, its scale and its tap in turn, and keeps what entered it."""

    def __init__(self, params: Params, scales: Sequence[Scale], taps: Sequence[Array] | None) -> None:
        self.layers = zip(params, scales, strict=True)
        self.taps: Iterator[Array] | None = None if taps is None else iter(taps)
        self.inputs: list[Array] = []

    def affine(self, h: Array) -> Array:
        """Pre-activations (N, …, fan_out) of the next layer for its inputs (N, …, fan_in)."""
        (weight, bias), scale = next(self.layers)
        self.inputs.append(h)
        z = scale.weight * (h @ weight)
        if bias is not None:
            z = z + scale.bias * bias
        return z if self.taps is None else z + next(self.taps)


class Limit(Protocol[S]):
    """One pass at infinite width over a state S that holds kernels, or bounds of variances."""

    def affine(self, state: S) -> S:
        """The next layer: its pre-activations are Gaussian, with independent features."""

    def activate(self, state: S, act: Activation) -> S:
        """A nonlinearity, entry by entry."""

    def normalise(self, state: S) -> S:
        """Division by the root of the mean square over the features."""

    def linear(self, state: S, average: Callable[[Array, Axes], Array]) -> S:
        """A linear map of the positions, the same for every feature; `average` is what it does to second moments."""

    def add(self, state: S, other: S, share: float | Array) -> S:
        """state + share · other: the sum of branches whose features are independent."""


class Operation(ABC):
    """One step of a network."""

    pairs: bool = False  # whether it needs the covariance of different positions of an image

    def sizes(self, shape: Shape) -> tuple[Size, ...]:
        """Of the layers that it holds, for inputs of this shape."""
        return ()

    def shape(self, shape: Shape) -> Shape:
        """Of what it gives for inputs of this shape."""
        return shape

    @abstractmethod
    def forward(self, h: Array, run: Run) -> Array:
        """Values (N, *shape) of a finite network."""

    @abstractmethod
    def transfer(self, state: S, limit: Limit[S]) -> S:
        """Kernels of an infinitely wide one."""


Operations = tuple[Operation, ...]


def sizes_of(operations: Operations, shape: Shape) -> tuple[tuple[Size, ...], Shape]:
    """The layers of a sequence, and the shape behind it."""
    sizes: tuple[Size, ...] = ()
    for operation in operations:
        sizes, shape = sizes + operation.sizes(shape), operation.shape(shape)
    return sizes, shape


def forward_through(operations: Operations, h: Array, run: Run) -> Array:
    for operation in operations:
        h = operation.forward(h, run)
    return h


def transfer_through(operations: Operations, state: S, limit: Limit[S]) -> S:
    for operation in operations:
        state = operation.transfer(state, limit)
    return state


@dataclass(frozen=True)
class Dense(Operation):
    """z = a h W + c b."""

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
    """φ(z), entry by entry; z is Gaussian at infinite width: it comes from layers, or from sums and means of such."""

    activation: Activation

    def forward(self, h: Array, run: Run) -> Array:
        return self.activation.function(h)

    def transfer(self, state: S, limit: Limit[S]) -> S:
        return limit.activate(state, self.activation)


@dataclass(frozen=True)
class Residual(Operation):
    """h + scale · branch(h); the branch ends in a layer, whose fresh weights make its features independent of h."""

    branch: Operations
    scale: Any  # a float, or a tracer under `jit`

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
    r"""(z − mean z)/√(var z) over the features; equal features give 0. No gain, no shift, no ε.

    At infinite width the mean vanishes and the variance is K(x, x), both like 1/√n: K ↦ K/√(K(x, x) K(x′, x′)). The
    derivative is (1 − 11ᵀ/n − ẑẑᵀ/n)/√(var z): its two projections take one direction out of n each, and the kernel of
    the layer is the same for every direction, so Θ ↦ Θ/√(K(x, x) K(x′, x′)).
    """

    def forward(self, h: Array, run: Run) -> Array:
        centred = h - h.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True)
        return jnp.where(variance > 0, centred / jnp.sqrt(jnp.where(variance > 0, variance, 1.0)), 0.0)

    def transfer(self, state: S, limit: Limit[S]) -> S:
        return limit.normalise(state)
