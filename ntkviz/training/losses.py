r"""Loss functions of training, as values.

    L = Σ_i m_i ℓ(F(x_i), y_i)

F(x_i) holds the K outputs of the model at point i, y_i its K targets, and m_i ≥ 0 the weight of the point. A point of
weight 0 is masked: it does not take part in training. To add a loss, make a `Loss` and enter it in `LOSSES`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture, Params, apply


@jax.tree_util.register_static  # compiled code is made anew for another loss
@dataclass(frozen=True)
class Loss:
    """A loss function ℓ of the outputs and targets of a point.

    Attributes:
        name: the key in `LOSSES`.
        per_point: takes outputs (…, N, K) and targets (N, K) to the loss of each point (…, N), in traced code.
        accepts: whether targets (N, K) suit this loss.
        targets: the targets that suit it, in words; completes the sentence "The … loss needs …".
    """

    name: str
    per_point: Callable[[Array, Array], Array]
    accepts: Callable[[np.ndarray], bool]
    targets: str

    def total(self, outputs: ArrayLike, targets: ArrayLike, point_weights: ArrayLike = 1.0) -> Array:
        """The loss L, summed over the points.

        Args:
            outputs: (…, N, K), the outputs F of the model.
            targets: (N, K).
            point_weights: (N,) or (…, N), the weight m_i of each point, or one number for all.

        Returns:
            (…,), in the precision of `outputs`.

        Example:
            Two points miss their targets by 1 and by 2, so that L = ½ (1 + 4):

            >>> float(SQUARED.total([[1.0], [2.0]], [[0.0], [0.0]]))
            2.5
            >>> float(SQUARED.total([[1.0], [2.0]], [[0.0], [0.0]], point_weights=[1.0, 0.0]))
            0.5
        """
        values = self.per_point(jnp.asarray(outputs), jnp.asarray(targets))
        return jnp.sum(jnp.asarray(point_weights, values.dtype) * values, axis=-1)

    def check(self, targets: ArrayLike) -> None:
        """Check that targets (N, K) suit this loss; raises `InvalidInput` where they do not."""
        if not self.accepts(np.asarray(targets)):
            raise InvalidInput(f"The {self.name} loss needs {self.targets}.")


def _squared(outputs: Array, targets: Array) -> Array:
    return jnp.sum((outputs - targets) ** 2, axis=-1) / 2


def _cross_entropy(outputs: Array, targets: Array) -> Array:
    return -jnp.sum(targets * jax.nn.log_softmax(outputs, axis=-1), axis=-1)


def _hinge(outputs: Array, targets: Array) -> Array:
    return jnp.sum(jnp.maximum(0.0, 1.0 - targets * outputs), axis=-1)


def _distributions(targets: np.ndarray) -> bool:
    """Whether there are two columns or more, and each row is a probability distribution up to float32 rounding."""
    return bool(targets.shape[1] > 1 and np.all(targets >= 0) and np.all(np.abs(targets.sum(axis=1) - 1) < 1e-5))


SQUARED = Loss("squared", _squared, lambda targets: True, "finite numbers")
CROSS_ENTROPY = Loss(
    "cross-entropy",
    _cross_entropy,
    _distributions,
    "two outputs or more and, for each point, probabilities that sum to 1",
)
HINGE = Loss("hinge", _hinge, lambda targets: bool(np.all(np.abs(targets) == 1)), "targets that are all −1 or 1")

LOSSES = {loss.name: loss for loss in (SQUARED, CROSS_ENTROPY, HINGE)}


def objective(
    loss: Loss,
    arch: Architecture,
    x: Array,
    y: Array,
    *,
    alpha: ArrayLike,
    offset: ArrayLike,
    point_weights: ArrayLike,
) -> Callable[[Params], Array]:
    """The function of the weights that training minimises, L/α² of the model F = α (f − offset), for traced code.

    Args:
        loss: the loss function.
        arch: the architecture of the network f.
        x: (N, d), the inputs.
        y: (N, K), the targets.
        alpha: the output scale α, one number.
        offset: (N, K), the outputs that the model subtracts, or one number.
        point_weights: (N,), the weight of each point, or one number.

    Returns:
        A function that takes one network's weights to one number.
    """

    def scaled(params: Params) -> Array:
        return loss.total(alpha * (apply(arch, params, x) - offset), y, point_weights) / alpha**2

    return scaled
