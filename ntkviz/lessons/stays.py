"""Does the kernel stay put? Presets and questions about what moves when a network learns."""

from dataclasses import replace
from typing import Any

import numpy as np

from ntkviz.experiments import movement, stays
from ntkviz.lessons.base import Lesson, Preset, Slot
from ntkviz.lessons.questions import Beyond, Choice, Curve, Number, Order, Sketch
from ntkviz.lessons.rules import Case, Condition, Rule
from ntkviz.nets import Architecture
from ntkviz.writing import counted, percent, with_error, written

BASE = stays.Spec()
ARCH = BASE.arch
WIDTH = ARCH.width
DRIFT = "Drift of the kernel: exponent"
MOVING = ("step", "mup", "readout")  # presets whose kernel moves at every width
FALLS, STANDS = -0.5, -0.2  # exponents below and above which a drift falls with the width, or does not


def _with(**changes: Any) -> stays.Spec:
    """The settings of the first preset with some that are changed."""
    return replace(BASE, **changes)


def _explains(result: movement.Result) -> str:
    fit = result.drift.fit
    if fit is None:
        return ""
    at = ", ".join(
        f"{percent(mean)} at {width:.0f}"
        for width, mean in zip(result.drift.at, result.drift.mean, strict=True)
        if np.isfinite(mean)
    )
    exponent = with_error(fit.exponent, fit.error)
    return f"The drift goes like n to the power {exponent}. By number of neurons it is {at}."


def _drift_at(result: movement.Result) -> float | None:
    return None if result.drift.fit is None else 100 * float(result.drift.fit(WIDTH))


HOW_FAR = Number(
    slot="b",
    asks=lambda spec: (
        f"A network of {counted(spec.arch.depth, 'hidden layer')}, {WIDTH} neurons wide, learns {spec.data.n} points "
        f"by {counted(spec.steps, 'step')} of gradient descent. By how many percent does its tangent kernel change?"
    ),
    explains=_explains,
    answer=_drift_at,
    low=0.1,
    high=300,
    log=True,
    unit="%",
    more="too much",
    less="too little",
    replies=(
        Beyond(
            3, "The output must change as far as the targets, but many weights share this change: each moves little."
        ),
        Beyond(1 / 3, "The weights must move a little, or nothing is learned; and the kernel depends on the weights."),
    ),
)

ENDS = (movement.WIDTHS[0], movement.WIDTHS[-1])


def _curve(result: movement.Result) -> Curve | None:
    sweep = result.drift
    return None if sweep.fit is None else (sweep.at, sweep.mean)


FALL = Sketch(
    slot="b",
    asks="How does the drift of the kernel depend on the width n? Sketch it.",
    explains=_explains,
    chart="drift",
    x=lambda spec: ENDS,
    y=lambda spec: movement.SCALE,
    answer=_curve,
    replies=lambda spec: [
        ((ENDS, (0.1, 0.1)), "A flat curve says that wide networks change their kernel as much as narrow ones."),
        (
            (ENDS, (0.1, 0.1 * (ENDS[0] / ENDS[1]) ** 0.5)),
            "A fall like 1/√n is how the first layer moves.",
        ),
    ],
)


def _fate(result: movement.Result) -> int | None:
    """0 falls, 1 stands, 2 grows; None between falling and standing, and without a fit."""
    fit = result.drift.fit
    if fit is None or FALLS < fit.exponent < STANDS:
        return None
    return 0 if fit.exponent <= FALLS else 1 if fit.exponent < -STANDS else 2


def _fate_of(what: str, falls: str, grows: str) -> Choice:
    return Choice(
        slot="b",
        asks=f"{what} How does the drift of the kernel depend on the width now?",
        explains=_explains,
        options=("It falls as the width grows", "It is about the same at all widths", "It grows with the width"),
        answer=_fate,
        replies={0: falls, 2: grows},
    )


STEP = _fate_of(
    "The step is three times as large: c = 3 is above 2, the limit of stability of a linear model.",
    "A wide network with a constant kernel would diverge at this step. It can only converge if its kernel changes.",
    "The kernel must shrink until the step is stable again: by the same factor at every width.",
)
MUP = _fate_of(
    "The parameterization is µP, whose output is √n times smaller at the start than that of the NTK parameterization.",
    "The smaller the output is at the start, the further the weights must move. In µP the two effects of the width "
    "cancel.",
    "The weights must move further where the network is wide, but no further than their own size grows: compare them.",
)
READOUT = _fate_of(
    "The output is now ρ(F) = arsinh(F), a nonlinear function of the output F of the last layer.",
    "The kernel of F stays, but that of ρ(F) has the factors ρ′(F) more, and F must change by as much as at any width.",
    "What is learned fixes F at the end, and with it the factors ρ′(F), at every width.",
)


def _most(result: movement.Result) -> list[int] | None:
    """The groups of layers from the one that moves most to the one that moves least, at the largest width."""
    ends = [moved[0].mean[-1] for moved in result.moved.values() if moved[0].finished]
    if len(ends) != len(result.moved) or not np.isfinite(ends).all():
        return None
    return [int(place) for place in np.argsort(ends)[::-1]]


def _explains_most(result: movement.Result) -> str:
    at = result.moved["first"][0].at[-1]
    each = ", ".join(
        f"{movement.LAYERS[name]} {percent(float(moved[0].mean[-1]))}" for name, moved in result.moved.items()
    )
    return f"At {at:.0f} neurons the weights moved by these shares of their size: {each}."


