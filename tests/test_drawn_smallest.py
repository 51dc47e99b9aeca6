"""What is drawn and said of the smallest eigenvalue, against eigenvalues and fits by other routes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from ntkviz.data import Twins, load
from ntkviz.experiments import smallest
from ntkviz.figures import theme
from ntkviz.figures.smallest import view
from ntkviz.kernels import empirical_ntk
from ntkviz.lessons.guarantee import LESSON
from ntkviz.nets import init
from ntkviz.sweeps import Sweep
from ntkviz.writing import with_error
from tests.canned import canned
from tests.drawn import before_guess, chart, drawn, names, numbers, same, sentences
from tests.test_guaranteed import erf_kernel
from tests.trained import ends

pytestmark = pytest.mark.drawn

KINK = LESSON.slots["b"].part(LESSON.preset("angle").spec)
SMOOTH = LESSON.slots["b"].part(LESSON.default.spec)
SPECS = pytest.mark.parametrize("spec", [SMOOTH, KINK], ids=["smooth", "kink"])
THEORY = "theory (infinite width)"


def found(spec: smallest.Spec) -> smallest.Result:
    return canned(smallest, spec)


def line(sweep: Sweep) -> tuple[float, float, float]:
    """Exponent, its standard error, and prefactor, by SciPy's other routine."""
    u, v = np.log(np.broadcast_to(sweep.at[:, None], sweep.values.shape).ravel()), np.log(sweep.values.ravel())
    (slope, start), covariance = curve_fit(lambda u, a, b: a * u + b, u, v)
    return float(slope), math.sqrt(covariance[0, 0]), math.exp(start)


def lowest(kernel: np.ndarray) -> float:
    """λ_min over the mean of the diagonal, by singular values."""
    return float(np.linalg.svd(kernel, compute_uv=False)[-1] / np.trace(kernel) * len(kernel))


def test_theory_over_the_angle_is_the_smallest_eigenvalue_of_a_kernel_written_out() -> None:
    values = found(SMOOTH).theory.values
    for row, degrees in enumerate(smallest.DEGREES):
        for seed in range(4):
            x = load(Twins(n=16, dim=10, angle=degrees, seed=seed)).x
            assert values[row, seed] == pytest.approx(lowest(erf_kernel(x)), rel=1e-4)


def test_networks_over_the_angle_are_those_of_their_seeds() -> None:
    values = found(KINK).network.values
    arch = replace(KINK.arch, width=512)
    for seed in range(4):
        x = load(Twins(n=16, dim=10, angle=3.0, seed=seed)).x
        assert values[-1, seed] == pytest.approx(lowest(np.asarray(empirical_ntk(arch, init(arch, 10, seed=seed), x))))


def test_more_points_are_parts_of_the_same_points_on_the_sphere() -> None:
    for dim, sweep in zip((3, 5, 10), found(SMOOTH).counts, strict=True):
        x = np.random.default_rng([2, dim]).standard_normal((128, dim))
        x *= math.sqrt(dim) / np.linalg.norm(x, axis=1, keepdims=True)
        for row, count in enumerate((8, 16, 32)):
            assert sweep.values[row, 2] == pytest.approx(lowest(erf_kernel(x[:count])), rel=1e-3)


@SPECS
def test_each_draw_is_a_dot_and_each_sweep_has_its_fit(spec: smallest.Spec) -> None:
    result, of = found(spec), view(found(spec))
    assert names(of, "angle") == ["network", "network, fit", THEORY, f"{THEORY}, fit"]
    assert names(of, "count") == [f"d = {dim}{end}" for dim in (3, 5, 10) for end in ("", ", fit")]
    drawings = [
        ("angle", "network", result.network, "circle", theme.FINITE.color),
        ("angle", THEORY, result.theory, "diamond-open", theme.THEORY.color),
        *(
            ("count", f"d = {dim}", sweep, "circle", theme.HUES[i])
            for i, (dim, sweep) in enumerate(zip((3, 5, 10), result.counts, strict=True))
        ),
    ]
    for of_chart, name, sweep, symbol, color in drawings:
        dots, fit = drawn(of, of_chart, name), drawn(of, of_chart, f"{name}, fit")
        np.testing.assert_allclose(dots.x[0], np.repeat(sweep.at, 4), rtol=1e-6)
        np.testing.assert_allclose(dots.y[0], sweep.values.ravel(), rtol=1e-6)
        assert (dots.trace.mode, dots.trace.marker.symbol, dots.trace.marker.color) == ("markers", symbol, color)
        slope, _, start = line(sweep)
        np.testing.assert_allclose(fit.x[0], sweep.at[[0, -1]], rtol=1e-6)
        np.testing.assert_allclose(fit.y[0], start * sweep.at[[0, -1]] ** slope, rtol=1e-4)
        assert fit.trace.line.color == color and fit.trace.showlegend is False
        assert dots.answer and fit.answer and dots.meaning == fit.meaning == name


