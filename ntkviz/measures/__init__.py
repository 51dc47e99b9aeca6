"""Measures of a training and of a kernel: fits with their errors, distances, convergence, and numbers over seeds."""

from ntkviz.measures.distances import crossing, drift, drifts, feature_alignment, gap, hidden_alignment, steps_bound
from ntkviz.measures.fits import (
    DecayFit,
    Exponential,
    PowerLaw,
    Stretched,
    decay_law,
    exponential,
    fit_decay,
    power_law,
    stretched,
)

__all__ = [
    "DecayFit",
    "Exponential",
    "PowerLaw",
    "Stretched",
    "crossing",
    "decay_law",
    "drift",
    "drifts",
    "exponential",
    "feature_alignment",
    "fit_decay",
    "gap",
    "hidden_alignment",
    "power_law",
    "steps_bound",
    "stretched",
]
