"""A network beside the prediction of its training: how far the two are apart, as numbers and in words."""

from ntkviz.comparison.findings import (
    class_findings,
    distance_findings,
    outputs_in_words,
    rate_findings,
    rates_in_words,
    stability_in_words,
    step_findings,
    steps_in_words,
)
from ntkviz.comparison.network import CONVERGED, Comparison, Network, network_cost, train_beside

__all__ = [
    "CONVERGED",
    "Comparison",
    "Network",
    "class_findings",
    "distance_findings",
    "network_cost",
    "outputs_in_words",
    "rate_findings",
    "rates_in_words",
    "stability_in_words",
    "step_findings",
    "steps_in_words",
    "train_beside",
]
