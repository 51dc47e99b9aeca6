"""Lesson: the spectrum of the tangent kernel, its laws on the circle, and what a finite width makes of it."""

import dataclasses
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.data import CircleFunction, Diabetes, Digits, Moons, Sphere, load, on_circle
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.experiments import spectrum as lesson
from ntkviz.experiments.spectrum import Result, Spec, cost, run
from ntkviz.figures.spectrum import view
from ntkviz.kernels.infinite import infinite_kernels
from ntkviz.nets import Architecture, ConvNet, LayerNormMLP, ResidualMLP
from ntkviz.spectra import spectrum

CIRCLE = CircleFunction(n=128)


def spec(**changes: object) -> Spec:
    """The default lesson on fewer points and a narrower network, with some settings of the network changed."""
    arch = {name: changes.pop(name) for name in list(changes) if name in {"depth", "width", "activation", "sigma_b"}}
    small = Architecture(**({"depth": 2, "width": 64, "sigma_b": 0.3} | arch))
    return Spec(**({"arch": small, "data": CIRCLE} | changes))


@pytest.fixture(scope="module")
def depths() -> Result:
    return run(spec())


def test_the_slope_on_the_circle_is_minus_two_at_every_depth(depths: Result) -> None:
    """Over frequencies 20 to 200 depths up to 10 are still .01 off their limit; a wrong law is off by 1."""
    assert [curve.label for curve in depths.curves] == ["L = 1", "L = 2", "L = 3", "L = 5", "L = 10"]
    for curve in depths.curves:
        assert curve.law == -2
        assert curve.fit.exponent == pytest.approx(-2, abs=0.02)


@pytest.mark.parametrize(("name", "ntk", "nngp"), [("elu", -4, -6), ("hardtanh", -2, -4), ("sign", -1.5, -1.5)])
def test_the_law_knows_which_derivative_jumps(name: str, ntk: float, nngp: float) -> None:
    """Depth 2 on the circle, frequencies 20 to 120: .02 from the limit where the first jump is not a corner."""
    arch, angles = Architecture(depth=2, activation=name, sigma_b=0.3), 2 * np.pi * np.arange(4096) / 4096
    x = math.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    k = np.arange(20, 120)
    for kernel, row, wanted in zip(("nngp", "ntk"), infinite_kernels(arch, x[:1], x), (nngp, ntk), strict=True):
        assert lesson.law(arch, CircleFunction(), kernel) == wanted
        values = np.abs(np.fft.rfft(np.asarray(row)[0]).real)[k]
        assert np.polyfit(np.log(k), np.log(values), 1)[0] == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize(
    "arch",
    [ResidualMLP(depth=2, layers="one", sigma_b=0.3), ResidualMLP(depth=2, sigma_b=0.3), LayerNormMLP(sigma_b=0.3)],
    ids=repr,
)
@pytest.mark.parametrize("name", ["relu", "elu"])
def test_skips_and_layer_norm_keep_the_law(arch: Architecture, name: str) -> None:
    """Frequencies 20 to 120 on the circle: .015 from the limit, measured."""
    x, k = on_circle(2 * np.pi * np.arange(4096) / 4096), np.arange(20, 120)
    arch = replace(arch, activation=name)
    for kernel, row in zip(("nngp", "ntk"), infinite_kernels(arch, x[:1], x), strict=True):
        values = np.abs(np.fft.rfft(np.asarray(row)[0]).real)[k]
        wanted = lesson.law(arch, CircleFunction(), kernel)
        assert np.polyfit(np.log(k), np.log(values), 1)[0] == pytest.approx(wanted, abs=0.03)


def test_jumps_behind_one_another_make_a_kernel_rougher() -> None:
    """A sign's θ^{2^{1−L}} counts every nonlinearity of a block; and the kernel of images has no law on a sphere."""
    assert lesson.law(ResidualMLP(depth=2, activation="sign"), CircleFunction()) == -(2 + 2**-4 - 1)
    assert lesson.law(ResidualMLP(depth=2, activation="sign", layers="one"), CircleFunction()) == -1.5
    assert lesson.law(ConvNet(), CircleFunction()) is None


