r"""The kernel's drift to first order in 1/α, for the network α (f(w) − f(w₀)) at a large output scale α.

    ‖Θ − Θ₀‖/‖Θ₀‖ = ‖∂_w Θ [u]‖/(α ‖Θ₀‖) + O(1/α²),    u = Jᵀ Θ₀⁻¹ (1 − (1 − ηΘ₀)^k) y    (J = ∂f/∂w at w₀, (N, P))

u/α is how far the weights of the linearised network move, so that this is the derivative of Θ along the linearised
path. Nothing is fitted. The law holds for smooth activations: at a kink neurons switch on and off, which a derivative
does not see. The output scale is that of Chizat, Oyallon & Bach 2019.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from ntkviz import nets
from ntkviz.activations import activation
from ntkviz.compiling import quickly
from ntkviz.dynamics import Clock, Linearised
from ntkviz.findings import Interval
from ntkviz.kernels.finite import layerwise
from ntkviz.nets import Architecture, Params
from ntkviz.nets.padding import bucket, padded

Floats = NDArray[np.float64]


def first_order_drift(arch: Architecture, params: Params, x: ArrayLike, own: Linearised, clock: Clock) -> float:
    """α ‖Θ − Θ₀‖/‖Θ₀‖ to first order in 1/α, for a network whose outputs at the start are subtracted.

    Args:
        arch: the architecture.
        params: the weights w₀ at the start.
        x: (N, d), the training inputs.
        own: the training of the linear model with the kernel Θ₀ of these weights on x.
        clock: when to look; its last moment counts.
    """
    pull = own.modes @ (-own.coefficients * clock.reach(own.eigenvalues)[-1][:, None])  # Θ₀⁻¹ (1 − decay) y, (N, 1)
    points = np.asarray(x)
    there = (np.arange(bucket(len(points))) < len(points)).astype(points.dtype)
    change, size = _along(arch, params, padded(points), there[:, None] * padded(pull), there)
    return float(change) / float(size)


@quickly
def _along(arch: Architecture, params: Params, x: Array, pull: Array, there: Array) -> tuple[Array, Array]:
    """‖∂_w Θ [Jᵀ pull]‖ and ‖Θ‖ of the points that are `there`, (N,), 0 for those with which they are padded."""
    (direction,) = jax.vjp(lambda params: nets.apply(arch, params, x), params)[1](pull)
    theta, change = jax.jvp(lambda params: layerwise(arch, params, x), (params,), (direction,))
    pairs = jnp.outer(there, there)
    return jnp.linalg.norm(pairs * change), jnp.linalg.norm(pairs * theta)


def is_smooth(arch: Architecture) -> bool:
    """Whether φ has a continuous derivative, so that the kernel has a first order in 1/α."""
    phi = activation(arch.activation)
    return not phi.kinks or phi.rough > 1


def next_order(alpha: Sequence[float] | Floats, ratio: Sequence[float] | Floats) -> float:
    """The size of the next order at the largest α, where drift over first order is 1 + b/α + …, with b as measured.

    Args:
        alpha: (A,) ascending, of which the last two count.
        ratio: (A,) the measured drift over its first order.

    >>> round(next_order([10.0, 100.0], [1.2, 1.02]), 12)
    0.02
    """
    (near, far), (one, other) = np.asarray(alpha, np.float64)[-2:], np.asarray(ratio, np.float64)[-2:]
    return float(abs(one - other) / (1 / near - 1 / far) / far)


def drift_law(arch: Architecture) -> Interval:
    """The exponent of the drift in α among lazy runs: −1 as α → ∞ for a smooth φ, and less steep for one with kinks.

    Before the limit the next order, which falls as α⁻², makes the exponent of a smooth φ steeper. At a kink a neuron
    switches for a share of the points that falls as 1/α. The sum over neurons that switch has a mean part, which
    falls as 1/α, and a random part, which falls as its root.
    """
    if is_smooth(arch):
        return Interval(-2.0, -1.0, "smooth φ: A/α + B/α²")
    return Interval(-1.0, -0.5, "φ with a kink: A/α + B/√α")


def width_law(arch: Architecture) -> Interval | None:
    """The exponent of the drift in the width n at a fixed α; None where no law is known to us.

    In the NTK parameterization drift depends on α√n where it is of order one (Geiger, Spigler, Jacot & Wyart 2020),
    which is the exponent −1/2 or −1, and falls as 1/n where it is small and φ smooth. µP is the NTK parameterization
    at α/√n: nothing is left of n.
    """
    laws = {
        "ntk": Interval(-1.0, -0.5, "NTK parameterization"),
        "mup": Interval(-0.1, 0.1, "µP at large width"),
    }
    return laws.get(arch.parameterization)
