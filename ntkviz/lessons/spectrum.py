"""The lesson on spectra: which patterns a network learns easily, and how fast the rest becomes hard."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np

from ntkviz import nets
from ntkviz.data import CircleFunction, DataSpec, Digits
from ntkviz.data.circle import waves
from ntkviz.experiments import decay, spectrum
from ntkviz.lessons.base import Lesson, Preset, Slot
from ntkviz.lessons.questions import Beyond, Choice, Curve, Mark, Number, Order, Sketch
from ntkviz.lessons.rules import Case, Condition, Rule
from ntkviz.modes.curves import Curve as Spectrum
from ntkviz.modes.curves import in_words, labelled, ranked
from ntkviz.modes.frequencies import unlearned
from ntkviz.nets import ConvNet
from ntkviz.writing import fixed, listed, percent, written

HEAD, TAIL = 10, 100  # modes between which a mean slope is taken
PLACE = 16  # the frequency, or mode, at which nonlinearities are compared
START = decay.Spec()
DIGITS = Digits(n=256)
ALIKE = 0.05  # slopes that differ by less count as the same
MOVED = 5.0  # % of the trace by which spectra must differ to count as changed
SPREAD, DIFFERENCE = "Spread of the exponents", "Largest difference of two spectra"
POSITIVE = tuple(Condition(key, "Smallest eigenvalue", "agrees") for key in ("circle", "narrow"))
# Presets that change the depth, the nonlinearity and the data.
CHANGED = tuple(Condition(key, DIFFERENCE, "above", MOVED) for key in ("circle", "activation", "data"))
KINDS = ("GELU", "ReLU", "erf", "tanh")
DATA = ("circle", "digits, centred", "sphere, d = 3", "sphere, d = 4")
ARCHITECTURES = tuple(entry.title for entry in nets.ARCHITECTURES.values())


def _sketched(spec: spectrum.Spec) -> str:
    axes = "The vertical axis is logarithmic." if spec.smooth else "Both axes are logarithmic."
    return f"Sketch how the eigenvalues of this kernel fall, from the first mode to mode {spec.points}. {axes}"


def _fall(result: spectrum.Result) -> Curve:
    """The theory's eigenvalues over the largest, where they can be drawn."""
    low, high = result.spec.window
    values = result.pair.relative[0]
    seen = (values >= low) & (values <= high) & (result.pair.theory.eigenvalues > result.pair.theory.floor)
    return np.flatnonzero(seen) + 1.0, values[seen]


def _wrong_falls(spec: spectrum.Spec) -> Sequence[tuple[Curve, str]]:
    at, low = np.geomspace(1, spec.points, 60), spec.window[0]
    falls = (
        (at**0.0, "A flat curve means that the network learns all patterns equally fast."),
        (1 / at, "You drew about 1/i. With more and more points such eigenvalues have no finite sum, but the trace of "
         "a kernel is finite."),
        (at**-4.0, "You drew about i⁻⁴. On the circle that is the law of the NNGP kernel of a ReLU network, which "
         "belongs to training the last layer alone."),
        (low ** (at / spec.points), "You drew an exponential. That is how the eigenvalues of a smooth nonlinearity "
         "fall; a kink in the nonlinearity leaves a power law."),
    )  # fmt: skip
    return [((at, np.maximum(values, low)), text) for values, text in falls]


def _fallen(result: spectrum.Result) -> str:
    values, last = result.pair.relative[0], min(TAIL, result.pair.theory.last)
    slow = f"At infinite width mode {last} takes {written(1 / values[last - 1], 2)} times as long as mode 1."
    if last <= HEAD:
        return slow
    factor = values[HEAD - 1] / values[last - 1]
    slope = -math.log(factor) / math.log(last / HEAD)
    return (
        f"From mode {HEAD} to mode {last} the eigenvalues fall by a factor of {written(factor, 2)}: "
        f"with both axes logarithmic, a mean slope of {fixed(slope, 2)}. {slow}"
    )


def _nngp(result: decay.Result) -> float | None:
    found = labelled(result.curves, ["NNGP"])
    return None if not found or found[0].exponent is None else -found[0].exponent