def test_on_digits_fewer_modes_count_for_a_convolution() -> None:
    data = Digits(n=128)
    settings = {"depth": 2, "width": 64, "sigma_b": 0.3}
    ranks = [
        spectrum(np.asarray(infinite_kernels(arch, load(data).x).ntk)).effective_rank
        for arch in (Architecture(**settings), ConvNet(**settings))
    ]
    assert ranks[1] < 0.9 * ranks[0]  # 31 and 37
    pooled = infinite_kernels(ConvNet(head="gap", **settings), load(replace(data, n=64)).x).ntk
    assert spectrum(np.asarray(pooled)).effective_rank < 2  # one mode: centred images have no mean to tell them apart


def test_images_are_compared_while_they_last_and_points_are_refused_in_words() -> None:
    arch = ConvNet(width=4, pool=2, sigma_b=0.3)
    result = run(Spec(arch=arch, data=Digits(n=16)))
    assert [curve.label for curve in result.curves] == ["L = 1", "L = 2", "L = 3"]  # 8, 4, 2, 1 pixels a side
    view(result)
    with pytest.raises(InvalidInput, match="choose such images"):
        cost(Spec(arch=arch, data=CIRCLE))
    narrow, wide = (cost(Spec(arch=ConvNet(depth=2, width=n), data=Digits(), compare="none")) for n in (8, 800))
    assert wide.seconds > 20 * narrow.seconds
    assert wide.bytes > 2 * narrow.bytes  # beside the tiles at infinite width, which both hold


def test_the_page_says_what_the_theory_is_worth(depths: Result) -> None:
    assert 1e-15 < depths.exact < 1e-12  # ReLU's closed form, rounded
    prompt = next(chart.prompt for chart in view(depths).charts if chart.name == "kernel-theory")
    assert "exact to" in prompt
    slow = Spec(arch=Architecture(depth=10, activation="tanh"), data=Digits(n=500))
    assert lesson._error(slow.arch, load(slow.data)) is None


def test_the_nngp_kernel_falls_twice_as_fast() -> None:
    ntk, nngp = run(spec(compare="kernel")).curves
    assert (ntk.law, nngp.law) == (-2, -4)
    assert ntk.fit.exponent == pytest.approx(-2, abs=0.02)
    assert nngp.fit.exponent == pytest.approx(-4, abs=0.04)


def test_without_bias_one_hidden_layer_sees_no_odd_frequency() -> None:
    result = run(spec(depth=1, sigma_b=None))
    null = result.theory.eigenvalues <= result.theory.floor
    assert set(result.frequency[null]) == set(range(3, 64, 2))
    assert result.unseen == pytest.approx((0.5**2 + 0.25**2) / (1 + 0.5**2 + 0.25**2), abs=1e-12)  # waves 3 and 5
    assert any("never learns" in words for words in view(result).warnings)
    for restored in (spec(depth=1), spec(sigma_b=None)):
        assert run(replace(restored, compare="none")).unseen < 1e-12


def test_one_fft_gives_what_a_decomposition_gives(depths: Result) -> None:
    kernel = np.asarray(infinite_kernels(depths.spec.arch, load(CIRCLE).x).ntk)
    expected = spectrum(kernel)
    np.testing.assert_allclose(depths.theory.eigenvalues, expected.eigenvalues, atol=10 * expected.floor)


def test_the_drawn_modes_are_eigenvectors_of_the_theory(depths: Result) -> None:
    """At 128 points all are drawn: Θu = λu, whatever phase was chosen to match the network."""
    kernel = np.asarray(infinite_kernels(depths.spec.arch, load(CIRCLE).x).ntk)
    pictures = depths.theory.pictures
    values = depths.theory.eigenvalues[: len(pictures)]
    np.testing.assert_allclose(pictures @ kernel, values[:, None] * pictures, atol=1e-9 * values[0])
    np.testing.assert_allclose(pictures @ pictures.T / 128, np.eye(len(pictures)), atol=1e-12)


