"""Spectra side by side: their laws on the circle and on spheres, and what depth, width and data make of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.data import CircleFunction, Digits
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.experiments import decay
from ntkviz.experiments.decay import Result, Spec, cost, run
from ntkviz.experiments.spectrum import Spec as Spectrum
from ntkviz.kernels.infinite import infinite_kernels
from ntkviz.measures import Exponential, Stretched
from ntkviz.modes.curves import law
from ntkviz.nets import Architecture, ConvNet, LayerNormMLP, ResidualMLP

CIRCLE = CircleFunction(n=128)


def spec(compare: str = "depth", data: object = CIRCLE, **arch: object) -> Spec:
    """The default comparison on fewer points and a narrower network, with some settings of the network changed."""
    network = Architecture(**({"depth": 2, "width": 64, "sigma_b": 0.3} | arch))
    return Spec(spectrum=Spectrum(arch=network, data=data), compare=compare)


@pytest.fixture(scope="module")
def depths() -> Result:
    return run(spec())


def test_the_slope_on_the_circle_is_minus_two_at_every_depth(depths: Result) -> None:
    """Over frequencies 20 to 200 depths up to 10 are still .01 off their limit; a wrong law is off by 1."""
    assert [curve.label for curve in depths.curves] == ["L = 1", "L = 2", "L = 3", "L = 5", "L = 10"]
    for curve in depths.curves:
        assert curve.law == -2
        assert curve.exponent == pytest.approx(-2, abs=0.02)
        assert curve.fitted == 181
    assert depths.own.exponent == depths.curves[1].exponent
    assert depths.spread < 0.02


def test_depth_moves_the_spectrum(depths: Result) -> None:
    assert 0.3 < depths.difference < 0.4  # half of Σ |p − q| over shares of the trace, of L = 1 and L = 10
    ranks = [curve.effective_rank for curve in depths.curves]
    assert ranks == sorted(ranks)
    assert ranks[-1] > 2 * ranks[0]


def row(arch: Architecture) -> tuple[np.ndarray, np.ndarray]:
    """Both kernels' eigenvalues by frequency from 20 to 120, by one FFT of a row at 4096 equal steps."""
    angles = 2 * np.pi * np.arange(4096) / 4096
    x = math.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    kernels = infinite_kernels(arch, x[:1], x)
    return tuple(np.abs(np.fft.rfft(np.asarray(kernel)[0]).real)[20:120] for kernel in kernels)


def slope(values: np.ndarray) -> float:
    return float(np.polyfit(np.log(np.arange(20, 120)), np.log(values), 1)[0])


@pytest.mark.parametrize(
    ("name", "ntk", "nngp"), [("elu", -4, -6), ("softsign", -4, -6), ("hardtanh", -2, -4), ("sign", -1.5, -1.5)]
)
def test_the_law_knows_which_derivative_jumps(name: str, ntk: float, nngp: float) -> None:
    """Depth 2 on the circle, frequencies 20 to 120: .04 from the limit, softsign's NNGP .13."""
    arch = Architecture(depth=2, activation=name, sigma_b=0.3)
    for kernel, values, wanted in zip(("nngp", "ntk"), row(arch), (nngp, ntk), strict=True):
        assert law(arch, CIRCLE, kernel) == wanted
        assert slope(values) == pytest.approx(wanted, abs=0.15)


@pytest.mark.parametrize(
    "arch",
    [ResidualMLP(depth=2, layers="one", sigma_b=0.3), ResidualMLP(depth=2, sigma_b=0.3), LayerNormMLP(sigma_b=0.3)],
    ids=repr,
)
@pytest.mark.parametrize("name", ["relu", "elu"])
def test_skips_and_layer_norm_keep_the_law(arch: Architecture, name: str) -> None:
    """Frequencies 20 to 120 on the circle: .015 from the limit, measured."""
    arch = replace(arch, activation=name)
    for kernel, values in zip(("nngp", "ntk"), row(arch), strict=True):
        assert slope(values) == pytest.approx(law(arch, CIRCLE, kernel), abs=0.03)


