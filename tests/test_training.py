"""Real training: each step is the formula, wide networks follow theory, and what must not happen is noticed."""

import math
import re
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ntkviz.dynamics import Descent, linearise
from ntkviz.errors import Cancelled, Diverged, InvalidInput
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.nets import Architecture, Params, apply, init, init_many
from ntkviz.training import Run, descent, log_steps, sharpness, stable_step, train, train_many

SEED = 0
RNG = np.random.default_rng(0)
X, X_TEST = RNG.normal(size=(12, 3)), RNG.normal(size=(5, 3))
Y, Y_TEST = np.sin(X[:, 0]), np.sin(X_TEST[:, 0])
SMALL = Architecture(depth=2, width=16, activation="tanh", sigma_w=1.5, sigma_b=0.2)
START = init(SMALL, 3, seed=SEED)


def largest(arch: Architecture, params: Params, x: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(empirical_ntk(arch, params, x))[-1])


ETA = 0.5 / largest(SMALL, START, X)


def small(**changes: Any) -> Run:
    """A short run in float64, with any of its settings changed."""
    return train(SMALL, START, X, Y, **({"eta": ETA, "steps": 40, "dtype": jnp.float64} | changes))


def seeds(arch: Architecture, input_dim: int, count: int) -> Params:
    return init_many(arch, input_dim, range(count))


@pytest.mark.parametrize(("alpha", "centred"), [(1.0, False), (3.0, False), (0.2, True)])
def test_steps_are_those_of_gradient_descent(alpha: float, centred: bool) -> None:
    """40 steps written out in terms of the loss's formula; float64 rounding over 40 steps."""

    def model(params: Params, x: np.ndarray) -> Any:
        return alpha * (apply(SMALL, params, x) - centred * apply(SMALL, START, x))

    def loss(params: Params) -> Any:
        return 0.5 * ((model(params, X) - Y[:, None]) ** 2).sum()

    gradient = jax.jit(jax.grad(lambda params: loss(params) / alpha**2))
    params, losses, outputs = START, [], []
    for _ in range(41):
        losses.append(loss(params))
        outputs.append(model(params, X_TEST))
        slope = gradient(params)
        params = jax.tree.map(lambda w, g: w - ETA * g, params, slope)

    run = small(alpha=alpha, centred=centred, x_test=X_TEST, y_test=Y_TEST, record=range(41))
    np.testing.assert_allclose(run.loss, losses, rtol=1e-10)
    np.testing.assert_allclose(run.f_test, outputs, atol=1e-10)
    np.testing.assert_allclose(run.test_loss, 0.5 * ((np.array(outputs)[..., 0] - Y_TEST) ** 2).sum(1), rtol=1e-9)
    np.testing.assert_allclose(run.time, ETA * np.arange(41))


def test_the_record_is_the_network_that_it_says() -> None:
    run = small(x_test=X_TEST, kernel=True, weights=True, record=[3, 17])
    np.testing.assert_array_equal(run.steps, [0, 3, 17, 40])
    np.testing.assert_allclose(run.f_train[-1], apply(SMALL, run.params, X), atol=1e-13)
    np.testing.assert_allclose(run.f_test[-1], apply(SMALL, run.params, X_TEST), atol=1e-13)
    for at, params in ((0, START), (-1, run.params)):
        jax.tree.map(lambda kept, w, at=at: np.testing.assert_array_equal(kept[at], w), run.weights, params)
    first, last = (np.asarray(empirical_ntk(SMALL, params, X)) for params in (START, run.params))
    np.testing.assert_allclose(run.kernel_start, first, rtol=1e-12)
    np.testing.assert_allclose(run.kernel_end, last, rtol=1e-12)
    assert run.drift[0] == 0
    assert run.drift[-1] == pytest.approx(np.linalg.norm(last - first) / np.linalg.norm(first), rel=1e-10)
    before, after = (np.asarray(ravel_pytree(params)[0]) for params in (START, run.params))
    assert run.movement[-1] == pytest.approx(np.linalg.norm(after - before) / np.linalg.norm(before), rel=1e-10)
    for layer in range(3):
        before, after = (np.asarray(ravel_pytree(params[layer])[0]) for params in (START, run.params))
        moved = np.linalg.norm(after - before) / np.linalg.norm(before)
        assert run.layer_movement[-1, layer] == pytest.approx(moved, rel=1e-10)