def test_phases_are_chosen_as_in_the_network() -> None:
    """A wide network's first modes lie along the theory's: they span the same plane, and no sign is flipped."""
    result = run(spec(width=2048, compare="none"))
    agreement = np.sum(result.theory.pictures * result.network.pictures, axis=1) / 128
    assert np.all(agreement[:5] > 0.95)
    assert np.all(agreement > 0)


def test_the_target_is_shared_out_completely(depths: Result) -> None:
    for modes in (depths.theory, depths.network):
        assert np.all(modes.shares >= 0)
        assert modes.shares.sum() == pytest.approx(1, abs=1e-12)
    by_frequency = [depths.theory.shares[depths.frequency == k].sum() for k in (1, 3, 5)]
    np.testing.assert_allclose(by_frequency, np.array([1, 0.25, 0.0625]) / 1.3125, atol=1e-12)


def test_a_network_nears_the_theory_like_the_root_of_its_width() -> None:
    """Eight seeds at widths 64 and 1024: the ratio is 4, and its standard error about an eighth of it."""
    mean = [
        math.exp(np.mean([math.log(run(spec(width=n, seed=s, compare="none")).distance) for s in range(8)]))
        for n in (64, 1024)
    ]
    assert mean[0] / mean[1] == pytest.approx(4, rel=0.35)


def test_a_narrow_network_loses_the_tail_first() -> None:
    theory, *networks = run(spec(compare="width")).curves
    head, tail = slice(0, 3), slice(100, 110)
    ratios = [
        (net.eigenvalues[tail].sum() / theory.eigenvalues[tail].sum(), net.eigenvalues[head].sum()) for net in networks
    ]
    tails = [ratio for ratio, _ in ratios]
    assert tails == sorted(tails)
    assert tails[0] < 0.05
    assert tails[-1] > 0.7
    assert all(part == pytest.approx(theory.eigenvalues[head].sum(), rel=0.3) for _, part in ratios)


def test_smooth_nonlinearities_decay_exponentially() -> None:
    relu, _, *smooth = run(spec(compare="activation")).curves
    assert relu.factor is None
    for curve in smooth:
        assert curve.fit is None
        assert 0.3 < curve.factor < 0.8
        inside = (curve.at >= 8) & (curve.eigenvalues > 1e3 * curve.floor)
        steps = np.diff(np.log(curve.eigenvalues[inside]))
        # An exponential's steps are all alike; those of a power law between 8 and 24 fall to a third.
        half = len(steps) // 2
        assert steps[half:].mean() == pytest.approx(steps[:half].mean(), rel=0.25)


def test_digits_decay_slower_with_depth() -> None:
    """N = 500, centred, unit norm: −1.37, −.98, −.80 at depths 1, 3, 5 in the prototype; other rows are drawn here."""
    result = run(spec(data=Digits(n=500), sigma_b=0.1))
    slopes = {curve.label: curve.fit.exponent for curve in result.curves}
    assert slopes["L = 1"] == pytest.approx(-1.37, abs=0.08)
    assert slopes["L = 3"] == pytest.approx(-0.98, abs=0.08)
    assert slopes["L = 5"] == pytest.approx(-0.80, abs=0.08)
    assert all(curve.law is None for curve in result.curves)


def test_raw_images_spend_the_trace_on_one_mode() -> None:
    raw, centred = (run(spec(data=Digits(n=300, scale=scale), compare="none")) for scale in ("none", "unit"))
    first = [result.theory.eigenvalues[0] / result.theory.eigenvalues.sum() for result in (raw, centred)]
    assert first[0] > 0.5
    assert first[1] < 0.35


