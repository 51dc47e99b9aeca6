"""Train and predict: the closed form against other routes to it, and the network against the closed form.

Tolerances hold for networks of any seed, not of the seeds drawn here: each is three or more standard deviations of what
ten or more seeds gave.
"""

import dataclasses
import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkviz.comparison import Comparison, train_beside
from ntkviz.data import CircleFunction, CirclePoints, Digits, Moons, Wine
from ntkviz.dynamics import linearise
from ntkviz.engine import Limits, admit
from ntkviz.errors import Cancelled, InvalidInput, TooExpensive
from ntkviz.experiments import train
from ntkviz.kernels import infinite_ntk
from ntkviz.modes import decay_rate, strongest
from ntkviz.nets import Architecture, ConvNet, ResidualMLP, apply, init
from ntkviz.prediction import Prediction, predict

SPEC = train.Spec()


def wide(width: int, spec: train.Spec = SPEC) -> train.Spec:
    return replace(spec, arch=replace(spec.arch, width=width))


def predicted(spec: train.Spec) -> Prediction:
    return predict(spec.arch, spec.data, c=spec.c, steps=spec.steps, fraction=spec.fraction)


@pytest.fixture(scope="module")
def result() -> train.Result:
    """The lesson as it opens."""
    return train.run(SPEC)


def test_the_theory_is_gradient_descent_on_kernel_regression() -> None:
    """The same run, step by step on the kernel instead of in its eigenbasis."""
    theory = predicted(replace(SPEC, steps=60))
    kernel = np.asarray(infinite_ntk(SPEC.arch, theory.data.x))
    across = np.asarray(infinite_ntk(SPEC.arch, theory.points, theory.data.x))
    f_train, f = np.zeros_like(theory.data.y), np.zeros((len(theory.points), 1))
    for k in range(61):
        if k in theory.steps:
            seen = int(np.searchsorted(theory.steps, k))
            np.testing.assert_allclose(theory.curves.f[seen], f, atol=1e-10)
            np.testing.assert_allclose(theory.curves.loss[seen], np.mean((f_train - theory.data.y) ** 2) / 2)
            np.testing.assert_allclose(theory.curves.test_loss[seen], np.mean((f - theory.data.y_test) ** 2) / 2)
        residual = f_train - theory.data.y
        f_train, f = f_train - theory.eta * kernel @ residual, f - theory.eta * across @ residual


def test_the_linearisation_is_gradient_descent_on_the_taylor_expansion() -> None:
    """Weights that move in f(w₀) + ∇f(w₀)·(w - w₀): JAX's own linearisation, no kernel in sight."""
    spec = wide(32, replace(SPEC, steps=40))
    theory = predicted(spec)
    network = train_beside(spec.arch, theory, seed=spec.seed)
    start = init(spec.arch, 2, seed=spec.seed, dtype=jnp.float32)

    def outputs(x):
        return jax.linearize(lambda w: apply(spec.arch, w, x), start)[1]  # what a change of the weights adds to f

    on_train, on_points = outputs(theory.data.x), outputs(theory.points)
    pull = jax.linear_transpose(on_train, start)
    change = jax.tree.map(jnp.zeros_like, start)
    for k in range(41):
        if k in theory.steps:
            seen = int(np.searchsorted(theory.steps, k))
            # float32 on both sides: kernels and weights round at 1e-7, forty steps add up
            np.testing.assert_allclose(network.linearised.f[seen], on_points(change), atol=2e-4)
        (slope,) = pull(on_train(change) - jnp.asarray(theory.data.y, jnp.float32))
        change = jax.tree.map(lambda w, g: w - theory.eta * g, change, slope)


def test_the_modes_that_are_followed_are_whole_eigenspaces_with_the_largest_parts_of_the_target() -> None:
    """The kernel of points at equal steps is circulant: its eigenvalues are the FFT of a row, one for each wave."""
    theory = predicted(SPEC)
    modes, row = theory.modes, np.asarray(infinite_ntk(SPEC.arch, theory.data.x))[0]
    of_wave = np.fft.rfft(row).real
    assert modes.frequencies is not None and sorted(modes.frequencies) == [1, 2, 3, 5]
    np.testing.assert_allclose(modes.eigenvalues, of_wave[modes.frequencies])
    assert modes.names == tuple(f"frequency {k}" for k in modes.frequencies)
    for k, basis, first in zip(modes.frequencies, modes.bases, modes.first, strict=True):
        wave = np.cos(k * theory.data.angle)
        np.testing.assert_allclose(basis @ (basis.T @ wave), wave, atol=1e-10)
        assert basis.shape == (16, 2)
        assert theory.eigenvalues[first - 1] == pytest.approx(theory.eigenvalues[first])


