"""What spectra side by side draw and say, curve by curve, against eigenvalues and slopes that are computed here."""

import json
import math
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from ntkviz.activations import activation
from ntkviz.data import CircleFunction, Digits, load
from ntkviz.experiments import decay
from ntkviz.experiments.decay import Spec
from ntkviz.experiments.spectrum import Spec as Spectrum
from ntkviz.figures import theme
from ntkviz.figures.decay import view
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.kernels.infinite import infinite_kernels
from ntkviz.kernels.sweeps import narrowed
from ntkviz.lessons.spectrum import LESSON
from ntkviz.nets import Architecture, ConvNet, LayerNormMLP, ResidualMLP, init
from tests.canned import canned
from tests.drawn import chart, drawn, names, numbers, sentences

pytestmark = pytest.mark.drawn

ARCH = Architecture(depth=2, width=64, sigma_b=0.3)
CIRCLE = Spectrum(arch=ARCH, data=CircleFunction(n=128))
IMAGES = Spectrum(arch=ConvNet(depth=1, width=8, sigma_b=0.3), data=Digits(n=60))
DEPTH = Spec(spectrum=CIRCLE)
KERNEL = Spec(spectrum=CIRCLE, compare="kernel")
ACTIVATION = Spec(spectrum=replace(CIRCLE, arch=replace(ARCH, activation="elu")), compare="activation")
WIDTH = Spec(spectrum=CIRCLE, compare="width")
SMOOTH = Spec(spectrum=replace(CIRCLE, arch=replace(ARCH, activation="erf")), compare="kernel")
DIGITS = Spec(spectrum=replace(CIRCLE, data=Digits(n=60)), compare="depth")
ARCHITECTURES = Spec(spectrum=IMAGES, compare="architecture")
FEW = Spec(spectrum=replace(CIRCLE, data=CircleFunction(n=30, placing="random")), compare="kernel")
DATA = Spec(spectrum=CIRCLE, compare="data")
ALL = {
    "depth": DEPTH,
    "kernel": KERNEL,
    "activation": ACTIVATION,
    "width": WIDTH,
    "smooth": SMOOTH,
    "digits": DIGITS,
    "architectures": ARCHITECTURES,
    "few": FEW,
    "data": DATA,
}
EVERY = pytest.mark.parametrize("spec", ALL.values(), ids=ALL)
BY_FREQUENCY = (DEPTH, KERNEL, ACTIVATION, SMOOTH)
WIDTHS = (16, 64, 256, 1024)


def cases(spec):
    """Label, network, data and kernel of each curve."""
    first, data = spec.spectrum.arch, spec.spectrum.data
    if spec.compare == "depth":
        return [(f"L = {depth}", replace(first, depth=depth), data, "ntk") for depth in (1, 2, 3, 5, 10)]
    if spec.compare == "kernel":
        return [("NTK", first, data, "ntk"), ("NNGP", first, data, "nngp")]
    if spec.compare == "activation":
        kinds = {"relu": "ReLU", "abs": "absolute value", "gelu": "GELU", "tanh": "tanh", "erf": "erf", "elu": "ELU"}
        return [(label, replace(first, activation=name), data, "ntk") for name, label in kinds.items()]
    if spec.compare == "architecture":
        settings = {"depth": 1, "width": 8, "sigma_b": 0.3}
        return [
            ("fully connected", Architecture(**settings), data, "ntk"),
            ("residual", ResidualMLP(**settings), data, "ntk"),
            ("fully connected, layer normalisation", LayerNormMLP(**settings), data, "ntk"),
            ("convolutional (images)", first, data, "ntk"),
        ]
    if spec.compare == "data":
        return [(case.label, case.arch, case.data, "ntk") for case in decay.compared(spec)]
    return [("n = ∞", first, data, "ntk"), *((f"n = {width}", first, data, width) for width in WIDTHS)]


@cache
def operator(arch, kernel):
    """Eigenvalues by frequency 0, …, 256 in shares of the trace: integrals of the row against cosines."""
    steps = 4096 if activation(arch.activation).kinks else 512
    angles = 2 * np.pi * np.arange(steps) / steps
    x = math.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    row = np.asarray(getattr(infinite_kernels(arch, x[:1], x), kernel))[0]
    return np.array([np.mean(row * np.cos(k * angles)) for k in range(257)]) / row[0]


