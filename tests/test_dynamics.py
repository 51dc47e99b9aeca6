"""Closed forms of training: against a loop of descent steps, an independent library's tables, and their limits."""

from collections.abc import Callable

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree
from scipy.linalg import expm

from ntkviz.dynamics import Descent, Flow, ensemble, flow_filter, linearise, ridge_filter
from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture, apply, init
from ntkviz.spectra import spectrum
from tests import oracle

N, M, K = 6, 4, 2
TIMES = [0.0, 0.1, 1.0, 10.0, np.inf]


class Joint:
    """A kernel on N + M points with its blocks, targets and starting outputs; `rank` below N makes it singular."""

    def __init__(self, seed: int = 0, rank: int = 3 * N) -> None:
        rng = np.random.default_rng(seed)
        features = rng.normal(size=(N + M, rank))
        joint = features @ features.T / N
        self.train, self.cross, self.test = joint[:N, :N], joint[N:, :N], joint[N:, N:]
        self.y, self.f0, self.f0_test = (rng.normal(size=(rows, K)) for rows in (N, N, M))


def test_descent_is_gradient_descent_on_the_linearised_network() -> None:
    """300 steps in weight space, written out, on and off the data; both sides are float64, so rounding is all."""
    arch = Architecture(depth=2, width=16, activation="tanh", sigma_w=1.5, sigma_b=0.2, outputs=1)
    params = init(arch, 3, seed=0)
    rng = np.random.default_rng(1)
    x, x_test, y = rng.normal(size=(N, 3)), rng.normal(size=(M, 3)), rng.normal(size=(N, 1))
    weights, unravel = ravel_pytree(params)
    f0, slope = jax.linearize(lambda w: apply(arch, unravel(w), np.concatenate([x, x_test])), weights)
    jacobian = np.asarray(jax.vmap(slope)(np.eye(len(weights)))[:, :, 0].T)
    theta = jacobian @ jacobian.T
    eta = 1.2 / np.linalg.eigvalsh(theta[:N, :N])[-1]

    moved, outputs = np.zeros(len(weights)), [np.asarray(f0)]
    for _ in range(300):
        moved -= eta * jacobian[:N].T @ (outputs[-1][:N] - y)[:, 0]
        outputs.append(f0 + (jacobian @ moved)[:, None])

    model = linearise(theta[:N, :N], y, f0[:N])
    steps = np.arange(301)
    # 300 rounded steps in weight space against one formula: a few hundred ulp
    np.testing.assert_allclose(model.descent(eta, steps), np.array(outputs)[:, :N], atol=1e-12, rtol=0)
    predicted = model.predict(Descent(eta, steps), theta[N:, :N], f0[N:])
    np.testing.assert_allclose(predicted, np.array(outputs)[:, N:], atol=1e-12, rtol=0)


def test_flow_is_the_matrix_exponential() -> None:
    joint = Joint()
    model = linearise(joint.train, joint.y, joint.f0)
    for time, f in zip(TIMES[:-1], model.flow(TIMES[:-1]), strict=True):
        np.testing.assert_allclose(f, joint.y + expm(-time * joint.train) @ (joint.f0 - joint.y), atol=1e-12)