def test_modes_have_numbers_where_they_are_no_waves_and_weak_ones_are_left_out() -> None:
    model = linearise(np.diag([4.0, 3.0, 2.0, 1.0]), np.array([[1.0], [0.01], [0.5], [0.021]]))
    modes = strongest(model)
    assert modes.names == ("mode 1", "mode 3", "mode 4") and modes.frequencies is None
    left = modes.left(np.array([[[0.5], [7.0], [0.25], [-0.021]]]), model.y)
    np.testing.assert_allclose(left, [[0.5, 0.5, 1.0]])
    many = linearise(np.diag(np.arange(8.0, 0, -1)), np.arange(1.0, 9.0))
    np.testing.assert_array_equal(strongest(many).first, [4, 5, 6, 7, 8])
    apart = np.array([0.0, 1.0, 2.0, 4.0])
    assert strongest(model, apart).frequencies is None, "these angles are not at equal steps"


def test_a_rate_is_measured_between_the_start_and_a_tenth() -> None:
    """Beyond it, slow modes leak into fast ones; a mode that has hardly moved has no rate."""
    steps = np.array([0, 1, 2, 4, 8, 16])
    exact = 0.8**steps
    floor = np.where(exact > 0.1, exact, 0.09)
    assert decay_rate(steps, floor) == pytest.approx(-math.log(0.8))
    assert decay_rate(steps, floor[:4]) == pytest.approx(-math.log(0.8)), "a run that is on its way"
    assert decay_rate(steps, np.full(6, 0.95)) is None
    assert decay_rate(steps, [1.0, 0.89, 0.89]) is not None
    assert decay_rate(steps, [1.0, math.nan]) is None
    assert decay_rate(steps[:1], [1.0]) is None


def test_a_residual_network_of_seven_nonlinearities_keeps_to_its_closed_form() -> None:
    """The page's preset, narrower: .6 to 1.3 % over three seeds at width 512, and 1/n of that."""
    arch = ResidualMLP(depth=3, branch=0.5, width=256, activation="erf", sigma_w=1.5, sigma_b=0.3)
    own, infinite = train.run(replace(SPEC, arch=arch)).gaps
    assert own < 0.05
    assert infinite < 0.15


def test_images_are_trained_on_and_points_refused_in_words() -> None:
    arch = ConvNet(width=32, sigma_b=0.3)
    spec = replace(SPEC, arch=arch, data=Digits(n=32, question="0-1"), steps=100)
    done = train.run(spec)
    assert done.network.curves.loss[-1] < 0.2 * done.network.curves.loss[0]
    assert done.accuracy[1] > 0.95
    assert train.cost(wide(1024, spec)).seconds > 4 * train.cost(spec).seconds
    with pytest.raises(InvalidInput, match="choose such images"):
        train.run(replace(SPEC, arch=arch))


@pytest.mark.parametrize("c", [0.5, 1.0, 1.9])
def test_the_discrete_formula_is_not_the_exponential(c: float) -> None:
    """After a step the first mode is at |1 - c|, gradient flow at e^{-c}: .11, .37 and .75 apart."""
    theory = predicted(replace(SPEC, c=c))
    assert theory.steps[1] == 1
    np.testing.assert_allclose(theory.curves.modes[1, 0], abs(1 - c), atol=1e-12)
    np.testing.assert_allclose(theory.flow[1, 0], np.exp(-c))


def test_each_mode_decays_at_the_rate_of_its_eigenvalue() -> None:
    """Rates until a tenth is left, before modes mix: slope 1 in log-log, at worst 7 % off in ten seeds at n = 4096."""
    found = train.run(wide(4096))
    measured, rates = found.rates
    np.testing.assert_allclose(rates, -np.log1p(-found.theory.eta * found.theory.modes.eigenvalues))
    assert len(measured) == 4
    assert np.polyfit(np.log(rates), np.log(measured), 1)[0] == pytest.approx(1.0, abs=0.05)
    np.testing.assert_allclose(measured, rates, rtol=0.12)


def test_the_steps_to_a_loss_are_predicted() -> None:
    """Within 15 % at n = 2048 (9 % was the worst of ten seeds), where the worst case is over ten times as long."""
    found = train.run(wide(2048))
    assert found.reached == pytest.approx(found.theory.reached, rel=0.15)
    assert found.theory.bound > 10 * found.theory.reached


@pytest.mark.parametrize(("n", "c"), [(4, 1.95), (4, 0.5), (8, 1.5), (16, 1.99)])
def test_the_worst_case_is_one_for_every_target(n: int, c: float) -> None:
    """Past c = 1 the slowest mode may be the one of the largest eigenvalue. A target in the slowest mode attains it."""
    data = CircleFunction(n=n, terms="1:1, 2:0.5")
    theory = predict(SPEC.arch, data, c=c, steps=50, fraction=0.01)
    factors = np.abs(1 - theory.eta * theory.eigenvalues)
    assert theory.reached <= theory.bound
    assert factors.max() ** (2 * theory.bound) <= 0.01 < factors.max() ** (2 * (theory.bound - 1))


def test_a_narrow_network_leaves_the_theory(result: train.Result) -> None:
    narrow = train.run(wide(16))
    assert narrow.network.drift > 5 * result.network.drift
    assert narrow.gaps[0] > 4 * result.gaps[0]


