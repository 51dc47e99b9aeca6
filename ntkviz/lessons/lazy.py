"""Lazy or feature learning: tasks and questions about one network, trained at output scales from small to large."""

import math
from dataclasses import replace
from itertools import pairwise

from ntkviz.data import CircleFunction, Digits, Linear, Parity, SingleIndex
from ntkviz.experiments import lazy
from ntkviz.experiments.lazy import QUARTER, Result, Spec
from ntkviz.lessons.base import Lesson, Preset, Slot
from ntkviz.lessons.questions import Beyond, Choice, Curve, Number, Order, Question, Sketch, Words
from ntkviz.lessons.rules import Case, Condition, Rule
from ntkviz.scales import words
from ntkviz.scales.findings import LAZY_OVER_RICH, WIDTH_EXPONENT, aligned_at, drift_at, moved_at
from ntkviz.writing import written

SAME = 1.25  # a factor within which two drifts count as the same
TIE = 1.02  # a factor within which two errors have no order
SIGMAS = 2.0  # standard errors within which a ratio counts as one
RICH, LAZY = "smallest α", "largest α"
ERRORS = (1e-3, 3.0)  # test errors that can be sketched

BASE = Spec()


def _between(spec: Spec) -> str:
    low, high = words.ends_in_words(spec.scales)
    return f"the rich network at α = {low} and the lazy one at α = {high}"


def _explains_errors(result: Result) -> str:
    return words.errors_in_words(result.families)


GAIN = Number(
    asks=lambda spec: (
        f"We train {_between(spec)} on the same data. How many times as large as the rich network's test error will "
        "the lazy one's be?"
    ),
    explains=_explains_errors,
    answer=lambda result: words.found(result.families, LAZY_OVER_RICH).value,
    low=0.01,
    high=10_000,
    log=True,
    unit="times",
    more="too much",
    less="too little",
    replies=(
        Beyond(4, "Both networks fit the training data. They differ only in what they do between the points."),
        Beyond(1 / 4, "A kernel that keeps its value cannot single out the inputs that matter. Features can."),
    ),
)


def _error_curve(result: Result) -> Curve | None:
    runs = result.families
    return (runs.alpha, runs.sweep("test_error").mean) if runs.converged.all() else None


def _wrong_curves(spec: Spec) -> list[tuple[Curve, str]]:
    ends = (spec.scales.low, spec.scales.high)
    flat = "A flat curve says that features make no difference. These networks fit the same data in different ways."
    falling = "At large α the weights hardly move, and the network keeps the kernel that it started with."
    return [((ends, (0.3, 0.3)), flat), ((ends, (0.5, 0.02)), falling)]


ERROR_CURVE = Sketch(
    asks="Sketch the test error of the trained network over α, from the smallest α to the largest.",
    explains=_explains_errors,
    chart="test-error",
    x=lambda spec: (spec.scales.low, spec.scales.high),
    y=lambda spec: ERRORS,
    answer=_error_curve,
    replies=_wrong_curves,
)


def _rivals(spec: Spec) -> list[str]:
    low, high = words.ends_in_words(spec.scales)
    kernel = "kernel regression with the infinitely wide network's NTK"
    return [f"the network at α = {low}", f"the network at α = {high}", kernel, "the mean target, whatever the input"]


def _ranking(result: Result) -> list[int] | None:
    """From the smallest test error on; None where the runs have not converged or two errors are as good as equal."""
    runs = result.families
    if not runs.converged[[0, -1]].all():
        return None
    tested = runs.sweep("test_error").mean
    errors = [tested[0], tested[-1], *(runs.level(name) or math.nan for name in ("kernel_error", "constant_error"))]
    order = sorted(range(len(errors)), key=lambda one: errors[one])
    steps = [errors[after] / errors[before] for before, after in pairwise(order)]
    return order if min(steps) > TIE else None


def _explains_ranking(result: Result) -> str:
    constant = written(result.families.level("constant_error"))
    return f"{_explains_errors(result)} The mean of the training targets has {constant}."


CONSTANT = "A network that fits the training data need not be better on new points than a constant guess."
RANKING = Order(
    asks="Which of these has the smaller error on test points? Put them in order, the smallest error first.",
    explains=_explains_ranking,
    items=_rivals,
    answer=_ranking,
    replies=dict.fromkeys(((0, 1, 2, 3), (0, 2, 1, 3), (1, 0, 2, 3), (2, 0, 1, 3)), CONSTANT),
)


def _winner(result: Result) -> int | None:
    """0 rich, 1 lazy, 2 neither; None without a ratio and its standard error."""
    ratio = words.found(result.families, LAZY_OVER_RICH)
    if ratio.value is None or ratio.error is None:
        return None
    if abs(math.log(ratio.value)) <= SIGMAS * ratio.error / ratio.value:
        return 2
    return 0 if ratio.value > 1 else 1