@cache
def matrix(arch, data, kernel):
    """Descending eigenvalues in shares of the trace; of a network where the kernel is a width."""
    x = load(data).x
    if isinstance(kernel, int):
        widest = replace(arch, width=1024)
        params = init(widest, x.shape[1], seed=0)
        made = empirical_ntk(*narrowed(widest, params, kernel), x)
    else:
        made = getattr(infinite_kernels(arch, x), kernel)
    values = np.linalg.eigvalsh(np.asarray(made, np.float64))[::-1]
    return values / values.sum()


@cache
def expected(spec):
    """Label -> places, eigenvalues and how many modes have each."""
    found = {}
    for label, arch, data, kernel in cases(spec):
        if spec in BY_FREQUENCY:
            found[label] = np.arange(257), operator(arch, kernel), np.where(np.arange(257) > 0, 2, 1)
        else:
            values = matrix(arch, data, kernel)
            found[label] = np.arange(1, len(values) + 1), values, np.ones(len(values), int)
    return found


def median_slope(x, y):
    slopes = [(math.log(y[b]) - math.log(y[a])) / (math.log(x[b]) - math.log(x[a]))
              for a, b in combinations(range(len(x)), 2)]  # fmt: skip
    return float(np.median(slopes))


@cache
def slope(spec, label):
    """The median slope over frequencies 20 to 200, or modes 10 to N/5, and how many there are; None with under 8."""
    at, values, _ = expected(spec)[label]
    low, high = (20, 200) if spec in BY_FREQUENCY else (10, len(values) / 5)
    inside = (at >= low) & (at <= high) & (values > 3e-15 if spec in BY_FREQUENCY else values > 0)
    if inside.sum() < 8:
        return None
    return median_slope(at[inside], values[inside]), int(inside.sum())


def trace_of(spec, label):
    """The name of the trace of a curve: its label, and what was fitted."""
    found = [name for name in names(view(canned(decay, spec)), "compare") if name.split(": ")[0] == label]
    assert len(found) == 1
    return found[0]


def smooth(label):
    return label in ("GELU", "tanh", "erf")


# curves


@EVERY
def test_every_curve_is_its_spectrum_in_shares_of_the_trace(spec):
    shown = view(canned(decay, spec))
    labels = [name.split(": ")[0] for name in names(shown, "compare") if not name.startswith("law")]
    assert labels == list(expected(spec))
    for label, (at, values, _) in expected(spec).items():
        seen = drawn(shown, "compare", trace_of(spec, label))
        assert seen.answer
        clear = (at >= 1) & (values > 1e-11)
        assert clear.sum() >= 3
        np.testing.assert_allclose(seen.x[0][: clear.sum()], at[clear])
        np.testing.assert_allclose(seen.y[0][: clear.sum()], values[clear], rtol=1e-3)
        assert seen.x[0].min() == 1
        assert np.all(seen.y[0] > 0)
        if values.min() > 1e-11:
            assert len(seen.x[0]) == len(values) - (spec in BY_FREQUENCY)


@EVERY
def test_theory_is_dashed_and_blue_only_where_it_stands_beside_networks(spec):
    shown = view(canned(decay, spec))
    for number, label in enumerate(expected(spec)):
        seen = drawn(shown, "compare", trace_of(spec, label))
        style = seen.trace.line
        if spec is WIDTH and label == "n = ∞":
            assert (seen.meaning, style.color, style.dash) == (theme.THEORY.name, theme.THEORY.color, "dash")
        else:
            assert (seen.meaning, style.color, style.dash) == (label, theme.HUES[number % len(theme.HUES)], "solid")


@EVERY
def test_legends_say_the_fitted_slope(spec):
    for label in expected(spec):
        name = trace_of(spec, label)
        if (spec is WIDTH and label != "n = ∞") or (spec not in BY_FREQUENCY and slope(spec, label) is None):
            assert name == label
        elif smooth(label) or spec is SMOOTH:
            assert "slope" not in name
        else:
            fitted = float(name.split("slope ")[1].replace("−", "-"))
            assert fitted == pytest.approx(slope(spec, label)[0], abs=0.0051)


