r"""The exponent of the power law of a kernel's eigenvalues on a sphere, from the first derivative of φ that jumps.

    λ_i ~ i^{−(d + s)/(d − 1)},    s = 2p for the NNGP, 2p − 2 for the NTK

Where the p-th derivative of φ jumps, the NNGP kernel has a term θ^{2p+1} in the angle θ, and the NTK a term θ^{2p−1}.
For p = 0 the term is θ^{2^{1−L}} after L nonlinearities. A term θ^t gives the eigenvalues μ_k ~ k^{1−d−t} in degree k.
There are about k^{d−2} modes of degree k, so that i ~ k^{d−1}. Further layers, skip connections and layer norm keep the
term. The kernel of a convolutional network does not depend on the angle alone.

Sources: Bietti & Mairal 2019; Bietti & Bach 2021 (p = 1, any depth).
"""

from typing import Literal

from ntkviz.activations import activation
from ntkviz.nets import Architecture
from ntkviz.nets.operations import Operations, Pointwise, Residual

Kernel = Literal["ntk", "nngp"]


def decay_exponent(arch: Architecture, dim: int, kernel: Kernel = "ntk") -> float | None:
    """The exponent of λ_i over i for uniform data on a sphere, or None where φ is smooth or the inputs are images.

    Args:
        arch: the architecture.
        dim: d, the numbers in an input; the sphere is S^{d−1}.
        kernel: "ntk" or "nngp".
    """
    act = activation(arch.activation)
    if not act.kinks or arch.input_dim is not None:
        return None
    power = 2 * act.rough - 2 * (kernel == "ntk") if act.rough else 2.0 ** (1 - _nonlinearities(arch.operations)) - 1
    return -(dim + power) / (dim - 1)


def _nonlinearities(operations: Operations) -> int:
    """The number of nonlinearities on the way through the operations, with those in the branches."""
    return sum(
        _nonlinearities(each.branch) if isinstance(each, Residual) else isinstance(each, Pointwise)
        for each in operations
    )
