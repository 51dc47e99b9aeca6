"""Optimisers: each step is its formula, linear models end at the closed form, and moving a number compiles nothing."""

import dataclasses
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkviz.dynamics import Descent, Flow, linearise
from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture, Params, apply, init
from ntkviz.training import OPTIMISERS, Adam, GradientDescent, Momentum, Optimiser, Run, descent, train, train_many

RNG = np.random.default_rng(0)
X, X_TEST = RNG.normal(size=(6, 3)), RNG.normal(size=(4, 3))
Y = np.sin(X[:, 0])
ARCH = Architecture(depth=2, width=24, activation="tanh", sigma_w=1.5, sigma_b=0.3)
START = init(ARCH, 3, seed=1)
READOUT = (0.0, 0.0, 1.0)  # rates with which only the last layer is trained: a model linear in its weights


def layer_kernels(x1: np.ndarray, x2: np.ndarray) -> list[np.ndarray]:
    """Θ_l of each layer at the start, (M, N), from its Jacobian."""

    def jacobian(x: np.ndarray) -> list[np.ndarray]:
        tree = jax.jacobian(lambda params: apply(ARCH, params, x)[:, 0])(START)
        return [np.concatenate([np.reshape(a, (len(x), -1)) for a in layer], axis=1) for layer in tree]

    return [a @ b.T for a, b in zip(jacobian(x1), jacobian(x2), strict=True)]


KERNELS, ACROSS = layer_kernels(X, X), layer_kernels(X_TEST, X)
F0, F0_TEST = (np.asarray(apply(ARCH, START, x)) for x in (X, X_TEST))
ETA = 0.5 / float(np.linalg.eigvalsh(sum(KERNELS))[-1])


def run(optimiser: Optimiser, **changes: Any) -> Run:
    settings = {"eta": ETA, "steps": 30, "dtype": jnp.float64, "x_test": X_TEST, "optimiser": optimiser} | changes
    return train(ARCH, START, X, Y, **settings)


def written_out(optimiser: Optimiser, steps: int) -> Params:
    """The weights after some steps of the formulas, with nothing of optax."""

    def loss(params: Params) -> Any:
        return 0.5 * ((apply(ARCH, params, X) - Y[:, None]) ** 2).sum()

    gradient, rates = jax.jit(jax.grad(loss)), np.ones(3) if optimiser.layer_rates is None else optimiser.layer_rates
    treedef = jax.tree.structure(START)
    of_layer = [layer for layer in range(3) for _ in range(2)]  # weight and bias
    first = [np.asarray(w) for w in jax.tree.leaves(START)]
    now, velocity, size = list(first), [np.zeros_like(w) for w in first], [np.zeros_like(w) for w in first]
    for step in range(1, steps + 1):
        slope = [np.asarray(g) for g in jax.tree.leaves(gradient(jax.tree.unflatten(treedef, now)))]
        for i, (w, g) in enumerate(zip(list(now), slope, strict=True)):
            pull = optimiser.decay * (w - first[i] if optimiser.towards_start else w)
            if isinstance(optimiser, Adam):
                velocity[i] = optimiser.beta1 * velocity[i] + (1 - optimiser.beta1) * g
                size[i] = optimiser.beta2 * size[i] + (1 - optimiser.beta2) * g**2
                mean, square = velocity[i] / (1 - optimiser.beta1**step), size[i] / (1 - optimiser.beta2**step)
                move = mean / (np.sqrt(square) + optimiser.epsilon) + pull
            elif isinstance(optimiser, Momentum):
                velocity[i] = optimiser.momentum * velocity[i] + g + pull
                move = velocity[i]
            else:
                move = g + pull
            now[i] = w - ETA * rates[of_layer[i]] * move
    return jax.tree.unflatten(treedef, now)


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize(
    "settings",
    [{}, {"decay": 0.3}, {"decay": 0.3, "towards_start": True}, {"decay": 0.1, "layer_rates": (0.5, 0.0, 2.0)}],
    ids=str,
)
def test_a_step_is_its_formula(name: str, settings: dict[str, Any]) -> None:
    """30 steps; float64 rounding, which Adam's division by √v̂ enlarges where a gradient is small."""
    optimiser = OPTIMISERS[name](**settings)
    trained = run(optimiser)
    for w, expected in zip(jax.tree.leaves(trained.params), jax.tree.leaves(written_out(optimiser, 30)), strict=True):
        np.testing.assert_allclose(w, expected, atol=1e-9)
    assert trained.movement[-1] > 1e-4


