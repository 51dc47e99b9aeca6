"""Random at birth: presets and questions about the kernel of a network before it is trained."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ntkviz.experiments import birth, concentration
from ntkviz.lessons.base import Lesson, Preset, Slot
from ntkviz.lessons.questions import Beyond, Choice, Curve, Number, Sketch
from ntkviz.lessons.rules import Case, Condition, Rule
from ntkviz.writing import counted, fixed, percent, with_error, written

BASE = birth.Spec()
ARCH = BASE.arch
NARROW = concentration.WIDTHS[0]
EXPONENT, AT_NARROW = "Distance to infinite width: exponent", f"Distance at {NARROW} neurons"


def _with(**changes: Any) -> birth.Spec:
    """The settings of the first preset with another network."""
    return replace(BASE, arch=replace(ARCH, **changes))


def _fitted(result: concentration.Result, width: int) -> float | None:
    """The distance at a width by the fitted line; None without one."""
    return None if result.distance.fit is None else float(result.distance.fit(width))


def _explains_distance(result: concentration.Result) -> str:
    exponent = result.distance.fit
    if exponent is None:
        return ""
    near = ", ".join(f"{percent(_fitted(result, width))} at {width}" for width in (32, 256, 1024))
    return (
        f"The distance falls like n to the power {with_error(exponent.exponent, exponent.error)}. By number of neurons "
        f"it is {near}."
    )


def _distance_at(width: int) -> Number:
    return Number(
        slot="b",
        asks=lambda spec: (
            f"The weights of a network with {counted(spec.arch.depth, 'hidden layer')}, {width} neurons wide, have "
            "just been drawn at random. By how many percent does its kernel differ from that of the infinitely wide "
            "network?"
        ),
        explains=_explains_distance,
        answer=lambda result: None if _fitted(result, width) is None else 100 * (_fitted(result, width) or 0.0),
        low=0.3,
        high=300,
        log=True,
        unit="%",
        more="too much",
        less="too little",
        replies=(
            Beyond(3, "The random terms of the neurons have different signs of error, so that their mean is nearer."),
            Beyond(1 / 3, "The error of a mean of n terms falls like 1/√n only, and not like 1/n."),
        ),
    )


def _nearest(value: float, options: tuple[float, ...]) -> int:
    """The option that is nearest as a ratio."""
    return int(np.argmin([abs(math.log(value / option)) for option in options]))


TIMES = birth.DRAWN[-1] / birth.DRAWN[0]


def _narrowing(result: birth.Result) -> float:
    """By which factor the spread falls from the smallest to the largest width."""
    spread = result.spread.mean
    return float(spread[0] / spread[-1])


def _explains_narrowing(result: birth.Result) -> str:
    return (
        f"With {fixed(TIMES, 0)} times as many neurons, the standard deviation is {written(_narrowing(result), 2)} "
        f"times smaller; the square root of {fixed(TIMES, 0)} is {fixed(math.sqrt(TIMES), 0)}."
    )


def _shows_terms(result: birth.Result) -> str:
    scatter, off = float(result.terms[0].std()), float(np.std(result.running[:, -1]))
    return (
        f"The terms of the neurons scatter by {written(scatter, 2)} about their mean; the entries of the "
        f"{birth.SHOWN} networks, which are such means, by {written(off, 2)}."
    )


HEAP = Choice(
    asks=f"One entry of the kernel is computed for {birth.NETWORKS} networks of {birth.DRAWN[0]} neurons, and for as "
    f"many of {birth.DRAWN[-1]} neurons, which is {TIMES:.0f} times as many. How much narrower is the second heap?",
    explains=_explains_narrowing,
    options=(f"{TIMES:.0f} times narrower", f"{math.sqrt(TIMES):.0f} times narrower", "As wide as the first one"),
    answer=lambda result: _nearest(_narrowing(result), (TIMES, math.sqrt(TIMES), 1.0)),
    replies={
        0: "Each term is 1/n in size, but the errors of n terms add up like √n: what is left is √n/n.",
        2: "Every network has other weights, but the entry is a sum over neurons, and the errors of the terms cancel.",
    },
)


def _deeper(result: concentration.Result) -> int | None:
    if result.deeper is None:
        return None
    depth = result.spec.arch.depth
    return _nearest(result.deeper[0], (1.0, depth, depth**2))


def _explains_deeper(result: concentration.Result) -> str:
    if result.deeper is None:
        return ""
    depth = counted(result.spec.arch.depth, "hidden layer")
    return f"For one distance, a network of {depth} needs {with_error(*result.deeper)} times the width of one with one."


DEEPER = Choice(
    slot="b",
    asks=lambda spec: (
        f"This network has {counted(spec.arch.depth, 'hidden layer')}. How wide must its layers be, for its kernel to "
        "be as near to the infinitely wide network as that of a network with one hidden layer?"
    ),
    explains=_explains_deeper,
    options=(
        "As wide as that one layer",
        "Wider by a factor that is about the number of layers",
        "Wider by a factor that is about the square of the number of layers",
    ),
    answer=_deeper,
    replies={
        0: "Each layer adds randomness of its own to the kernel that it gets from the layer below.",
        2: "The squared errors of the layers add up, so that the squared distance grows like the number of layers.",
    },
)


def _shows_needed(result: concentration.Result) -> str:
    if result.needed is None:
        return ""
    near = percent(concentration.NEAR)
    return f"For a distance of {near}, a network needs about {written(result.needed, 2)} neurons in each hidden layer."


ENDS = (concentration.WIDTHS[0], concentration.WIDTHS[-1])


def _curve(result: concentration.Result) -> Curve | None:
    sweep = result.distance
    return None if sweep.fit is None else (sweep.at, sweep.mean)


FALL = Sketch(
    slot="b",
    asks="How does the distance between the kernel of a network and that of the infinitely wide one fall with the "
    "width n? Sketch it.",
    explains=_explains_distance,
    chart="distance",
    x=lambda spec: ENDS,
    y=lambda spec: concentration.SCALE,
    answer=_curve,
    replies=lambda spec: [
        ((ENDS, (0.3, 0.3)), "A flat curve says that wide networks are as random as narrow ones."),
        ((ENDS, (0.64, 0.02)), "A fall like 1/n would need terms whose errors cancel better than random ones do."),
    ],
)


LESSON = Lesson(
    name="birth",
    section="Lazy training",
    title="Random at birth",
    question="How different are two networks before training?",
    minutes=12,
    slots={"a": Slot(birth), "b": Slot(concentration, lambda spec: spec.concentration)},
    presets=(
        Preset(
            key="first",
            name="One hidden layer",
            setup=f"Networks with one hidden layer of ReLU neurons, and {BASE.data.n} points on a sphere.",
            shows=_shows_needed,
            spec=BASE,
            question=_distance_at(ARCH.width),
        ),
        Preset(
            key="smooth",
            name="A smooth nonlinearity",
            setup="The nonlinearity is now tanh, which has no kink.",
            shows=_shows_terms,
            spec=_with(activation="tanh", sigma_w=1.5, sigma_b=0.3),
            question=HEAP,
        ),
        Preset(
            key="two",
            name="Two hidden layers",
            setup="Networks with two hidden layers of erf neurons.",
            shows=_shows_needed,
            spec=_with(activation="erf", sigma_w=1.5, sigma_b=0.3, depth=2),
            question=FALL,
        ),
        Preset(
            key="deep",
            name="Five hidden layers",
            setup="ReLU networks with five hidden layers.",
            shows=_shows_needed,
            spec=_with(depth=5),
            question=DEEPER,
        ),
        Preset(
            key="narrow",
            name="Deep and narrow",
            setup=f"ReLU networks with eight hidden layers, of which the narrowest have {NARROW} neurons each.",
            shows=_shows_needed,
            spec=_with(depth=8, width=NARROW),
            question=_distance_at(NARROW),
        ),
    ),
    rules=(
        Rule(
            5,
            (
                Case(
                    "limit only",
                    (Condition("first", EXPONENT, "agrees"), Condition("narrow", AT_NARROW, "above", 20.0)),
                ),
                Case("holds", (Condition("first", EXPONENT, "agrees"), Condition("narrow", AT_NARROW, "below", 20.0))),
                Case("not supported", (Condition("first", EXPONENT, "differs"),)),
            ),
        ),
    ),
)
