"""What the spectrum explorer draws and says, trace by trace, against kernels that are decomposed here once more."""

import json
import math
from dataclasses import replace
from functools import cached_property

import numpy as np
import pytest

from ntkviz.data import CircleFunction, CirclePoints, Diabetes, Digits, Moons, Wine, load
from ntkviz.experiments import spectrum
from ntkviz.experiments.spectrum import Spec
from ntkviz.figures import theme
from ntkviz.figures.picture import draw
from ntkviz.figures.spectrum import view
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.kernels.infinite import infinite_kernels
from ntkviz.lessons.spectrum import LESSON
from ntkviz.nets import Architecture, ConvNet, init
from ntkviz.writing import percent, written
from tests.canned import canned
from tests.drawn import chart, drawn, names, numbers, sentences

pytestmark = pytest.mark.drawn

N = 64
ARCH = Architecture(depth=2, width=64, sigma_b=0.3)
CIRCLE = Spec(arch=ARCH, data=CircleFunction(n=N, terms="1:1, 3:0.5, 5:0.25"))
NO_BIAS = replace(CIRCLE, arch=replace(ARCH, depth=1, sigma_b=0.0))
SMOOTH = replace(CIRCLE, arch=replace(ARCH, activation="erf"), data=CircleFunction(n=128, terms="1:1, 60:1"))
MANY = replace(CIRCLE, data=CircleFunction(n=300))
RANDOM = replace(CIRCLE, data=CircleFunction(n=50, placing="random"))
MOONS = replace(CIRCLE, data=Moons(n=40))
DIGITS = replace(CIRCLE, data=Digits(n=40))
DIABETES = replace(CIRCLE, data=Diabetes(n=40))
WINE = replace(CIRCLE, data=Wine(n=40))
ALL = {
    "circle": CIRCLE,
    "no bias": NO_BIAS,
    "smooth": SMOOTH,
    "many": MANY,
    "random": RANDOM,
    "moons": MOONS,
    "digits": DIGITS,
    "diabetes": DIABETES,
    "wine": WINE,
}
EVERY = pytest.mark.parametrize("spec", ALL.values(), ids=ALL)
THEORY, NETWORK = theme.THEORY.name, theme.FINITE.name


class Again:
    """A result once more, from NumPy's own decomposition."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self.data = spec, load(spec.data)
        self.n = len(self.data.x)

    @cached_property
    def result(self):
        return canned(spectrum, self.spec)

    @cached_property
    def view(self):
        return view(self.result)

    @cached_property
    def theory(self):
        return np.asarray(infinite_kernels(self.spec.arch, self.data.x).ntk)

    @cached_property
    def network(self):
        params = init(self.spec.arch, self.data.x.shape[1], seed=self.spec.seed)
        return np.asarray(empirical_ntk(self.spec.arch, params, self.data.x), np.float64)

    @cached_property
    def systems(self):
        """Descending eigenvalues and eigenvectors of both."""
        both = [np.linalg.eigh(kernel) for kernel in (self.theory, self.network)]
        return [(values[::-1], vectors[:, ::-1]) for values, vectors in both]

    @property
    def modes(self):
        return len(self.view.scrub.values)

    @property
    def relative(self):
        """Eigenvalues of both over the theory's largest."""
        (theory, _), (network, _) = self.systems
        return theory / theory[0], network / theory[0]

    @cached_property
    def spaces(self):
        """First and last drawn mode, from 0, of each eigenvalue of the theory: those that differ by 1e-7 are one."""
        values = self.relative[0]
        starts = [0] + [i for i in range(1, self.modes) if values[i - 1] - values[i] > 1e-7 * values[i - 1] + 1e-12]
        return [(a, b - 1) for a, b in zip(starts, [*starts[1:], self.modes], strict=True)]

    def share(self, which: int, first: int, last: int) -> float:
        """Of the target in modes from first to last: y projected on their span."""
        vectors = self.systems[which][1][:, first : last + 1]
        return float(np.sum((vectors.T @ self.data.y) ** 2) / np.sum(self.data.y**2))

    @cached_property
    def order(self):
        """The points by angle, by target or by class, and within a class by the theory's second mode."""
        if self.data.angle is not None:
            return np.argsort(self.data.angle)
        if self.data.task == "regression":
            return np.argsort(self.data.y[:, 0], kind="stable")
        second, of_network = (vectors[:, 1] for _, vectors in self.systems)
        of_network = of_network * np.sign(of_network[np.abs(of_network).argmax()])  # its largest entry is positive
        second = second * np.sign(second @ of_network)  # the sign that is nearer to the network's
        return np.lexsort((second, self.data.label))


MADE: dict[Spec, Again] = {}


def again(spec: Spec) -> Again:
    return MADE.setdefault(spec, Again(spec))


def close(drawn_values, expected, scale=1.0):
    """Equal but for float32, in which charts are sent, and the rounding of two routes to one number."""
    np.testing.assert_allclose(drawn_values, expected, rtol=2e-6, atol=2e-6 * scale)


# eigenvalues


