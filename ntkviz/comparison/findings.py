"""What a comparison of a network with its prediction says: findings, and sentences.

An experiment puts together those that belong to its claims.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ntkviz.comparison.network import Comparison
from ntkviz.findings import Finding, Interval, Reference
from ntkviz.measures import power_law
from ntkviz.writing import counted, fixed, percent, written

Floats = NDArray[np.float64]

SMALL = 0.01  # a smaller relative error is not spelled out


def steps_in_words(pair: Comparison) -> str:
    """After how many steps the network reached the wanted loss, and what was predicted."""
    reached, predicted = pair.reached, pair.predicted
    known = f"Theory predicted {counted(predicted, 'step')}" if predicted else "The closed form never gets there"
    if reached is None:
        return f"{_not_reached(pair)} {known}."
    if predicted is not None:
        off = predicted / reached - 1
        way = "more" if off > 0 else "fewer"
        known += f" ({percent(abs(off))} {way})" if abs(off) >= SMALL else f" (less than {percent(SMALL)} off)"
    wanted = f"{percent(pair.theory.fraction)} of its first value"
    return f"The network's loss fell to {wanted} after {counted(reached, 'step')}. {known}."


def _not_reached(pair: Comparison) -> str:
    """Why there is no step at which the network reached the wanted loss."""
    network = pair.network
    if network is None or not network.finished or network.diverged_at is not None:
        return pair.unfinished
    wanted = f"{percent(pair.theory.fraction)} of its first value"
    return f"The network's loss did not fall to {wanted} within {counted(int(pair.theory.steps[-1]), 'step')}."


def outputs_in_words(pair: Comparison) -> str:
    """How far the network's outputs are from the predicted ones, and how often both give the same class."""
    gap, agreement = pair.gaps[1], pair.agreement
    said = [pair.unfinished] if pair.unfinished else []
    if pair.theory.c >= 2:
        said.append("The closed form diverges.")
    elif gap is not None:
        said.append(f"Over all steps, the network is at most {percent(gap)} of rms(y) away from theory.")
    if agreement is not None:
        said.append(f"Both give the same class to {fixed(100 * agreement, 1)} % of the points in the picture.")
    return " ".join(said)


def stability_in_words(pair: Comparison) -> str:
    """What happened where a step ηλ_max is past the limit of stability; empty where none is, and while it trains."""
    network, own = pair.network, pair.own_c
    if network is None or network.lambda_end is None or max(own, pair.theory.c) < 2:
        return ""
    if network.diverged_at is not None:
        return f"The network diverged by step {network.diverged_at}. Choose a smaller step c."
    if pair.theory.c < 2:
        return (
            f"At this width, the network's own λ_max is larger than that of infinite width. Its step ηλ_max is "
            f"{fixed(own, 2)}, past the limit 2: choose a smaller step c or a larger width."
        )
    if own < 2:
        return f"This network's own λ_max is smaller: its step ηλ_max is {fixed(own, 2)}, below the limit 2."
    change = f"Its ηλ_max goes from {fixed(own, 2)} to {fixed(pair.theory.eta * network.lambda_end, 2)}."
    if pair.peak <= 1:
        return f"The network's loss does not rise above its first value. {change}"
    rise = f"The network's loss rises to {written(pair.peak)} times its first value"
    if pair.left >= 1:
        return f"{rise}, and is not below it at the last step. {change}"
    return f"{rise}, and then falls (catapult). {change} The kernel of a linear model is constant, and cannot do this."


def step_findings(pair: Comparison) -> Iterator[Finding]:
    """The steps to the wanted loss, measured and predicted, and how far these are apart."""
    reached, predicted = pair.reached, pair.predicted
    missing = "" if reached is not None else _not_reached(pair)
    yield Finding(
        f"Steps to {percent(pair.theory.fraction)} of the loss",
        reached,
        "steps",
        references=(Reference("theory", predicted), Reference("worst case", pair.theory.bound)),
        help="After how many steps the training loss has fallen to this share of its first value. The prediction "
        "Σ c_i² (1 − ηλ_i)^2k uses all eigenvalues and the target; the worst case holds for every target, and uses "
        "only the slowest factor, max |1 − ηλ_i|.",
        caveat=missing,
    )
    yield Finding(
        "Error of the predicted steps",
        None if reached is None or predicted is None else 100 * abs(predicted / reached - 1),
        "%",
        references=(Reference("infinite width", 0.0),),
        claim=9,
        help="How far the predicted number of steps is from the measured one.",
        caveat=missing or ("" if predicted is not None else "The closed form never gets there."),
    )


