"""Train and predict: presets and questions about a training run that was known before it began."""

from dataclasses import replace
from typing import Any

from ntkviz.comparison import outputs_in_words, rates_in_words, stability_in_words, steps_in_words
from ntkviz.data import CircleFunction, Digits, Spirals
from ntkviz.data.circle import waves
from ntkviz.experiments import train, widths
from ntkviz.lessons.base import Lesson, Preset, Slot
from ntkviz.lessons.questions import Beyond, Choice, Curve, Mark, Number, Order, Sketch
from ntkviz.lessons.rules import Case, Condition, Rule
from ntkviz.measures import crossing
from ntkviz.nets import ResidualMLP
from ntkviz.writing import counted, fixed, percent, with_error, written

AS_PREDICTED = 0.1  # relative error of the steps within which the network does as predicted

BASE = widths.Spec()
ARCH = BASE.train.arch


def _with(**changes: Any) -> widths.Spec:
    """The settings of the first preset with some that are changed."""
    return replace(BASE, train=replace(BASE.train, **changes))


def _wanted(spec: train.Spec) -> str:
    return f"{percent(spec.fraction)} of its first value"


STEPS = Number(
    asks=lambda spec: f"After how many steps will the network's loss have fallen to {_wanted(spec)}?",
    explains=steps_in_words,
    answer=lambda result: result.reached,
    low=1,
    high=20000,
    log=True,
    unit="steps",
    was="it took",
    more="too many",
    less="too few",
    replies=(
        Beyond(3, "A target in slower modes would take that long. How much of this target lies in them decides."),
        Beyond(1 / 3, "The loss falls quickly while the fast modes vanish. What is left then lies in slower modes."),
    ),
    mark=Mark("loss", "x"),
)


def _frequencies(spec: train.Spec) -> list[int]:
    """The frequencies of the target, ascending; none where it is no sum of waves."""
    if not isinstance(spec.data, CircleFunction):
        return []
    return sorted({frequency for frequency, amplitude, _ in waves(spec.data.terms) if amplitude})


def _asks_order(spec: train.Spec) -> str:
    if not _frequencies(spec):
        return "In which order are the waves of a target learned? Choose the function on a circle to see waves."
    return f"The target is a sum of {counted(len(_frequencies(spec)), 'wave')}. In which order will they be learned?"


def _halved(result: train.Result) -> dict[int, float]:
    """Frequency -> the step at which the network had learned half of its wave, the first one first."""
    frequencies, steps = result.theory.modes.frequencies, result.theory.steps
    if frequencies is None:
        return {}
    found = {int(k): crossing(steps, left, 0.5) for k, left in zip(frequencies, result.trained.modes.T, strict=True)}
    learned = {k: step for k, step in found.items() if step is not None}
    return dict(sorted(learned.items(), key=lambda item: item[1]))


def _order(result: train.Result) -> list[int] | None:
    asked, learned = _frequencies(result.spec), list(_halved(result))
    return [asked.index(k) for k in learned] if asked and sorted(learned) == asked else None


def _explains_order(result: train.Result) -> str:
    steps = ", ".join(f"frequency {k} after {counted(step, 'step')}" for k, step in _halved(result).items())
    theory = ", ".join(result.theory.modes.names)
    return f"Half of each wave was learned: {steps}. The eigenvalues of theory, from the largest on: {theory}."


ORDER = Order(
    asks=_asks_order,
    explains=_explains_order,
    items=lambda spec: [f"frequency {k}" for k in _frequencies(spec)],
    answer=_order,
    replies={
        (0, 1, 2, 3): "Low frequencies need not come first. The eigenvalue of each wave decides, and the nonlinearity "
        "and its biases set the eigenvalues."
    },
)


def _faster(result: train.Result) -> int | None:
    """0 as predicted, 1 slower, 2 faster."""
    network, reached, predicted = result.network, result.reached, result.predicted
    if predicted is None or network is None or network.diverged_at is not None:
        return None
    if reached is not None and abs(reached / predicted - 1) <= AS_PREDICTED:
        return 0
    return 1 if reached is None or reached > predicted else 2


