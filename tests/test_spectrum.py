"""The spectrum of the tangent kernel: its modes, the target in them, and what a finite width makes of them."""

import dataclasses
import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.data import CircleFunction, Diabetes, Digits, Moons, Sphere, load
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.experiments.spectrum import Result, Spec, cost, findings, run
from ntkviz.kernels.infinite import infinite_kernels
from ntkviz.nets import Architecture, ConvNet
from ntkviz.spectra import spectrum

CIRCLE = CircleFunction(n=128)


def spec(**changes: object) -> Spec:
    """The default lesson on fewer points and a narrower network, with some settings of the network changed."""
    arch = {name: changes.pop(name) for name in list(changes) if name in {"depth", "width", "activation", "sigma_b"}}
    small = Architecture(**({"depth": 2, "width": 64, "sigma_b": 0.3} | arch))
    return Spec(**({"arch": small, "data": CIRCLE} | changes))


@pytest.fixture(scope="module")
def circle() -> Result:
    return run(spec())


def kernel_of(result: Result) -> np.ndarray:
    return np.asarray(infinite_kernels(result.spec.arch, load(result.spec.data).x).ntk)


def test_one_fft_gives_what_a_decomposition_gives(circle: Result) -> None:
    expected = spectrum(kernel_of(circle))
    np.testing.assert_allclose(circle.pair.theory.eigenvalues, expected.eigenvalues, atol=10 * expected.floor)


def test_the_drawn_modes_are_eigenvectors_of_the_theory(circle: Result) -> None:
    """At 128 points all are drawn: Θu = λu, whatever phase was chosen to match the network."""
    pictures = circle.pictures.theory
    values = circle.pair.theory.eigenvalues[: len(pictures)]
    np.testing.assert_allclose(pictures @ kernel_of(circle), values[:, None] * pictures, atol=1e-9 * values[0])
    np.testing.assert_allclose(pictures @ pictures.T / 128, np.eye(len(pictures)), atol=1e-12)


def test_a_mode_has_the_frequency_of_its_wave(circle: Result) -> None:
    waves = np.abs(np.fft.rfft(circle.pictures.theory, axis=1))
    np.testing.assert_array_equal(waves.argmax(axis=1), circle.frequencies.of_modes[: len(waves)])


def test_phases_are_chosen_as_in_the_network() -> None:
    """A wide network's first modes lie along the theory's: they span the same plane, and no sign is flipped."""
    result = run(spec(width=2048))
    agreement = np.sum(result.pictures.theory * result.pictures.network, axis=1) / 128
    assert np.all(agreement[:5] > 0.95)
    assert np.all(agreement > 0)


def test_the_target_is_shared_out_completely(circle: Result) -> None:
    for modes in (circle.pair.theory, circle.pair.network):
        assert np.all(modes.shares >= 0)
        assert modes.shares.sum() == pytest.approx(1, abs=1e-12)
    shares, frequency = circle.pair.theory.shares, circle.frequencies.of_modes
    by_frequency = [shares[frequency == k].sum() for k in (1, 3, 5)]
    np.testing.assert_allclose(by_frequency, np.array([1, 0.25, 0.0625]) / 1.3125, atol=1e-12)


def test_the_theorys_share_of_the_target_does_not_depend_on_the_network() -> None:
    """The cut at ten modes goes through the pair of frequency 5, and the pair's basis is turned to the network's."""
    tops = {width: run(spec(width=width)).pair.top for width in (16, 64, 512)}
    for share, modes in tops.values():
        assert modes == 11
        assert share == pytest.approx(1, abs=1e-12)


def test_without_bias_one_hidden_layer_sees_no_odd_frequency() -> None:
    result = run(spec(depth=1, sigma_b=None))
    theory, frequencies = result.pair.theory, result.frequencies
    null = theory.eigenvalues <= theory.floor
    assert set(frequencies.of_modes[null]) == set(range(3, 64, 2))
    np.testing.assert_array_equal(frequencies.zero, null)
    lost = {finding.name: finding for finding in findings(result)}["Target never learned"].value
    assert lost == pytest.approx(100 * (0.5**2 + 0.25**2) / (1 + 0.5**2 + 0.25**2), abs=1e-10)  # waves 3 and 5
    for restored in (spec(depth=1), spec(sigma_b=None)):
        assert not run(restored).frequencies.zero.any()


def test_a_network_nears_the_theory_like_the_root_of_its_width() -> None:
    """Eight seeds at widths 64 and 1024: the ratio is 4, and its standard error about an eighth of it."""
    mean = [math.exp(np.mean([math.log(run(spec(width=n, seed=s)).distance) for s in range(8)])) for n in (64, 1024)]
    assert mean[0] / mean[1] == pytest.approx(4, rel=0.35)


def test_a_wider_network_keeps_more_modes() -> None:
    lost = [run(spec(width=width)).pair.lost_from for width in (16, 64, 256)]
    assert None not in lost
    assert lost == sorted(lost)
    assert lost[-1] > 3 * lost[0]


def test_raw_images_spend_the_trace_on_one_mode() -> None:
    raw, centred = (run(spec(data=Digits(n=300, scale=scale))) for scale in ("none", "unit"))
    assert raw.pair.theory.cumulative_power[0] > 0.5
    assert centred.pair.theory.cumulative_power[0] < 0.35
    assert raw.constant > 0.98


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


def test_the_error_of_the_theory_is_estimated_where_that_is_quick(circle: Result) -> None:
    assert 1e-15 < circle.exact < 1e-12  # ReLU's closed form, rounded
    assert run(spec(activation="tanh", data=Digits(n=400))).exact is None


DATA = (CIRCLE, CircleFunction(n=40, placing="random"), Sphere(n=50), Moons(n=40), Digits(n=60), Diabetes(n=60))


@pytest.mark.parametrize("data", DATA, ids=lambda data: type(data).__name__)
@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_every_kind_of_data_gives_finite_numbers(data: object, activation: str) -> None:
    """Also with the few modes of a linear network."""
    result = run(spec(data=data, activation=activation))
    for array in _arrays(result):
        assert np.isfinite(array).all()
    assert len(result.names) == len(result.pictures.theory) == len(result.pictures.network)


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
    one, same, other = (run(spec(seed=seed)).heat.network for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01


def test_a_run_stops_where_it_is_told_to() -> None:
    def stop(fraction: float, partial: object = None) -> None:
        if fraction > 0.4:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        run(spec(), stop)


def test_the_cost_grows_with_what_a_run_takes() -> None:
    base = cost(Spec())
    assert 0.01 < base.seconds < 0.3
    wide = cost(Spec(arch=Architecture(depth=10, width=2048)))
    many = cost(Spec(data=Digits(n=1000)))
    assert wide.seconds > 10 * base.seconds
    assert many.seconds > 5 * base.seconds
    weights = 8 * 9 * 2048**2
    assert weights < wide.bytes < 10 * weights
    assert math.isfinite(cost(Spec(arch=Architecture(depth=32, width=65536))).seconds)
    narrow, wide = (cost(Spec(arch=ConvNet(depth=2, width=n), data=Digits())) for n in (8, 800))
    assert wide.seconds > 20 * narrow.seconds
    assert wide.bytes > narrow.bytes  # beside the tiles at infinite width, which both hold


def test_settings_that_do_not_fit_are_refused_in_words() -> None:
    with pytest.raises(InvalidInput, match="32 hidden layers"):
        Spec(arch=Architecture(depth=33))
    with pytest.raises(InvalidInput, match="choose such images"):
        cost(Spec(arch=ConvNet(width=4), data=CIRCLE))