@pytest.mark.parametrize("name", oracle.of_kind("predict"))
class TestOracle:
    """neural-tangents in float64, at t = 0, 1, 10, 100, ∞ of its clock (rate λ/(N·K)); rounding is all, 1e-8 is ample.

    Its diag_reg is inside the kernel that is trained, on the data too: here that kernel is simply Θ + δ.
    """

    def tables(self, name: str) -> tuple[dict[str, np.ndarray], Flow, list[str], float]:
        case = oracle.configurations()[name]
        times = np.array([float(time) for time in case["times"]])
        marks = [f"t{case['times'][i]:g}" if np.isfinite(t) else "tinf" for i, t in enumerate(times)]
        assert case["absolute"] or not case["diag_reg"]
        clock = Flow(times * case["lr"] / (case["n"] * case["n_out"]))
        return oracle.library(name), clock, marks, case["diag_reg"]

    def test_one_network(self, name: str) -> None:
        table, clock, marks, ridge = self.tables(name)
        theta = table["T_tr_tr"] + ridge * np.eye(len(table["Y"]))
        model = linearise(theta, table["Y"], table["f0_train"])
        train = model.train(clock)
        test = model.predict(clock, table["T_te_tr"], table["f0_test"])
        decayed = linearise(table["T_tr_tr"], table["Y"], table["f0_train"], ridge=ridge)
        test_decayed = decayed.predict(clock, table["T_te_tr"], table["f0_test"])
        for i, mark in enumerate(marks):
            np.testing.assert_allclose(train[i], table[f"lin_train_{mark}"], atol=1e-8)
            np.testing.assert_allclose(test[i], table[f"lin_test_{mark}"], atol=1e-8)
            np.testing.assert_allclose(test_decayed[i], table[f"lin_test_{mark}"], atol=1e-8)

    @pytest.mark.parametrize("trained", ["ntk", "nngp"])
    @pytest.mark.parametrize("where", ["train", "test"])
    def test_ensemble(self, name: str, trained: str, where: str) -> None:
        table, clock, marks, ridge = self.tables(name)
        added = ridge * np.eye(len(table["Y"]))
        theta = "T" if trained == "ntk" else "K"
        # the library regularises the NNGP kernel where that is what is inverted, and not where it is the prior
        prior = table["K_tr_tr"] + (added if trained == "nngp" else 0)
        across, cross, test = table[f"{theta}_te_tr"], table["K_te_tr"], table["K_te_te"]
        if where == "train":
            across, cross, test = table[f"{theta}_tr_tr"] + added, prior, prior
        moments = ensemble(
            linearise(table[f"{theta}_tr_tr"] + added, table["Y"]),
            clock,
            theta_test_train=across,
            nngp_train=prior,
            nngp_test_train=cross,
            nngp_test=test,
        )
        for i, mark in enumerate(marks):
            np.testing.assert_allclose(moments.mean[i], table[f"ens_{trained}_{where}_mean_{mark}"], atol=1e-8)
            np.testing.assert_allclose(moments.covariance[i], table[f"ens_{trained}_{where}_cov_{mark}"], atol=1e-8)
        np.testing.assert_allclose(moments.std**2, np.diagonal(moments.covariance, axis1=1, axis2=2), atol=1e-12)

    def test_ensemble_with_a_ridge(self, name: str) -> None:
        """Off the data its regularised kernel is weight decay to each network's own start."""
        table, clock, marks, ridge = self.tables(name)
        moments = ensemble(
            linearise(table["T_tr_tr"], table["Y"], ridge=ridge),
            clock,
            theta_test_train=table["T_te_tr"],
            nngp_train=table["K_tr_tr"],
            nngp_test_train=table["K_te_tr"],
            nngp_test=table["K_te_te"],
        )
        for i, mark in enumerate(marks):
            np.testing.assert_allclose(moments.mean[i], table[f"ens_ntk_test_mean_{mark}"], atol=1e-8)
            np.testing.assert_allclose(moments.covariance[i], table[f"ens_ntk_test_cov_{mark}"], atol=1e-8)

    @pytest.mark.parametrize("kind", ["nngp", "ntk", "ntkgp"])
    def test_regression_at_infinite_time(self, name: str, kind: str) -> None:
        """Bayes with the NNGP, the trained ensemble, and Bayes with the NTK as if it were a covariance."""
        table, _, _, ridge = self.tables(name)
        theta, prior = {"nngp": "KK", "ntk": "TK", "ntkgp": "TT"}[kind]
        noise = 0.0 if kind == "ntk" else ridge  # of the targets, which is part of what is conditioned on
        moments = ensemble(
            linearise(table[f"{theta}_tr_tr"], table["Y"], ridge=ridge),
            Flow(np.inf),
            theta_test_train=table[f"{theta}_te_tr"],
            nngp_train=table[f"{prior}_tr_tr"] + noise * np.eye(len(table["Y"])),
            nngp_test_train=table[f"{prior}_te_tr"],
            nngp_test=table[f"{prior}_te_te"],
        )
        np.testing.assert_allclose(moments.mean[0], table[f"gp_{kind}_mean"], atol=1e-8)
        np.testing.assert_allclose(moments.covariance[0], table[f"gp_{kind}_cov"], atol=1e-8)