def test_legends_say_which_exponential_was_fitted():
    at = np.arange(257)
    for label, kind in (("GELU", "× "), ("erf", "× "), ("tanh", "ln λ ~ −k^")):
        name = trace_of(ACTIVATION, label)
        values = expected(ACTIVATION)[label][1]
        inside = (at >= 4) & (at < np.flatnonzero(values < 1e-13)[0])
        k, logs = at[inside], np.log(values[inside])
        number = float(name.split(kind)[1].split()[0])
        if kind == "× ":
            assert name.endswith("a frequency")
            assert number == pytest.approx(math.exp(np.polyfit(k, logs, 1)[0]), abs=0.006)
        left = {p: np.polyfit(k**p, logs, 1, full=True)[1][0] for p in np.arange(0.5, 1.5, 0.01)}
        best = min(left, key=left.get)
        assert best == pytest.approx(number if kind != "× " else 1, abs=0.03 if kind != "× " else 0.07)


@EVERY
def test_each_law_is_drawn_once_above_its_curve(spec):
    result = canned(decay, spec)
    shown = view(result)
    laws = {name: drawn(shown, "compare", name) for name in names(shown, "compare") if name.startswith("law")}
    wanted = {DEPTH: [-2], KERNEL: [-2, -4], ACTIVATION: [-2, -4], WIDTH: [-2], DATA: [-2, -1.5, -4 / 3]}.get(spec, [])
    assert list(laws) == [f"law: slope {value:.2f}".replace("-", "−") for value in wanted]
    firsts = {-2: expected(spec), -4: {"NNGP": None, "ELU": None}, -1.5: {"sphere, d = 3": None}}
    for value, seen in zip(wanted, laws.values(), strict=True):
        assert (seen.meaning, seen.answer, seen.trace.line.dash, seen.trace.line.color) == (
            "law",
            True,
            "dot",
            theme.INK,
        )
        label = next((one for one in firsts.get(value, {"sphere, d = 4": None}) if one in expected(spec)), None)
        at, values, _ = expected(spec)[label]
        ends, heights = seen.x[0].astype(float), seen.y[0].astype(float)
        assert math.log(heights[1] / heights[0]) / math.log(ends[1] / ends[0]) == pytest.approx(value, rel=1e-5)
        if spec in BY_FREQUENCY:
            np.testing.assert_allclose(ends, [20, 200])
        else:
            assert (ends[0], ends[1]) == (10, math.floor(len(values) / 5))
        middle = math.sqrt(ends.prod())
        curve = math.exp(np.interp(math.log(middle), np.log(at[1:]), np.log(values[1:])))
        assert math.sqrt(heights.prod()) == pytest.approx(2.5 * curve, rel=0.2)


# axes and words


@EVERY
def test_axes_are_known_before_the_curves_and_hold_them_after(spec):
    shown = view(canned(decay, spec))
    found = chart(shown, "compare")
    layout, later = found.figure.layout, found.layout_answer
    name = "frequency k" if spec in BY_FREQUENCY else "mode i"
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == (name, "λ / trace")
    assert layout.yaxis.type == "log"
    low = 1e-16 if spec is SMOOTH else 1e-8
    np.testing.assert_allclose(layout.yaxis.range, np.log10([low / 1.3, 1.3]))
    curves = [drawn(shown, "compare", trace_of(spec, label)) for label in expected(spec)]
    values = np.concatenate([seen.y[0] for seen in curves])
    np.testing.assert_allclose(later["yaxis"]["range"], np.log10([values.min() / 1.3, 1.3 * values.max()]), rtol=1e-4)
    if spec is SMOOTH:
        assert layout.xaxis.range == (0, 60)
        assert later["xaxis"]["range"] == [0, max(seen.x[0].max() for seen in curves)]
    else:
        last = 256 if spec in BY_FREQUENCY else 800 if spec is DATA else spec.spectrum.data.n
        assert layout.xaxis.type == "log"
        np.testing.assert_allclose(layout.xaxis.range, np.log10([1 / 1.3, 1.3 * last]))
        assert "xaxis" not in later
    assert shown.scrub is None
    assert found.span == 3
    assert [one.name for one in shown.charts] == ["compare"]


