r"""Fully connected networks in the three parameterizations of the theory.

    z^1 = a_1 W^1 x + c_1 b^1,    z^{l+1} = a_{l+1} W^{l+1} φ(z^l) + c_{l+1} b^{l+1},    f = z^{L+1}

`depth` L counts hidden layers. The factors a, c and the standard deviations of W and b are the parameterization
(`scales`); everything else in the project takes them from there. To add one, add an entry to `PARAMETERIZATIONS`.

Sources: Jacot, Gabriel, Hongler 2018 (NTK parameterization); Yang & Hu 2021 (maximal update, as an
abc-parameterization).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from ntkviz.activations import Activation, activation
from ntkviz.errors import InvalidInput
from ntkviz.specs import Spec, choice, number


class Layer(NamedTuple):
    """Weights of one layer: (fan_in, fan_out) and (fan_out,), or no bias."""

    weight: Array
    bias: Array | None


Params = tuple[Layer, ...]


class Scale(NamedTuple):
    """One layer's factors in the forward pass and standard deviations at initialisation."""

    weight: float
    bias: float
    weight_std: float
    bias_std: float


def _bias(arch: "Architecture") -> float:
    return 0.0 if arch.sigma_b is None else arch.sigma_b


def _ntk(arch: "Architecture", fan_in: int, layer: int) -> Scale:
    return Scale(arch.sigma_w / math.sqrt(fan_in), _bias(arch), 1.0, 1.0)


def _standard(arch: "Architecture", fan_in: int, layer: int) -> Scale:
    return Scale(1.0, 1.0, arch.sigma_w / math.sqrt(fan_in), _bias(arch))


def _mup(arch: "Architecture", fan_in: int, layer: int) -> Scale:
    """f(w) = f_NTK(√n w)/√n with w ~ N(0, 1/n): a = (−½, 0, …, ½), b = ½, c = 0 of Yang & Hu 2021."""
    root = math.sqrt(arch.width)
    ntk = _ntk(arch, fan_in, layer)
    readout = root if layer == arch.depth else 1.0
    return Scale(ntk.weight * root / readout, ntk.bias * root / readout, 1 / root, 1 / root)


PARAMETERIZATIONS: dict[str, Callable[["Architecture", int, int], Scale]] = {
    "ntk": _ntk,
    "standard": _standard,
    "mup": _mup,
}
PARAMETERIZATION_NAMES = {"ntk": "NTK", "standard": "standard", "mup": "µP"}


@dataclass(frozen=True, kw_only=True)
class Architecture(Spec):
    """A fully connected network; `sigma_b=None` is a network without biases.

    With `sigma_b=0` the biases exist and start at zero: in the standard parameterization they are trained, in the
    others their factor is zero. `activation` is a name of `ACTIVATIONS` or an `Activation` of your own.
    """

    depth: int = number(1, 1, 256, label="Depth", help="Number of hidden layers, L.")
    width: int = number(512, 1, 65536, label="Width", help="Neurons in each hidden layer, n.", log=True)
    activation: str | Activation = "relu"
    parameterization: str = choice("ntk", PARAMETERIZATION_NAMES, label="Parameterization")
    sigma_w: float = number(math.sqrt(2), 0.01, 10.0, label="σ_w", help="Scale of the weights.")
    sigma_b: float | None = number(0.0, 0.0, 10.0, label="σ_b", help="Scale of the biases.", optional=True)
    outputs: int = number(1, 1, 1000, label="Outputs")

    def check(self) -> None:
        activation(self.activation)  # raises InvalidInput for an unknown name


# To JAX an architecture is a tree with two leaves, σ_w and σ_b: a compiled function takes it as an ordinary argument,
# and serves every σ. The other fields decide the program.
MOVING = ("sigma_w", "sigma_b")
FIXED = tuple(f.name for f in fields(Architecture) if f.name not in MOVING)


def _flatten(arch: Architecture) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return tuple(getattr(arch, name) for name in MOVING), tuple(getattr(arch, name) for name in FIXED)


def _unflatten(fixed: tuple[Any, ...], moving: Iterable[Any]) -> Architecture:
    arch = object.__new__(Architecture)  # σ may be a tracer here: nothing can be checked
    for name, value in zip((*MOVING, *FIXED), (*moving, *fixed), strict=True):
        object.__setattr__(arch, name, value)
    return arch


jax.tree_util.register_pytree_node(Architecture, _flatten, _unflatten)


def scales(arch: Architecture, input_dim: int) -> tuple[Scale, ...]:
    """The scale of each of the depth + 1 layers, input layer first."""
    rule = PARAMETERIZATIONS[arch.parameterization]
    return tuple(rule(arch, input_dim if layer == 0 else arch.width, layer) for layer in range(arch.depth + 1))