WINNER = Choice(
    asks=lambda spec: f"We train {_between(spec)} on the same data. Which will have the smaller test error?",
    explains=_explains_errors,
    options=("The rich one", "The lazy one", "Neither: they differ by less than two standard errors"),
    answer=_winner,
    replies={
        0: "Learning features pays where few directions of the input matter. It does not pay on every task.",
        2: "Both fit the same training data, but their functions differ between the points.",
    },
)
DRAW = replace(
    WINNER,
    replies={
        0: "Learning features pays where few directions of the input matter. It does not pay on every task.",
        1: "A kernel that keeps its value is the better one on some tasks only.",
    },
)


def _fitting(result: Result) -> int | None:
    """0 both ends, 1 the lazy end alone, 2 the rich end alone, 3 neither; None while a run goes on."""
    runs = result.families
    if runs.pending or not runs.members:
        return None
    return 3 - int(runs.converged[0]) - 2 * int(runs.converged[-1])


LINEAR = "With large α training is linear regression, which comes to its minimum if it is given enough steps."
FITTING = Choice(
    asks=lambda spec: f"We train {_between(spec)} for {spec.steps} steps. Which of them will fit the training points?",
    explains=lambda result: words.convergence_in_words(result.families),
    options=("Both", "The lazy one alone", "The rich one alone", "Neither"),
    answer=_fitting,
    replies={
        0: "With large α training is linear regression and finds the minimum. With small α it may stay on a plateau.",
        2: LINEAR,
        3: LINEAR,
    },
)


def _wider(result: Result) -> int | None:
    """0 smaller, 1 the same, 2 larger; None without a second network."""
    ratio = words.drift_ratio(result.families, result.narrow)
    if ratio is None:
        return None
    return 1 if 1 / SAME <= ratio <= SAME else 0 if ratio < 1 else 2


def _asks_wider(spec: Spec) -> str:
    if spec.narrower == 1:
        return "How does the kernel's drift change with the width? Choose a second network under “Compare with”."
    wide, narrow = spec.arch.width, spec.recipe(QUARTER).arch.width
    alpha = written(spec.scales.alphas[spec.scales.nearest_one])
    return (
        f"Two networks, with {narrow} and with {wide} neurons in a hidden layer, are trained at α = {alpha}. How does "
        "the kernel drift of the wider one compare with that of the narrower one?"
    )


WIDER = Choice(
    asks=_asks_wider,
    explains=lambda result: words.width_in_words(result.families, result.narrow),
    options=("It is smaller", f"It is the same, to within a factor of {SAME:g}", "It is larger"),
    answer=_wider,
    replies={
        1: "In µP that is so. In the NTK parameterization each weight moves less if there are more of them.",
        2: "More neurons share the work, so that none has to move further than in a narrow network.",
    },
)
WIDER_IN_MUP = replace(
    WIDER,
    replies={
        0: "In the NTK parameterization that is so. µP makes the outputs smaller by the root of the width, so that the "
        "weights have to move further.",
        2: "The outputs are smaller by the root of the width. More neurons share the work that makes up for it.",
    },
)


def _shrinking(result: Result) -> float | None:
    found = words.decade(result.families)
    return None if found is None else found[1] / found[2]


DECADE = Number(
    asks=lambda spec: (
        f"The output scale is raised tenfold, up to α = {written(spec.scales.high)}. By which factor will the drift of "
        "the kernel fall?"
    ),
    explains=lambda result: words.decade_in_words(result.families),
    answer=_shrinking,
    low=1,
    high=1000,
    log=True,
    more="too large",
    less="too small",
    replies=(
        Beyond(3, "The weights move less by the factor α, and to first order the kernel follows in proportion."),
        Beyond(0.5, "Only the part of the drift that comes from kinks of the nonlinearity falls as slowly as 1/√α."),
    ),
)


def _shows_features(result: Result) -> str:
    return words.features_in_words(result.families)


def _shows_fit(result: Result) -> str:
    return f"{words.convergence_in_words(result.families)} {_shows_features(result)}"


def _shows_order(result: Result) -> str:
    return words.order_in_words(result.families)


def _task(spec: Spec, says: str) -> str:
    return f"{says} There are {spec.data.n} training points, and {spec.arch.width} neurons in the hidden layer."


