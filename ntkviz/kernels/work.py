"""How much there is to compute for the kernels of an architecture: what the estimates of lessons are made of."""

from ntkviz.activations import activation
from ntkviz.kernels.limit import pairs_meet
from ntkviz.kernels.shared import costs
from ntkviz.nets import Architecture, multiplications, sizes


def duals(arch: Architecture, input_dim: int) -> int:
    """About how many duals a pair of points takes: one a layer and position, or pair of positions where they meet."""
    return sum(size.uses ** (2 if pairs_meet(arch) else 1) for size in sizes(arch, input_dim)[:-1])


def pair_seconds(arch: Architecture) -> float:
    """Of a dual on one core: in closed form, as a series beside that of the kinks, as a series."""
    act = activation(arch.activation)
    return 2e-8 if act.dual is not None else 1.5e-6 if act.kinks else 3e-7


def covariance_bytes(arch: Architecture, input_dim: int, points: int) -> float:
    """Of the kernels at infinite width while they are computed; images are taken in blocks."""
    largest = max(size.uses for size in sizes(arch, input_dim)) ** (2 if pairs_meet(arch) else 1)
    return 120.0 * points**2 + (min(100.0 * points**2 * largest, 5e8) if largest > 1 else 0.0)


def empirical_operations(arch: Architecture, input_dim: int, points: int) -> float:
    """Floating-point operations of the empirical kernel: the pass there and back, and the products of all points."""
    products = sum(
        min(costs(size, points, points)) if size.positions else points**2 * (size.fan_in + size.fan_out)
        for size in sizes(arch, input_dim)
    )
    return 4.0 * points * multiplications(arch, input_dim) + 2.0 * products


def activation_numbers(arch: Architecture, input_dim: int) -> int:
    """Numbers that enter and leave the layers of a network for a point."""
    return sum(size.uses * (size.fan_in + size.fan_out) for size in sizes(arch, input_dim))