def test_jumps_behind_one_another_make_a_kernel_rougher() -> None:
    """A sign's θ^{2^{1−L}} counts every nonlinearity of a block; and the kernel of images has no law on a sphere."""
    assert law(ResidualMLP(depth=2, activation="sign"), CIRCLE) == -(2 + 2**-4 - 1)
    assert law(ResidualMLP(depth=2, activation="sign", layers="one"), CIRCLE) == -1.5
    assert law(ConvNet(), CIRCLE) is None
    assert law(Architecture(), Digits()) is None


def test_the_nngp_kernel_falls_twice_as_fast() -> None:
    ntk, nngp = run(spec("kernel")).curves
    assert (ntk.law, nngp.law) == (-2, -4)
    assert ntk.exponent == pytest.approx(-2, abs=0.02)
    assert nngp.exponent == pytest.approx(-4, abs=0.04)


def test_smooth_nonlinearities_are_exponential_only_where_the_fit_says_so() -> None:
    """erf and GELU are; tanh has poles off the real line, and its ln λ falls like a power of k below 1."""
    curves = {curve.label: curve for curve in run(spec("activation")).curves}
    for label in ("ReLU", "absolute value"):
        assert curves[label].exponent == pytest.approx(-2, abs=0.02)
    for label in ("GELU", "erf"):
        assert isinstance(curves[label].fit, Exponential)
        assert 0.3 < curves[label].fit.factor < 0.6
    tanh = curves["tanh"].fit
    assert isinstance(tanh, Stretched)
    assert 0.65 < tanh.power < 0.85  # 2/3 in the limit of large frequencies at one hidden layer
    sine = run(spec("depth", activation="sin")).curves[1].fit
    assert isinstance(sine, Stretched)
    assert sine.power > 1.1  # entire: faster than an exponential


def test_a_narrow_network_loses_the_tail_first() -> None:
    theory, *networks = run(spec("width")).curves
    head, tail = slice(0, 3), slice(100, 110)
    ratios = [
        (net.eigenvalues[tail].sum() / theory.eigenvalues[tail].sum(), net.eigenvalues[head].sum()) for net in networks
    ]
    tails = [ratio for ratio, _ in ratios]
    assert tails == sorted(tails)
    assert tails[0] < 0.05
    assert tails[-1] > 0.7
    assert all(part == pytest.approx(theory.eigenvalues[head].sum(), rel=0.3) for _, part in ratios)
    assert all(net.fit is None and net.finite for net in networks)


def test_high_modes_of_a_matrix_fall_faster_than_those_of_the_operator() -> None:
    """The prototype has −2.06 over modes 10 to N/5 at N = 256, and −2.00 over frequencies of the operator."""
    result = run(spec("width", CircleFunction(n=256)))
    assert result.curves[0].exponent == pytest.approx(-2.06, abs=0.015)
    assert result.own.exponent == pytest.approx(-2.00, abs=0.01)


def test_digits_decay_slower_with_depth() -> None:
    """N = 500, centred, unit norm: −1.37, −.98, −.80 at depths 1, 3, 5 in the prototype; other rows are drawn here."""
    result = run(spec(data=Digits(n=500), sigma_b=0.1))
    slopes = {curve.label: curve.exponent for curve in result.curves}
    assert slopes["L = 1"] == pytest.approx(-1.37, abs=0.08)
    assert slopes["L = 3"] == pytest.approx(-0.98, abs=0.08)
    assert slopes["L = 5"] == pytest.approx(-0.80, abs=0.08)
    assert all(curve.law is None for curve in result.curves)


def test_data_of_higher_dimension_have_a_flatter_spectrum() -> None:
    """The blocks of equal degree leave samples within .15 of −d/(d−1) on [10, N/5] (−1.50 and −1.39 for d = 3, 4)."""
    circle, three, four, *_ = run(spec("data")).curves
    for curve, dim in ((circle, 2), (three, 3), (four, 4)):
        assert curve.law == pytest.approx(-dim / (dim - 1))
        assert curve.exponent == pytest.approx(curve.law, abs=0.15)