@EVERY
def test_words_beside_the_curves(spec):
    result = canned(decay, spec)
    found = chart(view(result), "compare")
    over = "over the frequency k" if spec in BY_FREQUENCY else "over the mode i"
    assert found.alt == f"Empty axes for spectra, in shares of their trace, {over}."
    assert found.alt_answer.startswith(f"{len(expected(spec))} spectra in shares of their trace, {over}, with")
    differ = float(found.alt_answer.split("by up to ")[1].split(" %")[0])
    assert differ == pytest.approx(difference(spec), rel=0.06)
    mark = {"width": "dashed", "kernel": "NNGP", "depth": "depth", "data": "data", "architecture": "architecture"}
    assert mark.get(spec.compare, "nonlinearity") in found.prompt_answer
    assert "trace" in found.prompt


def difference(spec):
    """The largest distance of two spectra, in % of the trace: half of Σ |p − q|."""
    shares = [values * many for _, values, many in expected(spec).values()]
    return max(50 * float(np.abs(a - b).sum()) for a, b in combinations(shares, 2))


def test_a_part_of_a_result_is_drawn_too():
    result = canned(decay, DEPTH)
    nothing = replace(result, curves=())
    shown = view(nothing)
    assert names(shown, "compare") == []
    assert chart(shown, "compare").alt_answer.startswith("0 spectra")
    found = numbers(decay, nothing)
    assert found["Spread of the exponents"].value is None
    assert found["Largest difference of two spectra"].value is None
    assert found["Decay exponent"].value is not None
    assert decay.remarks(nothing) == ()
    one = replace(result, curves=result.curves[:1])
    assert names(view(one), "compare")[0].startswith("L = 1")
    assert "differ" not in chart(view(one), "compare").alt_answer


# numbers


@EVERY
def test_how_far_spectra_differ(spec):
    found = numbers(decay, canned(decay, spec))
    assert found["Largest difference of two spectra"].value == pytest.approx(difference(spec), rel=1e-3)
    difference_found = found["Largest difference of two spectra"]
    claim = None if spec.compare in ("width", "kernel") else 20
    assert (difference_found.claim, difference_found.unit) == (claim, "% of the trace")
    ranks = {one.name: one.value for one in found["Effective rank at infinite width"].references}
    assert list(ranks) == list(expected(spec))
    for label, (_, values, many) in expected(spec).items():
        assert ranks[label] == pytest.approx(rank(values, many), rel=1e-3)


def rank(values, many):
    """exp of the entropy of shares above rounding."""
    shares = np.repeat(values, many)
    shares = shares[shares > 3e-16] / shares[shares > 3e-16].sum()
    return math.exp(-np.sum(shares * np.log(shares)))


@EVERY
def test_the_effective_rank_of_this_network_is_at_infinite_width(spec):
    found = numbers(decay, canned(decay, spec))["Effective rank at infinite width"]
    data = spec.spectrum.data
    if isinstance(data, CircleFunction) and data.placing != "random":
        wanted = rank(operator(spec.spectrum.arch, "ntk"), np.where(np.arange(257) > 0, 2, 1))
    else:
        wanted = rank(matrix(spec.spectrum.arch, data, "ntk"), np.ones(data.n, int))
    assert found.value == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize(
    "spec", [DEPTH, KERNEL, ACTIVATION, DATA, FEW], ids=["depth", "kernel", "mixed", "data", "few"]
)
def test_how_far_the_exponents_differ(spec):
    found = numbers(decay, canned(decay, spec))["Spread of the exponents"]
    slopes = [slope(spec, label)[0] for label in expected(spec) if not smooth(label) and slope(spec, label)]
    if spec is FEW:
        assert found.value is None
        assert "Fewer than two" in found.caveat
        return
    assert found.value == pytest.approx(max(slopes) - min(slopes), abs=1e-4)
    assert not found.caveat
    if spec is DEPTH:
        assert (found.claim, found.agrees) == (17, True)
        assert (found.expected.low, found.expected.high) == (0, 0.05)
    else:
        assert (found.claim, found.expected) == (None, None)


