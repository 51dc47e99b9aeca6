"""Training at many output scales α: a family of runs from one start, and the families of several seeds."""

from ntkviz.scales.families import CONVERGED, LAZY, RICH, Families
from ntkviz.scales.family import Family, Recipe, Scales, family_cost, ntk_scale, stable_steps, train_family

__all__ = [
    "CONVERGED",
    "LAZY",
    "RICH",
    "Families",
    "Family",
    "Recipe",
    "Scales",
    "family_cost",
    "ntk_scale",
    "stable_steps",
    "train_family",
]