@EVERY
def test_eigenvalues_of_theory_and_network_over_the_theorys_largest(spec):
    it = again(spec)
    assert names(it.view, "spectrum")[:3] == [THEORY, NETWORK, "selected"]
    for name, values in zip((THEORY, NETWORK), it.relative, strict=True):
        seen = drawn(it.view, "spectrum", name)
        assert (seen.meaning, seen.answer) == (name, True)
        close(seen.x[0], np.arange(1, it.n + 1))
        clear = values > 1e-12
        np.testing.assert_allclose(seen.y[0][clear], values[clear], rtol=1e-4)
        assert np.all((seen.y[0][~clear] < 2e-12) | np.isnan(seen.y[0][~clear]))
        assert not np.any(seen.y[0] <= 0)


@EVERY
def test_the_selected_mode_is_marked_on_both_curves(spec):
    it = again(spec)
    seen, found = drawn(it.view, "spectrum", "selected"), chart(it.view, "spectrum")
    assert (seen.meaning, seen.answer) == ("selected", True)
    assert seen.y.shape == (it.modes, 2)
    for column, name in enumerate((THEORY, NETWORK)):
        curve = drawn(it.view, "spectrum", name)
        close(seen.x[:, column], curve.x[0][: it.modes])
        close(seen.y[:, column], curve.y[0][: it.modes])
    close(found.cursor, np.arange(1, it.modes + 1))


@EVERY
def test_the_axes_hold_what_is_drawn_and_are_known_before_it_is(spec):
    it = again(spec)
    found = chart(it.view, "spectrum")
    x, y, later = found.figure.layout.xaxis, found.figure.layout.yaxis, found.layout_answer
    smooth = spec.arch.activation == "erf"
    assert (x.title.text, x.type) == ("mode i", None if smooth else "log")
    assert (y.title.text, y.type) == ("λ<sub>i</sub> / λ<sub>1</sub>", "log")
    close(x.range, (0, it.n) if smooth else np.log10([1 / 1.3, 1.3 * it.n]))
    close(y.range, np.log10([(1e-16 if smooth else 1e-8) / 1.3, 1.3]))
    result = it.result
    both = result.pair.theory, result.pair.network
    seen = [value / both[0].eigenvalues[0] for modes in both for value in modes.eigenvalues[: modes.resolved]]
    floor = max(result.pair.theory.floor, result.pair.network.floor) / result.pair.theory.eigenvalues[0]
    below = min(result.pair.theory.resolved, result.pair.network.resolved) < it.n
    low = min([*seen, floor] if below else seen)
    np.testing.assert_allclose(later["yaxis"]["range"], np.log10([low / 1.3, 1.3 * max(seen)]), rtol=1e-6)
    if smooth:
        resolved = int((result.pair.theory.eigenvalues > result.pair.theory.floor).sum())
        assert later["xaxis"]["range"] == [0, pytest.approx(1.1 * resolved)]
    else:
        assert "xaxis" not in later


@EVERY
def test_the_floor_is_drawn_where_an_eigenvalue_reaches_it(spec):
    """λ_max (ε/2 + √N ε/5) for a decomposition, ε Σ|row| for a transform, or what noise is below zero."""
    it = again(spec)
    eps = 2.0**-52
    (theory, _), (network, _) = it.systems
    circle = isinstance(spec.data, CircleFunction) and spec.data.placing == "equispaced"
    noise = eps / 2 + math.sqrt(it.n) * eps / 5
    floors = [eps * np.abs(it.theory[0]).sum() if circle else max(noise * theory[0], -theory[-1])]
    floors.append(max(noise * network[0], -network[-1]))
    reached = (spec in (NO_BIAS, SMOOTH)) or network[-1] <= floors[1]
    assert (theme.FLOOR.name in names(it.view, "spectrum")) == reached
    if reached:
        seen = drawn(it.view, "spectrum", theme.FLOOR.name)
        assert (seen.meaning, seen.answer) == (theme.FLOOR.name, True)
        close(seen.x[0], [1, it.n])
        np.testing.assert_allclose(seen.y[0], max(floors) / theory[0], rtol=0.5)  # noise differs from run to run
        assert seen.y[0][0] == seen.y[0][1] == pytest.approx(it.result.pair.floor, rel=1e-6)


@EVERY
def test_words_beside_the_eigenvalues(spec):
    it = again(spec)
    found, pair = chart(it.view, "spectrum"), it.result.pair
    assert found.alt == "Empty axes for the eigenvalues of the kernel, relative to the largest, over their number i."
    theory, network = (modes.eigenvalues[modes.resolved - 1] / pair.theory.eigenvalues[0]
                       for modes in (pair.theory, pair.network))  # fmt: skip
    assert f"Eigenvalues of {it.n} modes" in found.alt_answer
    assert f"fall to {written(theory, 2)} at mode " in found.alt_answer
    assert f"for theory, and to {written(network, 2)} at mode " in found.alt_answer
    at_modes = [int(part.split()[0]) for part in found.alt_answer.split(" at mode ")[1:]]
    assert at_modes == [pair.theory.resolved, pair.network.resolved]
    assert "number i?" in found.prompt
    assert "orange" in found.prompt_answer and "blue" in found.prompt_answer