def test_the_theory_arrives_before_the_training_starts() -> None:
    seen = []
    train.run(wide(256, train.Spec(steps=2000)), lambda fraction, partial=None: seen.append((fraction, partial)))
    partials = [partial for _, partial in seen if partial is not None]
    assert partials[0].network is None
    assert partials[0].theory.curves.loss[-1] < partials[0].theory.curves.loss[0]
    assert partials[-1].network.finished
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_width_and_seed_leave_the_theory_alone() -> None:
    assert predicted(wide(64)) is predicted(replace(wide(128), seed=3))


def test_past_the_limit_the_closed_form_explodes_and_the_network_catapults() -> None:
    """At c = 3 every seed's own step is past 2 too: the loss rose 35-fold or more, and all came down."""
    found = train.run(replace(SPEC, c=3.0))
    loss = found.network.curves.loss
    assert found.gaps == (None, None)
    assert found.theory.curves.loss[-1] > 1e6
    assert loss.max() > 2 * loss[0] > 100 * loss[-1]
    assert (found.peak, found.left) == pytest.approx((loss.max() / loss[0], loss[-1] / loss[0]))
    assert found.theory.eta * found.network.lambda_end < 2


def test_far_past_the_limit_the_network_diverges_and_is_shown_to() -> None:
    found = train.run(train.Spec(c=4.5))
    assert found.network.diverged_at is not None
    assert len(found.network.curves.loss) < len(found.theory.steps)


def test_a_narrow_network_past_its_own_limit_has_no_linearisation(result: train.Result) -> None:
    network = replace(result.network, lambda_max=2.1 / result.theory.eta)
    past = replace(result, network=network)
    assert past.gaps == (None, result.gaps[1])
    assert past.own_c == pytest.approx(2.1)


def test_the_same_seed_gives_the_same_run() -> None:
    first, again, other = (train.run(replace(SPEC, seed=seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.network.curves.f, again.network.curves.f)
    assert not np.array_equal(first.network.curves.f, other.network.curves.f)


def test_a_run_that_goes_on_is_compared_at_the_same_step() -> None:
    """Half a run of two moons: the network's classes are those of theory at that step, not at the end."""
    spec = replace(wide(64), data=Moons(n=32), steps=200)
    theory = predicted(spec)
    network = train_beside(spec.arch, theory, seed=0)
    early = 6
    cut = replace(network.curves, f=network.curves.f[:early], loss=network.curves.loss[:early])
    pair = Comparison(theory, replace(network, curves=cut, drift=None))
    grid = slice(theory.pictured)
    signs = [curves.f[early - 1, grid, 0] > 0 for curves in (theory.curves, network.curves)]
    assert pair.agreement == np.mean(signs[0] == signs[1])
    at_the_end = theory.curves.f[-1, grid, 0] > 0
    assert np.mean(at_the_end == signs[1]) < pair.agreement


DATA = {
    "circle": CircleFunction(n=16),
    "points": CirclePoints(),
    "plane": Moons(n=32),
    "image": Digits(n=32, question="0-1"),
    "classes": Wine(n=32),
}


@pytest.mark.parametrize("kind", DATA)
def test_every_kind_of_data_is_trained_on(kind: str) -> None:
    assert _finite(train.run(replace(wide(64), data=DATA[kind], steps=50)))


def _finite(thing: object) -> bool:
    if isinstance(thing, np.ndarray):
        return thing.dtype.kind not in "fc" or bool(np.isfinite(thing).all())
    if isinstance(thing, tuple | list):
        return all(map(_finite, thing))
    if dataclasses.is_dataclass(thing):
        return all(_finite(getattr(thing, field.name)) for field in dataclasses.fields(thing))
    return True


def test_a_run_can_be_stopped_while_it_trains() -> None:
    def stop(fraction: float, partial: object = None) -> None:
        if fraction > 0:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        train.run(train.Spec(), stop)


def test_settings_that_cannot_be_run_are_refused() -> None:
    with pytest.raises(InvalidInput, match="NTK parameterization"):
        train.Spec(arch=Architecture(parameterization="mup"))
    with pytest.raises(InvalidInput, match="all zero"):
        train.run(replace(SPEC, data=CircleFunction(terms="1:0")))
    with pytest.raises(InvalidInput, match="too many"):
        train.cost(replace(SPEC, data=Digits(n=200, question="classes")))
    with pytest.raises(InvalidInput):
        train.Spec(c=0.0)


def test_the_estimate_grows_with_the_work_and_turns_the_heaviest_away() -> None:
    seconds = [train.cost(wide(width)).seconds for width in (64, 512, 4096)]
    assert seconds == sorted(seconds)
    assert train.cost(replace(SPEC, steps=5000)).seconds > 3 * train.cost(SPEC).seconds
    with pytest.raises(TooExpensive):
        admit(train.cost(wide(8192, replace(SPEC, steps=20000, arch=replace(SPEC.arch, depth=4)))), Limits())