MOST = Order(
    slot="b",
    asks=lambda spec: (
        f"In a wide network of {counted(spec.arch.depth, 'hidden layer')}: which weights move most, for their size? "
        "Begin with those that move most."
    ),
    explains=_explains_most,
    items=lambda spec: [movement.LAYERS[name] for name in movement.layers(spec.arch)],
    answer=_most,
    replies={
        (1, 0, 2): "A hidden matrix has n² weights, many more than the first layer: each needs to move far less.",
        (1, 2, 0): "A hidden matrix has n² weights, many more than the last layer: each needs to move far less.",
    },
)


def _needed(result: movement.Result) -> float | None:
    """The width at which the drift has fallen to a tenth, by the fitted line."""
    fit = result.drift.fit
    return None if fit is None or fit.exponent > FALLS else float((0.1 / fit.prefactor) ** (1 / fit.exponent))


SMALL = Number(
    slot="b",
    asks=lambda spec: (
        f"The output scale is α = {written(spec.alpha)}, so that the weights must move further. How many neurons "
        "does a network need, for its kernel to change by less than 10 %?"
    ),
    explains=lambda result: f"{_explains(result)} The fitted line is at 10 % at {written(_needed(result), 2)} neurons.",
    answer=_needed,
    low=16,
    high=100_000,
    log=True,
    unit="neurons",
    more="too many",
    less="too few",
    replies=(
        Beyond(4, "The drift falls nearly like 1/n here too: only its size is another one."),
        Beyond(
            1 / 4,
            "Where α is ten times smaller, f must change ten times as far, and the weights too.",
        ),
    ),
)


def _shows_level(result: movement.Result) -> str:
    if result.level is None:
        return _shows(result)
    return (
        f"In theory, the kernel of the infinitely wide network with this readout changes by {percent(result.level)}; "
        f"the widest networks here changed theirs by {percent(float(result.drift.mean[-1]))}."
    )


def _shows(result: movement.Result) -> str:
    """How the first and the last layer move."""
    said = []
    for name, moved in result.moved.items():
        fit = moved[0].fit
        if fit is not None:
            said.append(f"{movement.LAYERS[name]} {with_error(fit.exponent, fit.error)}")
    return f"Exponents of the movement of the weights: {', '.join(said)}." if said else ""


LESSON = Lesson(
    name="stays",
    section="Lazy training",
    title="Does the kernel stay put?",
    question="What moves when a network learns?",
    minutes=15,
    slots={"a": Slot(stays), "b": Slot(movement, movement.shared)},
    presets=(
        Preset(
            key="first",
            name="A smooth network",
            setup=f"Networks with one hidden layer of erf neurons learn {BASE.data.n} points on a sphere.",
            shows=_shows,
            spec=BASE,
            question=HOW_FAR,
        ),
        Preset(
            key="relu",
            name="ReLU",
            setup="The nonlinearity is now ReLU, which has a kink.",
            shows=_shows,
            spec=_with(arch=Architecture(width=WIDTH, sigma_b=0.1)),
            question=FALL,
        ),
        Preset(
            key="deep",
            name="Three hidden layers",
            setup="Networks with three hidden layers of tanh neurons.",
            shows=_shows,
            spec=_with(arch=replace(ARCH, depth=3, activation="tanh")),
            question=MOST,
        ),
        Preset(
            key="step",
            name="A large step",
            setup="The networks of the first preset, with the step c = 3.",
            shows=_shows,
            spec=_with(c=3.0),
            question=STEP,
        ),
        Preset(
            key="mup",
            name="µP",
            setup="The networks of the first preset, in the maximal update parameterization µP.",
            shows=_shows,
            spec=_with(arch=replace(ARCH, parameterization="mup")),
            question=MUP,
        ),
        Preset(
            key="readout",
            name="A nonlinear readout",
            setup="The networks of the first preset, and arsinh of their output.",
            shows=_shows_level,
            spec=_with(readout="arsinh"),
            question=READOUT,
        ),
        Preset(
            key="small",
            name="A small output scale",
            setup="The networks of the first preset, with their output multiplied by α = 0.1.",
            shows=_shows,
            spec=_with(alpha=0.1),
            question=SMALL,
        ),
    ),
    rules=(
        Rule(
            6,
            (
                Case(
                    "limit only",
                    (
                        Condition("first", DRIFT, "below", FALLS),
                        Condition("first", f"Drift at {ENDS[0]} neurons", "above", 1.0),
                        *(Condition(key, DRIFT, "above", STANDS) for key in MOVING),
                    ),
                ),
                Case("holds", tuple(Condition(key, DRIFT, "below", FALLS) for key in ("first", *MOVING))),
                Case("not supported", (Condition("first", DRIFT, "above", STANDS),)),
            ),
        ),
        Rule(
            3,
            (
                Case(
                    "limit only",
                    (
                        Condition("first", "First layer, all weights: exponent", "agrees"),
                        Condition("first", "Last layer, all weights: exponent", "agrees"),
                        Condition("deep", "Hidden layers, all weights: exponent", "agrees"),
                    ),
                ),
                Case("not supported", (Condition("first", "First layer, all weights: exponent", "above", STANDS),)),
            ),
        ),
    ),
)