def test_what_is_recorded_does_not_change_the_run() -> None:
    runs = [small(record=record, batch=5) for record in ([], range(41), log_steps(40, 7))]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.f_train[-1], runs[0].f_train[-1])


@pytest.mark.parametrize(("steps", "count"), [(1, 2), (10, 60), (1000, 30), (10**6, 50)])
def test_log_steps_begin_end_and_grow(steps: int, count: int) -> None:
    marks = log_steps(steps, count)
    assert marks[0] == 0
    assert marks[-1] == steps
    assert len(marks) <= count
    assert np.all(np.diff(marks) > 0)


def test_float32_stays_float32() -> None:
    run = small(dtype=jnp.float32, x_test=X_TEST, kernel=True, sharpness=3)
    arrays = [
        run.f_train,
        run.f_test,
        run.movement,
        run.kernel_end,
        run.sharpness,
        *jax.tree.leaves(run.params),
    ]
    assert {array.dtype.name for array in arrays} == {"float32"}
    assert run.eta == ETA
    problem = descent.problem(
        SMALL, START, X, Y, ETA, 1.0, centred=True, x_test=None, y_test=None, dtype=jnp.dtype(jnp.float32)
    )
    program = jax.make_jaxpr(descent.trained, static_argnums=1)(SMALL, 4, problem, descent.start(problem, 4), 10)
    assert not re.search(r"f64\[\d", str(program))  # no array; σ and the like are weakly typed scalars


def test_one_compilation_serves_every_step_scale_and_length() -> None:
    small(steps=30)
    compiled = descent.advance._cache_size()
    small(steps=70, eta=ETA / 3, alpha=2.0, record=[1, 50], centred=True)
    assert descent.advance._cache_size() == compiled


@pytest.mark.parametrize("width", [16, 64], ids=["side by side", "in turn"])
def test_a_sweep_is_its_single_runs(width: int) -> None:
    """Over α, η and seeds, on both sides of the size from which networks run in turn."""
    arch = Architecture(depth=2, width=width, activation="erf", sigma_w=1.5, sigma_b=0.2)
    x = np.random.default_rng(1).normal(size=(64, 3))
    assert (descent.operations(arch, 3, 64) < descent.SIDE_BY_SIDE) == (width == 16)
    params, alpha = seeds(arch, 3, 3), np.array([0.3, 1.0, 5.0])
    eta = ETA / 5 * np.array([1.0, 2.0, 3.0])
    shared: dict[str, Any] = {"steps": 20, "centred": True, "batch": 10, "dtype": jnp.float64, "kernel": True}
    runs = train_many(arch, params, x, x[:, 0], eta=eta, alpha=alpha, **shared)
    for i, run in enumerate(runs):
        one = jax.tree.map(lambda a, i=i: a[i], params)
        alone = train(arch, one, x, x[:, 0], eta=eta[i], alpha=alpha[i], **shared)
        np.testing.assert_allclose(run.f_train, alone.f_train, atol=1e-11)
        np.testing.assert_allclose(run.drift, alone.drift, atol=1e-11)
        assert (run.alpha, run.eta) == (alpha[i], eta[i])


def test_a_batch_of_everything_is_the_full_batch() -> None:
    np.testing.assert_allclose(small(batch=len(X)).f_train, small().f_train, atol=1e-12)