def test_depths_without_one_law_settle_no_claim():
    """Digits have no law, each depth of a step has another one, and matrices of a few points are far from theirs."""
    scattered = replace(DEPTH, spectrum=replace(CIRCLE, data=CircleFunction(n=100, placing="random")))
    step = Spec(spectrum=replace(CIRCLE, arch=replace(ARCH, activation="step")), compare="depth")
    for spec in (DIGITS, step, scattered):
        found = numbers(decay, canned(decay, spec))["Spread of the exponents"]
        assert (found.claim, found.expected) == (None, None)


@pytest.mark.parametrize(
    ("spec", "law", "near"),
    [(DEPTH, -2, 0.05), (KERNEL, -2, 0.05), (ACTIVATION, -4, 0.05), (WIDTH, -2, 0.05)],
    ids=["depth", "kernel", "elu", "width"],
)
def test_the_exponent_of_this_network_is_that_of_the_operator(spec, law, near):
    found = numbers(decay, canned(decay, spec))["Decay exponent"]
    values = operator(spec.spectrum.arch, "ntk")
    wanted = median_slope(np.arange(20, 201), values[20:201])
    assert found.value == pytest.approx(wanted, abs=1e-4)
    assert (found.expected.low, found.expected.high) == (law - near, law + near)
    assert found.agrees is True
    assert found.over == "181 frequencies from 20 to 200"
    assert "integral operator over frequencies" in found.help
    assert 0 < found.error < 0.01
    assert found.caveat == ""


def test_away_from_equal_steps_the_exponent_is_that_of_the_matrix():
    spec = replace(DEPTH, spectrum=replace(CIRCLE, data=CircleFunction(n=100, placing="random")))
    found = numbers(decay, canned(decay, spec))["Decay exponent"]
    values = matrix(ARCH, spec.spectrum.data, "ntk")
    assert found.value == pytest.approx(median_slope(np.arange(10, 21), values[9:20]), abs=1e-3)
    assert found.over == "11 modes from 10 to 20"
    assert "matrix over modes" in found.help
    assert (found.expected.low, found.expected.high) == (-2.15, -1.85)
    images = numbers(decay, canned(decay, replace(DIGITS, compare="kernel")))["Decay exponent"]
    assert images.expected is None
    assert images.agrees is None


def test_an_exponent_far_from_its_law_says_so():
    """Ten layers of a sign are a law for frequencies beyond any that are fitted: −1.00 expected, about −0.1 found."""
    spec = Spec(spectrum=replace(CIRCLE, arch=replace(ARCH, activation="sign", depth=10)), compare="kernel")
    found = numbers(decay, canned(decay, spec))["Decay exponent"]
    assert found.agrees is False
    assert found.value > -0.3
    assert "not large enough" in found.caveat


def test_too_few_eigenvalues_are_not_fitted():
    found = numbers(decay, canned(decay, FEW))["Decay exponent"]
    assert found.value is None
    assert "Too few" in found.caveat


def test_a_smooth_kernel_has_a_factor_or_a_power_instead():
    factor = numbers(decay, canned(decay, SMOOTH))["Decay factor"]
    values = operator(SMOOTH.spectrum.arch, "ntk")
    k = np.arange(4, np.flatnonzero(values < 1e-13)[0])
    assert factor.value == pytest.approx(math.exp(np.polyfit(k, np.log(values[k]), 1)[0]), rel=5e-3)
    assert factor.unit == "a frequency"
    last = int(factor.over.split(" to ")[1])
    assert factor.over == f"{last - 3} frequencies from 4 to {last}"
    assert 40 < last < 55
    tanh = Spec(spectrum=replace(CIRCLE, arch=replace(ARCH, activation="tanh")), compare="kernel")
    power = numbers(decay, canned(decay, tanh))["Power in the exponential"]
    assert power.value == pytest.approx(0.75, abs=0.03)
    assert 0 < power.error < 0.03
    assert "An exponential has 1." in power.help


# sentences