def _both_kernels(result: decay.Result) -> str:
    unit = "frequencies" if result.spec.by_frequency else "modes"
    ntk, nngp = labelled(result.curves, ["NTK", "NNGP"])
    said = f"The NNGP kernel has the slope {fixed(nngp.exponent or 0.0, 2)}, fitted to {nngp.fit_in_words(unit)}."
    if ntk.exponent is None or nngp.exponent is None:
        return said
    more = "more" if ntk.exponent > nngp.exponent else "no more"
    return f"{said} The NTK has {fixed(ntk.exponent, 2)}: training all layers leaves {more} weight on fine detail."


def _kinds(result: decay.Result) -> list[int] | None:
    found = labelled(result.curves, KINDS)
    values = {curve.label: curve.value_at(PLACE) for curve in found}
    return None if None in values.values() else ranked(found, lambda curve: -(values[curve.label] or 0.0))


def _kinds_found(result: decay.Result) -> str:
    unit = "frequency" if result.spec.by_frequency else "mode"
    shares = in_words(labelled(result.curves, KINDS), lambda curve: curve.value_at(PLACE))
    return f"At {unit} {PLACE} the shares of the trace are {shares}."


def _data(result: decay.Result) -> list[int] | None:
    return ranked(labelled(result.curves, DATA), lambda curve: curve.exponent, lambda curve: curve.error)


def _data_found(result: decay.Result) -> str:
    slopes = in_words(labelled(result.curves, DATA), lambda curve: curve.exponent)
    return f"The fitted slopes are {slopes}. For uniform data on the sphere in d dimensions the law is −d/(d−1)."


def _to_others(right: tuple[int, ...], text: str) -> dict[tuple[int, ...], str]:
    """One reply to all orders but the one that is right in the preset."""
    return dict.fromkeys(set(permutations(right)) - {right}, text)


def _asks_what_is_lacking(spec: spectrum.Spec) -> str:
    asks = "Which frequencies does the kernel of this network lack?"
    if not isinstance(spec.data, CircleFunction):
        return asks
    return f"The target has the frequencies {listed([str(wave[0]) for wave in waves(spec.data.terms)])}. {asks}"


def _lacking(result: spectrum.Result) -> int | None:
    if result.frequencies is None:
        return None
    even, odd = (degree == math.inf for degree in (result.frequencies.degrees.even, result.frequencies.degrees.odd))
    return {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}[even, odd]


def _lacked(result: spectrum.Result) -> str:
    said = [remark.text for remark in unlearned(result.spec.arch, result.pair.theory, result.frequencies)]
    return " ".join(said) or "This kernel has every frequency."


def _slopes(result: decay.Result) -> list[Spectrum]:
    return [curve for curve in result.curves if curve.exponent is not None] if result.spec.compare == "depth" else []


def _with_depth(result: decay.Result) -> int | None:
    slopes = [curve.exponent or 0.0 for curve in _slopes(result)]
    if len(slopes) < 2:
        return None
    change = slopes[-1] - slopes[0]
    return 1 if abs(change) < ALIKE else 2 if change > 0 else 0


def _with_depth_found(result: decay.Result) -> str:
    first, *_, last = _slopes(result)
    words = [f"{fixed(curve.exponent or 0.0, 2)} at {curve.label}" for curve in (first, last)]
    return f"The fitted slope is {listed(words)}."


def _fewest(result: decay.Result) -> int | None:
    ranks = [curve.effective_rank for curve in labelled(result.curves, ARCHITECTURES)]
    return int(np.argmin(ranks)) if ranks else None


def _fewest_found(result: decay.Result) -> str:
    ranks = in_words(labelled(result.curves, ARCHITECTURES), lambda curve: curve.effective_rank)
    return f"The effective ranks, of {result.spec.points} modes, are {ranks}."


def _lost(result: spectrum.Result) -> str:
    pair, first = result.pair, result.pair.relative[1, 0] / result.pair.relative[0, 0]
    return (
        f"At width {result.spec.arch.width} the eigenvalues are below half of the theory's from mode {pair.lost_from} "
        f"on, of {pair.theory.resolved} above rounding. The first one is {written(first, 2)} times the theory's."
    )


def _first(result: spectrum.Result) -> str:
    theory, network = (float(modes.cumulative_power[0]) for modes in (result.pair.theory, result.pair.network))
    return (
        f"The first mode has {percent(theory)} of the trace at infinite width, and {percent(network)} in this network. "
        f"{percent(result.constant)} of this mode is one and the same value on all inputs."
    )