@given(seed=st.integers(0, 1000), rank=st.integers(1, 12), scale=st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e6]))
def test_no_variance_is_negative(seed: int, rank: int, scale: float) -> None:
    """Singular kernels of any scale, at the training points too, where the variance ends at zero."""
    joint = Joint(seed, rank)
    prior, cross, test = scale * joint.train, scale * joint.cross, scale * joint.test
    moments = ensemble(
        linearise(prior, joint.y),
        Flow(np.array(TIMES) / scale),
        theta_test_train=np.concatenate([prior, cross]),
        nngp_train=prior,
        nngp_test_train=np.concatenate([prior, cross]),
        nngp_test=np.block([[prior, cross.T], [cross, test]]),
    )
    variance = np.diagonal(moments.covariance, axis1=1, axis2=2)
    assert variance.min() >= 0
    assert np.isfinite(moments.std).all()
    largest = np.linalg.eigvalsh(test)[-1] + np.linalg.eigvalsh(prior)[-1]
    assert np.linalg.eigvalsh(moments.covariance).min() > -1e-14 * largest
    assert np.all(np.diff(variance, axis=0) < 1e-12 * largest)  # it falls with time
    np.testing.assert_allclose(moments.std[-1, :N], 0, atol=1e-6 * np.sqrt(largest))  # √ of rounding in the modes


def test_an_ensemble_is_the_moments_of_its_draws() -> None:
    """40,000 functions from the prior, each trained in closed form: five standard errors."""
    joint, ridge = Joint(), 0.3
    kernel = np.block([[joint.train, joint.cross.T], [joint.cross, joint.test]])
    theta = Joint(seed=1)
    clock, draws = Flow([0.7, np.inf]), 40_000
    starts = np.random.default_rng(2).multivariate_normal(np.zeros(N + M), kernel, size=draws, method="eigh").T
    model = linearise(theta.train, np.repeat(joint.y[:, :1], draws, axis=1), starts[:N], ridge=ridge)
    f = model.predict(clock, theta.cross, starts[N:])
    moments = ensemble(
        linearise(theta.train, joint.y, ridge=ridge),
        clock,
        theta_test_train=theta.cross,
        nngp_train=joint.train,
        nngp_test_train=joint.cross,
        nngp_test=joint.test,
    )
    error = 5 * moments.std / np.sqrt(draws)
    assert np.all(np.abs(f.mean(axis=2) - moments.mean[:, :, 0]) < error)
    for i in range(2):
        assert np.all(np.abs(np.cov(f[i]) - moments.covariance[i]) < 2 * error[i][:, None] * moments.std[i])


@pytest.mark.parametrize("clock", [Flow(0.0), Descent(0.1, 0)], ids=["flow", "descent"])
def test_nothing_moves_at_time_zero(clock: Flow | Descent) -> None:
    joint = Joint()
    model = linearise(joint.train, joint.y, joint.f0)
    np.testing.assert_allclose(model.train(clock)[0], joint.f0, atol=1e-14)
    np.testing.assert_array_equal(model.predict(clock, joint.cross, joint.f0_test)[0], joint.f0_test)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_at_infinite_time_it_is_kernel_regression(ridge: float) -> None:
    joint = Joint()
    model = linearise(joint.train, joint.y, joint.f0, ridge=ridge)
    coefficients = np.linalg.solve(joint.train + ridge * np.eye(N), joint.y - joint.f0)
    for clock in (Flow(np.inf), Descent(0.9 * model.eta_max, np.inf), Descent(0.9 * model.eta_max, 10**7)):
        np.testing.assert_allclose(
            model.predict(clock, joint.cross, joint.f0_test)[0], joint.f0_test + joint.cross @ coefficients, atol=1e-11
        )
        np.testing.assert_allclose(model.train(clock)[0], joint.f0 + joint.train @ coefficients, atol=1e-11)


