r"""The integral operator of a kernel on the circle: eigenvalues by frequency, for infinitely many points.

    (T f)(γ) = (1/2π) ∫ Θ(γ, γ′) f(γ′) dγ′,    μ_k = (1/2π) ∫ Θ(0, γ) cos kγ dγ

A matrix on N points has the eigenvalues N (μ_k + μ_{N−k} + μ_{N+k} + …): near k = N/2 it is far from the operator.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ntkviz.activations import activation
from ntkviz.data import on_circle
from ntkviz.kernels.infinite import infinite_kernels
from ntkviz.nets import Architecture
from ntkviz.spectra.spectrum import Floats, circle_spectrum

FINE = 4096  # steps round the circle: aliases are below (k/(4096 − k))², .3 % at k = 200
SMOOTH = 512  # the same for smooth nonlinearities, whose eigenvalues reach the floor long before k = 256
KEPT = SMOOTH // 2 + 1  # frequencies 0, …, 256


@dataclass(frozen=True, eq=False)
class CircleOperator:
    """Eigenvalues of the integral operator, in shares of its trace."""

    frequencies: Floats  # (257,) 0, 1, …
    eigenvalues: Floats  # (257,)
    multiplicities: NDArray[np.int64]  # (257,) a cosine and a sine make 2, but for frequency 0
    floor: float  # shares below it are rounding


def steps(arch: Architecture) -> int:
    """How many steps round the circle the operator is computed from."""
    return FINE if activation(arch.activation).kinks else SMOOTH


def circle_operator(arch: Architecture, kernel: Literal["ntk", "nngp"] = "ntk") -> CircleOperator:
    """The operator of a kernel at infinite width, from half a row of a fine matrix: the kernel is even."""
    count = steps(arch)
    half = on_circle(2 * np.pi * np.arange(count // 2 + 1) / count)
    row = np.asarray(getattr(infinite_kernels(arch, half[:1], half), kernel))[0]
    circle = circle_spectrum(np.concatenate([row, row[-2:0:-1]]))
    trace, kept = float(count * row[0]), slice(KEPT)
    multiplicities = np.where(np.arange(KEPT) > 0, 2, 1)
    return CircleOperator(
        circle.frequencies[kept], circle.eigenvalues[kept] / trace, multiplicities, circle.floor / trace
    )