def read(text: str, before: str, after: str) -> float:
    """The number between two parts of a sentence, such as 3.7 × 10⁻⁵ or 12 %."""
    word = text.split(before, 1)[1].split(after, 1)[0]
    raised = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    mantissa, _, exponent = word.replace("−", "-").partition(" × 10")
    return float(mantissa) * 10.0 ** int(exponent.translate(raised) or 0)


# the selected mode


def eigenvectors(it, frames, which):
    """Each drawn curve of unit mean square is an eigenvector of its kernel, at its place in the order."""
    values = np.zeros((it.modes, it.n))
    values[:, it.order] = frames
    kernel, size = (it.theory, it.network)[which], it.systems[which][0]
    close(np.mean(values**2, axis=1), np.ones(it.modes), 5)
    np.testing.assert_allclose(values @ kernel, size[: it.modes, None] * values, atol=3e-6 * size[0])


@pytest.mark.parametrize("spec", [CIRCLE, RANDOM, DIABETES, WINE], ids=["circle", "random", "diabetes", "wine"])
def test_curves_are_the_eigenvectors_of_their_kernels(spec):
    it = again(spec)
    drawing = drawn(it.view, "mode", THEORY)
    assert names(it.view, "mode") == (["target"] if it.data.y.shape[1] == 1 else []) + [NETWORK, THEORY]
    for which, name in enumerate((THEORY, NETWORK)):
        seen = drawn(it.view, "mode", name)
        assert (seen.meaning, seen.answer) == (name, True)
        eigenvectors(it, seen.y, which)
        assert seen.trace.mode == ("lines" if it.data.angle is not None else "markers")
    place = np.rad2deg(it.data.angle[it.order]) if it.data.angle is not None else np.arange(1, it.n + 1)
    close(drawing.x[0], place, 300)
    close(drawn(it.view, "mode", NETWORK).x[0], place, 300)
    # signs and phases are those of the network
    pairs = np.sum(drawing.y * drawn(it.view, "mode", NETWORK).y, axis=1)
    assert np.all(pairs[: it.spaces[3][1]] > 0)


@pytest.mark.parametrize("spec", [CIRCLE, RANDOM, DIABETES], ids=["circle", "random", "diabetes"])
def test_the_target_stands_beside_the_mode_before_the_guess(spec):
    it = again(spec)
    seen = drawn(it.view, "mode", "target")
    assert (seen.meaning, seen.answer) == ("target", False)
    y = it.data.y[it.order, 0]
    close(seen.y[0], y / math.sqrt(np.mean(y**2)))
    close(seen.x[0], drawn(it.view, "mode", THEORY).x[0])
    assert "target" in chart(it.view, "mode").alt


def test_axes_of_the_mode():
    circle, wine = (chart(again(spec).view, "mode") for spec in (CIRCLE, WINE))
    assert (circle.figure.layout.xaxis.title.text, circle.figure.layout.xaxis.range) == ("angle (degrees)", (0, 360))
    assert list(circle.figure.layout.xaxis.tickvals) == [0, 90, 180, 270, 360]
    assert circle.figure.layout.yaxis.title.text == "u<sub>i</sub>(x)"
    assert circle.figure.layout.yaxis.range == (-1.6, 1.6)
    pictures = again(CIRCLE).result.pictures
    high = np.quantile(np.abs([pictures.theory, pictures.network]), 0.9995)
    close(circle.layout_answer["yaxis"]["range"], [-high, high])
    axis, label = wine.figure.layout.xaxis, np.sort(again(WINE).data.label)
    assert axis.title.text == "inputs, sorted by class"
    assert axis.ticktext == again(WINE).data.classes
    close(axis.tickvals, [np.mean(np.flatnonzero(label == one) + 1) for one in range(3)])
    assert chart(again(DIABETES).view, "mode").figure.layout.xaxis.title.text == "inputs, sorted by target"
    assert wine.alt == "An empty chart over the inputs, sorted by class."
    assert wine.alt_answer.endswith("of the network over the inputs, sorted by class.")
    assert circle.alt_answer.endswith("over the angle (degrees), beside the target.")
    assert "blue" in circle.prompt_answer and "orange" in circle.prompt_answer


def test_modes_of_images_are_images():
    it = again(DIGITS)
    assert names(it.view, "mode") == ["theory", "network"]
    for which, name in enumerate(("theory", "network")):
        seen = drawn(it.view, "mode", name)
        assert (seen.meaning, seen.answer) == (name, True)
        assert seen.z.shape == (it.modes, 8, 8)
        vectors = it.systems[which][1][:, : it.modes]
        for mode in (0, 1, 5, it.modes - 1):
            picture = (vectors[:, mode] @ it.data.x).reshape(8, 8)
            unit = picture / np.abs(picture).max()
            sign = np.sign(np.sum(unit * seen.z[mode]))
            np.testing.assert_allclose(seen.z[mode], sign * unit, atol=1e-4)
        assert (seen.trace.xaxis, seen.trace.yaxis) == [("x", "y"), ("x2", "y2")][which]
        assert (seen.trace.zmin, seen.trace.zmax, seen.trace.zsmooth) == (-1, 1, False)
        assert list(map(list, seen.trace.colorscale)) == [list(step) for step in theme.DIVERGING]
    layout = chart(it.view, "mode").figure.layout
    assert layout.yaxis.autorange == layout.yaxis2.autorange == "reversed"  # the first row is the top
    side_by_side(layout)
    assert "purple" in chart(it.view, "mode").prompt_answer and "image" in chart(it.view, "mode").alt


