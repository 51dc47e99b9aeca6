r"""Operations on images; the values at a point have the shape (*positions, channels), in one or two dimensions.

    z_p = a Σ_o W_o h_{sp+o} + c b,        A(K)(p, q) = (1/F) Σ_o K(sp + o, sq + o)    for F offsets o

A convolution is a dense layer that is applied to the patch at each position. Its kernel averages over shifts of both
positions p, q by the same offset. Without pooling it is therefore enough to know the covariances at p = q.

Sources: Novak et al. 2019, Arora et al. 2019 (kernels of convolutional networks).
"""

from dataclasses import dataclass
from itertools import product
from math import prod

import jax.numpy as jnp
from jax import Array, lax

from ntkviz.errors import InvalidInput
from ntkviz.nets.operations import Axes, Limit, Operation, Run, S, Shape, Size

PADDINGS = {"SAME": "zeros around", "CIRCULAR": "wrapped around", "VALID": "none"}


@dataclass(frozen=True)
class Conv(Operation):
    """A convolution: an affine layer on patches of `filter` pixels a side, at distances of `stride` pixels.

    The rows of its weights run over the offsets in the patch and, fastest, over the channels.
    """

    features: int
    filter: int = 3
    stride: int = 1
    padding: str = "SAME"

    def shape(self, shape: Shape) -> Shape:
        return (*(self._length(size) for size in shape[:-1]), self.features)

    def sizes(self, shape: Shape) -> tuple[Size, ...]:
        return (Size(self.filter ** (len(shape) - 1) * shape[-1], self.features, self.shape(shape)[:-1]),)

    def forward(self, h: Array, run: Run) -> Array:
        dimensions = tuple(range(1, h.ndim - 1))
        positions = tuple(self._length(h.shape[axis]) for axis in dimensions)
        for axis in dimensions:
            h = self._padded(h, (axis,))
        patches = [
            self._shifted(h, dimensions, offset) for offset in product(range(self.filter), repeat=len(positions))
        ]
        return run.affine(jnp.stack(patches, axis=-2).reshape(h.shape[0], *positions, -1))

    def transfer(self, state: S, limit: Limit[S]) -> S:
        return limit.affine(limit.linear(state, self.average))

    def average(self, moments: Array, axes: Axes) -> Array:
        """The means (1/F) Σ_o M[sp + o, sq + o] of moments M, taken over one dimension of the image after another."""
        for together in axes:
            moments = self._padded(moments, together)
            shifts = (self._shifted(moments, together, (offset,) * len(together)) for offset in range(self.filter))
            moments = sum(shifts, start=jnp.zeros(())) / self.filter
        return moments

    def _length(self, size: int) -> int:
        """The number of positions along a side of `size` pixels."""
        left = size - self.filter if self.padding == "VALID" else size - 1
        if left < 0:
            raise InvalidInput(
                f"A filter of {self.filter} pixels does not fit into {size}: take fewer layers, a smaller filter or "
                "another padding."
            )
        return left // self.stride + 1

    def _padded(self, array: Array, axes: tuple[int, ...]) -> Array:
        """The array with padding along axes of equal length; of an odd number of pixels the last is at the end.

        XLA pads its convolutions in the same way.
        """
        if self.padding == "VALID":
            return array
        size = array.shape[axes[0]]
        lack = max((self._length(size) - 1) * self.stride + self.filter - size, 0)
        widths = [(lack // 2, lack - lack // 2) if axis in axes else (0, 0) for axis in range(array.ndim)]
        return jnp.pad(array, widths, mode="wrap" if self.padding == "CIRCULAR" else "constant")

    def _shifted(self, padded: Array, axes: tuple[int, ...], offset: tuple[int, ...]) -> Array:
        """The pixel at that offset in every patch."""
        for axis, start in zip(axes, offset, strict=True):
            last = padded.shape[axis] - self.filter  # no patch begins after this pixel
            padded = lax.slice_in_dim(padded, start, start + last + 1, self.stride, axis)
        return padded


@dataclass(frozen=True)
class AvgPool(Operation):
    """Average pooling over windows of `window` pixels a side; pixels that do not fill a window are dropped."""

    window: int = 2
    pairs = True

    def shape(self, shape: Shape) -> Shape:
        if min(shape[:-1]) < self.window:
            raise InvalidInput(f"No window of {self.window} pixels fits into {min(shape[:-1])}: take fewer layers.")
        return (*(size // self.window for size in shape[:-1]), shape[-1])

    def forward(self, h: Array, run: Run) -> Array:
        return self.average(h, tuple((axis,) for axis in range(1, h.ndim - 1)))

    def transfer(self, state: S, limit: Limit[S]) -> S:
        return limit.linear(state, self.average)

    def average(self, array: Array, axes: Axes) -> Array:
        """The means over the windows along every axis of the positions."""
        for axis in (axis for together in axes for axis in together):
            count = array.shape[axis] // self.window
            array = lax.slice_in_dim(array, 0, count * self.window, axis=axis)
            array = array.reshape(*array.shape[:axis], count, self.window, *array.shape[axis + 1 :]).mean(axis=axis + 1)
        return array


@dataclass(frozen=True)
class Flatten(Operation):
    """Make the values at all positions the features of one vector: K ↦ mean_p K(p, p)."""

    def shape(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def forward(self, h: Array, run: Run) -> Array:
        return h.reshape(h.shape[0], -1)

    def transfer(self, state: S, limit: Limit[S]) -> S:
        return limit.linear(state, self.average)

    def average(self, moments: Array, axes: Axes) -> Array:
        labels = list(range(moments.ndim))
        for together in axes:
            for axis in together:
                labels[axis] = together[0]
        gone = {together[0] for together in axes}
        kept = [label for label in labels if label not in gone]
        return jnp.einsum(moments, labels, kept) / prod(moments.shape[axis] for axis in gone)


@dataclass(frozen=True)
class GlobalAvgPool(Operation):
    """Global average pooling, the mean over all positions: K ↦ mean_{p,q} K(p, q)."""

    pairs = True

    def shape(self, shape: Shape) -> Shape:
        return shape[-1:]

    def forward(self, h: Array, run: Run) -> Array:
        return h.mean(axis=tuple(range(1, h.ndim - 1)))

    def transfer(self, state: S, limit: Limit[S]) -> S:
        return limit.linear(state, self.average)

    def average(self, moments: Array, axes: Axes) -> Array:
        return moments.mean(axis=tuple(axis for together in axes for axis in together))
