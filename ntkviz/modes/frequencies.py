"""The modes of an infinitely wide network's kernel on the circle: their frequencies, and what it can never learn."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ntkviz.data import CircleFunction, Dataset, DataSpec
from ntkviz.findings import Remark
from ntkviz.kernels.degrees import EVERYTHING, Degrees, absent, kernel_degrees
from ntkviz.modes.target_modes import Modes
from ntkviz.nets import Architecture
from ntkviz.spectra import Spectrum, circle_modes, spectrum
from ntkviz.writing import percent, written

Floats = NDArray[np.float64]

SEEN = 1e-6  # share of the target that may lie in modes that cannot be learned without a word


@dataclass(frozen=True, eq=False)
class Frequencies:
    """The frequency of each of N modes at equal steps round the circle."""

    of_modes: NDArray[np.int64]  # (N,)
    degrees: Degrees  # which frequencies the kernel has
    zero: NDArray[np.bool_]  # (N,) whether an eigenvalue is exactly zero


def circulant(data: DataSpec) -> bool:
    """Whether the points stand at equal steps round the circle."""
    return isinstance(data, CircleFunction) and data.placing == "equispaced"


def decomposed(
    arch: Architecture, spec: DataSpec, data: Dataset, kernel: Floats
) -> tuple[Spectrum, Frequencies | None]:
    """The eigensystem of the NTK at infinite width, with the frequencies of its modes where these are waves.

    Args:
        arch: the network.
        spec, data: N points.
        kernel: (N, N) on these points.
    """
    degrees = kernel_degrees(arch)
    if not circulant(spec) or data.angle is None or degrees is None:
        return spectrum(kernel), None
    modes, frequency = circle_modes(kernel[0], data.angle)
    return modes, Frequencies(frequency, degrees, absent(degrees, len(kernel))[frequency])


def never_learned(modes: Modes, frequencies: Frequencies | None) -> float:
    """The share of the target in modes whose eigenvalue is known to be exactly zero."""
    return 0.0 if frequencies is None else float(modes.shares[frequencies.zero].sum())


def unlearned(arch: Architecture, modes: Modes, frequencies: Frequencies | None) -> tuple[Remark, ...]:
    """Sentences about what this kernel cannot learn: what is exactly zero, and what is lost in rounding.

    Args:
        arch: the network.
        modes: of its kernel at infinite width.
        frequencies: of these modes, where they are waves.
    """
    zero = np.zeros(len(modes.eigenvalues), bool) if frequencies is None else frequencies.zero
    said = []
    if frequencies is not None and zero.any():
        lost = never_learned(modes, frequencies)
        there = f"{percent(lost)} of the target lies there." if lost > SEEN else "The target has no part there."
        said.append(
            f"This kernel lacks {frequencies.degrees.missing}: their eigenvalue is exactly zero. "
            f"An infinitely wide network never learns them. {there}{_remedy(arch, frequencies.degrees)}"
        )
    faint = (modes.eigenvalues <= modes.floor) & ~zero
    hidden = float(modes.shares[faint].sum())
    if hidden > SEEN:
        size = "positive but" if frequencies is not None else "zero, or"
        many = f"{faint.sum()} modes whose eigenvalues are" if faint.sum() > 1 else "a mode whose eigenvalue is"
        said.append(
            f"{percent(hidden)} of the target lies in {many} {size} too small to be computed: "
            f"below {written(modes.floor / modes.eigenvalues[0], 2)} of the largest. "
            "Gradient descent does not reach them in any time that can be waited for."
        )
    return tuple(Remark(sentence) for sentence in said)


def _remedy(arch: Architecture, degrees: Degrees) -> str:
    """What would bring missing frequencies back, as far as each change does so alone."""
    biased, deeper = replace(arch, sigma_b=(arch.sigma_b or 0.0) + 1.0), replace(arch, depth=arch.depth + 1)
    changes = {"Biases (σ_b > 0)": biased, "another hidden layer": deeper}
    helpful = [name for name, other in changes.items() if kernel_degrees(other) == EVERYTHING]
    if not helpful:
        return ""
    either = " or ".join(helpful)
    return f" {either[0].upper()}{either[1:]} would bring them back."