def test_the_axes_are_the_same_for_all_networks() -> None:
    for spec in (SMOOTH, KINK):
        of = view(found(spec))
        for name, sizes in (("angle", (0.03, 3.0)), ("count", (8, 128))):
            np.testing.assert_allclose(ends(of, name, "xaxis"), [sizes[0] / 1.3, sizes[1] * 1.3])
            np.testing.assert_allclose(ends(of, name, "yaxis"), [1e-8 / 1.3, 1.3])
            assert chart(of, name).figure.layout.xaxis.tickvals[0] == sizes[0]


@SPECS
def test_the_numbers_are_the_exponents_with_their_errors(spec: smallest.Spec) -> None:
    result, told = found(spec), numbers(smallest, found(spec))
    first = 1.0 if spec == KINK else 2.0
    sweeps = [result.theory, result.network, *result.counts]
    for finding, sweep in zip(told.values(), sweeps, strict=True):
        slope, error, _ = line(sweep)
        assert (finding.value, finding.error) == (pytest.approx(slope, rel=1e-4), pytest.approx(error, rel=1e-3))
        assert (finding.over, finding.claim, finding.caveat) == ("20 draws of the points", 8, "")
    law, network, *over = told.values()
    assert law.agrees and law.expected.low < first < law.expected.high and law.value == pytest.approx(first, abs=0.03)
    assert network.expected is None
    for dim, finding in zip((3, 5, 10), over, strict=True):
        assert f"d = {dim}" in finding.name
        (reference,) = finding.references
        assert reference.value == pytest.approx(-2 * first / (dim - 1))


def test_a_sentence_says_where_networks_leave_the_law() -> None:
    (said,) = sentences(smallest, found(KINK))
    assert "fewer than one at ε < 0.35°" in said and "Of 512 neurons" in said
    assert sentences(smallest, found(SMOOTH)) == []
    result = found(KINK)
    like = replace(result, network=replace(result.theory, law=None))
    assert sentences(smallest, like) == []
    for more, there in ((0.19, 0), (0.21, 1)):
        steeper = replace(like.network, values=like.network.values * (like.network.at[:, None] / 3.0) ** more)
        assert len(sentences(smallest, replace(like, network=steeper))) == there
    assert sentences(smallest, replace(found(SMOOTH), network=result.network)) == []


def test_eigenvalues_that_rounding_hides_are_left_out_and_said() -> None:
    result = found(SMOOTH)
    holes = result.counts[0].values.copy()
    holes[-1, 0] = np.nan
    (said,) = sentences(smallest, replace(result, counts=(replace(result.counts[0], values=holes), *result.counts[1:])))
    assert said == "Some eigenvalues cannot be told from zero in double precision, and are not drawn."
    assert math.isnan(smallest.smallest([[1.0, 1.0], [1.0, 1.0]]))
    assert smallest.smallest([[4.0, 2.0], [2.0, 4.0]]) == 0.5


@SPECS
def test_the_law_in_words(spec: smallest.Spec) -> None:
    slope, error, _ = line(found(spec).theory)
    assert smallest.law_in_words(found(spec)) == (
        f"The fitted exponent is {with_error(slope, error)}: ten times less angle makes λ_min {10**slope:.3g} times "
        "smaller."
    )


@SPECS
def test_networks_in_words(spec: smallest.Spec) -> None:
    (slope, error, _), (own, own_error, _) = line(found(spec).theory), line(found(spec).network)
    assert smallest.networks_in_words(found(spec)) == (
        f"The exponent of networks with 512 neurons is {with_error(own, own_error)}, and that of infinite width "
        f"{with_error(slope, error)}."
    )


def test_the_words_of_the_charts() -> None:
    told, of = list(numbers(smallest, found(KINK)).values()), view(found(KINK))
    for name, findings, others in (("angle", told[:2], told[2:]), ("count", told[2:], told[:2])):
        one = chart(of, name)
        for finding in findings:
            assert f"{finding.name}: {with_error(finding.value, finding.error)}." in one.alt_answer
        assert not [finding for finding in others if f"{finding.name}:" in one.alt_answer]
        assert "exponent" not in one.alt + one.prompt


def test_nothing_measured_is_seen_before_the_guess() -> None:
    assert same(before_guess(view(found(KINK))), before_guess(view(found(SMOOTH))))
