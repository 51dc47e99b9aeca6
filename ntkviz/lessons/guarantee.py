"""When is convergence guaranteed: presets and questions about λ_min, labels, and what the data do not decide."""

from dataclasses import replace
from typing import Any

from ntkviz.comparison.guaranteed_words import floor_in_words, remarks, steps_in_words
from ntkviz.data import CirclePoints, DataSpec, Line, Twins
from ntkviz.experiments import guarantee, smallest, unseen
from ntkviz.experiments.guarantee import Result, Spec
from ntkviz.lessons.base import Lesson, Preset, Slot
from ntkviz.lessons.questions import Beyond, Choice, Mark, Number
from ntkviz.lessons.rules import Case, Condition, Rule
from ntkviz.nets import Architecture, parameter_count
from ntkviz.writing import counted, percent

NEAR = 0.2  # relative error of the predicted steps within which networks are as predicted
PREDICTED, GUARANTEED = "Predicted over measured steps", "Guaranteed over measured steps"
FIT = 1.0  # % of the first loss from which the points are not fitted
BASE = Spec()
RELU = replace(BASE.arch, activation="relu", sigma_w=2**0.5, sigma_b=0.1)


def _with(data: DataSpec | None = None, **changes: Any) -> Spec:
    """The settings of the first preset with other data and some changes."""
    return replace(BASE, data=data or BASE.data, **changes)


def _wanted(spec: Spec) -> str:
    return f"{percent(spec.fraction)} of its first value"


STEPS = Number(
    asks=lambda spec: f"After how many steps will the loss of the networks have fallen to {_wanted(spec)}?",
    explains=steps_in_words,
    answer=lambda result: result.steps,
    low=1,
    high=10000,
    log=True,
    unit="steps",
    was="it took",
    more="too many",
    less="too few",
    replies=(
        Beyond(3, "That is the time of the slowest mode. A target that hardly lies in slow modes is learned sooner."),
        Beyond(1 / 3, "The loss falls quickly at first. What is left of it then lies in slow modes."),
    ),
    mark=Mark("loss", "x"),
)

FLOOR = Number(
    asks=lambda spec: (
        f"Each network has {spec.arch.width} neurons in a hidden layer. At how many percent of its first "
        "value will the training loss stop?"
    ),
    explains=floor_in_words,
    answer=lambda result: 100 * float(result.networks.loss[:, -1].mean()) if result.known.floor > 0 else None,
    low=0.1,
    high=100,
    log=True,
    unit="%",
    was="it stops at",
    more="too much",
    less="too little",
    replies=(
        Beyond(1.1, "Twins with the same label can be fitted. Only the pairs in conflict keep their loss."),
        Beyond(0.9, "A network has one output for each input, however many weights it has. For twins in conflict, the "
        "best output is the mean of their labels."),
    ),
)  # fmt: skip


def _fate(result: Result) -> int | None:
    """0 as predicted, 1 earlier, 2 later but within the guarantee, 3 later than the guarantee."""
    steps, known = result.steps, result.known
    if steps is None or known.crossed is None or known.bounded is None:
        return None
    if abs(steps / known.crossed - 1) <= NEAR:
        return 0
    return 1 if steps < known.crossed else 2 if steps <= known.bounded else 3


FATE = Choice(
    asks=lambda spec: (
        "For the infinitely wide network, the closed form predicts a step and λ_min guarantees a later one. When will "
        f"the loss of networks with {spec.arch.width} neurons a layer have fallen to {_wanted(spec)}?"
    ),
    explains=steps_in_words,
    options=(
        f"At the predicted step, to within {percent(NEAR)}",
        "Earlier than predicted",
        "Later than predicted, but before the guaranteed step",
        "After the guaranteed step",
    ),
    answer=_fate,
    replies={
        0: "The prediction is that of infinitely many neurons. To tell twins apart, weights must move far, and then "
        "the kernel changes.",
        1: "Few neurons have their kink between two twins. When these move, they learn less of the difference.",
        2: "The guarantee is computed from the kernel of infinitely many neurons, which stays as it is. The kernel of "
        "a network changes.",
    },
)

LAW = Number(
    slot="b",
    asks="We make the angle of all twins ten times smaller. How many times smaller does λ_min of the infinitely wide "
    "network become?",
    explains=smallest.law_in_words,
    answer=lambda result: None if result.theory.fit is None else 10**result.theory.fit.exponent,
    low=1,
    high=10000,
    log=True,
    unit="times smaller",
    was="it becomes",
    more="too much",
    less="too little",
    replies=(
        Beyond(3, "λ_min ∝ ε² is the law of a smooth φ. A kink tells near points apart much better."),
        Beyond(1 / 3, "Twins that come together have nearly equal rows in the kernel. Their difference is an "
        "eigenvector whose eigenvalue goes to zero."),
    ),
)  # fmt: skip

RANK = Number(
    asks=lambda spec: f"The kernel has {spec.data.n} eigenvalues. How many of them are above zero?",
    explains=lambda result: (
        f"{counted(result.known.positive, 'eigenvalue')} of {len(result.known.eigenvalues)} can be told from zero. "
        f"{floor_in_words(result) if result.known.floor > 0 else steps_in_words(result)}"
    ),
    answer=lambda result: float(result.known.positive),
    low=1,
    high=64,
    unit="above zero",
    was="there are",
    more="too many",
    less="too few",
    replies=(
        Beyond(1.4, "Without biases, every neuron has its kink at zero. The network is one straight line for x < 0 and "
        "another one for x > 0, whatever its depth and width."),
        Beyond(0.6, "The slope for x < 0 and the slope for x > 0 can be learned independently."),
    ),
)  # fmt: skip

