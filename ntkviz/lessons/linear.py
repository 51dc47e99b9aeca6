"""Linear in its weights: presets and questions about a network and its first-order Taylor expansion."""

from dataclasses import replace
from typing import Any

import numpy as np

from ntkviz.experiments import linear, widths
from ntkviz.lessons.base import Lesson, Preset, Slot
from ntkviz.lessons.questions import Beyond, Choice, Curve, Number, Order, Sketch
from ntkviz.lessons.rules import Case, Condition, Rule
from ntkviz.writing import listed, percent, with_error

BASE = linear.Spec()
NARROW, MIDDLE, WIDE = linear.WIDTHS
EXPONENT = "Gap to the linearisation: exponent"
GROWN = 0.7  # of the largest gap: at the end, a gap above it has not fallen again


def _with(**changes: Any) -> linear.Spec:
    """The settings of the first preset with some that are changed."""
    return replace(BASE, **changes)


def _largest(result: linear.Result, place: int) -> float | None:
    """The largest gap of a width, as a share of the targets; None without one."""
    value = linear.findings(result)[place].value
    return None if value is None else value / 100


def _explains(result: linear.Result) -> str:
    shares = [(width, _largest(result, place)) for place, width in enumerate(linear.WIDTHS)]
    known = [f"{percent(share)} with {width} neurons" for width, share in shares if share is not None]
    return f"The largest gap over the steps was {listed(known)}." if known else ""


HOW_FAR = Number(
    asks=lambda spec: (
        f"A network with {MIDDLE} neurons and its linearisation take the same {spec.steps} steps. How far are the two "
        "apart at the step where they are farthest? Give it as a percentage of the root mean square of the targets."
    ),
    explains=_explains,
    answer=lambda result: None if _largest(result, 1) is None else 100 * (_largest(result, 1) or 0.0),
    low=0.05,
    high=200,
    log=True,
    unit="%",
    more="too much",
    less="too little",
    replies=(
        Beyond(4, "The outputs change by as much as the targets, but each weight moves little: that keeps f linear."),
        Beyond(1 / 4, "The weights of this network do move, and f is not linear in them."),
    ),
)


def _trend(result: linear.Result) -> int | None:
    """0 the gap falls again, 1 it stays or grows, for the middle width; None while it trains, or without a gap."""
    if _largest(result, 1) is None:
        return None
    gaps = result.gaps(1)
    seen = gaps[np.isfinite(gaps)]
    return 1 if seen[-1] >= GROWN * seen.max() else 0


def _explains_trend(result: linear.Result) -> str:
    if _largest(result, 1) is None:
        return ""
    gaps, steps = result.gaps(1), result.theory.steps
    at = int(np.nanargmax(gaps))
    last = gaps[np.isfinite(gaps)][-1]
    return (
        f"With {MIDDLE} neurons the gap was largest at step {steps[at]}, {percent(float(gaps[at]))} of the targets, "
        f"and {percent(float(last))} at the end."
    )


WHEN = Choice(
    asks=lambda spec: (
        f"Both the network with {MIDDLE} neurons and its linearisation fit the points in the end. What does the gap "
        "between them do over the steps, between the points and on them?"
    ),
    explains=_explains_trend,
    options=("It grows at first, and vanishes once both fit the points", "It grows, and what has grown remains"),
    answer=_trend,
    replies={
        0: "Both fit the same points, but between the points nothing brings the two functions together again.",
        1: "On the points, both functions come to the targets.",
    },
)

ENDS = (widths.WIDTHS[0], widths.WIDTHS[-1])


def _curve(result: widths.Result) -> Curve | None:
    gap = result.linearised
    return None if gap is None or gap.fit is None else (gap.at, gap.mean)


def _explains_fall(result: widths.Result) -> str:
    gap = result.linearised
    if gap is None or gap.fit is None:
        return ""
    return f"The gap goes like n to the power {with_error(gap.fit.exponent, gap.fit.error)}."


FALL = Sketch(
    slot="b",
    asks="How does the gap between a network and its linearisation depend on the width n? Sketch it.",
    explains=_explains_fall,
    chart="gap",
    x=lambda spec: ENDS,
    y=lambda spec: widths.SCALE,
    answer=_curve,
    replies=lambda spec: [
        ((ENDS, (0.1, 0.1)), "A flat curve says that wide networks are as far from linear as narrow ones."),
        ((ENDS, (0.05, 0.05 * ENDS[0] / ENDS[1])), "A fall like 1/n is the law of wide networks without kinks."),
    ],
)