ONE = replace(BASE, data=SingleIndex(n=300, dim=15), steps=1000, factor=1.0)
PARITY = replace(BASE, data=Parity(n=300, dim=10), steps=3000, factor=1.0)
NOISE = replace(BASE, data=Linear(n=150, dim=20, label_noise=1.0), steps=1000, seeds=5)
WAVE = replace(BASE, data=CircleFunction(n=32, terms="8:1"), steps=4000)
DIGITS = replace(BASE, data=Digits(n=150), seeds=5)
WIDE = replace(BASE, arch=replace(BASE.arch, width=512), narrower=QUARTER)
MUP = replace(WIDE, arch=replace(WIDE.arch, parameterization="mup"))
SMOOTH = replace(BASE, arch=replace(BASE.arch, activation="gelu"))

XOR_SETUP = "The label says whether the first two of 20 inputs have the same sign. The network sees all 20 alike."
ONE_SETUP = "The target is |w·x|, a function of one direction w among 15 dimensions."
PARITY_SETUP = "The label is the product of the first three of ten inputs ±1."
NOISE_SETUP = "The target is linear, and the training targets carry noise that is as large as the target itself."
WAVE_SETUP = "The target on the circle is one fast wave, cos 8γ."
DIGITS_SETUP = "The label says whether a handwritten digit is odd or even."
WIDE_SETUP = "XOR again, with a second network that is a quarter as wide, on the same data."
MUP_SETUP = "The same two widths in µP, a parameterization that divides the outputs by the root of the width."
SMOOTH_SETUP = "XOR again, with the smooth nonlinearity GELU in place of ReLU."


def _claim_6() -> Rule:
    """Drift falls with the width at a fixed α, but not in µP, and at a small α it is large."""
    moves = Condition("xor", drift_at(RICH), "above", 1.0)
    falls = Condition("width", WIDTH_EXPONENT, "below", -0.25)
    stays = Condition("mup", WIDTH_EXPONENT, "agrees")
    still = tuple(Condition(preset, drift_at(RICH), "below", 0.1) for preset in ("xor", "width", "mup"))
    return Rule(6, (Case("limit only", (moves, falls, stays)), Case("holds", still), Case("not supported", (moves,))))


def _claim_14() -> Rule:
    """Tasks on which the laziest network generalises worse, and such on which it does not."""
    tasks = ("xor", "direction", "parity")
    worse = tuple(Condition(preset, LAZY_OVER_RICH, "differs") for preset in tasks)
    best = tuple(Condition(preset, LAZY_OVER_RICH, "agrees") for preset in (*tasks, "noise"))
    some = (Condition("noise", LAZY_OVER_RICH, "agrees"), Condition("xor", LAZY_OVER_RICH, "agrees"))
    return Rule(14, (Case("not supported", worse), Case("holds", best), Case("conditional", some)))


def _claim_16() -> Rule:
    """The hidden layer turns to the target where the weights move, and nowhere else."""
    learned = (
        Condition("xor", aligned_at(RICH), "above", 2.0),
        Condition("xor", moved_at(RICH), "above", 0.5),
        Condition("xor", aligned_at(LAZY), "agrees"),
        Condition("xor", drift_at(RICH), "above", 1.0),
    )
    alike = (Condition("xor", aligned_at(RICH), "agrees"),)
    both = (Condition("xor", aligned_at(LAZY), "above", 2.0),)
    return Rule(16, (Case("holds", learned), Case("not supported", alike), Case("false as worded", both)))


def _preset(key: str, name: str, setup: str, spec: Spec, question: Question, shows: Words) -> Preset[Spec]:
    return Preset(key=key, name=name, setup=_task(spec, setup), shows=shows, spec=spec, question=question)


LESSON = Lesson(
    name="lazy",
    section="Beyond the kernel",
    title="Lazy or feature learning",
    question="Does the kernel at the start tell the whole story of a trained network?",
    minutes=25,
    slots={"a": Slot(lazy)},
    presets=(
        _preset("xor", "XOR", XOR_SETUP, BASE, GAIN, _shows_features),
        _preset("direction", "One direction", ONE_SETUP, ONE, ERROR_CURVE, _shows_features),
        _preset("parity", "Parity of three", PARITY_SETUP, PARITY, RANKING, _shows_features),
        _preset("noise", "Noisy targets", NOISE_SETUP, NOISE, WINNER, _shows_fit),
        _preset("wave", "A fast wave", WAVE_SETUP, WAVE, FITTING, _explains_errors),
        _preset("digits", "Digits", DIGITS_SETUP, DIGITS, DRAW, _shows_features),
        _preset("width", "Two widths", WIDE_SETUP, WIDE, WIDER, _shows_features),
        _preset("mup", "Two widths in µP", MUP_SETUP, MUP, WIDER_IN_MUP, _shows_features),
        _preset("smooth", "A smooth φ", SMOOTH_SETUP, SMOOTH, DECADE, _shows_order),
    ),
    rules=(_claim_6(), _claim_14(), _claim_16()),
)
