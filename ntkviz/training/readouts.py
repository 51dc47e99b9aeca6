r"""Models with a nonlinear readout, ρ(F) in place of F: their loss, and their tangent kernel.

    L = ½ ‖ρ(F) − y‖²,    Θ_ρ(x, x′) = ρ′(F(x)) ρ′(F(x′)) Θ(x, x′)

As the width grows, F becomes linear in the weights and Θ stays constant, but ρ(F) and Θ_ρ do not: where ρ(F) = y, the
factors are ρ′(ρ⁻¹(y)), whatever the width. To add a readout, add an entry to `READOUTS`.

Source: Liu, Zhu & Belkin 2020 (a nonlinear output layer destroys the constancy of the kernel).
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from ntkviz.training.losses import SQUARED, Loss

Floats = NDArray[np.float64]


def _after_arsinh(outputs: Array, targets: Array) -> Array:
    return jnp.sum((jnp.arcsinh(outputs) - targets) ** 2, axis=-1) / 2


@dataclass(frozen=True)
class Readout:
    """A function ρ of the output, its derivative and its inverse, and the loss of the model with this readout."""

    title: str
    slope: Callable[[Floats], Floats]  # ρ′ at F
    inverse: Callable[[Floats], Floats]  # F at ρ(F)
    loss: Loss

    def kernel(self, kernel: ArrayLike, f: ArrayLike) -> Floats:
        """Θ_ρ from the kernel Θ of F.

        Args:
            kernel: (…, N, N).
            f: (…, N) the outputs F.
        """
        slope = self.slope(np.asarray(f, np.float64))
        return np.asarray(slope[..., :, None] * np.asarray(kernel, np.float64) * slope[..., None, :])


READOUTS = {
    "linear": Readout("linear", np.ones_like, np.positive, SQUARED),
    "arsinh": Readout(
        "nonlinear: arsinh(F)",
        lambda f: np.asarray(1 / np.sqrt(1 + f**2)),
        np.sinh,
        Loss("squared loss after arsinh", _after_arsinh, lambda targets: True, "finite numbers"),
    ),
}