def _with(compare: str = "depth", *, data: DataSpec | None = None, **arch: Any) -> decay.Spec:
    """The default settings with another comparison, other data, and changes of the network."""
    first = START.spectrum
    network = replace(first.arch, **arch)
    return replace(START, compare=compare, spectrum=replace(first, arch=network, data=data or first.data))


LESSON = Lesson(
    name="spectrum",
    section="The spectrum",
    title="Spectrum explorer",
    question="Which patterns does a network learn easily, and how hard are the others?",
    minutes=20,
    slots={"a": Slot(spectrum, lambda spec: spec.spectrum), "b": Slot(decay, decay.shared)},
    presets=(
        Preset(
            key="circle",
            name="ReLU on a circle",
            setup="A ReLU network with two hidden layers, on 256 points at equal steps around a circle. Its kernel has "
            "256 modes: patterns of outputs that are learned at rates given by the eigenvalues.",
            shows="A kink in the nonlinearity gives a power law. Below, the spectra of five depths have the same slope "
            "of −2 over the frequency: depth moves the curves and leaves their slope alone.",
            spec=START,
            question=Sketch(
                asks=_sketched,
                chart="spectrum",
                x=lambda spec: (1.0, float(spec.points)),
                y=lambda spec: spec.window,
                answer=_fall,
                replies=_wrong_falls,
                explains=_fallen,
            ),
        ),
        Preset(
            key="kernel",
            name="All layers or the last one",
            setup="The NTK belongs to training all layers. For a ReLU network on a circle its eigenvalues fall like "
            "k⁻² with the frequency k. The NNGP kernel belongs to training the last layer alone.",
            shows="With the last layer alone, fine detail is much harder to learn.",
            spec=_with("kernel"),
            question=Number(
                slot="b",
                asks="The eigenvalues of the NNGP kernel fall like 1/kᵖ. What is p?",
                low=0,
                high=8,
                was="p is",
                answer=_nngp,
                explains=_both_kernels,
                replies=(
                    Beyond(1.1, "A kink leaves a cusp in the kernel at equal inputs, which limits p."),
                    Beyond(0.9, "The NTK contains the derivative of φ, which is rougher than φ itself."),
                ),
            ),
        ),
        Preset(
            key="activation",
            name="With and without a kink",
            setup="Five nonlinearities on a circle. ReLU and |x| have a kink. GELU, tanh and erf are smooth.",
            shows="A kink leaves a power law, and a smooth nonlinearity an exponential or nearly one.",
            spec=_with("activation", activation="erf"),
            question=Order(
                slot="b",
                asks=lambda spec: "Put these nonlinearities in order of their eigenvalue at "
                f"{'frequency' if spec.by_frequency else 'mode'} {PLACE}, the largest first.",
                items=lambda spec: KINDS,
                answer=_kinds,
                explains=_kinds_found,
                replies=_to_others((1, 2, 3, 0), "ReLU has a kink: its eigenvalues fall like a power of the frequency, "
                                   "those of the smooth three much faster, each at a rate of its own."),
            ),
        ),
        Preset(
            key="no_bias",
            name="One layer without biases",
            setup="One hidden layer of ReLU neurons without biases, on a circle.",
            shows="What the kernel lacks is never learned, however long the training.",
            spec=_with(depth=1, sigma_b=0.0),
            question=Choice(
                asks=_asks_what_is_lacking,
                options=("none", "odd frequencies", "even frequencies", "even and odd frequencies"),
                answer=_lacking,
                explains=_lacked,
                replies={
                    0: "This kernel is a power series in the cosine of the angle. Some powers can be missing.",
                    1: "Odd frequencies can be missing only where the odd part of φ is zero or a polynomial.",
                    2: "Even frequencies can be missing only where the even part of φ is a polynomial or constant.",
                    3: "Both can be missing only where φ is a polynomial, such as a straight line.",
                },
            ),
        ),
        Preset(
            key="data",
            name="Circle, spheres and digits",
            setup="The same network on 800 points of each data set: random points on a circle and on spheres in three "
            "and four dimensions, and handwritten digits.",
            shows="In higher dimension the spectrum is flatter: more patterns are about equally easy.",
            spec=_with("data", data=DIGITS),
            question=Order(
                slot="b",
                asks="Order the data sets by how fast the eigenvalues fall with the mode number, the fastest first.",
                items=lambda spec: DATA,
                answer=_data,
                explains=_data_found,
                replies=_to_others((0, 2, 3, 1), "In more dimensions there are more patterns of each degree, so that "
                                   "the eigenvalues fall more slowly."),
            ),
        ),
        Preset(
            key="digits",
            name="Digits at five depths",
            setup="Handwritten digits, centred and with equal norms, and networks of one to ten hidden layers.",
            shows="On a circle the slope is the same at every depth. On measured data, over the modes that can be "
            "fitted, it is not: the law of the circle holds for high frequencies only.",
            spec=_with("depth", data=DIGITS),
            question=Choice(
                slot="b",
                asks="How does the slope of the spectrum change with depth?",
                options=("it gets steeper", "it stays the same", "it gets flatter"),
                answer=_with_depth,
                explains=_with_depth_found,
                replies={
                    0: "A steeper spectrum means fewer patterns that are learned early.",
                    1: "On a circle the slope is the same at every depth. That is a law for high frequencies.",
                    2: "A flatter spectrum means more patterns that are learned at about the same rate.",
                },
            ),
        ),
        Preset(
            key="conv",
            name="Architectures on digits",
            setup="On 128 digits: a convolution, with weights shared over 3 × 3 pixels, and networks without sharing.",
            shows="Shared weights make images alike that differ by the position of a stroke: fewer modes count.",
            spec=decay.Spec(
                spectrum=spectrum.Spec(arch=ConvNet(depth=2, width=64, sigma_b=0.3), data=replace(DIGITS, n=128)),
                compare="architecture",
            ),
            question=Choice(
                slot="b",
                asks="Which network has the smallest effective rank: the number of modes that count in its kernel?",
                options=ARCHITECTURES,
                answer=_fewest,
                explains=_fewest_found,
                replies={
                    0: "A fully connected network treats all pixels alike.",
                    1: "The skips of a residual network add the inputs themselves, in which all directions count.",
                    2: "Layer norm rescales each input, which changes a spectrum little where norms are equal.",
                    3: "Sharing weights lowers the effective rank only where images have patches in common.",
                },
            ),
        ),
        Preset(
            key="narrow",
            name="32 neurons",
            setup="A network with 32 neurons in each hidden layer, beside the theory for infinitely many.",
            shows="A narrow network has the first modes of the theory, and loses the high ones.",
            spec=_with("width", width=32),
            question=Number(
                asks=lambda spec: f"The network has width {spec.arch.width}. From which mode on are its eigenvalues "
                "below half of the theory's?",
                low=1,
                high=1000,
                log=True,
                was="it is mode",
                answer=lambda result: result.pair.lost_from,
                explains=_lost,
                mark=Mark("spectrum", "x"),
                replies=(
                    Beyond(2.0, "Small eigenvalues need many neurons, and these are few."),
                    Beyond(0.5, "Large eigenvalues are averages over all neurons, and a few neurons suffice for them."),
                ),
            ),
        ),
        Preset(
            key="raw",
            name="Images as they are",
            setup="Handwritten digits with pixels between 0 and 1. Not centred, they all resemble their mean.",
            shows="Centring removes what all inputs share. Below, many modes of the centred digits count.",
            spec=_with("data", data=replace(DIGITS, scale="none")),
            question=Number(
                asks="How much of the trace, the sum of all eigenvalues, belongs to the first mode at infinite width?",
                low=0,
                high=100,
                unit="%",
                answer=lambda result: 100 * float(result.pair.theory.cumulative_power[0]),
                explains=_first,
                replies=(
                    Beyond(1.2, "The images also differ from each other, and this takes the rest of the trace."),
                    Beyond(0.8, "Alike inputs have large kernel entries everywhere, and one mode takes them up."),
                ),
            ),
        ),
    ),
    rules=(
        Rule(
            4,
            (
                *(Case("false as worded", (replace(positive, test="differs"),)) for positive in POSITIVE),
                Case("holds", POSITIVE),
            ),
        ),
        Rule(
            17,
            (
                Case("half true", (CHANGED[0], Condition("circle", SPREAD, "agrees"))),
                Case("holds", (replace(CHANGED[0], test="below"),)),
                Case("false as worded", (Condition("circle", SPREAD, "differs"),)),
            ),
        ),
        Rule(
            20,
            (
                Case("holds", CHANGED),
                *(Case("half true", (changed,)) for changed in CHANGED),
                Case("not supported", tuple(replace(changed, test="below") for changed in CHANGED)),
            ),
        ),
    ),
)  # fmt: skip
