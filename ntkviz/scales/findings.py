"""The findings of families: errors at both ends of α, the law of the drift, and what became of the features."""

import math
from typing import Any

import numpy as np

from ntkviz.findings import Finding, Interval, Reference
from ntkviz.measures.first_order import is_smooth, next_order, width_law
from ntkviz.measures.seeds import mean_and_error, over_seeds
from ntkviz.scales.families import CONVERGED, LAZY, Families
from ntkviz.writing import percent, written

ENDS = (("smallest α", 0), ("largest α", -1))
LAZY_OVER_RICH = "Test error at the largest α over the smallest"
FIT = "Values of α at which all runs fit the training data"
FIRST_ORDER = "Drift at the largest α over its first order"
ALPHA_EXPONENT = "Exponent of the drift in α"
WIDTH_EXPONENT = "Exponent of the drift in the width"
DRIFT = "‖Θ − Θ₀‖/‖Θ₀‖, the relative change of the kernel on the training points."
MOVED = "‖w − w₀‖/‖w₀‖ over all weights."


def drift_at(end: str) -> str:
    """The name of the finding on the drift at an end of α, one of `ENDS`."""
    return f"Kernel drift, {end}"


def aligned_at(end: str) -> str:
    """The name of the finding on the alignment at an end of α."""
    return f"Alignment after training over before, {end}"


def moved_at(end: str) -> str:
    """The name of the finding on the weights' movement at an end of α."""
    return f"Movement of the weights, {end}"


def error_at(end: str) -> str:
    """The name of the finding on the test error at an end of α."""
    return f"Test error, {end}"


def errors(runs: Families) -> tuple[Finding, ...]:
    """The test errors at both ends, their ratio beside that of converged kernels, and how many runs have converged."""
    values = runs.sweep("test_error").values
    rich = mean_and_error(values[0])[0]
    kernels = {
        "kernel regression, infinite width": runs.level("kernel_error"),
        "linearised network, trained to its end": runs.level("linear_end"),
    }
    ends = {**kernels, "linearised network, same steps": runs.level("linear_error")}
    over = {name: None if error is None or rich is None else error / rich for name, error in kernels.items()}
    return (
        over_seeds(error_at("smallest α"), values[0], caveat=runs.caveat(0)),
        over_seeds(error_at("largest α"), values[-1], caveat=runs.caveat(-1), references=_references(ends)),
        over_seeds(
            LAZY_OVER_RICH,
            runs.gain,
            unit="times",
            expected=Interval(-math.inf, 1.0, "if the stable kernel generalised best"),
            claim=14,
            help="Given where the runs at both ends have converged. Beside it: converged kernels over the smallest α.",
            caveat=runs.caveat(0, -1),
            references=_references(over),
        ),
        Finding(
            FIT,
            None if runs.pending else float(runs.converged.sum()),
            f"of {len(runs.alpha)}",
            help=f"A run fits when its training error is at most {percent(CONVERGED)} of that at the start.",
        ),
    )


def _references(named: dict[str, float | None]) -> tuple[Reference, ...]:
    return tuple(Reference(name, value) for name, value in named.items())


def drifts(runs: Families) -> tuple[Finding, ...]:
    """The kernel's drift at both ends, beside its first order in 1/α, and its exponent."""
    drift, first = runs.sweep("drift"), runs.level("first_order")
    foreseen = None if first is None else first / float(runs.alpha[-1])
    return (
        over_seeds(drift_at("smallest α"), drift.values[0], claim=6, help=DRIFT, caveat=runs.caveat(0)),
        over_seeds(
            drift_at("largest α"),
            drift.values[-1],
            help=DRIFT,
            caveat=runs.caveat(-1),
            references=(Reference("first order in 1/α", foreseen),),
        ),
        _first_order(runs),
        _exponent(runs),
    )


def _exponent(runs: Families) -> Finding:
    """The exponent of the drift in α among the lazy runs."""
    few = "Fewer than three values of α are lazy." if runs.lazy.sum() < 3 and not runs.pending else ""
    return runs.lazy_drift.finding(
        ALPHA_EXPONENT,
        claim=6,
        help=f"Fitted to the runs whose drift is below {LAZY:g}, which are called lazy.",
        caveat=few or runs.caveat(*np.flatnonzero(runs.lazy).tolist()),
    )


def _first_order(runs: Families) -> Finding:
    """Drift over its first order at the largest α: 1 for a smooth φ, up to twice the next order as measured."""
    help = "The first order in 1/α is computed from the weights at the start; nothing is fitted."
    if not runs.members:
        return Finding(FIRST_ORDER, None, help=help)
    ratio = runs.alpha[:, None] * runs.sweep("drift").values / runs.values("first_order")
    means = [mean_and_error(row)[0] for row in ratio[-2:]]
    expected = None
    if is_smooth(runs.arch) and None not in means:
        slack = 2 * next_order(runs.alpha, [mean or math.nan for mean in means])
        expected = Interval(1 - slack, 1 + slack, "smooth φ, with twice the next order as measured")
    elif not is_smooth(runs.arch):
        help += " It leaves out that neurons of a φ with a kink switch."
    return over_seeds(FIRST_ORDER, ratio[-1], expected=expected, help=help, caveat=runs.caveat(-1))


def features(runs: Families) -> tuple[Finding, ...]:
    """How far the weights moved, and how much more the hidden layer is aligned with the target than before."""
    still = Interval(1 - LAZY, 1 + LAZY, "features that stay as they were")
    gained = runs.sweep("aligned").values / runs.values("aligned_start")
    moved = runs.sweep("movement").values
    help = "CKA of the last hidden layer with the target on test points, which no run was trained on."
    found: list[Finding] = []
    for end, at in ENDS:
        about: dict[str, Any] = {"claim": 16, "caveat": runs.caveat(at)}
        found.append(over_seeds(aligned_at(end), gained[at], unit="times", expected=still, help=help, **about))
        found.append(over_seeds(moved_at(end), moved[at], help=MOVED, **about))
    return tuple(found)


def width_exponent(runs: Families, narrow: Families) -> Finding:
    """The exponent of the drift in the width, between two widths at the α that is nearest to 1.

    Args:
        runs: the families of the wider network.
        narrow: those of the narrower one, with the same seeds and data.
    """
    at = runs.recipe.scales.nearest_one
    both = min(len(runs.members), len(narrow.members))
    one, other = (families.sweep("drift").values[at, :both] for families in (runs, narrow))
    exponents = np.log(one / other) / math.log(runs.arch.width / narrow.arch.width)
    widths = f"from {narrow.arch.width} to {runs.arch.width} neurons at α = {written(runs.alpha[at])}"
    return over_seeds(
        WIDTH_EXPONENT,
        exponents,
        ratio=False,
        expected=width_law(runs.arch),
        claim=6,
        help=f"Of the drift, {widths}.",
        caveat=" ".join({runs.caveat(at): "", narrow.caveat(at): ""}).strip(),
    )