PACE = Choice(
    asks=lambda spec: (
        f"Theory predicts when the loss falls to {_wanted(spec)}, from the kernel of infinitely many "
        f"neurons. How many steps will this network with {counted(spec.arch.width, 'neuron')} a layer need?"
    ),
    explains=steps_in_words,
    options=(f"As many as predicted, to within {percent(AS_PREDICTED)}", "More than predicted", "Fewer than predicted"),
    answer=_faster,
    replies={
        0: "Theory is the limit of infinitely many neurons. The kernel of a network is drawn at random with its "
        "weights, and it changes while the network learns.",
        2: "At small width, the small eigenvalues of a network come out smaller than those of theory, so that its slow "
        "modes are slower still.",
    },
)


def _fate(result: train.Result) -> int | None:
    """0 diverges, 1 never rises, 2 rises and then falls; None where the loss is still up at the end."""
    if result.network is None or result.network.diverged_at is not None:
        return None if result.network is None else 0
    if result.peak <= 1:
        return 1
    return 2 if result.left < 1 else None


def _explains_fate(result: train.Result) -> str:
    return stability_in_words(result) or f"The loss ends at {percent(result.left)} of its first value."


FATE = Choice(
    asks=lambda spec: (
        f"At c = {fixed(spec.c, 2)} the closed form {'diverges' if spec.c >= 2 else 'converges'}. "
        "What will the loss of the network do?"
    ),
    explains=_explains_fate,
    options=("It grows without bound", "It never rises above its first value", "It rises first, and then falls"),
    answer=_fate,
    replies={
        0: "A linear model would do that, because its kernel is constant. The kernel of a network can shrink.",
        1: "Past the limit, each step multiplies the error in the first mode by a factor below −1: it grows at first.",
    },
)


def _gap_curve(result: widths.Result) -> Curve | None:
    gap = result.linearised
    return None if gap is None or gap.fit is None else (gap.at, gap.mean)


def _explains_gap(result: widths.Result) -> str:
    gap = result.linearised
    if gap is None or gap.fit is None:
        return ""
    exponent = with_error(gap.fit.exponent, gap.fit.error)
    return f"The fitted exponent is {exponent}: four times the width makes the gap {_smaller(gap.fit.exponent)}."


def _smaller(exponent: float) -> str:
    """By which factor four times the width changes a gap."""
    factor = 4.0**-exponent
    return f"{written(factor, 2)} times smaller" if factor > 1 else f"{written(1 / factor, 2)} times larger"


ENDS = (widths.WIDTHS[0], widths.WIDTHS[-1])
GAP = Sketch(
    slot="b",
    asks="How does the gap between a network and its linearisation fall with the width? Sketch it over the width n.",
    explains=_explains_gap,
    chart="gap",
    x=lambda spec: ENDS,
    y=lambda spec: widths.SCALE,
    answer=_gap_curve,
    replies=lambda spec: [
        (
            (ENDS, (0.3, 0.3)),
            "A flat curve says that wide networks are as far from their linearisation as narrow ones.",
        ),
        ((ENDS, (0.05, 0.05 * ENDS[0] / ENDS[1])), "A fall like 1/n is the law of wide networks without kinks."),
    ],
)

DISTANCE = Number(
    asks="How far will the network be from theory, at the step where they are farthest apart? "
    "Give the distance as a percentage of the root mean square of the targets.",
    explains=outputs_in_words,
    answer=lambda result: None if result.gaps[1] is None else 100 * result.gaps[1],
    low=0.01,
    high=100,
    log=True,
    unit="%",
    more="too much",
    less="too little",
    replies=(
        Beyond(
            4.0,
            "Theory uses the kernel of this very architecture and of these data. It leaves out the finite width alone.",
        ),
        Beyond(1 / 4, "The kernel of a network with finite width is random, so that it is never quite that of theory."),
    ),
)

SAME = Number(
    asks="Of the points in the picture, how many percent will get the same class from network and theory at the end?",
    explains=outputs_in_words,
    answer=lambda result: None if result.agreement is None else 100 * result.agreement,
    low=50,
    high=100,
    unit="%",
    more="too many",
    less="too few",
    replies=(Beyond(0.95, "Network and theory differ only near the border, where the output is close to zero."),),
)


