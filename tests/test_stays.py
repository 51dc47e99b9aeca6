"""What moves in training: the kernel of one network over its steps, and kernel and weights over the width."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkviz.data import Digits, Sphere, load
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.experiments import movement, stays
from ntkviz.kernels import empirical_ntk
from ntkviz.nets import Architecture, ResidualMLP, apply, init
from ntkviz.training.readouts import READOUTS
from tests.canned import canned

SPEC = stays.Spec()
RELU = replace(SPEC, arch=Architecture(width=256, sigma_b=0.1))
DEEP = replace(SPEC, arch=replace(SPEC.arch, depth=3, activation="tanh"))
STEP, SMALL, BENT = replace(SPEC, c=3.0), replace(SPEC, alpha=0.1), replace(SPEC, readout="arsinh")
MUP = replace(SPEC, arch=replace(SPEC.arch, parameterization="mup"))


def swept(spec: stays.Spec) -> movement.Result:
    return canned(movement, movement.shared(spec))


def by_hand(spec: stays.Spec, width: int, seed: int, steps: int) -> tuple[list, list, np.ndarray, np.ndarray]:
    """Weights at the start and at the end, and both kernels, by gradient descent written out in float64."""
    arch, data = replace(spec.arch, width=width), load(spec.data)
    x, y, alpha = jnp.asarray(data.x), jnp.asarray(data.y), spec.alpha
    rho = {"linear": lambda f: f, "arsinh": jnp.arcsinh}[spec.readout]
    start = jax.tree.map(lambda w: jnp.asarray(w, jnp.float64), init(arch, x.shape[1], seed=seed, dtype=np.float32))

    def model(params: tuple) -> jax.Array:
        return rho(alpha * (apply(arch, params, x) - apply(arch, start, x)))

    def kernel(params: tuple) -> np.ndarray:
        jacobian = jax.jacobian(lambda params: model(params)[:, 0] / alpha)(params)
        return np.asarray(sum(j.reshape(len(j), -1) @ j.reshape(len(j), -1).T for j in jax.tree.leaves(jacobian)))

    largest = np.linalg.eigvalsh(kernel(start))[-1]
    rich = alpha / (np.sqrt(width) if arch.parameterization == "mup" else 1.0)
    eta = spec.c * min(1.0, rich * np.sqrt(width / 16)) / largest
    step = jax.jit(
        lambda params: jax.tree.map(
            lambda w, g: w - eta * g / alpha**2,
            params,
            jax.grad(lambda params: 0.5 * jnp.sum((model(params) - y) ** 2))(params),
        )
    )
    params = start
    for _ in range(steps):
        params = step(params)
    weights = [[np.asarray(layer.weight) for layer in each] for each in (start, params)]
    return weights[0], weights[1], kernel(start), kernel(params)


@pytest.mark.parametrize("spec", [SPEC, BENT, SMALL, MUP], ids=["plain", "readout", "small", "mup"])
def test_a_network_of_the_sweep_is_one_trained_by_gradient_descent(spec: stays.Spec) -> None:
    """In float32 the movement of a well-conditioned training is right to about a thousandth."""
    short = replace(spec, steps=40, seeds=2)
    result = canned(movement, movement.shared(short))
    before, after, first, last = by_hand(short, 64, 1, 40)
    assert result.drift.values[0, 1] == pytest.approx(np.linalg.norm(last - first) / np.linalg.norm(first), rel=5e-3)
    for name, w0, w in zip(("first", "last"), before, after, strict=True):
        moved = [sweep.values[0, 1] for sweep in result.moved[name]]
        change = w - w0
        expected = [
            np.sqrt((change**2).sum() / (w0**2).sum()),
            np.linalg.svd(change, compute_uv=False)[0] / np.linalg.svd(w0, compute_uv=False)[0],
            np.abs(change).max() / np.sqrt((w0**2).mean()),
        ]
        np.testing.assert_allclose(moved, expected, rtol=5e-3)


def test_several_hidden_layers_have_the_geometric_mean_of_their_movements() -> None:
    short = replace(DEEP, steps=20, seeds=2, arch=replace(DEEP.arch, width=64))
    result = canned(movement, movement.shared(short))
    before, after, *_ = by_hand(short, 64, 0, 20)
    each = [np.linalg.norm(w - w0) / np.linalg.norm(w0) for w0, w in zip(before, after, strict=True)]
    assert result.moved["hidden"][0].values[0, 0] == pytest.approx(np.sqrt(each[1] * each[2]), rel=5e-3)
    assert result.moved["last"][0].values[0, 0] == pytest.approx(each[3], rel=5e-3)


def test_the_kernel_is_followed_over_the_steps() -> None:
    for spec in (SPEC, BENT):
        result = canned(stays, replace(spec, steps=40, arch=replace(spec.arch, width=64)))
        assert result.steps[0] == 0 and result.steps[-1] == 40
        *_, first, last = by_hand(spec, 64, 0, 40)
        order = np.argsort(load(spec.data).y[:, 0], kind="stable")
        np.testing.assert_allclose(result.kernels[0], first[np.ix_(order, order)], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(result.kernels[-1], last[np.ix_(order, order)], rtol=5e-3, atol=5e-3)
        assert result.drift[0] == 0
        assert result.drift[-1] == pytest.approx(np.linalg.norm(last - first) / np.linalg.norm(first), rel=5e-3)


def test_a_readout_bends_the_kernel_by_its_slopes() -> None:
    f = np.array([0.0, 0.5, -2.0])
    for name, rho in (("linear", lambda f: f), ("arsinh", np.arcsinh)):
        readout = READOUTS[name]
        np.testing.assert_allclose(readout.inverse(rho(f)), f, rtol=1e-12)
        slope = (rho(f + 1e-6) - rho(f - 1e-6)) / 2e-6
        np.testing.assert_allclose(readout.slope(f), slope, rtol=1e-8)
        np.testing.assert_allclose(readout.kernel(np.ones((2, 3, 3)), f)[1], np.outer(slope, slope), rtol=1e-8)
        targets = np.array([[0.3], [1.0], [-1.0]])
        loss = 0.5 * ((rho(f) - targets[:, 0]) ** 2).sum()
        assert float(readout.loss.total(f[:, None], targets)) == pytest.approx(loss)


def test_the_kernel_of_a_smooth_network_drifts_like_one_over_its_width() -> None:
    """A prototype: −0.97 for erf and tanh, −0.82 for ReLU. Three seeds scatter by about 0.05."""
    assert swept(SPEC).drift.fit.exponent == pytest.approx(-0.97, abs=0.12)
    assert swept(RELU).drift.fit.exponent == pytest.approx(-0.82, abs=0.12)


def test_where_theory_is_void_the_drift_does_not_fall() -> None:
    for spec in (STEP, MUP, BENT):
        assert abs(swept(spec).drift.fit.exponent) < 0.1
        assert swept(spec).drift.mean[-1] > 0.3  # and it is not small


def test_with_a_readout_the_drift_of_wide_networks_is_known_beforehand() -> None:
    """The spread over seeds at 2048 neurons is a few tenths of a per cent."""
    result = swept(BENT)
    assert result.drift.mean[-1] == pytest.approx(result.level, rel=0.03)
    assert canned(stays, BENT).level == pytest.approx(result.level, rel=0.05)  # with the kernel of one network
    for spec in (SPEC, STEP, MUP):
        assert swept(spec).level is None


def test_at_a_small_output_scale_the_drift_falls_from_far_above() -> None:
    small, plain = swept(SMALL).drift, swept(SPEC).drift
    assert small.fit.exponent < -0.6
    assert (small.mean > 10 * plain.mean).all()


def test_the_layers_move_by_the_powers_of_their_parameterization() -> None:
    """NTK: −1/2 at the ends and −1 in the middle, −1/2 in the spectral norm. µP: 0, −1/2 and 0. Within 0.1."""
    mup = replace(MUP, arch=replace(MUP.arch, depth=2))
    for spec, ends, middle, strongest in ((DEEP, -0.5, -1.0, -0.5), (mup, 0.0, -0.5, 0.0)):
        moved = swept(spec).moved
        for name in ("first", "last"):
            assert moved[name][0].fit.exponent == pytest.approx(ends, abs=0.1)
        assert moved["hidden"][0].fit.exponent == pytest.approx(middle, abs=0.1)
        assert moved["hidden"][1].fit.exponent == pytest.approx(strongest, abs=0.1)


def test_the_laws_follow_the_settings() -> None:
    def drift(spec: stays.Spec) -> tuple[float, float]:
        law = movement.laws(spec)[0]
        return law.low, law.high

    assert drift(SPEC) == (-1.0, -1.0) and drift(RELU) == (-1.0, -0.5)
    assert drift(STEP) == drift(MUP) == drift(BENT) == (-0.1, 0.1)
    middle = [(law.low, law.high) for law in movement.laws(DEEP)[1]["hidden"][:2]]
    assert np.allclose(middle, [(-1.1, -0.9), (-0.6, -0.4)]) and movement.laws(DEEP)[1]["hidden"][2] is None
    mup = movement.laws(replace(MUP, arch=replace(MUP.arch, depth=2)))[1]
    assert np.allclose([(law.low, law.high) for law in mup["hidden"][:2]], [(-0.6, -0.4), (-0.1, 0.1)])
    assert list(movement.laws(STEP)[1].values()) == [(None, None, None)] * 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arch": ResidualMLP()}, "fully connected"),
        ({"arch": Architecture(outputs=2)}, "one output"),
        ({"arch": Architecture(parameterization="standard")}, "NTK or the µP"),
        ({"arch": Architecture(depth=4)}, "at most 3 layers of 1024"),
        ({"arch": Architecture(width=1025)}, "at most 3 layers of 1024"),
        ({"data": Sphere(n=129)}, "at most 128 points"),
        ({"data": Digits(question="classes", n=16)}, "two answers"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(changes: dict, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        replace(SPEC, **changes)


def test_a_kernel_of_zero_is_refused() -> None:
    dead = replace(SPEC, arch=Architecture(width=64, sigma_b=None, sigma_w=0.01, activation="relu"))
    x = np.zeros((16, 10))
    assert not np.asarray(empirical_ntk(dead.arch, init(dead.arch, 10, seed=0), x)).any()


def test_runs_report_and_can_be_stopped() -> None:
    seen = []
    spec = replace(SPEC, steps=20, seeds=2)
    found = movement.run(spec, lambda fraction, part=None: seen.append((fraction, part)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    counts = [part.drift.networks for _, part in seen]
    assert counts[0] == 0 and counts[-1] == 12 == found.drift.networks

    def stop(fraction: float, part: object = None) -> None:
        if fraction > 0.2:
            raise Cancelled("stopped")

    for experiment in (stays, movement):
        with pytest.raises(Cancelled):
            experiment.run(replace(SPEC, steps=2000, seeds=2), stop)


def test_the_width_of_the_page_has_no_part_in_the_sweep_and_wide_deep_networks_are_left_out() -> None:
    narrow = replace(SPEC, arch=replace(SPEC.arch, width=16))
    assert movement.shared(narrow) == movement.shared(SPEC) == SPEC
    assert swept(DEEP).drift.skipped == (1024.0, 2048.0) and swept(SPEC).drift.skipped == ()
    assert movement.cost(DEEP).seconds > 2 * movement.cost(SPEC).seconds
    assert stays.cost(DEEP).seconds > stays.cost(SPEC).seconds
