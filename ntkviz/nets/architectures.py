r"""Architectures: a spec with its settings, and three sequences of operations that make a network of it.

    network = begin, block × depth, end

To add an architecture, derive from `Architecture`, declare the settings of its own, write its sequences and enter it in
`ARCHITECTURES`. Its training, its kernels at finite and infinite width, its controls and its tests then need no further
code. The parameterization decides the factors a, c of the layers and the standard deviations of W and b
(`PARAMETERIZATIONS`).

Sources: Jacot, Gabriel, Hongler 2018 (NTK parameterization); Yang & Hu 2021 (maximal update, as an
abc-parameterization).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import jax

from ntkviz.activations import Activation, activation
from ntkviz.errors import InvalidInput
from ntkviz.nets.images import PADDINGS, AvgPool, Conv, Flatten, GlobalAvgPool
from ntkviz.nets.operations import Dense, LayerNorm, Operations, Pointwise, Residual, Scale, Shape, Size, sizes_of
from ntkviz.specs import Spec, choice, number, settings


def _bias(arch: "Architecture") -> float:
    return 0.0 if arch.sigma_b is None else arch.sigma_b


def _ntk(arch: "Architecture", fan_in: float, readout: bool) -> Scale:
    return Scale(arch.sigma_w / fan_in**0.5, _bias(arch), 1.0, 1.0)


def _standard(arch: "Architecture", fan_in: float, readout: bool) -> Scale:
    return Scale(1.0, 1.0, arch.sigma_w / fan_in**0.5, _bias(arch))


def _mup(arch: "Architecture", fan_in: float, readout: bool) -> Scale:
    """The maximal update parameterization f(w) = f_NTK(√n w)/√n with w ~ N(0, 1/n).

    In the notation of Yang & Hu 2021 it has a = (−½, 0, …, ½), b = ½ and c = 0.
    """
    root = arch.neurons**0.5
    ntk = _ntk(arch, fan_in, readout)
    gain = 1.0 if readout else root
    return Scale(ntk.weight * gain, ntk.bias * gain, 1 / root, 1 / root)


# Each takes an architecture, the fan-in of a layer, and whether the layer is the last, to the scale of the layer.
PARAMETERIZATIONS: dict[str, Callable[["Architecture", float, bool], Scale]] = {
    "ntk": _ntk,
    "standard": _standard,
    "mup": _mup,
}
PARAMETERIZATION_NAMES = {"ntk": "NTK", "standard": "standard", "mup": "µP"}


@dataclass(frozen=True, kw_only=True)
class Architecture(Spec):
    """A fully connected network, and the settings that all architectures share.

    `sigma_b=None` is a network without biases. With `sigma_b=0` there are biases that start at zero: they are trained
    in the standard parameterization, and have the factor 0 in the others. `activation` is a name of `ACTIVATIONS` or
    an `Activation`.
    """

    title = "fully connected"

    depth: int = number(1, 1, 256, label="Depth", help="L, the number of hidden layers or blocks.")
    width: int = number(512, 1, 65536, label="Width", help="n, the number of neurons in each hidden layer.", log=True)
    activation: str | Activation = "relu"
    parameterization: str = choice(
        "ntk",
        PARAMETERIZATION_NAMES,
        label="Parameterization",
        help="How the scales of weights and steps depend on the width.",
    )
    sigma_w: float = number(
        math.sqrt(2),
        0.01,
        10.0,
        label="Weight scale σ_w",
        help="The standard deviation of the weights, before the division by √n.",
        moving=True,
    )
    sigma_b: float | None = number(
        0.0, 0.0, 10.0, label="Bias scale σ_b", help="The standard deviation of the biases.", optional=True, moving=True
    )
    outputs: int = number(1, 1, 1000, label="Outputs")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _as_tree(cls)

    def check(self) -> None:
        activation(self.activation)  # raises InvalidInput for an unknown name

    def input_shape(self, input_dim: int) -> Shape:
        """The shape in which the network sees an input of `input_dim` numbers.

        Raises `InvalidInput` where the network does not take inputs of so many numbers.
        """
        if input_dim < 1:
            raise InvalidInput(f"The network needs at least one input, not {input_dim}.")
        return (input_dim,)

    @property
    def input_dim(self) -> int | None:
        """How many numbers an input must have, or None where the network takes any number."""
        return None

    def begin(self) -> Operations:
        """The operations before the blocks."""
        return ()

    def block(self) -> Operations:
        """The operations of a block, which is repeated `depth` times with weights of its own."""
        return (Dense(self.width), self.phi)

    def end(self) -> Operations:
        """The operations after the blocks; the last one is the readout."""
        return (Dense(self.outputs),)

    @property
    def neurons(self) -> float:
        """n, the number of neurons in each hidden layer; arrays may have room for more (`widening`)."""
        return self.width

    def fan_in(self, layer: int, size: Size) -> float:
        """The fan-in of a layer, counted from 0, where its arrays have this size."""
        return size.fan_in

    @property
    def phi(self) -> Pointwise:
        """The nonlinearity φ as an operation."""
        return Pointwise(activation(self.activation))

    @property
    def operations(self) -> Operations:
        """The operations of the whole network."""
        return (*self.begin(), *self.block() * self.depth, *self.end())


def _as_tree(cls: type[Architecture]) -> None:
    """Register an architecture as a JAX pytree whose leaves are the settings declared with `moving=True`.

    A compiled function that takes an architecture serves every value of these settings. Another value of any other
    setting compiles anew.
    """

    @cache  # not before its first use: the fields are known only when the dataclass is complete
    def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
        moving = tuple(name for name, setting in settings(cls).items() if setting.moving)
        return moving, tuple(f.name for f in fields(cls) if f.name not in moving)

    def flatten(arch: Architecture) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        moving, fixed = names()
        return tuple(getattr(arch, name) for name in moving), tuple(getattr(arch, name) for name in fixed)

    def unflatten(fixed: tuple[Any, ...], moving: Iterable[Any]) -> Architecture:
        arch = object.__new__(cls)  # without the checks of the bounds, because σ may be a traced number here
        for name, value in zip(sum(names(), ()), (*moving, *fixed), strict=True):
            object.__setattr__(arch, name, value)
        return arch

    jax.tree_util.register_pytree_node(cls, flatten, unflatten)


_as_tree(Architecture)

BLOCKS = {"one": "x + a W φ(x)", "two": "x + a W φ(W φ(x))"}


@dataclass(frozen=True, kw_only=True)
class ResidualMLP(Architecture):
    """A dense layer, `depth` residual blocks with pre-activation, and the readout.

    A block with one layer adds a W φ(x), and the readout is linear in the last sum. A block with two layers adds
    a W φ(W φ(x)), and φ is applied before the readout as well.
    """

    title = "residual"

    layers: str = choice(
        "two", BLOCKS, label="Block", help="The output of a block for its input x, which is a pre-activation."
    )
    branch: float = number(
        1.0,
        0.0,
        10.0,
        label="Branch scale a",
        step=0.1,
        help="The factor a of the branch. At 0 the blocks change nothing.",
        moving=True,
    )

    def begin(self) -> Operations:
        return (Dense(self.width),)

    def block(self) -> Operations:
        layer = (self.phi, Dense(self.width))
        return (Residual(layer if self.layers == "one" else layer * 2, self.branch),)

    def end(self) -> Operations:
        readout = (Dense(self.outputs),)
        return readout if self.layers == "one" else (self.phi, *readout)


@dataclass(frozen=True, kw_only=True)
class LayerNormMLP(Architecture):
    """A fully connected network whose pre-activations are normalised over the neurons of their layer."""

    title = "fully connected, layer normalisation"

    def block(self) -> Operations:
        return (Dense(self.width), LayerNorm(), self.phi)


HEADS = {"flatten": "own weights for each position", "gap": "average over all positions"}


@dataclass(frozen=True, kw_only=True)
class ConvNet(Architecture):
    """A convolutional network of `depth` convolutions with `width` channels, and a dense readout.

    `image` is (length, channels) or (height, width, channels). An input is a row of length · channels or
    height · width · channels numbers, in which the channel runs fastest.
    """

    title = "convolutional (images)"

    image: tuple[int, ...] = (8, 8, 1)
    filter: int = number(3, 1, 15, label="Filter", help="The number of pixels on each side of a filter.")
    stride: int = number(1, 1, 8, label="Stride", help="The number of pixels from one patch to the next.")
    padding: str = choice("SAME", PADDINGS, label="Padding")
    pool: int = number(
        1, 1, 8, label="Pooling", help="Each layer averages over windows with so many pixels on each side."
    )
    head: str = choice("flatten", HEADS, label="Head", help="How the last layer combines the positions of the image.")

    def check(self) -> None:
        super().check()
        image = tuple(self.image)
        if len(image) not in (2, 3) or any(not isinstance(side, int) or not 1 <= side <= 1024 for side in image):
            raise InvalidInput(
                f"An image is (length, channels) or (height, width, channels), each from 1 to 1024, not {self.image}."
            )
        object.__setattr__(self, "image", image)
        sizes_of(self.operations, image)  # raises InvalidInput where it shrinks to nothing

    @property
    def input_dim(self) -> int:
        return math.prod(self.image)

    def input_shape(self, input_dim: int) -> Shape:
        if input_dim != self.input_dim:
            sides, channels = " × ".join(map(str, self.image[:-1])), self.image[-1]
            raise InvalidInput(
                f"This network takes images of {sides} pixels and {channels} channel{'s' * (channels > 1)}, "
                f"{self.input_dim} numbers a row, not {input_dim}: choose such images, or another architecture."
            )
        return self.image

    def block(self) -> Operations:
        layer: Operations = (Conv(self.width, self.filter, self.stride, self.padding), self.phi)
        return layer if self.pool == 1 else (*layer, AvgPool(self.pool))

    def end(self) -> Operations:
        return (Flatten() if self.head == "flatten" else GlobalAvgPool(), Dense(self.outputs))


ARCHITECTURES: dict[str, type[Architecture]] = {
    "mlp": Architecture,
    "residual": ResidualMLP,
    "layer_norm": LayerNormMLP,
    "conv": ConvNet,
}
