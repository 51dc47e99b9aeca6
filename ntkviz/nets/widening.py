r"""Networks of different widths that share compiled programs: the arrays of a network get room for more neurons.

A program is compiled for the shapes of its arrays. A network of n neurons a layer is therefore put into arrays of a
larger width, where this costs little. The factors of the layers are those of n neurons. The neurons that are added have
no outputs, whatever φ(0) is, and so neither their incoming nor their outgoing weights have a gradient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from ntkviz.activations import activation
from ntkviz.nets.architectures import Architecture
from ntkviz.nets.network import shapes
from ntkviz.nets.operations import Layer, Params, Pointwise, Size
from ntkviz.specs import number

ROOMS = (2048, 512, 128)  # widths of arrays
SLOWER = 1.3  # how many times as long a computation may take with more neurons


@dataclass(frozen=True, kw_only=True)
class Widened(Architecture):
    """A fully connected network of `neurons` neurons in each hidden layer, in arrays for `width` neurons.

    Compiled programs take `neurons` as an argument.
    """

    title = "fully connected, with room for more neurons"

    neurons: float = number(1.0, 1.0, 65536.0, label="Neurons", moving=True)

    def fan_in(self, layer: int, size: Size) -> Any:
        return size.fan_in if layer == 0 else self.neurons

    @property
    def phi(self) -> Pointwise:
        act = activation(self.activation)

        def function(z: Array) -> Array:
            return jnp.where(jnp.arange(self.width) < self.neurons, act.function(z), 0)

        return Pointwise(replace(act, function=function))


def with_room(
    arch: Architecture, params: Params, inputs: Sequence[int], seconds: Callable[[Architecture], float], spare: float
) -> tuple[Architecture, Params]:
    """A network in arrays of the largest of `ROOMS` that costs little.

    It stays as it is where nothing costs little, where its architecture is not fully connected, and where weights and
    inputs do not fit: what computes with it says so.

    Args:
        arch: the architecture.
        params: the weights, with any axes in front of those of a layer.
        inputs: the shape of the inputs, (N, d).
        seconds: estimate for what is computed, for an architecture.
        spare: seconds that are too few to matter.
    """
    if type(arch) is not Architecture or len(inputs) != 2 or inputs[1] < 1:
        return arch, params
    if tuple(np.shape(weight)[-2:] for weight, _ in params) != shapes(arch, inputs[1]):
        return arch, params
    own = seconds(arch)
    for width in ROOMS:
        wide = replace(arch, width=width)
        if width >= arch.width and seconds(wide) <= max(SLOWER * own, own + spare):
            settings = {field.name: getattr(wide, field.name) for field in fields(wide)}
            return Widened(**settings, neurons=float(arch.width)), filled(params, shapes(wide, inputs[1]))
    return arch, params


def filled(params: Params, sizes: Sequence[tuple[int, int]]) -> Params:
    """The weights of a network with zeros for the neurons that are added, in NumPy.

    Args:
        params: the weights, with any axes in front of those of a layer.
        sizes: (fan_in, fan_out) of each layer with these neurons.
    """

    def wide(array: Any, size: Sequence[int]) -> np.ndarray:
        before = np.ndim(array) - len(size)
        added = [size - now for size, now in zip(size, np.shape(array)[before:], strict=True)]
        return np.pad(np.asarray(array), [(0, 0)] * before + [(0, more) for more in added])

    return _resized(params, sizes, wide)


def emptied(params: Params, sizes: Sequence[tuple[int, int]]) -> Params:
    """The weights of a network, taken out of arrays with room for more neurons, in NumPy.

    Args:
        params: the weights, with any axes in front of those of a layer.
        sizes: (fan_in, fan_out) of each layer of the network.
    """

    def narrow(array: Any, size: Sequence[int]) -> np.ndarray:
        given = np.asarray(array)
        return given[..., : size[0]] if len(size) == 1 else given[..., : size[0], : size[1]]

    return _resized(params, sizes, narrow)


def _resized(params: Params, sizes: Sequence[tuple[int, int]], resize: Callable[[Any, Sequence[int]], Any]) -> Params:
    layers = zip(params, sizes, strict=True)
    return tuple(
        Layer(resize(weight, size), None if bias is None else resize(bias, size[1:])) for (weight, bias), size in layers
    )