def test_a_singular_kernel_ends_at_the_minimum_norm() -> None:
    """Rank 4 on 6 points: the unreachable part of the residual stays, its modes add nothing off the data."""
    joint = Joint(rank=4)
    model = linearise(joint.train, joint.y, joint.f0)
    inverse = np.linalg.pinv(joint.train, rcond=1e-12, hermitian=True)
    expected = joint.f0_test + joint.cross @ inverse @ (joint.y - joint.f0)
    for time in (1e6, np.inf):  # null modes of norm 1e-15 times 1e6 leave 1e-9
        np.testing.assert_allclose(model.predict(Flow(time), joint.cross, joint.f0_test)[0], expected, atol=1e-8)
    left = model.residual(Flow(np.inf))[0]
    np.testing.assert_array_equal(left[:4], 0)
    np.testing.assert_array_equal(left[4:], model.coefficients[4:])


@pytest.mark.parametrize("time", [1e-3, 1.0, 1e3])
def test_small_eigenvalues_reach_the_time(time: float) -> None:
    """(1 - decay)/λ → t without cancellation: λ = 1e-13 agrees with λ = 0 to a relative λt/2."""
    eigenvalues = np.array([1e-13, 0.0])
    for clock in (Flow(time), Descent(1e-3, round(time / 1e-3))):
        reach = clock.reach(eigenvalues)[0]
        assert reach[1] == pytest.approx(time, rel=1e-15)
        assert reach[0] == pytest.approx(time, rel=1e-9)


def test_descent_tends_to_flow() -> None:
    """The gap is first order in η: halving the step halves it."""
    joint = Joint()
    model = linearise(joint.train, joint.y, joint.f0)
    gaps = []
    for steps in (2000, 4000, 8000):
        gaps.append(np.abs(model.descent(2.0 / steps, steps)[0] - model.flow(2.0)[0]).max())
    assert gaps[0] < 1e-2
    np.testing.assert_allclose(np.array(gaps[:-1]) / gaps[1:], 2, atol=0.01)


@pytest.mark.parametrize("c", [0.5, 1.0, 1.5, 2.0, 2.5])
def test_decay_is_the_power(c: float) -> None:
    """(1 - ηλ)^k with its sign, also where a mode overshoots, is gone in one step, circles or explodes."""
    eigenvalues, steps = np.array([1.0, 0.3, 0.0]), np.arange(8)
    clock = Descent(c, steps)
    power = (1 - c * eigenvalues) ** steps[:, None]
    np.testing.assert_allclose(clock.decay(eigenvalues), power, rtol=1e-13)
    np.testing.assert_allclose(clock.learned(eigenvalues), 1 - power, atol=1e-13)
    stable = np.abs(1 - c * eigenvalues) > 0
    np.testing.assert_allclose(np.exp(-clock.rate(eigenvalues))[stable], np.abs(1 - c * eigenvalues)[stable])


def test_an_exploding_mode_stays_a_number() -> None:
    joint = Joint()
    model = linearise(joint.train, joint.y, joint.f0)
    assert np.isfinite(model.loss(Descent(10 * model.eta_max, [10, 10**9, np.inf]))).all()


def test_eta_max_is_where_descent_turns() -> None:
    joint = Joint()
    model = linearise(joint.train, joint.y, joint.f0)
    below, above = (model.loss(Descent(factor * model.eta_max, 10**5))[0] for factor in (0.999, 1.001))
    start = model.loss(Flow(0.0))[0]
    assert below < start < above
    assert start == pytest.approx(0.5 * np.sum((joint.f0 - joint.y) ** 2), rel=1e-13)


