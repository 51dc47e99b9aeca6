"""Do seeds agree? Presets and questions about networks that differ in their random weights alone."""

from dataclasses import replace
from typing import Any

from ntkviz.comparison.ensembles import MOMENTUM
from ntkviz.experiments import seeds, spreads
from ntkviz.lessons.base import Lesson, Preset, Slot
from ntkviz.lessons.questions import Beyond, Choice, Curve, Number, Sketch
from ntkviz.lessons.rules import Case, Condition, Rule
from ntkviz.measures.spread import rms, spread
from ntkviz.writing import counted, percent, with_error

BASE = seeds.Spec()
ARCH = BASE.arch
SAME, CLOSE = 0.01, 0.05  # spreads, as shares of the targets, below which networks agree, or nearly
THERE = 0.25  # of the spread: a network this near to where gradient descent ends has ended there
BETWEEN, RATIO = "Spread between the points", "Spread, measured over predicted"


def _with(**changes: Any) -> seeds.Spec:
    """The settings of the first preset with some that are changed."""
    return replace(BASE, **changes)


def _share(result: seeds.Result) -> float:
    """The spread between the points as a share of the targets."""
    return spread(result.f[-1])[0] / rms(result.data.y)


def _explains_spread(result: seeds.Result) -> str:
    on_data = spread(result.on_data[-1])[0] / rms(result.data.y)
    predicted = result.predicted / rms(result.data.y)
    theory = f" Theory says {percent(predicted)}." if result.spec.plain and not result.spec.centred else ""
    return (
        f"On the points the networks differ by {percent(on_data)} of the targets, and between them by "
        f"{percent(_share(result))}.{theory}"
    )


def _agreement(result: seeds.Result) -> int:
    share = _share(result)
    return 0 if share <= SAME else 1 if share <= CLOSE else 2


AGREE = Choice(
    asks=lambda spec: (
        f"{spec.networks} networks with {spec.arch.width} neurons differ in their random weights alone. All are "
        f"trained by {counted(spec.steps, 'step')}. How well will their functions agree between the points?"
    ),
    explains=_explains_spread,
    options=(
        f"To within {percent(SAME)} of the targets",
        f"To within {percent(CLOSE)} of the targets",
        "Not as well as that",
    ),
    answer=_agreement,
    replies={
        0: "Their kernels agree, but each network starts with another function, which training corrects at the points.",
        1: "The points say nothing about what lies far from them: there the random function of the start remains.",
    },
)

ENDS = (spreads.WIDTHS[0], spreads.WIDTHS[-1])


def _curve(result: spreads.Result) -> Curve | None:
    sweep = result.plain
    return None if sweep.fit is None else (sweep.at, sweep.mean)


def _explains_width(result: spreads.Result) -> str:
    if result.plain.fit is None or result.centred.fit is None:
        return ""
    plain, centred = (with_error(one.fit.exponent, one.fit.error) for one in (result.plain, result.centred) if one.fit)
    return (
        f"The spread goes like n to the power {plain}. That of centred models, which start at zero, goes like n to the "
        f"power {centred}."
    )


WIDE = Sketch(
    slot="b",
    asks="How does the spread of trained networks between the points depend on their width n? Sketch it.",
    explains=_explains_width,
    chart="spread over width",
    x=lambda spec: ENDS,
    y=lambda spec: spreads.SCALE,
    answer=_curve,
    near=0.15,
    replies=lambda spec: [
        (
            (ENDS, (0.2, 0.2 * (ENDS[0] / ENDS[1]) ** 0.5)),
            "So falls the spread of the kernels, and not that of the functions.",
        ),
        ((ENDS, (0.05, 0.6)), "Wide networks start with functions of the same size as narrow ones."),
    ],
)


def _fall(result: spreads.Result) -> float | None:
    """By which factor the spread of centred models falls from the smallest to the largest width, by the fit."""
    fit = result.centred.fit
    return None if fit is None else float(fit(ENDS[0]) / fit(ENDS[1]))


CENTRED = Number(
    slot="b",
    asks=lambda spec: (
        "Now the outputs at the start are subtracted, so that all models start at zero. By which factor does their "
        f"spread at the end fall from {ENDS[0]} to {ENDS[1]} neurons?"
    ),
    explains=_explains_width,
    answer=_fall,
    low=1,
    high=100,
    log=True,
    unit="times",
    more="too much",
    less="too little",
    replies=(
        Beyond(2.5, "The error of a mean over n neurons falls like 1/√n: about six times for 32 times the width."),
        Beyond(1 / 2.5, "What is left comes from random kernels, and these agree better the wider the networks are."),
    ),
)


def _there(result: seeds.Result) -> int | None:
    return None if result.spec.plain else 0 if result.apart <= THERE else 1


def _explains_there(result: seeds.Result) -> str:
    if result.spec.plain:
        return ""
    return (
        f"From the same weights, the functions end {percent(result.apart)} of the spread away from where gradient "
        f"descent ends. {_explains_spread(result)}"
    )