def test_batches_follow_their_key() -> None:
    first, again, other = (small(batch=4, key=jax.random.key(k)).f_train[-1] for k in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6


def test_an_epoch_of_batches_sees_every_point_once() -> None:
    """With a tiny step, the 3 batches of an epoch move the weights like 3 full steps, to first order in η."""
    tiny = 1e-7 * ETA
    moved = [
        ravel_pytree(small(eta=tiny, steps=3, batch=batch).params)[0] - ravel_pytree(START)[0] for batch in (4, None)
    ]
    np.testing.assert_allclose(moved[0], moved[1], atol=1e-5 * float(jnp.abs(moved[1]).max()))


def gaps(widths: list[int], count: int) -> np.ndarray:
    """(widths,): the largest distance, over time and test points, to the linearised network; geometric mean over seeds.

    The closed form is that of gradient descent with the network's own kernel at the start.
    """
    angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    x, x_test = (np.stack([np.cos(a), np.sin(a)], axis=1) for a in (angles[::2], angles[1::2]))
    y = np.sin(angles[::2])  # learned fast: the weights move little, so that these widths are already wide
    found = []
    for width in widths:
        arch = Architecture(depth=1, width=width, activation="erf", sigma_w=1.5, sigma_b=0.3)
        params = seeds(arch, 2, count)
        kernels = [
            empirical_ntk(arch, jax.tree.map(lambda a, i=i: a[i], params), np.concatenate([x, x_test]))
            for i in range(count)
        ]
        eta = np.array([0.5 / np.linalg.eigvalsh(kernel[:10, :10])[-1] for kernel in kernels])
        runs = train_many(arch, params, x, y, eta=eta, steps=300, x_test=x_test, centred=True)
        logs = []
        for run, kernel, step in zip(runs, np.asarray(kernels), eta, strict=True):
            theory = linearise(kernel[:10, :10], y).predict(Descent(step, run.steps), kernel[10:, :10])
            logs.append(math.log(np.abs(run.f_test - theory).max()))
        found.append(math.exp(np.mean(logs)))
    return np.array(found)


def test_wide_networks_train_like_their_linearisation() -> None:
    """The gap falls like 1/n for a smooth activation; eight seeds leave the slope uncertain by about 0.1."""
    widths = [128, 512, 2048]
    found = gaps(widths, 8)
    slope = np.polyfit(np.log(widths), np.log(found), 1)[0]
    assert slope == pytest.approx(-1, abs=0.25)
    assert found[-1] < 1e-3


def test_each_mode_decays_at_its_rate() -> None:
    """-ln(1 - ηλ_i) a step, fitted until a mode falls to a tenth, for the modes that start large enough to be seen.

    Small and fast modes end on a floor that slower ones feed, as the kernel moves; n = 4096 leaves 2 % in the median.
    """
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(16, 3)), rng.normal(size=16)
    arch = Architecture(depth=1, width=4096, activation="erf", sigma_w=1.5, sigma_b=0.3)
    params = init(arch, 3, seed=SEED)
    model = linearise(empirical_ntk(arch, params, x), y)
    eta = 0.5 / model.eigenvalues[0]
    run = train(arch, params, x, y, eta=eta, steps=1500, centred=True, record=range(1501))
    residual = np.abs(np.einsum("nm,tn->tm", model.modes, run.f_train[:, :, 0] - y))
    predicted = Descent(eta, 1).rate(model.eigenvalues)
    seen = np.flatnonzero((residual[0] > 0.3) & (1500 * predicted > math.log(10)))
    assert len(seen) >= 6
    measured = []
    for mode in seen:
        end = int(np.argmax(residual[:, mode] < residual[0, mode] / 10))
        measured.append(-np.polyfit(np.arange(end), np.log(residual[:end, mode]), 1)[0])
    slope = np.polyfit(np.log(predicted[seen]), np.log(measured), 1)[0]
    assert slope == pytest.approx(1, abs=0.03)
    assert np.median(np.abs(measured / predicted[seen] - 1)) < 0.04