def test_residual_and_loss_are_those_of_the_outputs() -> None:
    joint = Joint()
    model, clock = linearise(joint.train, joint.y, joint.f0), Descent(0.05, [0, 3, 50])
    residual = model.train(clock) - joint.y
    np.testing.assert_allclose(np.matmul(model.modes, model.residual(clock)), residual, atol=1e-13)
    np.testing.assert_allclose(model.loss(clock), 0.5 * np.sum(residual**2, axis=(1, 2)), rtol=1e-12)


def test_steps_to_is_the_first_step_that_is_low_enough() -> None:
    joint = Joint()
    model = linearise(joint.train, joint.y, joint.f0)
    eta = 0.4 * model.eta_max
    losses = model.loss(Descent(eta, np.arange(2000)))
    for share in (1.0, 0.5, 0.1, 1e-3):
        assert model.steps_to(eta, share * losses[0] * (1 + 1e-12)) == np.argmax(losses <= share * losses[0])
    assert linearise(Joint(rank=2).train, joint.y).steps_to(0.01, 1e-9) == np.inf
    with pytest.raises(InvalidInput, match="does not converge"):
        model.steps_to(model.eta_max, 0.1)


def test_weights_map_targets_to_predictions() -> None:
    joint = Joint()
    model, clock = linearise(joint.train, joint.y), Flow(TIMES)
    np.testing.assert_allclose(
        model.weights(clock, joint.cross) @ joint.y, model.predict(clock, joint.cross), atol=1e-12
    )


def test_filters() -> None:
    """Early stopping at t learns between 1 and 1.3 times what the ridge 1/t does: 1 - e^{-s} against s/(1 + s)."""
    scale = np.geomspace(1e-6, 1e6, 400)
    ratio = flow_filter(scale, 1.0) / ridge_filter(scale, 1.0)
    assert ratio.min() >= 1
    assert ratio.max() < 1.3
    np.testing.assert_array_equal(ridge_filter([0.0, 2.0], 0.0), [0.0, 1.0])
    np.testing.assert_allclose(flow_filter(scale[:, None], [0.0, 2.0])[:, 1], 1 - np.exp(-2 * scale), atol=1e-15)


def test_a_spectrum_serves_as_the_kernel_and_its_floor_counts() -> None:
    joint = Joint(rank=4)
    whole, single = (spectrum(joint.train, computed_in=dtype) for dtype in (np.float64, np.float32))
    np.testing.assert_array_equal(linearise(whole, joint.y).flow(1.0), linearise(joint.train, joint.y).flow(1.0))
    assert linearise(single, joint.y).floor > 1e6 * linearise(whole, joint.y).floor


@pytest.mark.parametrize(
    "wrong",
    [
        lambda j: linearise(j.cross, j.y),
        lambda j: linearise(j.train, j.y[:-1]),
        lambda j: linearise(j.train, j.y, np.zeros((N, K + 1))),
        lambda j: linearise(j.train, j.y, ridge=-1.0),
        lambda j: linearise(j.train, j.y).predict(Flow(1.0), j.cross.T),
        lambda j: linearise(j.train, j.y).flow([-1.0]),
        lambda j: linearise(j.train, j.y).descent(0.1, [0.5]),
        lambda j: linearise(j.train, j.y).descent(0.0, [1]),
        lambda j: ensemble(
            linearise(j.train, j.y),
            Flow(1.0),
            theta_test_train=j.cross,
            nngp_train=j.train,
            nngp_test_train=j.cross.T,
            nngp_test=j.test,
        ),
        lambda j: ensemble(
            linearise(j.train, j.y),
            Flow(1.0),
            theta_test_train=j.cross,
            nngp_train=j.train,
            nngp_test_train=10 * j.cross,
            nngp_test=j.test,
        ),
    ],
)
def test_what_does_not_fit_is_refused(wrong: Callable[[Joint], object]) -> None:
    with pytest.raises(InvalidInput):
        wrong(Joint())