def rates_in_words(pair: Comparison) -> str:
    """How far the measured rates of the modes are from the predicted ones; empty where none can be measured."""
    measured, predicted = pair.rates
    if not len(measured):
        return ""
    return f"The rates of {counted(len(measured), 'mode')} differ from theory by {percent(_off(measured, predicted))}."


def _off(measured: Floats, predicted: Floats) -> float:
    """The median relative distance of two lists of rates."""
    return float(np.median(np.abs(measured / predicted - 1)))


def rate_findings(pair: Comparison) -> Iterator[Finding]:
    """How the measured rates of the modes follow the predicted ones: the slope, and the median distance."""
    measured, predicted = pair.rates
    fit = power_law(predicted, measured)
    yield Finding(
        "Slope of measured against predicted rates",
        None if fit is None else fit.exponent,
        error=None if fit is None else fit.error,
        over="" if fit is None else f"{len(measured)} modes",
        expected=Interval(1.0, 1.0, "infinite width, Jacot et al. 2018"),
        claim=7,
        help="Both rates are taken in logarithms, over the modes in the chart. A mode is predicted to decay by the "
        "factor 1 − ηλ a step, which is the rate −ln(1 − ηλ).",
        caveat="A slope needs at least three modes whose rates can be measured." if fit is None else "",
    )
    yield Finding(
        "Error of the predicted rates",
        100 * _off(measured, predicted) if len(measured) else None,
        "%",
        references=(Reference("infinite width", 0.0),),
        claim=7,
        help="The median over the modes in the chart. The rate of a mode is measured until a tenth of it is left.",
        caveat="" if len(measured) else "No mode decays at a rate that can be measured.",
    )


def distance_findings(pair: Comparison) -> Iterator[Finding]:
    """The gaps of the network to its linearisation and to infinite width, and the drift of its kernel."""
    network, c = pair.network, pair.own_c
    own, infinite = (None if gap is None else 100 * gap for gap in pair.gaps)
    yield Finding(
        "Gap to its linearisation",
        own,
        "%",
        help="The largest distance between the network and its linearisation at any recorded step: rms over the test "
        "points, as a share of the rms of the targets.",
        caveat=pair.unfinished or (f"The linearisation diverges: its step is {fixed(c, 2)}." if own is None else ""),
    )
    yield Finding(
        "Gap to infinite width",
        infinite,
        "%",
        help="The same distance to theory, which does not know the network's random weights.",
        caveat=pair.unfinished or ("The closed form diverges." if infinite is None else ""),
    )
    drift, moved = (None, None) if network is None else (network.drift, network.movement)
    yield Finding(
        "Drift of the kernel",
        None if drift is None else 100 * drift,
        "%",
        references=(
            Reference("infinite width", 0.0),
            Reference("movement of the weights", None if moved is None else 100 * moved),
        ),
        help="‖Θ_T − Θ₀‖/‖Θ₀‖ on the training points at the end, beside ‖w − w₀‖/‖w₀‖ of all weights.",
        caveat=pair.unfinished,
    )


def class_findings(pair: Comparison) -> Iterator[Finding]:
    """Where there are classes, how many points get the right one and the predicted one; else the network's own step."""
    accuracy, agreement = pair.accuracy, pair.agreement
    if accuracy is None or agreement is None:
        yield Finding(
            "Step c of this network",
            None if pair.network is None else pair.own_c,
            references=(Reference("infinite width", pair.theory.c), Reference("limit of stability", 2.0)),
            help="ηλ_max with the network's own kernel at the start.",
        )
        return
    yield Finding(
        "Right on the test",
        100 * accuracy[1],
        "%",
        references=(Reference("theory", 100 * accuracy[0]),),
        help="The share of the test points that the network classifies rightly.",
        caveat=pair.unfinished,
    )
    yield Finding(
        "Same class as theory",
        100 * agreement,
        "%",
        references=(Reference("infinite width", 100.0),),
        help="The share of the points in the picture to which network and theory give the same class.",
        caveat=pair.unfinished,
    )