def shapes(arch: Architecture, input_dim: int) -> tuple[tuple[int, int], ...]:
    """(fan_in, fan_out) of each layer, input layer first."""
    sizes = (input_dim, *[arch.width] * arch.depth, arch.outputs)
    return tuple(pairwise(sizes))


def parameter_count(arch: Architecture, input_dim: int) -> int:
    """Number of trained numbers in the network."""
    return sum(m * n + (n if arch.sigma_b is not None else 0) for m, n in shapes(arch, input_dim))


def init(arch: Architecture, input_dim: int, *, key: Array, dtype: DTypeLike = jnp.float64) -> Params:
    """Weights drawn from `key`: normal, with the standard deviations of the parameterization."""
    if input_dim < 1:
        raise InvalidInput(f"The network needs at least one input, not {input_dim}.")
    stds = tuple((scale.weight_std, scale.bias_std) for scale in scales(arch, input_dim))
    params: Params = _draw(shapes(arch, input_dim), arch.sigma_b is not None, jnp.dtype(dtype), stds, key)
    return params


@jax.jit(static_argnums=(0, 1, 2))  # not the architecture, so that one program serves every activation and σ
def _draw(
    sizes: tuple[tuple[int, int], ...],
    biases: bool,
    dtype: jnp.dtype,
    stds: tuple[tuple[float, float], ...],
    key: Array,
) -> Params:
    weight_key, bias_key = jax.random.split(key)
    weights = _normals(weight_key, sizes, dtype)
    offsets = _normals(bias_key, tuple(size[1:] for size in sizes), dtype) if biases else [None] * len(sizes)
    return tuple(
        Layer(weight_std * weight, None if offset is None else bias_std * offset)
        for weight, offset, (weight_std, bias_std) in zip(weights, offsets, stds, strict=True)
    )


def _normals(key: Array, sizes: tuple[tuple[int, ...], ...], dtype: jnp.dtype) -> list[Array]:
    """Standard normals of each size, equal sizes drawn together: a generator takes half a second to compile."""
    drawn = {
        size: iter(jax.random.normal(jax.random.fold_in(key, i), (sizes.count(size), *size), dtype))
        for i, size in enumerate(dict.fromkeys(sizes))
    }
    return [next(drawn[size]) for size in sizes]


def apply(arch: Architecture, params: Params, x: ArrayLike) -> Array:
    """Outputs f(x), shape (N, outputs), for inputs (N, d), in the dtype of the weights."""
    return forward(arch, params, x)[0]


def forward(
    arch: Architecture, params: Params, x: ArrayLike, taps: tuple[Array, ...] | None = None
) -> tuple[Array, tuple[Array, ...]]:
    """Outputs (N, outputs) and the input of each layer, (N, d), (N, n), …, in the dtype of the weights.

    `taps`, where given, are added to the pre-activations of each layer (the outputs' included): the gradient in a
    tap, taken at zero, is the back-propagated ∂f/∂z of that layer. Raises `InvalidInput` where the inputs or the
    weights do not have the shapes of the architecture.
    """
    h = jnp.asarray(x, params[0][0].dtype)
    _check(arch, params, h.shape)
    phi = activation(arch.activation).function
    inputs = []
    for i, ((weight, bias), scale) in enumerate(zip(params, scales(arch, h.shape[1]), strict=True)):
        inputs.append(h)
        z = scale.weight * (h @ weight)
        if bias is not None:
            z = z + scale.bias * bias
        if taps is not None:
            z = z + taps[i]
        h = z if i == arch.depth else phi(z)
    return h, tuple(inputs)


def _check(arch: Architecture, params: Params, points: tuple[int, ...]) -> None:
    if len(points) != 2:
        raise InvalidInput(f"The inputs have shape {points}; pass one row a point, (N, d).")
    expected = shapes(arch, points[1])
    given = tuple(weight.shape for weight, _ in params)
    if given != expected:
        raise InvalidInput(
            f"Inputs {points} and weights {given} do not fit a network of depth {arch.depth}, width {arch.width} and "
            f"{arch.outputs} outputs; pass inputs (N, d) and weights {expected}."
        )
    if any((bias is None) != (arch.sigma_b is None) for _, bias in params):
        raise InvalidInput(
            "A network has biases unless its sigma_b is None; make the weights with the same architecture."
        )


def centred(arch: Architecture, start: Params, alpha: float = 1.0) -> Callable[[Params, ArrayLike], Array]:
    """The model α (f(w) − f(w₀)) of Chizat, Oyallon & Bach 2019: zero at initialisation, lazy for large α."""

    def model(params: Params, x: ArrayLike) -> Array:
        return alpha * (apply(arch, params, x) - apply(arch, start, x))

    return model
