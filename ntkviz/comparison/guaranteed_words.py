"""What is guaranteed, predicted and measured, as findings and in words."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntkviz.comparison.guaranteed import Beside, Guaranteed
from ntkviz.findings import Finding, Interval, Reference, Remark
from ntkviz.measures.seeds import mean_and_error, over_seeds
from ntkviz.writing import counted, percent, written

MOVED = 1.0  # condition number × drift of the kernel from which the closed form is in doubt
SINGLE = 1e-3  # relative error of a loss in single precision that is of no account
ROUNDING = 1e-6  # the same, of an error
TOLD = 1e-6  # the smallest floor that is told, as a share of the first loss


def findings(pair: Beside) -> Iterator[Finding]:
    """The eigenvalues, the steps, and the last loss, each beside what is known beforehand."""
    known = pair.known
    yield Finding(
        "Eigenvalues above zero",
        float(known.positive),
        f"of {len(known.eigenvalues)}",
        claim=8,
        help="The eigenvalues of the kernel at infinite width that are larger than rounding errors. There is a "
        "guarantee if all of them are.",
        references=(Reference("λ_min/λ_max", 1 / known.condition),),
    )
    yield from _steps(pair)
    yield from _last_loss(pair)


def _steps(pair: Beside) -> Iterator[Finding]:
    """The steps to the wanted loss, and how many times as long prediction and guarantee are."""
    known, wanted = pair.known, percent(pair.known.fraction)
    late = pair.steps is None
    missing = f"Not all networks came to {wanted} of the first loss." if late else ""
    reached = np.empty(0) if late else pair.reached
    yield over_seeds(
        f"Steps to {wanted} of the loss",
        reached,
        unit="steps",
        references=(Reference("predicted", known.reached), Reference("guaranteed", known.bounded)),
        help="After how many steps the training loss has fallen to this share of its first value. The prediction uses "
        "all eigenvalues and the target; the guarantee uses only the slowest factor, max |1 − ηλ_i|.",
        caveat=missing,
    )
    yield over_seeds(
        "Predicted over measured steps",
        (known.crossed or math.nan) / reached,
        expected=Interval(1.0, 1.0, "infinite width, Jacot et al. 2018"),
        claim=9,
        help="1 means that the time of this training was known from the kernel and the target.",
        caveat=missing or ("The prediction never comes to the wanted loss." if known.reached is None else ""),
    )
    yield over_seeds(
        "Guaranteed over measured steps",
        (known.bounded or math.nan) / reached,
        expected=Interval(1.0, math.inf, "a guarantee holds for every target"),
        claim=8,
        help="How many times longer than needed the guarantee is. Below 1 the networks break it, because it is the "
        "guarantee of the infinitely wide network.",
        caveat=missing or ("λ_min is zero: nothing is guaranteed." if known.bounded is None else ""),
    )


def _last_loss(pair: Beside) -> Iterator[Finding]:
    """The last loss, and the same over the floor where there is one."""
    known = pair.known
    last = np.empty(0) if pair.networks is None else pair.networks.loss[:, -1]
    yield _rounded(
        "Loss at the last step",
        100 * last,
        unit="%",
        references=(Reference("predicted", 100 * float(known.loss[-1])),),
        claim=8,
        help="The share of the first loss that is left after the last step.",
    )
    floored = known.floor > TOLD
    yield _rounded(
        "Last loss over the floor",
        last / known.floor if floored else np.empty(0),
        expected=_above(known) if floored else None,
        claim=8,
        help="The floor is the share of the target in modes whose eigenvalue is zero. They are never learned.",
        caveat="" if floored else "The floor is zero: every mode that the target needs can be learned.",
    )


def _rounded(name: str, values: NDArray[np.float64], **rest: Any) -> Finding:
    """The mean over the networks, without its error where that is below single precision and means nothing."""
    finding = over_seeds(name, values, ratio=False, **rest)
    if finding.value is None or finding.error is None or finding.error > ROUNDING * abs(finding.value):
        return finding
    return replace(finding, error=None, over="")


def _above(known: Guaranteed) -> Interval:
    """From the floor to what theory has left at the last step, over the floor."""
    source = "theory at the last step, with 0.1 % for single precision"
    return Interval(1 - SINGLE, float(known.loss[-1]) / known.floor + SINGLE, source)


def steps_in_words(pair: Beside) -> str:
    """After how many steps the networks reached the wanted loss, beside prediction and guarantee."""
    known, wanted = pair.known, percent(pair.known.fraction)
    bound, reached = known.bounded, known.reached
    told = "Nothing was guaranteed" if bound is None else f"The guarantee was {counted(bound, 'step')}"
    told += (
        ", and theory never comes there." if reached is None else f", and the prediction {counted(reached, 'step')}."
    )
    if pair.steps is not None:
        return f"The networks came to {wanted} of the first loss after {counted(pair.steps, 'step')}. {told}"
    return f"Not all networks came to {wanted} of the first loss within {counted(known.steps[-1], 'step')}. {told}"


def floor_in_words(pair: Beside) -> str:
    """Where the loss stops, and why."""
    known = pair.known
    last = None if pair.networks is None else mean_and_error(pair.networks.loss[:, -1], ratio=False)[0]
    return (
        f"{_zero_in_words(known)} hold {percent(known.floor)} of the target's square, and so the loss cannot "
        f"fall below this share of its first value. The networks end at {percent(last)}."
    )


def _zero_in_words(known: Guaranteed) -> str:
    zero = len(known.eigenvalues) - known.positive
    return f"The modes whose eigenvalue cannot be told from zero ({zero} of {len(known.eigenvalues)})"


def remarks(pair: Beside) -> Iterator[Remark]:
    """Where there is no guarantee, with the floor that follows, and where the networks leave the closed form."""
    known = pair.known
    for warning in known.data.warnings:
        yield Remark(warning, answer=False)
    if known.bounded is None:
        yield Remark(
            f"There is no guarantee. {_zero_in_words(known)} hold {percent(known.floor)} of the target's square, and "
            "training leaves them as they are."
        )
    drift = None if pair.networks is None else mean_and_error(pair.networks.drift)[0]
    if drift is not None and math.isfinite(known.condition) and known.condition * drift > MOVED:
        yield Remark(
            f"The kernel changed by {percent(drift)} in training, and λ_max is {written(known.condition)} times λ_min. "
            "The change can be larger than λ_min itself: the closed form is in doubt for the slow modes."
        )