def _same_end(what: str, same: str, other: str) -> Choice:
    return Choice(
        asks=f"{what} Will the networks end at the same functions as by gradient descent?",
        explains=_explains_there,
        options=(f"Yes, to within {percent(THERE)} of their spread", "No, at other functions that fit the points too"),
        answer=_there,
        replies={0: other, 1: same},
    )


MOMENTUM_END = _same_end(
    f"Each network is trained by gradient descent with momentum {MOMENTUM}.",
    "A step with momentum is a sum of earlier gradients, and so it moves the weights in the same directions.",
    "Momentum changes the way, but every step is a sum of gradients.",
)
ADAM_END = _same_end(
    "Each network is trained by Adam, which scales the step of each weight by itself.",
    "Adam divides each gradient by its own size, so that its steps leave the directions of the gradients.",
    "Many functions fit the points. Which one is reached depends on the directions in which the weights may move.",
)
DECAY_END = _same_end(
    "Each network is trained by gradient descent with a small weight decay.",
    "Weight decay pulls all weights to zero, also those on which the points have no hold.",
    "Weight decay forgets the weights at the start, and with them a part of the function at the start.",
)


def _shows_nngp(result: seeds.Result) -> str:
    size = rms(result.data.y)
    return (
        f"If the last layer alone were trained, theory would expect {percent(rms(result.posterior) / size)}: the "
        "uncertainty of Bayesian regression with the NNGP kernel."
    )


def _shows_widths(result: spreads.Result) -> str:
    if not result.plain.finished:
        return ""
    return (
        f"At {result.plain.at[-1]:.0f} neurons the spread is {percent(float(result.plain.mean[-1]))} of the targets, "
        f"and theory says {percent(result.level)}; centred models differ by {percent(float(result.centred.mean[-1]))}."
    )


EARLY = Number(
    asks=lambda spec: (
        f"The training stops after {counted(spec.steps, 'step')}. How large is the spread of the networks between the "
        "points, as a share of the targets?"
    ),
    explains=_explains_spread,
    answer=lambda result: 100 * _share(result),
    low=1,
    high=200,
    log=True,
    unit="%",
    more="too much",
    less="too little",
    replies=(
        Beyond(2.5, "A few steps already correct most of the random function of the start."),
        Beyond(1 / 2.5, "The random function of the start is removed step by step, and here a part of it is left."),
    ),
)

LESSON = Lesson(
    name="seeds",
    section="What it learns",
    title="Do seeds agree?",
    question="Does the random start matter in the end?",
    minutes=15,
    slots={"a": Slot(seeds), "b": Slot(spreads, spreads.shared)},
    presets=(
        Preset(
            key="first",
            name="Five points",
            setup=f"{BASE.networks} ReLU networks learn five points on a circle.",
            shows=_shows_nngp,
            spec=BASE,
            question=AGREE,
        ),
        Preset(
            key="width",
            name="Other widths",
            setup="The same points, and networks of many widths, with tanh in place of ReLU.",
            shows=_shows_widths,
            spec=_with(arch=replace(ARCH, activation="tanh", sigma_w=1.5, sigma_b=0.3)),
            question=WIDE,
        ),
        Preset(
            key="centred",
            name="Centred",
            setup="The networks of the first preset, less their outputs at the start.",
            shows=_shows_widths,
            spec=_with(centred=True),
            question=CENTRED,
        ),
        Preset(
            key="momentum",
            name="Momentum",
            setup="The networks of the first preset with 2048 neurons, trained with momentum.",
            shows=_explains_spread,
            spec=_with(optimiser="momentum", arch=replace(ARCH, width=2048)),
            question=MOMENTUM_END,
        ),
        Preset(
            key="adam",
            name="Adam",
            setup="The networks of the first preset, trained by Adam.",
            shows=_explains_spread,
            spec=_with(optimiser="adam"),
            question=ADAM_END,
        ),
        Preset(
            key="decay",
            name="Weight decay",
            setup="The networks of the first preset, trained with weight decay.",
            shows=_explains_spread,
            spec=_with(decay=0.01),
            question=DECAY_END,
        ),
        Preset(
            key="early",
            name="An unfinished run",
            setup="The networks of the first preset, after a few steps only.",
            shows=_shows_nngp,
            spec=_with(steps=8),
            question=EARLY,
        ),
    ),
    rules=(
        Rule(
            12,
            (
                Case(
                    "false as worded",
                    (
                        Condition("first", BETWEEN, "above", 100 * CLOSE),
                        Condition("first", RATIO, "agrees"),
                        Condition("width", "Spread of the networks: exponent", "above", -0.2),
                    ),
                ),
                Case("limit only", (Condition("width", "Spread of the networks: exponent", "below", -0.3),)),
                Case("holds", (Condition("first", BETWEEN, "below", 100 * SAME),)),
            ),
        ),
    ),
)
