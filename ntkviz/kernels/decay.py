r"""The power law of a kernel's eigenvalues on a sphere, from the first derivative of φ that jumps.

    λ_i ~ i^{−(d + s)/(d − 1)},    s = 2p for the NNGP, 2p − 2 for the NTK

A jump of the p-th derivative of φ is a term θ^{2p+1} of the NNGP and θ^{2p−1} of the NTK (p = 0: θ^{2^{1−L}} after L
nonlinearities). A term θ^t has μ_k ~ k^{1−d−t} in degree k, about k^{d−2} modes each: i ~ k^{d−1}. Further layers,
skips and layer norm keep the term; a convolution's kernel is not one of the angle.

Sources: Bietti & Mairal 2019; Bietti & Bach 2021 (p = 1, any depth).
"""

from typing import Literal

from ntkviz.activations import activation
from ntkviz.nets import Architecture
from ntkviz.nets.operations import Operations, Pointwise, Residual

Kernel = Literal["ntk", "nngp"]


def decay_exponent(arch: Architecture, dim: int, kernel: Kernel = "ntk") -> float | None:
    """The exponent of λ_i over i for uniform data on S^{dim−1}, or None where φ is smooth or the inputs are images."""
    act = activation(arch.activation)
    if not act.kinks or arch.input_dim is not None:
        return None
    power = 2 * act.rough - 2 * (kernel == "ntk") if act.rough else 2.0 ** (1 - _nonlinearities(arch.operations)) - 1
    return -(dim + power) / (dim - 1)


def _nonlinearities(operations: Operations) -> int:
    """One behind another, those of the branches included."""
    return sum(
        _nonlinearities(each.branch) if isinstance(each, Residual) else isinstance(each, Pointwise)
        for each in operations
    )