def test_the_law_is_said_with_the_derivative_that_jumps():
    relu, elu, *rest = sentences(decay, canned(decay, ACTIVATION))
    assert relu == "ReLU, absolute value: theory has the slope −2.00, because the first derivative of φ jumps."
    assert elu == "ELU: theory has the slope −4.00, because the second derivative of φ jumps."
    assert [one.split(":")[0] for one in rest] == ["GELU", "tanh", "erf"]
    ntk, nngp = sentences(decay, canned(decay, KERNEL))
    assert "NTK: theory has the slope −2.00" in ntk and "NNGP: theory has the slope −4.00" in nngp
    sign = Spec(spectrum=replace(CIRCLE, arch=replace(ARCH, activation="sign", depth=10)), compare="kernel")
    assert "because φ itself jumps" in sentences(decay, canned(decay, sign))[0]
    assert sentences(decay, canned(decay, DIGITS)) == []
    few = canned(decay, FEW)
    assert all(curve.fit is None for curve in few.curves)
    assert [said.split(",")[0] for said in sentences(decay, few)] == [
        "NTK: theory has the slope −2.00", "NNGP: theory has the slope −4.00",
    ]  # fmt: skip


def test_exponential_is_said_only_where_the_fit_supports_it():
    gelu, tanh, erf = sentences(decay, canned(decay, ACTIVATION))[2:]
    for said, label in ((gelu, "GELU"), (erf, "erf")):
        factor = float(trace_of(ACTIVATION, label).split("× ")[1].split()[0])
        assert f"each eigenvalue is {factor:g} times the one before, fitted over" in said
        assert "stretched" not in said
    assert "more slowly than an exponential" in tanh
    power = trace_of(ACTIVATION, "tanh").split("k^")[1]
    assert f"with p = {power} ± 0.01" in tanh
    count, first, last = (int(tanh.split("over ")[1].split()[i].rstrip(".")) for i in (0, 3, 5))
    assert (count, first) == (last - 3, 4)
    sine = Spec(spectrum=replace(CIRCLE, arch=replace(ARCH, activation="sin")), compare="kernel")
    assert "faster than an exponential" in sentences(decay, canned(decay, sine))[0]


def test_matrix_and_operator_are_told_apart():
    said = sentences(decay, canned(decay, WIDTH))[-1]
    slopes = slope(WIDTH, "n = ∞")[0], slope(DEPTH, "L = 2")[0]
    written = [f"{value:.2f}".replace("-", "−") for value in slopes]
    assert written[0] != written[1]
    assert said.startswith("These are eigenvalues of matrices over their modes: n = ∞ has the slope " + written[0])
    assert said.endswith(f"For infinitely many points (the integral operator) the slope is {written[1]}.")
    result = canned(decay, WIDTH)
    unfitted = sentences(decay, replace(result, own=replace(result.own, fit=None)))[-1]
    assert said.startswith(unfitted) and "infinitely" not in unfitted
    for spec in (DEPTH, KERNEL, DIGITS, FEW):
        assert not any("matrices" in one for one in sentences(decay, canned(decay, spec)))
    assert any("circle has the slope" in one for one in sentences(decay, canned(decay, DATA)))


# before the guess


@EVERY
def test_nothing_visible_before_the_guess_depends_on_the_answer(spec):
    result = canned(decay, spec)
    curves = tuple(replace(curve, eigenvalues=curve.eigenvalues**2, fit=None) for curve in result.curves)
    other = replace(result, curves=curves, own=replace(result.own, fit=None))
    assert visible(other) == visible(result)
    assert other.visible.min() != result.visible.min()


def visible(result):
    (found,) = view(result).charts
    figure = json.loads(found.figure.to_json())
    assert all(trace["name"] in found.answers for trace in figure["data"])
    told = [one.name for one in decay.findings(result) if not one.answer]
    return (
        found.alt,
        found.prompt,
        figure["layout"],
        told,
        [one.text for one in decay.remarks(result) if not one.answer],
    )


# questions


def question(key, spec):
    preset, result = LESSON.preset(key), canned(decay, spec)
    assert preset.question.slot == "b"
    return preset.question.asked(spec, result)


