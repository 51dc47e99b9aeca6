"""Room for more neurons changes no result: each function against itself without room."""

from typing import Any

import jax
import numpy as np
import pytest

from ntkviz.errors import InvalidInput
from ntkviz.kernels import empirical_ntk, finite
from ntkviz.nets import Architecture, ConvNet, ResidualMLP, init, init_many, parameter_count, shapes, widening
from ntkviz.nets.widening import Widened, emptied, filled, with_room
from ntkviz.training import Adam, GradientDescent, Momentum, descent, train, train_many

WIDTHS = (3, 20, 128)
ACTIVATIONS = ("erf", "cos", "softplus", "sigmoid", "relu")  # three of them are not 0 at 0
X = np.random.default_rng(0).standard_normal((9, 3))
Y = np.sin(X[:, :2])


def network(**settings: Any) -> Architecture:
    return Architecture(**{"depth": 2, "width": 20, "activation": "cos", "sigma_b": 0.3, "outputs": 2} | settings)


def same(monkeypatch: pytest.MonkeyPatch, compute: Any, rtol: float) -> None:
    """Compare a result with what it is without room; numbers that are small beside their array may differ more."""
    used: list[Architecture] = []
    for program in (finite, descent):
        name = "_layerwise" if program is finite else "advance"
        compiled = getattr(program, name)
        monkeypatch.setattr(
            program, name, lambda arch, *a, compiled=compiled, **k: used.append(arch) or compiled(arch, *a, **k)
        )
    with_room = jax.tree.map(np.asarray, compute())
    assert used and all(isinstance(arch, Widened) for arch in used)
    monkeypatch.setattr(widening, "ROOMS", ())
    used.clear()
    without = jax.tree.map(np.asarray, compute())
    assert used and not any(isinstance(arch, Widened) for arch in used)
    monkeypatch.undo()
    for one, other in zip(jax.tree.leaves(with_room), jax.tree.leaves(without), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max(initial=0))


def trained(arch: Architecture, **settings: Any) -> dict[str, Any]:
    """All that a training records but its sharpness."""
    given = {"eta": 0.03, "steps": 8, "kernel": True, "weights": True, "x_test": 2 * X, "dtype": np.float64} | settings
    made = train(arch, init(arch, 3, seed=3), X, Y[:, : arch.outputs], **given)
    names = ("f_train", "f_test", "loss", "movement", "layer_movement", "drift", "kernel_start", "kernel_end", "params")
    return {name: getattr(made, name) for name in (*names, "weights", "steps")} | {"diverged": made.diverged_at or -1}


@pytest.mark.parametrize(
    ("activation", "parameterization"),
    [*((name, "ntk") for name in ACTIVATIONS), ("softplus", "standard"), ("cos", "mup"), ("relu", "mup")],
)
def test_trainings(monkeypatch: pytest.MonkeyPatch, activation: str, parameterization: str) -> None:
    arch = network(activation=activation, parameterization=parameterization)
    same(monkeypatch, lambda: trained(arch, eta=0.003 if parameterization == "standard" else 0.03), 1e-9)