def _order(result: linear.Result) -> list[int] | None:
    """The places of the widths from the largest gap to the smallest."""
    shares = [_largest(result, place) for place in range(len(linear.WIDTHS))]
    known = [share for share in shares if share is not None]
    return [int(place) for place in np.argsort(known)[::-1]] if len(known) == len(shares) else None


ORDER = Order(
    asks="Three networks with three hidden layers each are trained beside their linearisations. Order them by their "
    "largest gap, the largest one first.",
    explains=_explains,
    items=lambda spec: [f"{width} neurons a layer" for width in (MIDDLE, WIDE, NARROW)],
    answer=lambda result: None if _order(result) is None else [(2, 0, 1)[place] for place in _order(result) or []],
    replies={
        (
            1,
            0,
            2,
        ): "A wide network has more weights, but each of them moves less: their products hardly count.",
    },
)


def _fate(result: linear.Result) -> int | None:
    """0 both converge, 1 the network alone, 2 neither, for the widest; None while it trains or is not at its end."""
    network = result.networks[-1]
    if network is None or not network.finished:
        return None
    if network.diverged_at is not None:
        return 2
    if network.curves.loss[-1] > result.theory.curves.loss[0]:
        return None
    return 0 if result.stable(2) else 1


def _explains_fate(result: linear.Result) -> str:
    network = result.networks[-1]
    if network is None or network.drift is None:
        return ""
    left = percent(float(network.curves.loss[-1] / result.theory.curves.loss[0]))
    end = "diverged" if network.diverged_at is not None else f"ended with {left} of its first loss"
    model = "converges" if result.stable(2) else "diverges"
    return (
        f"The linearisation {model}. The network with {WIDE} neurons {end}; its kernel changed by "
        f"{percent(network.drift)} on the way."
    )


FATE = Choice(
    asks=f"The step is c = 2.5 now. What will the network with {WIDE} neurons and its linearisation do?",
    explains=_explains_fate,
    options=("Both converge", "The network converges, its linearisation diverges", "Both diverge"),
    answer=_fate,
    replies={
        0: "A linear model with a convex loss diverges where ηλ_max is above 2, and its kernel cannot change.",
        2: "A network can change its kernel: it grows at first, until ηλ_max has fallen below 2.",
    },
)

LESSON = Lesson(
    name="linear",
    section="Lazy training",
    title="Linear in its weights",
    question="When may we pretend that a network is linear?",
    minutes=12,
    slots={"a": Slot(linear), "b": Slot(widths, lambda spec: spec.widths)},
    presets=(
        Preset(
            key="first",
            name="Three widths",
            setup=f"Networks with {NARROW}, {MIDDLE} and {WIDE} neurons learn {BASE.data.n} points on a circle, each "
            "beside its own linearisation.",
            shows=_explains_trend,
            spec=BASE,
            question=HOW_FAR,
        ),
        Preset(
            key="time",
            name="Over time",
            setup="The same networks with larger biases.",
            shows=_explains,
            spec=_with(arch=replace(BASE.arch, sigma_b=1.0)),
            question=WHEN,
        ),
        Preset(
            key="relu",
            name="ReLU",
            setup="The nonlinearity is now ReLU, which has a kink. The training takes 2000 steps.",
            shows=_explains_fall,
            spec=_with(arch=replace(BASE.arch, activation="relu"), steps=2000),
            question=FALL,
        ),
        Preset(
            key="deep",
            name="Three hidden layers",
            setup="The same points, and networks with three hidden layers.",
            shows=_explains_trend,
            spec=_with(arch=replace(BASE.arch, depth=3), steps=200),
            question=ORDER,
        ),
        Preset(
            key="step",
            name="A large step",
            setup="The networks of the first preset, with the step c = 2.5.",
            shows=lambda result: " ".join(remark.text for remark in linear.remarks(result)) or _explains_fate(result),
            spec=_with(c=2.5),
            question=FATE,
        ),
    ),
    rules=(
        Rule(
            2,
            (
                Case(
                    "limit only",
                    (
                        Condition("first", EXPONENT, "below", -0.5),
                        Condition("first", f"Largest gap, {NARROW} neurons", "above", 2.0),
                        Condition("first", f"Largest gap, {WIDE} neurons", "below", 2.0),
                    ),
                ),
                Case("holds", (Condition("first", f"Largest gap, {NARROW} neurons", "below", 2.0),)),
                Case("not supported", (Condition("first", EXPONENT, "above", -0.2),)),
            ),
        ),
    ),
)