def test_the_kernel_moves_less_in_lazier_runs() -> None:
    """Drift ∝ 1/α once lazy (Chizat, Oyallon & Bach 2019): α times 10 divides it by 10, to 10 %."""
    alphas = np.array([0.1, 1.0, 10.0, 100.0])
    steps = [stable_step(alpha, SMALL.width, largest(SMALL, START, X)) for alpha in alphas]
    shared: dict[str, Any] = {"steps": 400, "centred": True, "kernel": True, "dtype": jnp.float64}
    runs = train_many(SMALL, START, X, Y, eta=steps, alpha=alphas, **shared)
    drift = np.array([run.drift[-1] for run in runs])
    assert np.all(np.diff(drift) < 0)
    assert drift[2] / drift[3] == pytest.approx(10, rel=0.1)


def test_the_stable_step_is_stable_at_every_scale() -> None:
    """XOR of two coordinates: no α explodes, none rises above its start, and the rich runs learn the data."""
    rng = np.random.default_rng(5)
    x = rng.choice([-1.0, 1.0], (100, 20))
    y = x[:, 0] * x[:, 1]
    arch = Architecture(depth=1, width=64, sigma_b=0.1)
    params, alphas = init(arch, 20, seed=SEED), np.geomspace(0.01, 100, 9)
    steps = [stable_step(alpha, arch.width, largest(arch, params, x)) for alpha in alphas]
    runs = train_many(
        arch, params, x, y, eta=steps, alpha=alphas, steps=1000, centred=True, record=log_steps(1000, 100)
    )
    assert all(run.diverged_at is None and run.loss.max() <= 1.001 * run.loss[0] for run in runs)
    assert all(run.loss[-1] < 1e-3 * run.loss[0] for run in runs[:4])


def test_between_two_and_four_the_loss_catapults_and_settles() -> None:
    """c = 2.5 on a wide linear network: a peak, then a flatter minimum (Lewkowycz et al. 2020); no divergence."""
    arch = Architecture(depth=1, width=512, activation="linear", sigma_w=1.0, sigma_b=None)
    x, y = np.ones((1, 1)), np.zeros(1)
    params = init(arch, 1, seed=3)
    top = largest(arch, params, x)
    run = train(arch, params, x, y, eta=2.5 / top, steps=200, record=range(201), kernel=True, dtype=jnp.float64)
    assert run.loss.max() > 10 * run.loss[0]
    assert run.loss[-1] < 1e-6 * run.loss[0]
    assert run.eta * run.kernel_end[0, 0] < 2


def test_divergence_is_told_with_its_step() -> None:
    with pytest.raises(Diverged, match=r"diverged by step \d+\. Try a smaller step"):
        small(eta=20 * ETA, steps=2000)
    run = small(eta=20 * ETA, steps=2000, allow_divergence=True, record=range(2001), kernel=True)
    assert run.diverged_at is not None
    np.testing.assert_array_equal(run.steps, np.arange(run.diverged_at))
    assert np.isfinite(run.loss).all()
    assert run.loss.max() < descent.EXPLOSION * run.loss[0]
    for array in (run.f_train, run.movement, run.drift, run.kernel_end, *run.params[0]):
        assert np.isfinite(array).all()


def test_one_of_a_sweep_may_diverge_alone() -> None:
    shared: dict[str, Any] = {"steps": 2000, "dtype": jnp.float64, "allow_divergence": True}
    calm, wild = train_many(SMALL, START, X, Y, eta=[ETA, 20 * ETA], **shared)
    assert (calm.diverged_at, len(calm.steps)) == (None, len(log_steps(2000)))
    assert wild.diverged_at == small(eta=20 * ETA, steps=2000, allow_divergence=True).diverged_at
    np.testing.assert_allclose(calm.f_train, small(steps=2000).f_train, atol=1e-10)