@pytest.mark.parametrize("width", WIDTHS)
def test_widths_and_one_layer_without_biases(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    same(monkeypatch, lambda: trained(network(width=width, depth=1, sigma_b=None, outputs=1)), 1e-10)


@pytest.mark.parametrize(
    "optimiser",
    [Momentum(decay=0.1), Adam(decay=0.1), GradientDescent(decay=0.2, towards_start=True)],
    ids=lambda optimiser: type(optimiser).__name__,
)
def test_optimisers(monkeypatch: pytest.MonkeyPatch, optimiser: Any) -> None:
    same(monkeypatch, lambda: trained(network(), optimiser=optimiser, centred=True), 1e-7)


def test_batches_and_a_training_that_diverges(monkeypatch: pytest.MonkeyPatch) -> None:
    same(monkeypatch, lambda: trained(network(), batch=4), 1e-9)
    diverging = network(activation="relu")
    same(monkeypatch, lambda: trained(diverging, eta=1e4, kernel=False, allow_divergence=True), 1e-6)
    assert trained(diverging, eta=1e4, kernel=False, allow_divergence=True)["diverged"] > 0


def test_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    arch = network()
    params = init_many(arch, 3, range(3))

    def swept() -> list[Any]:
        made = train_many(arch, params, X, Y, eta=[0.01, 0.02, 0.03], alpha=[1.0, 2.0, 3.0], steps=5, dtype=np.float64)
        return [(run.f_train, run.params) for run in made]

    same(monkeypatch, swept, 1e-10)


@pytest.mark.parametrize("parameterization", ["ntk", "standard", "mup"])
@pytest.mark.parametrize("outputs", ["trace", "full"])
def test_kernels(monkeypatch: pytest.MonkeyPatch, parameterization: str, outputs: Any) -> None:
    for activation in ("softplus", "relu"):
        arch = network(activation=activation, parameterization=parameterization)
        params = init(arch, 3, seed=1)
        same(monkeypatch, lambda arch=arch, params=params: empirical_ntk(arch, params, X, outputs=outputs), 1e-12)
        same(monkeypatch, lambda arch=arch, params=params: empirical_ntk(arch, params, X, 2 * X), 1e-12)


def test_the_room_that_costs_little_is_the_largest() -> None:
    arch, inputs = network(width=100), (9, 3)
    params = init(arch, 3, seed=0)

    def room(seconds: Any, spare: float = 0.0) -> tuple[int, float]:
        wide, weights = with_room(arch, params, inputs, seconds, spare)
        assert tuple(layer.weight.shape for layer in weights) == shapes(wide, 3)
        return wide.width, wide.neurons

    assert room(lambda arch: 1.0) == (2048, 100)
    assert room(lambda arch: float(arch.width)) == (128, 100)  # 1.28 times as long
    assert room(lambda arch: float(arch.width), spare=412.0) == (512, 100)
    assert room(lambda arch: float(arch.width), spare=411.0) == (128, 100)
    assert room(lambda arch: float(arch.width) ** 2) == (100, 100)
    assert room(lambda arch: float(arch.width) ** 2, spare=3000**2) == (2048, 100)


def test_what_has_no_room_stays_as_it_is() -> None:
    free = lambda arch: 1.0  # noqa: E731
    for arch in (network(width=2049), ResidualMLP(width=8), ConvNet(width=4, image=(4, 4, 1))):
        params = init(arch, arch.input_dim or 3, seed=0)
        assert with_room(arch, params, (5, arch.input_dim or 3), free, 1.0) == (arch, params)
    arch = network()
    params = init(arch, 3, seed=0)
    for inputs in ((5, 4), (5,), (5, 0)):  # what computes with them raises an error
        assert with_room(arch, params, inputs, free, 1.0)[0] is arch
    with pytest.raises(InvalidInput, match="do not fit a network of depth 2, width 20"):
        empirical_ntk(arch, params, np.ones((4, 5)))
    with pytest.raises(InvalidInput, match=r"shape \(3,\)"):
        train(arch, params, np.ones(3), np.ones(3), eta=0.1, steps=2)


def test_neurons_that_are_added_have_weights_of_zero_and_are_removed_again() -> None:
    arch = network(width=5)
    params = init_many(arch, 3, range(2))
    wide = filled(params, shapes(network(width=8), 3))
    assert [layer.weight.shape for layer in wide] == [(2, 3, 8), (2, 8, 8), (2, 8, 2)]
    assert [layer.bias.shape for layer in wide if layer.bias is not None] == [(2, 8), (2, 8), (2, 2)]
    assert sum(np.count_nonzero(array) for array in jax.tree.leaves(wide)) == 2 * parameter_count(arch, 3)
    jax.tree.map(np.testing.assert_array_equal, emptied(wide, shapes(arch, 3)), params)


def test_other_widths_compile_nothing() -> None:
    def everything(width: int) -> None:
        arch = network(width=width, depth=1, outputs=1)
        empirical_ntk(arch, init(arch, 3, seed=0), X)
        trained(arch)

    everything(130)
    programs = finite._layerwise, descent.advance
    before = [program._cache_size() for program in programs]
    for width in (131, 300, 512):
        everything(width)
    assert [program._cache_size() for program in programs] == before