def test_the_exponent_of_the_nngp_kernel():
    asked = question("kernel", KERNEL)
    assert asked["answer"] == pytest.approx(-slope(KERNEL, "NNGP")[0], abs=1e-4)
    assert asked["explains"] == (
        "The NNGP kernel has the slope −4.00, fitted to 181 frequencies from 20 to 200. "
        "The NTK has −2.00: training all layers leaves more weight on fine detail."
    )
    for elsewhere in (DEPTH, SMOOTH, FEW):
        assert question("kernel", elsewhere)["answer"] is None
    result = canned(decay, KERNEL)
    ntk, nngp = result.curves
    swapped = replace(result, curves=(replace(ntk, fit=nngp.fit), replace(nngp, fit=ntk.fit)))
    assert "leaves no more weight" in LESSON.preset("kernel").question.asked(KERNEL, swapped)["explains"]
    alone = replace(result, curves=(replace(ntk, fit=None), nngp))
    assert LESSON.preset("kernel").question.asked(KERNEL, alone)["explains"].endswith("from 20 to 200.")
    modes = replace(KERNEL, spectrum=replace(CIRCLE, data=CircleFunction(n=100, placing="random")))
    assert "11 modes from 10 to 20" in question("kernel", modes)["explains"]


def test_the_order_of_the_nonlinearities():
    asked = question("activation", ACTIVATION)
    at_16 = {label: expected(ACTIVATION)[label][1][16] for label in asked["items"]}
    ranked = sorted(at_16, key=at_16.get, reverse=True)
    assert [asked["items"][item] for item in asked["answer"]] == ranked
    for label, value in at_16.items():
        word = asked["explains"].split(f" ({label})")[0].split()
        mantissa = float(word[-3]) if "10" in word[-1] else float(word[-1])
        assert mantissa == pytest.approx(float(f"{value:.3e}".split("e")[0]), abs=0.006)
    assert "At frequency 16" in asked["explains"] and "at frequency 16" in asked["asks"]
    assert question("activation", DEPTH)["answer"] is None
    modes = replace(ACTIVATION, spectrum=replace(ACTIVATION.spectrum, data=Digits(n=60)))
    assert "at mode 16" in question("activation", modes)["asks"]
    assert "At mode 16" in question("activation", modes)["explains"]


def test_the_order_of_the_data_sets():
    asked = question("data", DATA)
    slopes = {label: slope(DATA, label)[0] for label in asked["items"]}
    assert [asked["items"][item] for item in asked["answer"]] == sorted(slopes, key=slopes.get)
    for label, value in slopes.items():
        word = asked["explains"].split(f" ({label})")[0].split()[-1].replace("−", "-")
        assert float(word) == pytest.approx(value, abs=0.006)
    assert question("data", DEPTH)["answer"] is None
    result = canned(decay, DATA)
    same = tuple(replace(curve, fit=result.curves[0].fit) for curve in result.curves)
    assert LESSON.preset("data").question.asked(DATA, replace(result, curves=same))["answer"] is None


def test_what_depth_does_to_the_slope_of_digits():
    def asked(*exponents):
        result = canned(decay, DEPTH)
        curves = tuple(
            replace(curve, fit=None if slope is None else replace(curve.fit, exponent=slope))
            for curve, slope in zip(result.curves, exponents, strict=False)
        )
        return LESSON.preset("digits").question.asked(DEPTH, replace(result, curves=curves))

    steeper, same, flatter = asked(-1, -1.2, -1.5), asked(-2, -1.99, -2.04), asked(-1.3, -1, -0.5)
    assert [one["options"][one["answer"]] for one in (steeper, same, flatter)] == [
        *("it gets steeper", "it stays the same", "it gets flatter")
    ]
    assert flatter["explains"] == "The fitted slope is −1.30 at L = 1 and −0.50 at L = 3."
    assert asked(-1, None)["answer"] is None
    assert asked(-1, -1.03)["answer"] == 1
    assert asked(-1, -1.06)["answer"] == 0
    assert question("digits", KERNEL)["answer"] is None
    assert question("digits", DEPTH)["answer"] == 1


def test_which_architecture_needs_the_fewest_modes():
    asked = question("conv", ARCHITECTURES)
    ranks = {}
    for label, (_, values, _) in expected(ARCHITECTURES).items():
        ranks[label] = math.exp(-np.sum(values * np.log(values)))
    assert asked["options"][asked["answer"]] == min(ranks, key=ranks.get)
    for label, rank in ranks.items():
        assert f"{rank:.3g} ({label})" in asked["explains"]
    assert "of 60 modes" in asked["explains"]
    assert question("conv", DEPTH)["answer"] is None
