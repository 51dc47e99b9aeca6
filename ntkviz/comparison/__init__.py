"""A network beside the prediction of its training: how far the two are apart, as numbers and in words."""

from ntkviz.comparison.findings import (
    class_findings,
    distance_findings,
    rate_findings,
    stability_in_words,
    step_findings,
    steps_in_words,
)
from ntkviz.comparison.network import Comparison, Network, Rates, network_cost, train_beside

__all__ = [
    "Comparison",
    "Network",
    "Rates",
    "class_findings",
    "distance_findings",
    "network_cost",
    "rate_findings",
    "stability_in_words",
    "step_findings",
    "steps_in_words",
    "train_beside",
]