def side_by_side(layout):
    """Theory left, network right, each under its name in its colour."""
    left, right = layout.annotations
    assert (left.text, left.font.color) == ("<b>theory</b>", theme.THEORY.color)
    assert (right.text, right.font.color) == ("<b>network</b>", theme.FINITE.color)
    for note, domain in ((left, layout.xaxis.domain), (right, layout.xaxis2.domain)):
        assert note.x == pytest.approx(sum(domain) / 2)
    assert layout.xaxis.domain[1] < layout.xaxis2.domain[0]
    assert (layout.xaxis2.anchor, layout.yaxis2.scaleanchor, layout.yaxis.scaleanchor) == ("y2", "x2", "x")


def test_modes_in_the_plane_continue_those_at_the_points():
    """At any place the map is Θ(x, X) u/λ, to the scale of its largest value; the data are on both maps."""
    it = again(MOONS)
    grid = it.data.grid(28)
    params = init(it.spec.arch, 2, seed=0)
    kernels = infinite_kernels(it.spec.arch, grid, it.data.x).ntk, empirical_ntk(it.spec.arch, params, grid, it.data.x)
    for which, name in enumerate(("theory", "network")):
        seen = drawn(it.view, "mode", name)
        assert (seen.meaning, seen.answer) == (name, True)
        values, vectors = it.systems[which]
        for mode in (0, 2, 7):
            field = np.asarray(kernels[which]) @ vectors[:, mode] / values[mode]
            unit = (field / np.abs(field).max()).reshape(28, 28)
            sign = np.sign(np.sum(unit * seen.z[mode]))
            np.testing.assert_allclose(seen.z[mode], sign * unit, atol=1e-4)
        close(seen.x[0], grid[:28, 0])
        close(seen.y[0], grid[::28, 1])
        dots = drawn(it.view, "mode", f"data, beside {name}")
        assert (dots.meaning, dots.answer, dots.trace.xaxis) == ("data", False, seen.trace.xaxis)
        assert dots.trace.yaxis == seen.trace.yaxis
        close(np.stack([dots.x[0], dots.y[0]], axis=1), it.data.x)
    layout = chart(it.view, "mode").figure.layout
    assert layout.yaxis.autorange is None and layout.showlegend is False
    side_by_side(layout)
    assert chart(it.view, "mode").alt == "The data in the plane, twice."
    assert "mode in the plane" in chart(it.view, "mode").prompt_answer
    assert "mode over the plane" in chart(it.view, "mode").alt_answer


# the target


@EVERY
def test_shares_of_the_target_are_those_of_whole_eigenspaces(spec):
    it = again(spec)
    assert names(it.view, "target") == [THEORY, NETWORK, "theory, sum so far", "network, sum so far", "selected"]
    firsts, lasts = np.array(it.spaces).T
    middle = (firsts + lasts) / 2 + 1
    shares = [np.array([it.share(which, *space) for space in it.spaces]) for which in (0, 1)]
    for name, expected, total in zip((THEORY, NETWORK), shares, ("theory", "network"), strict=True):
        seen, summed = drawn(it.view, "target", name), drawn(it.view, "target", f"{total}, sum so far")
        assert (seen.meaning, summed.meaning, seen.answer, summed.answer) == (name, name, True, True)
        close(seen.x[0], middle)
        np.testing.assert_allclose(seen.y[0], expected, atol=1e-5)
        close(summed.x[0], lasts + 1)
        np.testing.assert_allclose(summed.y[0], np.cumsum(expected), atol=1e-5)
    bars = drawn(it.view, "target", THEORY)
    assert bars.trace.type == "bar" and drawn(it.view, "target", NETWORK).trace.type == "scatter"
    close(bars.width[0], lasts - firsts + 1)


@EVERY
def test_the_bar_of_the_selected_mode(spec):
    it = again(spec)
    seen, bars = drawn(it.view, "target", "selected"), drawn(it.view, "target", THEORY)
    assert (seen.meaning, seen.answer) == ("selected", True)
    at = [next(s for s, (first, last) in enumerate(it.spaces) if first <= mode <= last) for mode in range(it.modes)]
    for attribute in ("x", "y", "width"):
        close(getattr(seen, attribute)[:, 0], getattr(bars, attribute)[0][at])
    close(chart(it.view, "target").cursor, np.arange(1, it.modes + 1))