KEPT = Number(
    slot="c",
    asks="We change the weights at the start so that the function moves up by 1 at x*, between the points, and stays "
    "as it is at the points. Then we train until the points are fitted. How many percent of the move are left?",
    explains=unseen.kept_in_words,
    answer=lambda result: unseen.findings(result)[0].value,
    low=0,
    high=150,
    unit="% left",
    was="there are",
    more="too much",
    less="too little",
    replies=(
        Beyond(1.2, "Training pulls at the weights only through the points, and the change is not seen there."),
        Beyond(0.8, "The gradient of the loss is a sum of the gradients at the points. The change is orthogonal to all "
        "of them, and so no step undoes it."),
    ),
)  # fmt: skip


def _plain(spec: Spec) -> Architecture:
    """The network without its width: the slots below have widths of their own."""
    return replace(spec.arch, width=BASE.arch.width)


def _void(result: Result) -> str:
    """Where there is no guarantee, and where the networks leave the closed form."""
    return " ".join(said.text for said in remarks(result) if said.answer) or "The networks follow the closed form."


LESSON = Lesson(
    name="guarantee",
    section="The spectrum",
    title="When is convergence guaranteed?",
    question="Can you tell from the data alone?",
    minutes=20,
    slots={
        "a": Slot(guarantee),
        "b": Slot(smallest, lambda spec: smallest.Spec(arch=_plain(spec), seed=spec.seed, seeds=spec.seeds)),
        "c": Slot(unseen, lambda spec: unseen.Spec(arch=_plain(spec), seed=spec.seed, seeds=spec.seeds)),
    },
    presets=(
        Preset(
            key="twins",
            name="Equal labels",
            setup="Eight pairs of points on a sphere. The points of a pair are 10° apart and have the same label. The "
            "nonlinearity is erf, which is smooth.",
            shows="The guarantee is much too long for this target: its labels do not tell twins apart.",
            spec=BASE,
            question=STEPS,
        ),
        Preset(
            key="opposite",
            name="Opposite labels",
            setup="The same points. In two of the eight pairs, the twins now have opposite labels.",
            shows="The inputs and the guarantee are as before. The labels alone changed the time: the difference of "
            "twins lies in the slowest modes.",
            spec=_with(Twins(opposite=2)),
            question=STEPS,
        ),
        Preset(
            key="conflict",
            name="The same input twice",
            setup="The angle is now 0: both points of a pair are the same input. Two of the eight pairs have opposite "
            "labels.",
            shows="More neurons do not help. The difference of two equal inputs is a mode of eigenvalue zero, and "
            "this part of the target is never learned.",
            spec=_with(Twins(opposite=2, angle=0.0)),
            question=FLOOR,
        ),
        Preset(
            key="kink",
            name="ReLU",
            setup="Twins with opposite labels in two of eight pairs, at 10°, learned by ReLU networks.",
            shows=_void,
            spec=_with(Twins(opposite=2), arch=RELU),
            question=FATE,
        ),
        Preset(
            key="angle",
            name="Nearer twins",
            setup="ReLU networks and twins with equal labels. Below, the twins are at angles from 3° down to 0.03°.",
            shows=smallest.networks_in_words,
            spec=_with(Twins(angle=3.0), arch=RELU),
            question=LAW,
        ),
        Preset(
            key="line",
            name="No biases",
            setup="A cosine of one number, sampled at 16 different points, and ReLU networks without biases.",
            shows="All 16 inputs differ, and still nothing is guaranteed. Raise σ_b under “More” to give the network "
            "biases.",
            spec=_with(Line(), arch=replace(RELU, sigma_b=0.0)),
            question=RANK,
        ),
        Preset(
            key="start",
            name="Between the points",
            setup="Five points on a circle, and networks with thousands of weights. All eigenvalues are above zero.",
            shows=lambda result: (
                f"All these networks fit the five points. The points see {result.seen} directions of their weights, "
                f"of {parameter_count(result.arch, 2)}. In all other directions the weights stay as they were."
            ),
            spec=_with(CirclePoints()),
            question=KEPT,
        ),
    ),
    rules=(
        Rule(
            8,
            (
                Case(
                    "conditional",
                    (
                        Condition("twins", GUARANTEED, "agrees"),
                        Condition("conflict", "Loss at the last step", "above", FIT),
                        Condition("conflict", "Last loss over the floor", "agrees"),
                    ),
                ),
                Case(
                    "holds",
                    (
                        Condition("twins", GUARANTEED, "agrees"),
                        Condition("conflict", "Loss at the last step", "below", FIT),
                    ),
                ),
                Case("not supported", (Condition("twins", GUARANTEED, "differs"),)),
            ),
        ),
        Rule(
            9,
            (
                Case("limit only", (Condition("twins", PREDICTED, "agrees"), Condition("kink", PREDICTED, "differs"))),
                Case("holds", (Condition("twins", PREDICTED, "agrees"), Condition("kink", PREDICTED, "agrees"))),
                Case("not supported", (Condition("twins", PREDICTED, "differs"),)),
            ),
        ),
        Rule(
            26,
            (
                Case("conditional", (Condition("start", "Shift at x* that is left", "above", 50.0),)),
                Case("holds", (Condition("start", "Shift at x* that is left", "below", 50.0),)),
            ),
        ),
    ),
)
