"""Measures of a training and of a kernel: fits with their errors, distances, and shares of whole eigenspaces."""

from ntkviz.measures.distances import crossing, drift, drifts, feature_alignment, gap, hidden_alignment, steps_bound
from ntkviz.measures.eigenspaces import TopShare, eigenspaces, space_shares, top_share
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
from ntkviz.measures.modes import Modes, decay_rate, strongest

__all__ = [
    "DecayFit",
    "Exponential",
    "Modes",
    "PowerLaw",
    "Stretched",
    "TopShare",
    "crossing",
    "decay_law",
    "decay_rate",
    "drift",
    "drifts",
    "eigenspaces",
    "exponential",
    "feature_alignment",
    "fit_decay",
    "gap",
    "hidden_alignment",
    "power_law",
    "space_shares",
    "steps_bound",
    "stretched",
    "strongest",
    "top_share",
]
