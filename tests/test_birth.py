"""Before training: the terms of neurons, one entry over many networks, and the distance over the width."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from ntkviz.data import CircleFunction, Sphere, load
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.experiments import birth, concentration
from ntkviz.kernels import empirical_ntk, infinite_ntk
from ntkviz.kernels.neurons import neuron_terms
from ntkviz.nets import Architecture, ResidualMLP, init
from tests.canned import canned

SPEC = birth.Spec()
PAIR = np.random.default_rng(3).normal(size=(2, 6))


def deeper(depth: int, **changes: object) -> concentration.Spec:
    return concentration.Spec(arch=replace(concentration.Spec().arch, depth=depth, **changes))


def two_layers_by_hand(arch: Architecture, params: tuple, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The terms of a network with one hidden layer of ReLU neurons and biases, written out."""
    (w, b), (a, _) = (tuple(np.asarray(part) for part in layer) for layer in params)
    first, second = (arch.sigma_w / np.sqrt(size) for size in (len(w), arch.width))
    z, z2 = (first * point @ w + arch.sigma_b * b for point in (x, other))
    both = (z > 0) & (z2 > 0)
    inner = first**2 * (x @ other) + arch.sigma_b**2
    return second**2 * (np.maximum(z, 0) * np.maximum(z2, 0) + both * a[:, 0] ** 2 * inner)


