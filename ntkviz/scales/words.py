"""Sentences about families, made from their findings: errors, features, widths and the order of the drift."""

import math

import numpy as np

from ntkviz.findings import Finding
from ntkviz.measures.first_order import is_smooth
from ntkviz.scales.families import Families
from ntkviz.scales.family import Scales
from ntkviz.scales.findings import (
    ALPHA_EXPONENT,
    FIRST_ORDER,
    LAZY_OVER_RICH,
    aligned_at,
    drift_at,
    drifts,
    error_at,
    errors,
    features,
    width_exponent,
)
from ntkviz.writing import percent, signed, with_error, written


def ends_in_words(scales: Scales) -> tuple[str, str]:
    """The smallest and the largest output scale."""
    return written(scales.low), written(scales.high)


def found(runs: Families, name: str) -> Finding:
    """The finding of families with this name; raises `KeyError` where there is none."""
    return {one.name: one for one in (*errors(runs), *drifts(runs), *features(runs))}[name]


def told(finding: Finding) -> str:
    """Value, error and unit of a finding."""
    return with_error(finding.value, finding.error, finding.unit)


def errors_in_words(runs: Families) -> str:
    """The test errors at both ends, their ratio, and the error of kernel regression."""
    low, high = ends_in_words(runs.recipe.scales)
    ratio = found(runs, LAZY_OVER_RICH)
    over = f" (standard error over {ratio.over})" if ratio.over else ""
    compared = f", which is {told(ratio)} as much{over}" if ratio.value is not None else ""
    return (
        f"The test error was {told(found(runs, error_at('smallest α')))} at α = {low} and "
        f"{told(found(runs, error_at('largest α')))} at α = {high}{compared}. Kernel regression with the infinitely "
        f"wide network's NTK has {written(runs.level('kernel_error'))}."
    )


def gap_in_words(runs: Families) -> str:
    """The gap between the linearised network and kernel regression: the part of the width and that of time."""
    now, end, limit = (runs.level(name) for name in ("linear_error", "linear_end", "kernel_error"))
    if now is None or end is None or limit is None:
        return ""
    return (
        f"Kernel regression with the infinitely wide network's NTK has a test error of {written(limit)}. The "
        f"linearised network of width {runs.arch.width} has {written(now)} after {runs.recipe.steps} steps. The finite "
        f"width changes the error by {signed(end - limit)}, and the finite time by {signed(now - end)}."
    )


def features_in_words(runs: Families) -> str:
    """How far the kernel moved at both ends, and what became of the hidden layer at the smallest α."""
    low, high = ends_in_words(runs.recipe.scales)
    rich, lazy = (_of_its_size(found(runs, drift_at(end)).value) for end in ("smallest α", "largest α"))
    gained = told(found(runs, aligned_at("smallest α")))
    return (
        f"At α = {low} the kernel changed by {rich}, and the alignment of the hidden layer with the target "
        f"became {gained} what it was. At α = {high} the kernel changed by {lazy}."
    )


def _of_its_size(drift: float | None) -> str:
    """A drift as a share of the kernel's size, or as a multiple where it is larger."""
    return f"{percent(drift)} of its size" if drift is None or drift < 1 else f"{written(drift, 2)} times its size"


def width_in_words(runs: Families, narrow: Families) -> str:
    """The drift of the wider network over that of the narrower one, and the exponent in the width."""
    exponent, ratio = width_exponent(runs, narrow), drift_ratio(runs, narrow)
    if ratio is None:
        return ""
    alpha = written(runs.alpha[runs.recipe.scales.nearest_one])
    return (
        f"At α = {alpha} the drift with {runs.arch.width} neurons was {written(ratio, 2)} times that with "
        f"{narrow.arch.width}. This is an exponent of {told(exponent)} in the width."
    )


def drift_ratio(runs: Families, narrow: Families) -> float | None:
    """Drift of the wider network over that of the narrower one, at the α nearest to 1; None while it is not known.

    Args:
        runs: the families of the wider network.
        narrow: those of the narrower one.
    """
    exponent = width_exponent(runs, narrow).value
    return None if exponent is None or narrow.pending else (runs.arch.width / narrow.arch.width) ** exponent


def order_in_words(runs: Families) -> str:
    """The drift at the largest α over its first order, and its exponent among the lazy runs."""
    kind = "is smooth" if is_smooth(runs.arch) else "has a kink"
    return (
        f"The nonlinearity {kind}. At the largest α the drift is {told(found(runs, FIRST_ORDER))} times its first "
        f"order in 1/α, which is known before training. The exponent in α is {told(found(runs, ALPHA_EXPONENT))}."
    )


def decade(runs: Families) -> tuple[float, float, float] | None:
    """The α nearest to a tenth of the largest, and the drifts there and at the largest; None while not known."""
    drift = runs.sweep("drift")
    near = int(np.argmin(np.abs(np.log(10 * drift.at / drift.at[-1]))))
    before, after = float(drift.mean[near]), float(drift.mean[-1])
    return (float(drift.at[near]), before, after) if drift.finished and math.isfinite(before * after) else None


def decade_in_words(runs: Families) -> str:
    """By how much the drift falls over the last decade of α, beside its first order."""
    known = decade(runs)
    if known is None:
        return ""
    (near, before, after), far = known, float(runs.alpha[-1])
    return (
        f"The drift fell from {written(before)} at α = {written(near)} to {written(after)} at α = {written(far)}, by a "
        f"factor of {written(before / after)}. The first order in 1/α alone falls by a factor of {written(far / near)}."
    )


def convergence_in_words(runs: Families) -> str:
    """Which runs have converged."""
    return " ".join(remark.text for remark in runs.remarks())
