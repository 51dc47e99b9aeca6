"""Spectra of kernels.

`spectrum` decomposes a kernel, fits the decay of its eigenvalues and compares kernels. `lanczos` finds eigenvalues of
kernels that are too large to decompose. `bases` chooses the basis of an eigenspace. `population` has the integral
operator on the circle.
"""

from ntkviz.spectra.bases import circle_modes, extended, nearest_basis
from ntkviz.spectra.population import CircleOperator, circle_operator
from ntkviz.spectra.spectrum import (
    FEWEST,
    LARGEST,
    CircleSpectrum,
    DecayFit,
    Spectrum,
    alignment,
    circle_spectrum,
    cumulative,
    fit_decay,
    relative_distance,
    rounding_floor,
    spectrum,
    target_alignment,
    target_power,
)

__all__ = [
    "FEWEST",
    "LARGEST",
    "CircleOperator",
    "CircleSpectrum",
    "DecayFit",
    "Spectrum",
    "alignment",
    "circle_modes",
    "circle_operator",
    "circle_spectrum",
    "cumulative",
    "extended",
    "fit_decay",
    "nearest_basis",
    "relative_distance",
    "rounding_floor",
    "spectrum",
    "target_alignment",
    "target_power",
]