def test_on_the_circle_the_bars_are_the_powers_of_the_waves():
    """Target cos + cos 3·/2 + cos 5·/4: shares 16, 4 and 1 of 21, whatever the network is."""
    it = again(CIRCLE)
    values = np.fft.rfft(it.theory[0]).real
    order = np.argsort(-values)
    bars = drawn(it.view, "target", THEORY)
    power = dict(zip(order.tolist(), bars.y[0], strict=False))
    close([power[k] for k in (1, 3, 5)], np.array([16, 4, 1]) / 21)
    assert sum(power.values()) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(bars.width[0], [1 if k in (0, N // 2) else 2 for k in order[: len(bars.y[0])]])


def test_axes_and_words_of_the_target():
    it = again(CIRCLE)
    found = chart(it.view, "target")
    layout = found.figure.layout
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("mode i", "share of the target")
    close(layout.xaxis.range, [0.3, it.modes + 0.7])
    close(layout.yaxis.range, [0, 1.04])
    assert layout.yaxis.tickformat == ".0%"
    assert (layout.barmode, layout.bargap) == ("overlay", 0)
    assert found.alt == "Empty axes for the target's share in each mode."
    assert found.alt_answer.startswith("The first 11 modes hold 100 % of the target")
    without = chart(again(NO_BIAS).view, "target").alt_answer
    assert read(without, "modes hold ", " %") == pytest.approx(100 * 16 / 21, abs=0.6)
    assert "sum so far" in found.prompt_answer and "first" in found.prompt


@EVERY
def test_the_slider_runs_over_the_modes_and_starts_at_the_targets(spec):
    it = again(spec)
    scrub = it.view.scrub
    assert (scrub.label, scrub.play) == ("mode", False)
    strongest = max(it.spaces, key=lambda space: it.share(0, *space))
    assert scrub.start == strongest[0]
    numbers_of = [int(name.split()[0]) for name in scrub.values]
    assert numbers_of == list(range(1, it.modes + 1))
    assert it.modes == min(it.modes, 41)
    whole = [last + 1 for _, last in it.spaces]
    assert whole[-1] == it.modes
    if spec is CIRCLE:
        frequency = [int(name.split("frequency ")[1].rstrip(")")) for name in scrub.values]
        np.testing.assert_array_equal(frequency, again(CIRCLE).result.frequencies.of_modes[: it.modes])
    if spec in (RANDOM, DIGITS):
        assert list(scrub.values) == [str(i) for i in range(1, it.modes + 1)]
    assert it.view.columns == 3
    assert [one.name for one in it.view.charts] == [
        *("spectrum", "mode", "target", "kernel-theory", "kernel-network", "kernel-difference")
    ]


# kernels


@EVERY
def test_kernels_are_drawn_on_sorted_points(spec):
    it = again(spec)
    every = math.ceil(it.n / 96)
    kept = it.order[::every]
    rows = np.ix_(kept, kept)
    both = {"kernel-theory": it.theory, "kernel-network": it.network, "kernel-difference": it.network - it.theory}
    meanings = {"kernel-theory": THEORY, "kernel-network": NETWORK, "kernel-difference": "network minus theory"}
    place = np.rad2deg(it.data.angle[kept]) if it.data.angle is not None else np.arange(1, it.n + 1)[::every]
    for name, kernel in both.items():
        assert names(it.view, name) == [meanings[name]]
        seen = drawn(it.view, name, meanings[name])
        assert seen.meaning == meanings[name]
        assert seen.answer == (name != "kernel-theory")
        close(seen.z[0], kernel[rows], np.abs(it.theory).max())
        close(seen.x[0], place, 300)
        close(seen.y[0], place, 300)
        noted = chart(it.view, name).figure.layout.meta
        size = f"{len(kept)} × {len(kept)} points"
        assert size in chart(it.view, name).alt
        assert (noted == {"note": f"{size} of {it.n}"}) if len(kept) < it.n else noted is None
        layout = chart(it.view, name).figure.layout
        assert (layout.yaxis.autorange, layout.yaxis.scaleanchor) == ("reversed", "x")
        assert layout.xaxis.title.text == chart(it.view, "kernel-theory").figure.layout.xaxis.title.text


def test_scales_of_the_kernels():
    """Theory and network share the theory's colours; those of the difference are symmetric, and of no kernel."""
    it = again(CIRCLE)
    for name, meaning in (("kernel-theory", THEORY), ("kernel-network", NETWORK)):
        trace = drawn(it.view, name, meaning).trace
        close([trace.zmin, trace.zmax], [it.theory.min(), it.theory.max()])
        assert trace.colorscale == drawn(it.view, "kernel-theory", THEORY).trace.colorscale
    trace = drawn(it.view, "kernel-difference", "network minus theory").trace
    away = np.abs(it.network - it.theory).max()
    close([trace.zmin, trace.zmax], [-away, away])
    assert list(map(list, trace.colorscale)) == [list(step) for step in theme.DIVERGING]
    same = view(replace(it.result, heat=replace(it.result.heat, network=it.result.heat.theory)))
    trace = drawn(same, "kernel-difference", "network minus theory").trace
    assert (trace.zmin, trace.zmax) == (-1, 1)
    assert chart(it.view, "kernel-theory").figure.layout.xaxis.title.text == "angle (degrees)"
    assert chart(again(MOONS).view, "kernel-theory").figure.layout.xaxis.title.text == "inputs, sorted by class"


def test_no_other_thing_has_the_colours_of_theory_and_network():
    used = {color for _, color in theme.DIVERGING} | set(theme.HUES)
    assert not used & {theme.THEORY.color, theme.FINITE.color}


def test_words_beside_the_kernels():
    it = again(CIRCLE)
    theory = chart(it.view, "kernel-theory")
    assert f"exact to {written(it.result.exact, 2)} of its largest entry" in theory.prompt
    slow = replace(it.result, exact=None)
    assert "exact" not in chart(view(slow), "kernel-theory").prompt
    assert "width 64" in chart(it.view, "kernel-network").prompt
    assert "width 64" in chart(it.view, "kernel-network").alt
    away = np.linalg.norm(it.network - it.theory) / np.linalg.norm(it.theory)
    assert chart(it.view, "kernel-difference").alt_answer.endswith(f"In norm it is {percent(away)} of the theory's.")
    assert chart(again(MANY).view, "kernel-theory").alt.endswith("on 75 × 75 points of 300.")


# numbers


@EVERY
def test_every_number(spec):
    it = again(spec)
    found = numbers(spectrum, it.result)
    (theory, _), (network, _) = it.systems
    floors = it.result.pair.theory.floor, it.result.pair.network.floor

    def condition(values, floor):
        return values[0] / max(values[-1], floor)

    def rank(values, floor):
        shares = values[values > floor] / values[values > floor].sum()
        return math.exp(-np.sum(shares * np.log(shares)))

    def references(name):
        return {one.name: one.value for one in found[name].references}

    clear = network[-1] > 10 * floors[1]
    assert found["Condition number"].value == pytest.approx(condition(network, floors[1]), rel=1e-3 if clear else 0.5)
    assert references("Condition number")["theory"] == pytest.approx(condition(theory, floors[0]), rel=1e-3)
    assert ("lower bound" in found["Condition number"].caveat) == (network[-1] <= floors[1])
    assert found["Effective rank"].value == pytest.approx(rank(network, floors[1]), rel=1e-5)
    assert references("Effective rank")["theory"] == pytest.approx(rank(theory, floors[0]), rel=1e-5)
    assert found["Effective rank"].unit == f"of {it.n} modes"
    assert found["Largest eigenvalue"].value == pytest.approx(100 * network[0] / np.trace(it.network), rel=1e-5)
    assert references("Largest eigenvalue")["theory"] == pytest.approx(100 * theory[0] / np.trace(it.theory), rel=1e-5)
    assert found["Smallest eigenvalue"].value == pytest.approx(network[-1] / network[0], rel=1e-3, abs=1e-15)
    assert (found["Smallest eigenvalue"].claim, found["Smallest eigenvalue"].agrees) == (4, True)
    away = np.linalg.norm(it.network - it.theory) / np.linalg.norm(it.theory)
    assert found["Distance from theory"].value == pytest.approx(100 * away, rel=1e-6)
    last = next(last for _, last in it.spaces if last >= 9)
    top = found["Target in the first modes"]
    assert top.value == pytest.approx(100 * it.share(1, 0, last), abs=1e-5)
    assert references("Target in the first modes")["theory"] == pytest.approx(100 * it.share(0, 0, last), abs=1e-5)
    assert f"first {last + 1} modes" in top.help
    assert found["Target never learned"].value == pytest.approx(100 * 5 / 21 if spec is NO_BIAS else 0, abs=1e-9)
    assert [finding.unit for finding in found.values()] == [
        *("", f"of {it.n} modes", "% of the trace", "of the largest", "%", "%", "%")
    ]
    assert all(finding.answer for finding in found.values())


def test_a_kernel_with_a_negative_eigenvalue_is_seen():
    """The noise of a decomposition is none: λ_max (ε/2 + √N ε/5) and no more."""
    result = again(CIRCLE).result
    network = result.pair.network

    def smallest(value):
        values = np.r_[network.eigenvalues[:-1], value * network.eigenvalues[0]]
        pair = replace(result.pair, network=replace(network, eigenvalues=values))
        return numbers(spectrum, replace(result, pair=pair))["Smallest eigenvalue"]

    noise = 2.0**-52 * (0.5 + math.sqrt(N) / 5)
    assert smallest(-1.01 * noise).agrees is False
    assert smallest(-0.99 * noise).agrees is True
    assert smallest(-1e-3).value == pytest.approx(-1e-3)
    assert smallest(0.0).expected.high == 1


# sentences


def what_is_said(**arch):
    return sentences(spectrum, canned(spectrum, replace(CIRCLE, arch=replace(ARCH, **arch))))


def test_what_is_never_learned_is_computed_for_the_kernel_at_hand():
    assert what_is_said() == []
    (relu,) = what_is_said(depth=1, sigma_b=0.0)
    assert "lacks the odd frequencies from 3 on: their eigenvalue is exactly zero" in relu
    assert "24 % of the target lies there" in relu
    assert relu.endswith("Biases (σ_b > 0) or another hidden layer would bring them back.")
    (erf,) = what_is_said(depth=1, sigma_b=0.0, activation="erf")
    assert "lacks the even frequencies:" in erf
    assert "The target has no part there." in erf
    assert erf.endswith("there. Biases (σ_b > 0) would bring them back.")  # a second layer of erf stays odd
    (linear,) = what_is_said(depth=1, sigma_b=0.0, activation="linear")
    assert "lacks all frequencies but 1:" in linear
    assert "24 % of the target" in linear
    assert linear.endswith("24 % of the target lies there.")  # neither biases nor depth add frequencies beyond 0
    (shallow,), (deep,) = (
        what_is_said(depth=1, sigma_b=0.0, activation="abs"),
        what_is_said(depth=3, sigma_b=0.0, activation="abs"),
    )
    assert "lacks the odd frequencies:" in shallow and shallow == deep
    assert "100 % of the target lies there" in deep
    (sigmoid,) = what_is_said(depth=1, sigma_b=0.0, activation="sigmoid")
    assert "lacks the even frequencies from 2 on:" in sigmoid


def test_positive_but_below_the_floor_is_not_zero():
    (said,) = sentences(spectrum, again(SMOOTH).result)
    assert "exactly zero" not in said
    theory = again(SMOOTH).result.pair.theory
    below = int((theory.eigenvalues <= theory.floor).sum())
    assert f"50 % of the target lies in {below} modes whose eigenvalues are positive but too small" in said
    assert read(said, "computed: below ", " of the largest") == pytest.approx(
        theory.floor / theory.eigenvalues[0], rel=0.06
    )


def test_away_from_equal_steps_nothing_is_known_to_be_zero():
    """Two waves of a linear network span its kernel; the rest of the target is lost, at random angles too."""
    spec = replace(RANDOM, arch=replace(ARCH, activation="linear"))
    (said,) = sentences(spectrum, canned(spectrum, spec))
    assert "eigenvalues are zero, or too small to be computed" in said
    assert "frequenc" not in said


def test_warnings_of_the_data_are_said_before_the_guess():
    data = CirclePoints(points="0:1, 360:-1, 90:0.5, 200:1")  # two points at one angle
    remark = spectrum.remarks(canned(spectrum, replace(CIRCLE, data=data)))[0]
    assert [remark.text] == list(load(data).warnings)
    assert remark.answer is False
    assert all(one.answer for one in spectrum.remarks(again(NO_BIAS).result))


# before the guess


def visible(result):
    """All that the browser may draw of a picture before the guess."""
    picture = json.loads(json.dumps([_known(one) for one in view(result).charts]))
    drawn_picture = draw(spectrum.__name__, result)
    told = [number.label for number in drawn_picture.numbers if not number.answer]
    return picture, told, [remark.text for remark in drawn_picture.remarks if not remark.answer]


def _known(one):
    figure = one.figure.to_plotly_json()
    kept = [trace for trace in json.loads(one.figure.to_json())["data"] if trace["name"] not in one.answers]
    layout = json.loads(one.figure.to_json())["layout"]
    frames = {name: {key: rows.tolist() for key, rows in of.items()} for name, of in one.frames.items()}
    frames = {name: of for name, of in frames.items() if name not in one.answers}
    assert len(figure["data"]) >= len(kept)
    return [one.name, one.alt, one.prompt, one.span, kept, layout, frames]


@EVERY
def test_nothing_visible_before_the_guess_depends_on_the_answer(spec):
    """Other eigenvalues of both kernels, another network, other shares: the same axes, target and theory's kernel."""
    result = again(spec).result
    theory, network = (replace(modes, eigenvalues=modes.eigenvalues**1.1 if modes.eigenvalues[-1] > 0 else
                               modes.eigenvalues * 1.1, shares=modes.shares[::-1].copy())
                       for modes in (result.pair.theory, result.pair.network))  # fmt: skip
    pictures = replace(result.pictures, theory=2 * result.pictures.theory, network=-result.pictures.network)
    other = replace(
        result,
        pair=replace(result.pair, theory=theory, network=network),
        pictures=pictures,
        heat=replace(result.heat, network=2 * result.heat.network),
        distance=0.5,
    )
    assert visible(other) == visible(result)
    assert [chart(view(other), name).alt_answer for name in ("spectrum", "kernel-difference")] != [
        chart(view(result), name).alt_answer for name in ("spectrum", "kernel-difference")
    ]


def question(key, result):
    preset = LESSON.preset(key)
    assert preset.question.slot == "a"
    return preset.question.asked(result.spec, result)


def test_the_sketch_is_of_the_theorys_eigenvalues():
    it = again(CIRCLE)
    asked = question("circle", it.result)
    close(asked["answer"]["x"], np.arange(1, N + 1))
    np.testing.assert_allclose(asked["answer"]["y"], it.relative[0], rtol=1e-6)
    assert (asked["chart"], asked["x"], asked["y"]) == ("spectrum", [1, N], [1e-8, 1])
    assert f"mode {N}" in asked["asks"] and "Both axes" in asked["asks"]
    factor = it.relative[0][9] / it.relative[0][N - 1]
    assert read(asked["explains"], "by a factor of ", ":") == pytest.approx(factor, rel=0.06)
    slope = -math.log(factor) / math.log(N / 10)
    assert read(asked["explains"], "mean slope of ", ". At") == pytest.approx(slope, abs=0.006)
    assert read(asked["explains"], f"mode {N} takes ", " times") == pytest.approx(1 / it.relative[0][-1], rel=0.06)
    smooth = question("circle", again(SMOOTH).result)
    assert "The vertical axis" in smooth["asks"]
    assert smooth["y"] == [1e-16, 1]
    assert min(smooth["answer"]["y"]) >= 1e-16
    linear = question("circle", canned(spectrum, replace(CIRCLE, arch=replace(ARCH, activation="linear"))))
    assert linear["explains"].startswith("At infinite width mode 3 takes")
    for reply in asked["replies"]:
        assert all(1e-8 <= y <= 1 for y in reply["like"]["y"])
        assert reply["like"]["x"][0] == 1 and reply["like"]["x"][-1] == pytest.approx(N)


def test_typical_wrong_sketches_are_what_their_replies_say():
    replies = {reply["text"]: reply["like"] for reply in question("circle", again(CIRCLE).result)["replies"]}
    for words, slope in (("flat", 0), ("1/i", -1), ("i⁻⁴", -4)):
        curve = next(like for text, like in replies.items() if words in text)
        x, y = np.array(curve["x"]), np.array(curve["y"])
        inside = y > 1.1e-8
        assert np.polyfit(np.log(x[inside]), np.log(y[inside]), 1)[0] == pytest.approx(slope, abs=1e-6)
    curve = next(like for text, like in replies.items() if "exponential" in text)
    steps = np.diff(np.log(curve["y"])) / np.diff(curve["x"])
    np.testing.assert_allclose(steps, math.log(1e-8) / N, rtol=1e-6)


def test_the_choice_of_what_is_lacking():
    def asked(**arch):
        return question("no_bias", canned(spectrum, replace(CIRCLE, arch=replace(ARCH, **arch))))

    relu = asked(depth=1, sigma_b=0.0)
    assert relu["options"][relu["answer"]] == "odd frequencies"
    assert relu["explains"] == what_is_said(depth=1, sigma_b=0.0)[0]
    assert relu["asks"].startswith("The target has the frequencies 1, 3 and 5.")
    erf, linear, plain = (
        asked(depth=1, sigma_b=0.0, activation="erf"),
        asked(depth=1, sigma_b=0.0, activation="linear"),
        asked(),
    )
    assert [one["options"][one["answer"]] for one in (erf, linear, plain)] == [
        *("even frequencies", "even and odd frequencies", "none")
    ]
    assert plain["explains"] == "This kernel has every frequency."
    elsewhere = question("no_bias", again(MOONS).result)
    assert elsewhere["answer"] is None
    assert elsewhere["asks"] == "Which frequencies does the kernel of this network lack?"


def test_from_which_mode_on_a_network_has_lost_the_theory():
    it = again(CIRCLE)
    theory, network = it.relative
    lost = next(i + 1 for i in range(N) if np.all(network[i:] < theory[i:] / 2))
    asked = question("narrow", it.result)
    assert asked["answer"] == lost
    assert f"mode {lost} on, of {N} above rounding" in asked["explains"]
    assert "width 64" in asked["explains"] and "width 64" in asked["asks"]
    assert read(asked["explains"], "The first one is ", " times") == pytest.approx(network[0], rel=0.06)
    assert asked["mark"] == {"chart": "spectrum", "axis": "x"}
    wide = replace(it.result, pair=replace(it.result.pair, network=it.result.pair.theory))
    assert question("narrow", wide)["answer"] is None


def test_how_much_of_the_trace_is_in_the_first_mode():
    it = again(DIGITS)
    asked = question("raw", it.result)
    share = it.systems[0][0][0] / np.trace(it.theory)
    assert asked["answer"] == pytest.approx(100 * share, rel=1e-6)
    assert read(asked["explains"], "The first mode has ", " %") == pytest.approx(100 * share, rel=0.06)
    network = it.systems[1][0][0] / np.trace(it.network)
    assert read(asked["explains"], "infinite width, and ", " %") == pytest.approx(100 * network, rel=0.06)
    constant = it.systems[0][1][:, 0].sum() ** 2 / it.n
    assert read(asked["explains"], "network. ", " %") == pytest.approx(100 * constant, abs=0.6)


def test_an_architecture_on_images_is_drawn_too():
    spec = replace(DIGITS, arch=ConvNet(depth=1, width=8, sigma_b=0.3))
    found = view(canned(spectrum, spec))
    assert drawn(found, "mode", "theory").z.shape[1:] == (8, 8)


def test_the_question_counts_the_points_that_there_are():
    """Of two digits there are about 270 for training, though 1000 may be asked for."""
    spec = replace(CIRCLE, data=Digits(n=1000, question="3-8"))
    asked = LESSON.preset("circle").question.asked(spec, None)
    count = len(load(spec.data).x)
    assert count < 300
    assert asked["x"] == [1, count]
    assert f"mode {count}" in asked["asks"]