def test_the_terms_of_one_hidden_layer_are_those_of_the_formula() -> None:
    arch = Architecture(width=7, sigma_b=0.4)
    params = init(arch, 6, seed=1)
    terms, bias = neuron_terms(arch, params, *PAIR)
    np.testing.assert_allclose(terms, two_layers_by_hand(arch, params, *PAIR)[None], rtol=1e-12)
    assert bias == pytest.approx(arch.sigma_b**2, rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("sigma_b", [None, 0.0, 0.3])
@pytest.mark.parametrize("parameterization", ["ntk", "standard", "mup"])
def test_the_terms_add_up_to_the_entry_of_the_kernel(depth: int, sigma_b: float | None, parameterization: str) -> None:
    arch = Architecture(width=9, depth=depth, sigma_b=sigma_b, activation="tanh", parameterization=parameterization)
    params = init(arch, 6, seed=2)
    terms, bias = neuron_terms(arch, params, *PAIR)
    trained = sigma_b is not None and (sigma_b > 0 or parameterization == "standard")
    assert terms.shape == (depth, 9) and (bias != 0) == trained
    assert terms.sum() + bias == pytest.approx(float(np.asarray(empirical_ntk(arch, params, PAIR))[0, 1]), rel=1e-12)


def test_a_neuron_has_the_terms_of_its_own_weights() -> None:
    """Without its weight in the output, a neuron of the last layer leaves no gradient but in that weight."""
    arch = Architecture(width=5, depth=2, sigma_b=0.3, activation="tanh")
    params = init(arch, 6, seed=4)
    last = np.asarray(params[2].weight).copy()
    last[3] = 0.0
    cut = (*params[:2], params[2]._replace(weight=jax.numpy.asarray(last)))
    terms, _ = neuron_terms(arch, cut, *PAIR)
    h = [np.tanh(np.sqrt(2 / 6) * PAIR @ np.asarray(params[0].weight) + 0.3 * np.asarray(params[0].bias))]
    h.append(np.tanh(np.sqrt(2 / 5) * h[0] @ np.asarray(params[1].weight) + 0.3 * np.asarray(params[1].bias)))
    assert terms[1, 3] == pytest.approx(2 / 5 * h[1][0, 3] * h[1][1, 3], rel=1e-12)


@pytest.mark.parametrize("arch", [ResidualMLP(), Architecture(outputs=2)])
def test_terms_of_other_networks_are_refused(arch: Architecture) -> None:
    with pytest.raises(InvalidInput, match="fully connected network with one output"):
        neuron_terms(arch, init(arch, 6, seed=0), *PAIR)


def test_the_networks_on_the_page_are_those_of_its_seeds() -> None:
    """The entry of each is that of its kernel, at the two points where theory's is largest."""
    spec = replace(SPEC, seed=5)
    result, x = canned(birth, spec), load(spec.data).x
    theory = np.asarray(infinite_ntk(spec.arch, x))
    pairs = theory - np.diag(np.diag(theory)) - 1e9 * np.eye(len(x))
    one, other = divmod(int(np.argmax(pairs)), len(x))
    assert result.theory == theory[one, other] == pairs.max()
    for network in range(birth.SHOWN):
        kernel = np.asarray(empirical_ntk(spec.arch, init(spec.arch, 10, seed=5 + network), x[[one, other]]))
        assert result.running[network, -1] == pytest.approx(kernel[0, 1], rel=1e-10)
        assert result.running[network, 9] == pytest.approx(
            result.terms[network, :10].mean() + result.bias[network], rel=1e-12
        )
    for width, entries in zip(birth.DRAWN, result.drawn, strict=True):
        arch = replace(spec.arch, width=width)
        kernel = np.asarray(empirical_ntk(arch, init(arch, 10, seed=5 + 7), x[[one, other]]))
        assert entries.shape == (400,) and entries[7] == pytest.approx(kernel[0, 1], rel=1e-4)


def test_the_spread_of_an_entry_falls_like_the_root_of_the_width() -> None:
    """400 networks of three widths: one standard error of the exponent is 0.03 to 0.04; three of them are allowed."""
    for activation, sigma_w, sigma_b in (("relu", np.sqrt(2), 0.1), ("tanh", 1.5, 0.3)):
        arch = replace(SPEC.arch, activation=activation, sigma_w=float(sigma_w), sigma_b=sigma_b)
        result = canned(birth, replace(SPEC, arch=arch))
        assert result.spread.fit.exponent == pytest.approx(-0.5, abs=0.12)
        error = result.drawn[-1].std(ddof=1) / np.sqrt(400)
        assert result.drawn[-1].mean() == pytest.approx(result.theory, abs=4 * error)  # no bias with one hidden layer


def test_each_distance_is_that_of_one_network() -> None:
    result, x = canned(concentration, concentration.Spec()), load(Sphere(n=16, dim=10)).x
    arch = replace(SPEC.arch, width=128)
    kernel = np.asarray(empirical_ntk(arch, init(arch, 10, seed=3), x))
    theory = np.asarray(infinite_ntk(arch, x))
    distance = np.sqrt(((kernel - theory) ** 2).sum() / (theory**2).sum())
    assert result.distance.values[2, 3] == pytest.approx(distance, rel=1e-4)
    assert result.shallow is None and result.deeper is None
    np.testing.assert_array_equal(result.distance.at, (32, 64, 128, 256, 512, 1024))


def test_the_distance_falls_like_the_root_of_the_width_and_grows_with_the_depth() -> None:
    """20 seeds of a prototype: exponents −0.504, −0.508, −0.493 at one, three and five layers, prefactors 2.25, 3.6 and
    4.5. Ten seeds give them to within 0.05 and a tenth."""
    found = {depth: canned(concentration, deeper(depth)).distance.fit for depth in (1, 3, 5)}
    for depth, prefactor in ((1, 2.25), (3, 3.6), (5, 4.5)):
        assert found[depth].exponent == pytest.approx(-0.5, abs=0.12)
        assert found[depth](512) == pytest.approx(prefactor / np.sqrt(512), rel=0.2)


def test_a_deeper_network_must_be_wider_by_about_its_depth() -> None:
    for depth in (3, 5):
        result = canned(concentration, deeper(depth))
        wide = result.distance.at >= 128
        squares = [np.exp(2 * np.log(sweep.values[wide]).mean()) for sweep in (result.distance, result.shallow)]
        factor, error = result.deeper
        assert factor == pytest.approx(squares[0] / squares[1], rel=1e-12)
        assert 0 < error < 0.2 * factor
        assert depth / 2 < factor < 1.5 * depth
        alone = canned(concentration, concentration.Spec()).distance.values
        np.testing.assert_array_equal(result.shallow.values, alone)


def test_the_error_of_the_factor_is_that_of_its_networks() -> None:
    """Against factors of random halves of the networks, whose difference has twice the error of the whole."""
    result = canned(concentration, deeper(3))
    draw = np.random.default_rng(0)

    def factor(chosen: np.ndarray) -> float:
        parts = (replace(sweep, values=sweep.values[:, chosen]) for sweep in (result.distance, result.shallow))
        return replace(result, distance=next(parts), shallow=next(parts)).deeper[0]

    halves = [np.array_split(draw.permutation(10), 2) for _ in range(200)]
    apart = np.array([np.log(factor(one) / factor(two)) for one, two in halves])
    assert result.deeper[1] / result.deeper[0] == pytest.approx(np.sqrt((apart**2).mean()) / 2, rel=0.35)


def test_the_width_of_the_page_has_no_part_in_the_sweep() -> None:
    narrow = replace(SPEC, arch=replace(SPEC.arch, width=32))
    assert narrow.concentration == SPEC.concentration == concentration.Spec(arch=replace(SPEC.arch, width=512))
    assert replace(SPEC, seed=1).concentration != SPEC.concentration != replace(SPEC, seeds=11).concentration


@pytest.mark.parametrize("experiment", [birth, concentration])
@pytest.mark.parametrize(
    ("arch", "words"),
    [
        (ResidualMLP(), "fully connected"),
        (Architecture(outputs=2), "one output"),
        (Architecture(parameterization="mup"), "NTK parameterization"),
        (Architecture(depth=9), "8 layers of 1024"),
        (Architecture(width=1025), "8 layers of 1024"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(experiment, arch: Architecture, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        experiment.Spec(arch=arch)


def test_points_are_bounded() -> None:
    with pytest.raises(InvalidInput, match="at most 200 points"):
        concentration.Spec(data=Sphere(n=201))


def test_a_run_reports_and_can_be_stopped() -> None:
    seen = []
    spec = replace(deeper(2), seeds=3, data=CircleFunction(n=8))
    found = concentration.run(spec, lambda fraction, part=None: seen.append((fraction, part)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and seen[-1] == (1.0, found)
    shallow = [part.shallow for _, part in seen]
    assert shallow[0] is None and shallow[-1].finished and found.distance.networks == 18
    for experiment, own in ((concentration, spec), (birth, SPEC)):

        def stop(fraction: float, part: object = None) -> None:
            if fraction > 0.3:
                raise Cancelled("stopped")

        with pytest.raises(Cancelled):
            experiment.run(own, stop)


def test_the_estimate_grows_with_width_depth_and_seeds() -> None:
    assert concentration.cost(deeper(8)).seconds > 3 * concentration.cost(deeper(2)).seconds
    many = concentration.cost(replace(deeper(2), seeds=40)).seconds
    assert many > 3 * concentration.cost(deeper(2)).seconds
    wide, narrow = (birth.cost(replace(SPEC, arch=Architecture(depth=4, width=width))).seconds for width in (1024, 32))
    assert wide > narrow
