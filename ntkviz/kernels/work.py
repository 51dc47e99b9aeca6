"""Counts of the operations and numbers that kernels take, from which costs are estimated."""

from ntkviz.activations import activation
from ntkviz.kernels.infinite import PAIRS
from ntkviz.kernels.limit import pairs_meet
from ntkviz.kernels.shared import costs
from ntkviz.nets import Architecture, multiplications, sizes


def duals(arch: Architecture, input_dim: int) -> int:
    """The number of duals for a pair of points, about one for each layer and each position or pair of positions.

    Args:
        arch: the architecture.
        input_dim: d, the numbers in an input.
    """
    return sum(size.uses ** (2 if pairs_meet(arch) else 1) for size in sizes(arch, input_dim)[:-1])


def pair_seconds(arch: Architecture) -> float:
    """The seconds that a dual takes on one core: in closed form, as two series for a φ with kinks, or as one series."""
    act = activation(arch.activation)
    return 2e-8 if act.dual is not None else 1.5e-6 if act.kinks else 3e-7


def tile_bytes(arch: Architecture, input_dim: int) -> float:
    """The bytes of the covariances that infinite-width kernels of images hold at once; 0 for other inputs."""
    return 0.0 if arch.input_dim is None else 130.0 * PAIRS


def empirical_operations(arch: Architecture, input_dim: int, points: int) -> float:
    """Floating-point operations of the empirical kernel: forward and backward passes, and products of all pairs.

    Args:
        arch: the architecture.
        input_dim: d, the numbers in an input.
        points: N.
    """
    products = sum(
        min(costs(size, points, points)) if size.positions else points**2 * (size.fan_in + size.fan_out)
        for size in sizes(arch, input_dim)
    )
    return 4.0 * points * multiplications(arch, input_dim) + 2.0 * products


def activation_numbers(arch: Architecture, input_dim: int, outputs: int = 1) -> int:
    """How many numbers the layers' inputs and back-propagated gradients of a point have.

    Args:
        arch: the architecture.
        input_dim: d, the numbers in an input.
        outputs: K, the outputs whose gradients are counted.
    """
    return sum(size.uses * (size.fan_in + outputs * size.fan_out) for size in sizes(arch, input_dim))