@pytest.mark.parametrize("optimiser", [OPTIMISERS[name](decay=0.1) for name in OPTIMISERS], ids=list(OPTIMISERS))
def test_what_is_recorded_does_not_change_the_run(optimiser: Optimiser) -> None:
    """The optimiser's memory goes from one compiled chunk to the next, with batches too."""
    few, many = (run(optimiser, record=record, batch=4) for record in ([], range(31)))
    np.testing.assert_array_equal(few.f_test[-1], many.f_test[-1])


def test_a_linear_model_follows_the_closed_form_at_every_step() -> None:
    """Only the readout is trained: gradient descent is then that of the last layer's kernel, exactly."""
    trained = run(GradientDescent(layer_rates=READOUT), record=range(31))
    model = linearise(KERNELS[2], Y, F0)
    np.testing.assert_allclose(trained.f_train, model.descent(ETA, trained.steps), atol=1e-10)
    np.testing.assert_allclose(
        trained.f_test, model.predict(Descent(ETA, trained.steps), ACROSS[2], F0_TEST), atol=1e-10
    )


def test_momentum_on_a_linear_model_ends_where_gradient_descent_does() -> None:
    """At the minimum-norm interpolant, on the data and off it; it is reached sooner."""
    eta = 0.5 / float(np.linalg.eigvalsh(KERNELS[2])[-1])
    plain, fast = (
        run(how, eta=eta, steps=4000, record=range(4001))
        for how in (GradientDescent(layer_rates=READOUT), Momentum(momentum=0.9, layer_rates=READOUT))
    )
    end = linearise(KERNELS[2], Y, F0).predict(Flow(np.inf), ACROSS[2], F0_TEST)[0]
    np.testing.assert_allclose(fast.f_train[-1, :, 0], Y, atol=1e-9)
    np.testing.assert_allclose(fast.f_test[-1], end, atol=1e-8)
    assert np.argmax(fast.loss < 1e-6) < 0.3 * np.argmax(plain.loss < 1e-6)


@pytest.mark.parametrize("decay", [0.05, 1.0])
def test_decay_towards_the_start_is_the_ridge_of_the_closed_form(decay: float) -> None:
    """At every step: each mode moves at λ + δ."""
    trained = run(GradientDescent(decay=decay, layer_rates=READOUT, towards_start=True), steps=2000)
    model, clock = linearise(KERNELS[2], Y, F0, ridge=decay), Descent(ETA, trained.steps)
    np.testing.assert_allclose(trained.f_train, model.train(clock), atol=1e-10)
    np.testing.assert_allclose(trained.f_test, model.predict(clock, ACROSS[2], F0_TEST), atol=1e-10)


@pytest.mark.parametrize("how", [GradientDescent, Momentum])
def test_decay_towards_zero_ends_at_kernel_ridge_regression(how: type[Optimiser]) -> None:
    """f = Θ* (Θ + δ)⁻¹ y whatever the start; the slowest mode has decayed by e^{−ηδk} = e^{−50} or more."""
    decay = 0.2
    trained = run(how(decay=decay, layer_rates=READOUT), steps=int(50 / (ETA * decay)))
    expected = ACROSS[2] @ np.linalg.solve(KERNELS[2] + decay * np.eye(len(X)), Y)
    np.testing.assert_allclose(trained.f_test[-1, :, 0], expected, atol=1e-9)


def test_the_ridge_matches_the_decay_at_every_output_scale() -> None:
    """A lazy network of all layers, α = 10⁵: the rest is of order 1/α."""
    trained = run(GradientDescent(decay=0.5, towards_start=True), alpha=1e5, centred=True, steps=300)
    model = linearise(sum(KERNELS), Y, ridge=0.5)
    np.testing.assert_allclose(trained.f_test, model.predict(Descent(ETA, trained.steps), sum(ACROSS)), atol=1e-4)