def test_data_of_higher_dimension_have_a_flatter_spectrum() -> None:
    """The blocks of equal degree leave samples within .15 of −d/(d−1) on [10, N/5] (−1.50 and −1.39 for d = 3, 4)."""
    circle, three, four, *_ = run(spec(compare="data")).curves
    for curve, dim in ((circle, 2), (three, 3), (four, 4)):
        assert curve.law == pytest.approx(-dim / (dim - 1))
        assert curve.fit.exponent == pytest.approx(curve.law, abs=0.15)


def test_modes_between_the_points_continue_those_at_the_points() -> None:
    """Nyström's extension at the data is the eigenvector itself."""
    data = Moons(n=64)
    points = load(data)
    kernel = np.asarray(infinite_kernels(spec().arch, points.x).ntk)
    modes = spectrum(kernel)
    np.testing.assert_allclose(
        kernel @ modes.eigenvectors[:, :10] / modes.eigenvalues[:10], modes.eigenvectors[:, :10], atol=1e-10
    )
    result = run(spec(data=data, compare="none"))
    x, y = result.place
    near = (np.abs(x[:, None] - points.x[:, 0]).argmin(axis=0), np.abs(y[:, None] - points.x[:, 1]).argmin(axis=0))
    at_data = result.theory.pictures[1].reshape(len(y), len(x))[near[1], near[0]]
    assert abs(np.corrcoef(at_data, modes.eigenvectors[:, 1])[0, 1]) > 0.97  # the grid is coarse


DATA = (CIRCLE, CircleFunction(n=40, placing="random"), Sphere(n=50), Moons(n=40), Digits(n=60), Diabetes(n=60))


@pytest.mark.parametrize(
    ("data", "activation"),
    [*((data, "relu") for data in DATA), (CIRCLE, "linear"), (Moons(n=40), "linear")],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_kind_of_data_is_drawn(data: object, activation: str) -> None:
    """Also with the few modes of a linear network: numbers are finite, frames fit their traces, bytes are few."""
    result = run(spec(data=data, activation=activation, compare="kernel"))
    for array in _arrays(result):
        assert np.isfinite(array).all()
    shown = view(result)
    frames = 0
    for chart in shown.charts:
        assert chart.alt
        json.loads(chart.figure.to_json())
        for trace, updates in chart.frames.items():
            assert trace < len(chart.figure.data)
            for rows in updates.values():
                assert len(rows) == len(shown.scrub.values) == result.modes
                frames += rows.size * 4 * 4 / 3
    assert frames < 400_000


def _arrays(result: object) -> list[np.ndarray]:
    found = []
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, np.ndarray):
                found.append(item)
            elif dataclasses.is_dataclass(item) and field.name != "spec":
                found += _arrays(item)
    return found


def test_the_same_seed_draws_the_same_network() -> None:
    one, same, other = (run(spec(seed=seed, compare="none")).network_kernel for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01


def test_a_run_stops_where_it_is_told_to() -> None:
    def stop(fraction: float, partial: object = None) -> None:
        if fraction > 0.5:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        run(spec(), stop)


def test_the_cost_grows_with_what_a_run_takes() -> None:
    base = cost(Spec())
    assert 0.03 < base.seconds < 0.3
    wide = cost(Spec(arch=Architecture(depth=10, width=2048)))
    many = cost(Spec(data=Digits(n=1000)))
    assert wide.seconds > 10 * base.seconds
    assert many.seconds > 5 * base.seconds
    weights = 8 * 9 * 2048**2
    assert weights < wide.bytes < 10 * weights
    assert math.isfinite(cost(Spec(arch=Architecture(depth=lesson.DEEPEST, width=65536))).seconds)


def test_a_network_too_deep_to_compile_is_refused() -> None:
    with pytest.raises(InvalidInput, match="32 hidden layers"):
        Spec(arch=Architecture(depth=33))
