"""Networks beside their first-order Taylor expansions: that these are what they are called, and how far they are."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkviz.data import CircleFunction, Moons, load
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.experiments import linear, train, widths
from ntkviz.kernels import infinite_ntk
from ntkviz.lessons.linear import LESSON
from ntkviz.nets import Architecture, ResidualMLP, apply, init
from tests.canned import canned

SPEC = linear.Spec()
SHORT = replace(SPEC, steps=30, data=CircleFunction(n=8))
STEP = LESSON.preset("step").spec


def by_hand(spec: linear.Spec, width: int, *, expanded: bool) -> np.ndarray:
    """The outputs at the test angles after all steps on the network, or really on its Taylor expansion, in float64."""
    data, arch = load(spec.data), replace(spec.arch, width=width)
    x, y, tested = (jnp.asarray(part) for part in (data.x, data.y, data.x_test))
    start = jax.tree.map(lambda w: jnp.asarray(w, jnp.float64), init(arch, 2, seed=spec.seed, dtype=np.float32))
    eta = spec.c / np.linalg.eigvalsh(np.asarray(infinite_ntk(arch, data.x)))[-1]

    def model(params: tuple, points: jax.Array) -> jax.Array:
        change = jax.tree.map(lambda w, w0: w - w0, params, start)
        if expanded:
            return jax.jvp(lambda params: apply(arch, params, points), (start,), (change,))[1]
        return apply(arch, params, points) - apply(arch, start, points)

    step = jax.jit(jax.grad(lambda params: 0.5 * jnp.sum((model(params, x) - y) ** 2)))
    params = start
    for _ in range(spec.steps):
        params = jax.tree.map(lambda w, g: w - eta * g, params, step(params))
    return np.asarray(model(params, tested))[:, 0]


@pytest.mark.parametrize("place", [0, 1])
def test_the_linearisation_is_the_trained_taylor_expansion(place: int) -> None:
    """In closed form, with the kernel in float32: right to a thousandth."""
    result, width = canned(linear, SHORT), linear.WIDTHS[place]
    network = result.networks[place]
    expanded, trained = (by_hand(SHORT, width, expanded=expanded) for expanded in (True, False))
    np.testing.assert_allclose(network.linearised.f[-1, :, 0], expanded, atol=2e-3)
    np.testing.assert_allclose(network.curves.f[-1, :, 0], trained, atol=2e-3)
    gap = np.sqrt(np.mean((trained - expanded) ** 2) / np.mean(load(SHORT.data).y ** 2))
    assert result.gaps(place)[-1] == pytest.approx(gap, rel=0.05, abs=1e-4)


def test_the_gap_falls_with_the_width() -> None:
    """Eight times the width: a factor of 8 in the limit, and more than 2.5 for narrow networks."""
    for key in ("first", "time", "deep"):
        result = canned(linear, LESSON.preset(key).spec)
        narrow, middle, wide = (finding.value for finding in linear.findings(result))
        assert narrow > 2.5 * middle > 2.5 * 2.5 * wide


def test_the_exponent_of_the_sweep_is_near_its_law_and_flatter_for_relu() -> None:
    """A prototype: −0.85 for erf, −0.95 for three layers of tanh, −0.67 for ReLU; two seeds scatter by 0.1."""
    exponents = {
        key: canned(widths, LESSON.preset(key).spec.widths).linearised.fit.exponent for key in ("time", "deep", "relu")
    }
    assert exponents["time"] == pytest.approx(-0.9, abs=0.2) and exponents["deep"] == pytest.approx(-1.0, abs=0.2)
    assert -0.75 < exponents["relu"] < -0.3


def test_past_the_limit_the_linearisation_diverges_and_the_wide_network_converges() -> None:
    result = canned(linear, STEP)
    assert not any(result.stable(place) for place in range(3))
    wide = result.networks[2]
    assert wide.curves.loss[-1] < 0.01 * result.theory.curves.loss[0] and wide.drift > 0.1
    assert np.abs(wide.linearised.f[-1]).max() > 1e6
    assert all(canned(linear, SPEC).stable(place) for place in range(3))


def test_the_sweep_is_the_one_of_these_settings() -> None:
    spec = replace(SPEC, c=0.9, steps=200, seed=4, seeds=3)
    plain = train.Spec(arch=SPEC.arch, data=SPEC.data, c=0.9, steps=200, seed=4)
    assert spec.widths == widths.shared(widths.Spec(train=plain, seeds=3))
    relu = LESSON.preset("relu").spec.widths
    assert relu.train.arch.activation == "relu" and relu.train.steps == 2000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arch": ResidualMLP()}, "fully connected"),
        ({"arch": Architecture(outputs=2)}, "one output"),
        ({"arch": Architecture(parameterization="standard")}, "NTK parameterization"),
        ({"arch": Architecture(depth=4)}, "three hidden layers"),
        ({"data": Moons(n=16)}, "at most 64 points on a circle"),
        ({"data": CircleFunction(n=65)}, "at most 64 points on a circle"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(changes: dict, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        replace(SPEC, **changes)


def test_the_networks_arrive_one_after_another_and_can_be_stopped() -> None:
    seen = []
    found = linear.run(SHORT, lambda fraction, part=None: seen.append((fraction, part)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and seen[-1] == (1.0, found)
    known = [sum(network is not None for network in part.networks) for _, part in seen if part is not None]
    assert known == sorted(known) and known[-1] == 3

    def stop(fraction: float, part: object = None) -> None:
        if fraction > 0.2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        linear.run(SPEC, stop)


def test_the_estimate_grows_with_depth_and_steps() -> None:
    assert linear.cost(replace(SPEC, arch=replace(SPEC.arch, depth=3))).seconds > 3 * linear.cost(SPEC).seconds
    assert linear.cost(replace(SPEC, steps=5000)).seconds > 3 * linear.cost(SPEC).seconds