@pytest.mark.parametrize("rates", [(1.0, 1.0, 1.0), (0.3, 2.0, 1.0), (0.0, 0.0, 3.0)])
def test_rates_of_layers_rescale_the_parts_of_the_kernel(rates: tuple[float, ...]) -> None:
    """Gradient flow with Θ = Σ r_l Θ_l: at α = 10⁵ the network is linear to 10⁻⁵, and steps are small."""
    kernel, across = (sum(r * part for r, part in zip(rates, parts, strict=True)) for parts in (KERNELS, ACROSS))
    eta, steps = 1e-3 * ETA, 20_000
    trained = run(GradientDescent(layer_rates=rates), alpha=1e5, centred=True, eta=eta, steps=steps)
    flow = linearise(kernel, Y).predict(Flow(trained.time), across)
    np.testing.assert_allclose(trained.f_test, flow, atol=1e-3)
    assert np.abs(flow[-1]).max() > 0.1


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_moving_a_number_compiles_nothing(name: str, batch: int | None) -> None:
    how = OPTIMISERS[name]
    others = [field.name for field in dataclasses.fields(how) if field.name not in ("layer_rates", "towards_start")]
    run(how(layer_rates=(1.0, 1.0, 1.0)), batch=batch)
    compiled = descent.advance._cache_size()
    run(how(layer_rates=(0.5, 1.0, 2.0)), batch=batch, eta=ETA / 3, steps=20)
    for field in others:
        run(how(**{field: 0.013}, layer_rates=np.ones(3)), batch=batch, point_weights=np.arange(6.0), alpha=2.0)
    assert descent.advance._cache_size() == compiled
    assert {"decay"} <= set(others)


def test_a_sweep_over_hyperparameters_is_its_single_runs() -> None:
    decay, momentum = np.array([0.0, 0.1, 0.5]), np.array([0.9, 0.5, 0.0])
    rates = np.array([[1.0, 1.0, 1.0], [0.5, 1.0, 2.0], [0.0, 1.0, 0.0]])
    runs = train_many(
        ARCH,
        START,
        X,
        Y,
        eta=ETA * np.array([0.3, 0.2, 0.1]),
        steps=30,
        dtype=jnp.float64,
        optimiser=Momentum(decay=decay, momentum=momentum, layer_rates=rates),
    )
    assert len(runs) == 3
    for i, found in enumerate(runs):
        how = Momentum(decay=decay[i], momentum=momentum[i], layer_rates=tuple(rates[i]))
        alone = run(how, eta=ETA * (0.3, 0.2, 0.1)[i])
        np.testing.assert_allclose(found.f_train, alone.f_train, atol=1e-12)


def test_a_sweep_over_the_rates_of_layers_alone_is_its_single_runs() -> None:
    rates = np.array([[1.0, 1.0, 1.0], [0.5, 1.0, 2.0]])
    shared: dict[str, Any] = {"eta": ETA, "steps": 10, "dtype": jnp.float64}
    runs = train_many(ARCH, START, X, Y, optimiser=GradientDescent(layer_rates=rates), **shared)
    assert len(runs) == 2
    for found, own in zip(runs, rates, strict=True):
        np.testing.assert_allclose(found.loss, run(GradientDescent(layer_rates=own), steps=10).loss, rtol=1e-10)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_float32_stays_float32(name: str) -> None:
    how = OPTIMISERS[name](decay=0.1, layer_rates=(0.5, 1.0, 2.0))
    problem = descent.problem(ARCH, START, X, Y, ETA, optimiser=how, dtype=jnp.dtype(jnp.float32))
    state = descent.start(problem, 4)
    program = jax.make_jaxpr(descent.trained, static_argnums=1)(ARCH, 4, problem, state, 10)
    assert not re.search(r"f64\[\d", str(program))  # no array; σ and the like are weakly typed scalars


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Momentum(momentum=1.0), r"momentum must be in \[0, 1\)"),
        (Adam(beta2=-0.1), r"beta2 must be in \[0, 1\)"),
        (GradientDescent(decay=-1.0), "decay must be 0 or more"),
        (GradientDescent(decay=np.inf), "decay must be 0 or more"),
        (GradientDescent(layer_rates=(1.0, 1.0)), "each of the 3 layers"),
        (GradientDescent(layer_rates=(1.0, -1.0, 1.0)), "each of the 3 layers"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: Optimiser, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        run(wrong)


def test_a_sweep_whose_sizes_differ_is_refused() -> None:
    for how in (Momentum(decay=[0.1, 0.2]), Momentum(decay=[0.1, 0.2, 0.3], momentum=[0.1, 0.2])):
        with pytest.raises(InvalidInput, match="give one or as many"):
            train_many(ARCH, START, X, Y, eta=[ETA] * 3, steps=3, optimiser=how)