OFF_RATES, OFF_STEPS = "Error of the predicted rates", "Error of the predicted steps"
NEAR, FAR = 10.0, 20.0  # percent


def _limit(finding: str) -> tuple[Case, ...]:
    """A prediction that is near for the wide network, and far for the narrow one, holds in the limit only."""
    near = Condition("wide", finding, "below", NEAR)
    return (
        Case("limit only", (near, Condition("narrow", finding, "above", FAR))),
        Case("holds", (near, Condition("narrow", finding, "below", NEAR))),
        Case("not supported", (Condition("wide", finding, "above", FAR),)),
    )


def _shows(result: train.Result) -> str:
    return f"{rates_in_words(result)} {outputs_in_words(result)}".strip()


def _shows_drift(result: train.Result) -> str:
    drift = None if result.network is None else result.network.drift
    return f"The kernel of this network changed by {percent(drift)} while it learned; theory assumes that it stays."


def _shows_decisions(result: train.Result) -> str:
    if result.accuracy is None:
        return outputs_in_words(result)
    theory, network = (fixed(100 * share, 1) for share in result.accuracy)
    return f"Theory classifies {theory} % of the test points rightly, and the network {network} %."


LESSON = Lesson(
    name="train",
    section="Lazy training",
    title="Train and predict",
    question="Can we know what training does before we train?",
    minutes=20,
    slots={"a": Slot(train, lambda spec: spec.train), "b": Slot(widths, widths.shared)},
    presets=(
        Preset(
            key="first",
            name="A first run",
            setup=f"One hidden layer of {ARCH.width} neurons learns {BASE.train.data.n} points on a circle, by "
            f"{BASE.train.steps} steps of gradient descent.",
            shows=_shows,
            spec=BASE,
            question=STEPS,
        ),
        Preset(
            key="wide",
            name="4096 neurons",
            setup="The same data, and eight times as many neurons.",
            shows=_shows,
            spec=_with(arch=replace(ARCH, width=4096)),
            question=ORDER,
        ),
        Preset(
            key="narrow",
            name="16 neurons",
            setup="The same data, and a hidden layer of only 16 neurons.",
            shows=_shows_drift,
            spec=_with(arch=replace(ARCH, width=16)),
            question=PACE,
        ),
        Preset(
            key="step",
            name="A large step",
            setup="The step is c = 2.5. In the closed form, no step from c = 2 on converges.",
            shows=lambda result: f"{_explains_fate(result)} {steps_in_words(result)}",
            spec=_with(c=2.5),
            question=FATE,
        ),
        Preset(
            key="relu",
            name="ReLU",
            setup="The nonlinearity is now ReLU, which has a kink. The training takes 2000 steps.",
            shows=lambda result: " ".join(remark.text for remark in widths.remarks(result)) or _explains_gap(result),
            spec=_with(arch=replace(ARCH, activation="relu"), steps=2000),
            question=GAP,
        ),
        Preset(
            key="residual",
            name="Residual",
            setup="A residual network: three blocks deep, each with a skip around its branch.",
            shows=_shows,
            spec=_with(
                arch=ResidualMLP(depth=3, branch=0.5, width=ARCH.width, activation="erf", sigma_w=1.5, sigma_b=0.3)
            ),
            question=DISTANCE,
        ),
        Preset(
            key="spirals",
            name="Spirals",
            setup="Two classes in the plane, on the arms of a spiral; 1024 neurons, 2000 steps, c = 1.",
            shows=_shows_decisions,
            spec=_with(arch=replace(ARCH, width=1024, sigma_w=2.0), data=Spirals(n=64, turns=1.0), c=1.0, steps=2000),
            question=SAME,
        ),
        Preset(
            key="digits",
            name="Digits 0 and 1",
            setup="Images of handwritten zeros and ones, 64 numbers each, learned by a ReLU network.",
            shows=_shows_decisions,
            spec=_with(arch=replace(ARCH, activation="relu"), data=Digits(question="0-1")),
            question=DISTANCE,
        ),
    ),
    rules=(Rule(7, _limit(OFF_RATES)), Rule(9, _limit(OFF_STEPS))),
)
