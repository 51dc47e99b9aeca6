"""The phenomena of the lesson on guaranteed convergence: exponents of λ_min, times, floors, and a start that stays."""

from dataclasses import replace

import numpy as np
import pytest

from ntkviz.data import Line, Twins
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.experiments import guarantee, smallest, unseen
from ntkviz.measures import power_law
from ntkviz.nets import Architecture, ConvNet

BASE = guarantee.Spec()
RELU = Architecture(width=512, activation="relu", sigma_b=0.1)


@pytest.mark.parametrize(("activation", "exponent"), [("relu", 1), ("erf", 2)])
@pytest.mark.parametrize("depth", [1, 3])
def test_twins_lower_the_smallest_eigenvalue_by_a_power_of_their_angle(
    activation: str, exponent: int, depth: int
) -> None:
    """A cusp gives ε at every depth, a smooth kernel ε². At 3° the next order is 3 %, which moves a slope by 0.02."""
    arch = Architecture(activation=activation, depth=depth, sigma_b=0.1)
    result = smallest.run(smallest.Spec(arch=arch, seeds=2))
    law = power_law(np.repeat(smallest.DEGREES, 2), result.theory.values.ravel())
    assert law.exponent == pytest.approx(exponent, abs=0.03)
    assert result.theory.law.low < exponent < result.theory.law.high


def test_a_finite_network_is_smooth_between_twins_that_no_kink_separates() -> None:
    """Below 0.35° there is less than one of 512 kinks between two twins, so that λ_min falls like ε²."""
    result = smallest.run(smallest.Spec(arch=RELU, seeds=3))
    theory, network = result.theory.mean, result.network.mean
    assert np.all(network < theory)
    assert network[0] / theory[0] < 0.01 < 0.2 < network[-1] / theory[-1]
    steep = np.log(network[1] / network[0]) / np.log(smallest.DEGREES[1] / smallest.DEGREES[0])
    assert steep > 1.8
    smooth = smallest.run(smallest.Spec(seeds=2))
    np.testing.assert_allclose(smooth.network.mean, smooth.theory.mean, rtol=0.2)


def test_more_points_lower_it_and_in_few_dimensions_most() -> None:
    """λ_min of a part of the points is at least that of all of them (Cauchy's interlacing, here up to the diagonal)."""
    result = smallest.run(smallest.Spec(arch=RELU))
    for sweep in result.counts:
        assert np.all(np.diff(sweep.values, axis=0) <= 1e-12)
    exponents = [sweep.fit.exponent for sweep in result.counts]
    assert exponents[-1] == pytest.approx(-0.6, abs=0.15)
    smooth = [sweep.fit.exponent for sweep in smallest.run(smallest.Spec()).counts]
    assert smooth[0] < smooth[1] < smooth[2] < -0.2
    assert smooth[0] < -2


def test_the_labels_decide_how_long_it_takes() -> None:
    """The same inputs and the same guarantee: 10 steps with equal labels, and 340 with opposite ones in two pairs."""
    equal, opposite = (guarantee.run(replace(BASE, seeds=2, data=Twins(opposite=count))) for count in (0, 2))
    assert equal.known.bounded == opposite.known.bounded
    assert opposite.steps / equal.steps > 20
    for result in (equal, opposite):
        assert result.steps == pytest.approx(result.known.crossed, rel=0.2)
        assert result.steps < result.known.bounded


def test_relu_networks_of_512_neurons_break_the_guarantee_of_infinite_width() -> None:
    result = guarantee.run(replace(BASE, arch=RELU, seeds=2, data=Twins(opposite=2)))
    assert result.known.crossed < result.known.bounded < result.steps
    assert 2 < result.steps / result.known.crossed < 4


@pytest.mark.parametrize(
    ("arch", "data", "floor"),
    [(BASE.arch, Twins(angle=0.0, opposite=2), 0.25), (replace(RELU, sigma_b=0.0), Line(), None)],
    ids=["conflict", "line"],
)
def test_networks_stop_at_the_floor(arch: Architecture, data: object, floor: float | None) -> None:
    result = guarantee.run(replace(BASE, arch=arch, data=data, seeds=2))
    expected = result.known.floor if floor is None else floor
    assert expected > 0.1
    np.testing.assert_allclose(result.networks.loss[:, -1], expected, rtol=1e-4)


def test_networks_on_the_clock_of_theory_have_its_modes() -> None:
    result = guarantee.run(replace(BASE, arch=replace(BASE.arch, width=2048), steps=100))
    large = result.known.left > 1e-3
    np.testing.assert_allclose(result.networks.left[large], result.known.left[large], rtol=0.5)
    total = result.networks.left.sum(axis=1)
    np.testing.assert_allclose(total, result.networks.loss.mean(axis=0), rtol=1e-4, atol=1e-9)
    assert result.networks.drift.shape == (4,) and np.all(result.networks.drift < 0.02)


