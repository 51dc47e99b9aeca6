"""How much there is to compute for the kernels of an architecture: what the estimates of lessons are made of."""

from ntkviz.activations import activation
from ntkviz.kernels.infinite import PAIRS
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


def tile_bytes(arch: Architecture, input_dim: int) -> float:
    """Of the covariances of positions that the kernels at infinite width hold at once; 0 for other inputs."""
    return 0.0 if arch.input_dim is None else 130.0 * PAIRS


def empirical_operations(arch: Architecture, input_dim: int, points: int) -> float:
    """Floating-point operations of the empirical kernel: the pass there and back, and the products of all points."""
    products = sum(
        min(costs(size, points, points)) if size.positions else points**2 * (size.fan_in + size.fan_out)
        for size in sizes(arch, input_dim)
    )
    return 4.0 * points * multiplications(arch, input_dim) + 2.0 * products


def activation_numbers(arch: Architecture, input_dim: int, outputs: int = 1) -> int:
    """Numbers that enter the layers of a network for a point, and leave them, once for each of the outputs."""
    return sum(size.uses * (size.fan_in + outputs * size.fan_out) for size in sizes(arch, input_dim))