def test_a_run_reports_and_stops_when_told() -> None:
    """Reports come in order with a partial result; what `report` raises ends the run then and there."""
    wide = Architecture(depth=2, width=1024)
    params, x = init(wide, 3, seed=SEED), np.random.default_rng(2).normal(size=(128, 3))
    told: list[tuple[float, float, Run | None]] = []

    def report(fraction: float, partial: Run | None = None, /) -> None:
        told.append((time.perf_counter(), fraction, partial))
        if len(told) == 6:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(wide, params, x, x[:, 0], eta=1e-9, steps=10**7, report=report)
    assert len(told) == 6
    assert [fraction for _, fraction, _ in told] == sorted(fraction for _, fraction, _ in told)
    assert told[-1][1] < 1e-3
    assert len(told[-1][2].steps) == len(told[-1][2].loss) > 1
    # a chunk aims at 0.1 s whatever the size; the first waits for the compiler
    assert np.median(np.diff([moment for moment, _, _ in told])[1:]) < 0.3

    small(report=lambda fraction, partial=None: told.append((0.0, fraction, partial)))
    assert told[-1][1] == 1
    assert told[-1][2].steps[-1] == 40


def dense_hessian(alpha: float, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat, unravel = ravel_pytree(START)

    def loss(w: Any) -> Any:
        return 0.5 * ((alpha * (apply(SMALL, unravel(w), X) - offset) - Y[:, None]) ** 2).sum() / alpha**2

    return np.linalg.eigh(jax.jit(jax.hessian(loss))(flat))


@pytest.mark.parametrize("alpha", [1.0, 0.2])
def test_sharpness_is_the_top_of_the_hessian(alpha: float) -> None:
    offset = np.asarray(apply(SMALL, START, X))
    values, vectors = dense_hessian(alpha, offset)
    found = sharpness(SMALL, START, X, Y, alpha=alpha, offset=offset, products=60)
    assert found.value == pytest.approx(values[-1], rel=1e-10)
    assert abs(found.direction @ vectors[:, -1]) == pytest.approx(1, abs=1e-8)
    rough = sharpness(SMALL, START, X, Y, alpha=alpha, offset=offset, products=8)
    assert np.abs(values - rough.value).min() <= rough.error
    warm = sharpness(SMALL, START, X, Y, alpha=alpha, offset=offset, products=3, direction=found.direction)
    assert warm.value == pytest.approx(values[-1], rel=1e-10)
    run = small(alpha=alpha, centred=True, sharpness=30, steps=1)
    assert run.sharpness[0] == pytest.approx(values[-1], rel=1e-6)


def test_sharpness_of_a_lazy_run_is_the_kernels() -> None:
    """At large α the Hessian is JᵀJ, whose eigenvalues are those of Θ = JJᵀ; the rest is of order 1/α."""
    found = sharpness(SMALL, START, X, Y, alpha=1e6, offset=apply(SMALL, START, X))
    assert found.value == pytest.approx(largest(SMALL, START, X), rel=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"eta": 0.0},
        {"eta": math.nan},
        {"alpha": -1.0},
        {"steps": 0},
        {"record": [0.5]},
        {"record": [99]},
        {"batch": 0},
        {"batch": len(X) + 1},
        {"y_test": Y_TEST},
        {"x_test": X_TEST[:, 0]},
        {"x_test": X_TEST, "y_test": Y},
    ],
    ids=str,
)
def test_what_cannot_be_trained_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        small(**wrong)


def test_sweeps_that_do_not_line_up_are_refused() -> None:
    with pytest.raises(InvalidInput, match="give one or as many"):
        train_many(SMALL, seeds(SMALL, 3, 3), X, Y, eta=ETA, alpha=[1.0, 2.0], steps=3)
    with pytest.raises(InvalidInput, match="record less often"):
        small(weights=True, steps=10**6, record=range(10**6))
    with pytest.raises(InvalidInput, match="positive"):
        stable_step(0.0, 64, 1.0)
    with pytest.raises(InvalidInput, match="one Hessian product"):
        sharpness(SMALL, START, X, Y, products=0)
    with pytest.raises(InvalidInput, match="at least one step"):
        log_steps(0)
