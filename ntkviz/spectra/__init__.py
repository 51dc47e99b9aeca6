"""Spectra of kernels.

`spectrum` decomposes a kernel, fits the decay of its eigenvalues and compares kernels. `lanczos` finds eigenvalues of
kernels that are too large to decompose.
"""

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
    "CircleSpectrum",
    "DecayFit",
    "Spectrum",
    "alignment",
    "circle_spectrum",
    "cumulative",
    "fit_decay",
    "relative_distance",
    "rounding_floor",
    "spectrum",
    "target_alignment",
    "target_power",
]