def test_what_does_not_fit_is_left_out() -> None:
    """Images shrink from layer to layer, a convolution takes no points on a circle, others take no image."""
    pooled = Spec(spectrum=Spectrum(arch=ConvNet(width=4, pool=2, sigma_b=0.3), data=Digits(n=16)))
    assert [curve.label for curve in run(pooled).curves] == ["L = 1", "L = 2", "L = 3"]  # 8, 4, 2, 1 pixels a side
    labels = [case.label for case in decay.compared(spec("architecture"))]
    assert labels == ["fully connected", "residual", "fully connected, layer normalisation"]
    labels = [case.label for case in decay.compared(replace(pooled, compare="data"))]
    assert labels == ["digits, centred", "digits, raw"]


def test_the_present_network_is_among_those_that_are_compared() -> None:
    labels = [case.label for case in decay.compared(spec(depth=4))]
    assert labels == ["L = 1", "L = 2", "L = 3", "L = 4", "L = 5", "L = 10"]
    assert decay.compared(spec("activation", activation="elu"))[-1].label == "ELU"
    same = [case for case in decay.compared(spec("architecture")) if case.arch == spec().spectrum.arch]
    assert len(same) == 1


def test_a_run_shows_what_it_has_and_stops_where_it_is_told_to() -> None:
    seen = []

    def stop(fraction: float, partial: Result | None = None) -> None:
        seen.append(0 if partial is None else len(partial.curves))
        if fraction > 0.5:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        run(spec(), stop)
    assert seen == [0, 0, 1, 2, 3][: len(seen)]
    assert len(seen) > 3


def test_the_cost_grows_with_what_a_run_takes() -> None:
    base = cost(Spec())
    assert 0.003 < base.seconds < 0.3
    many = cost(spec("depth", Digits(n=1000)))
    assert many.seconds > 20 * base.seconds
    assert cost(spec("width", Digits(n=500))).seconds > cost(spec("width", Digits(n=100))).seconds
    assert cost(spec("kernel", Digits(n=500))).seconds < cost(spec("depth", Digits(n=500))).seconds
    with pytest.raises(InvalidInput, match="choose such images"):
        cost(Spec(spectrum=Spectrum(arch=ConvNet(), data=CIRCLE)))


def same(one: Result, other: Result) -> bool:
    """Whether two results draw the same curves, to rounding."""
    return all(
        a.label == b.label and np.allclose(a.eigenvalues, b.eigenvalues, rtol=1e-6, atol=1e-12 * a.eigenvalues.max())
        for a, b in zip((one.own, *one.curves), (other.own, *other.curves), strict=True)
    )


@pytest.mark.parametrize("compare", ["depth", "kernel", "width"])
def test_what_no_curve_depends_on_is_left_out(compare: str) -> None:
    """Moving the width, or the seed where no network is drawn, asks for the same run, whose curves are the same."""
    one = spec(compare)
    moved = replace(one, spectrum=replace(one.spectrum, arch=replace(one.spectrum.arch, width=32)))
    assert decay.shared(moved) == decay.shared(one)
    assert same(run(decay.shared(moved)), run(moved))
    seeded = replace(one, spectrum=replace(one.spectrum, seed=1))
    assert (decay.shared(seeded) == decay.shared(one)) == (compare != "width")
    assert same(run(decay.shared(seeded)), run(seeded))
    assert same(run(seeded), run(one)) == (compare != "width")


def test_what_a_curve_depends_on_stays() -> None:
    one = spec()
    for change in ({"depth": 3}, {"activation": "erf"}, {"sigma_b": 0.5}, {"parameterization": "standard"}):
        assert decay.shared(spec(**change)) != decay.shared(one), change
    standard = spec(parameterization="standard")
    assert decay.shared(standard).spectrum.arch.width == 64, "there the kernel grows with the width"
