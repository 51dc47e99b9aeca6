r"""Optimisers of training, as values: what a step does with the gradient.

    gradient descent    w ← w − η r (g + δ w)
    momentum            v ← μ v + g + δ w,    w ← w − η r v
    Adam                w ← w − η r (m̂/(√v̂ + ε) + δ w)

g is the gradient of L/α², η the step, r the relative rate of the weight's layer, δ the weight decay. Where the decay
pulls towards the start w₀, w − w₀ stands in the place of δ's w. The updates are those of optax.

An optimiser is a JAX pytree whose leaves are its hyperparameters. Compiled code takes them as arrays, so that another
value compiles nothing; another class of optimiser compiles anew. To add one, derive from `Optimiser`, declare its
hyperparameters as fields, write its `direction`, and enter it in `OPTIMISERS`.

Sources: Polyak 1964 (momentum); Kingma & Ba 2015 (Adam); Loshchilov & Hutter 2019 (decay beside Adam's step).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
import optax  # type: ignore[import-untyped]  # it ships no types
from jax import Array
from numpy.typing import ArrayLike

from ntkviz.errors import InvalidInput
from ntkviz.nets import Params

# Fields of an optimiser that are no hyperparameters of a single number.
STRUCTURE = ("layer_rates", "towards_start")


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """What all optimisers share. In a sweep over S networks each hyperparameter is one number or has shape (S,).

    Attributes:
        decay: the weight decay δ, in the unit of the kernel's eigenvalues. For gradient descent and momentum it adds
            ½ δ ‖w‖² to L/α². All weights and biases decay.
        layer_rates: (layers,) or (S, layers), the rate r of each layer, input layer first, which multiplies the step.
            The kernel that governs training is then Σ_l r_l Θ_l. None is 1 for every layer.
        towards_start: let the decay pull towards the weights at the start in place of zero. A network that is linear
            in its weights then ends at kernel ridge regression with ridge δ, whatever its start.
    """

    below_one: ClassVar[tuple[str, ...]] = ()  # hyperparameters that must be less than 1

    decay: ArrayLike = 0.0
    layer_rates: ArrayLike | None = None
    towards_start: bool = field(default=False, metadata={"static": True})

    def direction(self) -> optax.GradientTransformation:
        """The transformation of the gradient before it is multiplied by the rates and by −η, for one network."""
        raise NotImplementedError

    def transformation(self, eta: ArrayLike) -> optax.GradientTransformation:
        """The transformation of one network's gradient into the change of its weights, for traced code.

        Args:
            eta: the step η, one number; the hyperparameters must be single numbers too (see `spread`).

        Returns:
            A transformation whose `update` takes, in the place of the weights, what decays (see `decaying`).
        """
        rates = [] if self.layer_rates is None else [_scale_layers(jnp.asarray(self.layer_rates))]
        return optax.chain(self.direction(), *rates, optax.scale(-jnp.asarray(eta)))

    def decaying(self, params: Params, start: Params) -> Params:
        """The weights that the decay shrinks: w, or w − w₀ where it pulls towards the start."""
        if not self.towards_start:
            return params
        shrinking: Params = jax.tree.map(lambda w, first: w - first, params, start)
        return shrinking

    def sizes(self) -> Iterator[int]:
        """For how many networks each hyperparameter has values: 1, or the number of networks in a sweep."""
        yield from (np.size(value) for value in self._hyperparameters().values())
        rates = np.asarray(self.layer_rates)
        yield len(rates) if rates.ndim == 2 else 1

    def spread(self, networks: int, layers: int, dtype: np.dtype) -> Self:
        """The same optimiser with arrays for S = `networks` networks of so many layers.

        Args:
            networks: S.
            layers: the number of layers of each network.
            dtype: the precision of the weights.

        Returns:
            An optimiser whose hyperparameters have shape (S,) and whose `layer_rates` have shape (S, layers).

        Raises:
            InvalidInput: where a hyperparameter is out of its range, or `layer_rates` do not fit the network.
        """
        arrays: dict[str, Any] = {}
        for name, value in self._hyperparameters().items():
            array = np.asarray(value)
            if not np.all((array >= 0) & (array < 1 if name in self.below_one else np.isfinite(array))):
                raise InvalidInput(
                    f"The optimiser's {name} must be {'in [0, 1)' if name in self.below_one else '0 or more'}."
                )
            arrays[name] = np.broadcast_to(array.ravel().astype(dtype), networks)
        if self.layer_rates is not None:
            rates = np.asarray(self.layer_rates)
            if rates.ndim not in (1, 2) or rates.shape[-1] != layers or not np.all((rates >= 0) & np.isfinite(rates)):
                raise InvalidInput(f"Give a finite rate, 0 or more, for each of the {layers} layers of the network.")
            arrays["layer_rates"] = np.broadcast_to(rates.astype(dtype), (networks, layers))
        return replace(self, **arrays)

    def _hyperparameters(self) -> dict[str, ArrayLike]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in STRUCTURE}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class GradientDescent(Optimiser):
    """Gradient descent."""

    def direction(self) -> optax.GradientTransformation:
        return optax.add_decayed_weights(self.decay)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Momentum(Optimiser):
    """Gradient descent with momentum μ; a constant gradient moves the weights by η/(1 − μ) a step in the long run."""

    below_one = ("momentum",)

    momentum: ArrayLike = 0.9

    def direction(self) -> optax.GradientTransformation:
        return optax.chain(optax.add_decayed_weights(self.decay), optax.trace(self.momentum))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Adam(Optimiser):
    """Adam; the weight decay stands beside its step (AdamW) and does not pass through its averages."""

    below_one = ("beta1", "beta2")

    beta1: ArrayLike = 0.9
    beta2: ArrayLike = 0.999
    epsilon: ArrayLike = 1e-8

    def direction(self) -> optax.GradientTransformation:
        adam = optax.scale_by_adam(self.beta1, self.beta2, self.epsilon)
        return optax.chain(adam, optax.add_decayed_weights(self.decay))


GRADIENT_DESCENT = GradientDescent()
OPTIMISERS: dict[str, type[Optimiser]] = {
    "gradient descent": GradientDescent,
    "momentum": Momentum,
    "Adam": Adam,
}


def _scale_layers(rates: Array) -> optax.GradientTransformation:
    """Multiply the updates of layer l by rates[l]."""

    def scaled(updates: Params, params: Params | None) -> Params:
        return tuple(
            jax.tree.map(lambda update, rate=rate: rate * update, layer)
            for layer, rate in zip(updates, rates, strict=True)
        )

    return optax.stateless(scaled)