def test_the_start_decides_between_the_points() -> None:
    result = unseen.run(unseen.Spec(seeds=2))
    kept = np.delete(result.kept, unseen.UNMOVED, axis=1)
    np.testing.assert_allclose(kept, 1, atol=0.05)
    assert np.isnan(result.kept[:, unseen.UNMOVED]).all()
    assert result.left.max() < 1e-6
    np.testing.assert_allclose(result.network.mean(axis=0), result.theory, atol=0.15)
    np.testing.assert_allclose(result.movement.mean(axis=0), result.theory_movement, rtol=0.08)
    np.testing.assert_allclose(result.before, np.tile(unseen.SHIFTS, (2, 1)), atol=0.06)
    assert np.all(np.argmin(result.movement, axis=1) == unseen.UNMOVED)
    assert abs(unseen.STAR - 108) < 360 / 256


def test_networks_of_two_layers_are_narrower_and_keep_less() -> None:
    result = unseen.run(unseen.Spec(arch=replace(unseen.ARCHITECTURE, depth=2), seeds=2))
    assert (result.arch.width, result.arch.depth) == (unseen.DEEP, 2)
    assert 0.8 < np.nanmean(result.kept) < 0.99


def test_settings_that_have_no_answer_are_refused_in_words() -> None:
    for module in (guarantee, smallest, unseen):
        for arch in (replace(BASE.arch, parameterization="mup"), ConvNet()):
            with pytest.raises(InvalidInput, match="NTK parameterization"):
                module.Spec(arch=arch)
    with pytest.raises(InvalidInput, match="256 points at most, not on 257"):
        guarantee.Spec(data=Twins(n=257))
    guarantee.Spec(data=Twins(n=256))
    wide = replace(BASE, arch=replace(BASE.arch, width=2048))
    for changes in ({"steps": 10000, "seeds": 8, "data": Twins(n=32)}, {"arch": replace(wide.arch, depth=2)}):
        with pytest.raises(InvalidInput, match="lower the width"):
            replace(wide, **changes)
    with pytest.raises(InvalidInput, match="lower the width"):
        replace(BASE, steps=10, seeds=8, arch=replace(BASE.arch, width=2048, depth=2))
    assert guarantee.cost(replace(wide, steps=10000, seeds=8)).seconds < 12
    assert guarantee.cost(replace(BASE, steps=10, seeds=7, arch=replace(wide.arch, depth=2))).bytes < 1.2e9
    with pytest.raises(InvalidInput, match="choose another φ"):
        unseen.run(unseen.Spec(arch=replace(BASE.arch, activation="linear")))


def test_a_linear_network_has_eigenvalues_that_are_zero() -> None:
    result = smallest.run(smallest.Spec(arch=replace(BASE.arch, activation="linear"), seeds=2))
    assert result.theory.fit is None and np.isnan(result.theory.values).all()
    assert smallest.law_in_words(result) == "No exponent can be fitted to these eigenvalues."
    assert "cannot be told from zero" in smallest.remarks(result)[0].text


@pytest.mark.parametrize("module", [guarantee, smallest, unseen], ids=lambda module: module.__name__.split(".")[-1])
def test_seeds_are_taken_in_turn_and_a_run_can_be_stopped(module) -> None:
    first, second = (module.run(module.Spec(seed=seed, seeds=1)) for seed in (0, 1))
    both = module.run(module.Spec(seed=0, seeds=2))
    for row, one in enumerate((first, second)):
        if module is guarantee:
            np.testing.assert_allclose(both.networks.loss[row], one.networks.loss[0], rtol=1e-3, atol=1e-6)
        elif module is smallest:
            np.testing.assert_allclose(both.network.values[:, row], one.network.values[:, 0])
            np.testing.assert_allclose(both.counts[1].values[:, row], one.counts[1].values[:, 0])
        else:
            np.testing.assert_allclose(both.network[row], one.network[0], atol=1e-4)
    module.run(module.Spec(seed=2**31 - 1, seeds=2))

    def stop(fraction: float, partial: object = None, /) -> None:
        if fraction > 0.4:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        module.run(module.Spec(seeds=8), stop)


def test_costs_follow_what_is_done() -> None:
    few, many = (guarantee.cost(replace(BASE, steps=steps)).seconds for steps in (500, 5000))
    assert 3 * few < many < 12 * few
    for module in (smallest, unseen):
        few, many = (module.cost(module.Spec(seeds=seeds)).seconds for seeds in (1, 8))
        assert 3 * few < many < 9 * few
    deep = unseen.cost(unseen.Spec(arch=replace(unseen.ARCHITECTURE, depth=4))).seconds
    assert deep < 4
