"""Points with which others are padded change no result: each function against itself without padding."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from ntkviz.dynamics import Descent, linearise
from ntkviz.kernels import empirical_ntk, finite, infinite, infinite_kernels, infinite_layers
from ntkviz.measures import hidden_alignment
from ntkviz.measures.first_order import first_order_drift
from ntkviz.nets import Architecture, ConvNet, LayerNormMLP, ResidualMLP, init, init_many, padding
from ntkviz.nets.padding import bucket, cut, padded
from ntkviz.training import descent, train, train_many

SIZES = (1, 23)
NETWORKS = {
    "erf": Architecture(depth=2, width=12, activation="erf", sigma_b=0.3, outputs=2),
    "cos": Architecture(depth=1, width=9, activation="cos", sigma_b=0.3, outputs=2),  # cos 0 is not 0
    "residual": ResidualMLP(depth=2, width=8, activation="tanh", sigma_b=0.2, outputs=2),
    "normalised": LayerNormMLP(depth=2, width=8, sigma_b=0.2, outputs=2),
    "images": ConvNet(depth=1, width=4, image=(4, 4, 1), sigma_b=0.1, outputs=2),
}
EVERY = pytest.mark.parametrize("name", NETWORKS)


def points(arch: Architecture, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, count]).standard_normal((count, arch.input_dim or 3))


def same(monkeypatch: pytest.MonkeyPatch, compute: Callable[[], Any], rtol: float) -> None:
    """Compare a result with what it is without padding; numbers that are small beside their array may differ more."""
    with_padding = jax.tree.map(np.asarray, compute())
    monkeypatch.setattr(padding, "LARGEST", 0)
    without = jax.tree.map(np.asarray, compute())
    monkeypatch.undo()
    for one, other in zip(jax.tree.leaves(with_padding), jax.tree.leaves(without), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max())


def test_sizes_are_few_and_near() -> None:
    sizes = {bucket(count) for count in range(1, 1025)}
    assert len(sizes) == 21
    for count in range(1, 1100):
        assert bucket(count) >= count
        assert bucket(count) <= max(1.25 * count, count + 16)
        assert bucket(bucket(count)) == bucket(count)
    assert bucket(1) == 1 and bucket(1025) == 1025


def test_rows_are_padded_with_the_first_one_and_cut_again() -> None:
    rows = np.arange(10.0).reshape(5, 2)
    whole = padded(rows)
    assert whole.shape == (16, 2)
    np.testing.assert_array_equal(whole[:5], rows)
    np.testing.assert_array_equal(whole[5:], np.tile(rows[0], (11, 1)))
    back = cut(jax.device_put(whole), (5, 2))
    np.testing.assert_array_equal(back, rows)
    assert isinstance(back, jax.Array)


@EVERY
@pytest.mark.parametrize("outputs", ["trace", "full"])
def test_empirical_kernels(monkeypatch: pytest.MonkeyPatch, name: str, outputs: Any) -> None:
    arch = NETWORKS[name]
    other = points(arch, 7, seed=1)
    params = init(arch, other.shape[1], seed=3)
    for count in SIZES:
        x = points(arch, count)
        same(monkeypatch, lambda x=x: empirical_ntk(arch, params, x, outputs=outputs), 1e-12)
    same(monkeypatch, lambda: empirical_ntk(arch, params, other, x, outputs=outputs), 1e-12)


@EVERY
def test_infinite_kernels(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    arch = NETWORKS[name]
    other = points(arch, 7, seed=1)
    for count in SIZES:
        x = points(arch, count)
        same(monkeypatch, lambda x=x: infinite_kernels(arch, x), 1e-12)
    same(monkeypatch, lambda: infinite_kernels(arch, other, x), 1e-12)
    same(monkeypatch, lambda: infinite_layers(arch, points(arch, 5)), 1e-12)


def run(arch: Architecture, count: int, **recording: Any) -> dict[str, Any]:
    """All that a training records, with a weight for each point."""
    x, x_test = points(arch, count), points(arch, 2 * count, seed=1)
    y, y_test = (np.sin(inputs[:, :2]) for inputs in (x, x_test))
    weights = np.random.default_rng(2).uniform(0.5, 1.5, count)
    made = train(
        arch,
        init(arch, x.shape[1], seed=3),
        x,
        y,
        eta=0.3 / count,
        steps=12,
        point_weights=weights,
        x_test=x_test,
        y_test=y_test,
        dtype=np.float64,
        **recording,
    )
    names = ("f_train", "f_test", "loss", "test_loss", "movement", "layer_movement", "drift", "kernel_end", "sharpness")
    return {name: getattr(made, name) for name in names} | {"params": made.params}


@EVERY
def test_trainings(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    same(monkeypatch, lambda: run(NETWORKS[name], 18, centred=True), 1e-9)


def test_a_training_that_is_not_centred_with_all_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    same(monkeypatch, lambda: run(NETWORKS["cos"], 5, kernel=True, sharpness=4), 1e-9)


def test_batches_are_not_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    same(monkeypatch, lambda: run(NETWORKS["erf"], 10, batch=4), 1e-9)


def test_a_sweep_with_weights_of_points(monkeypatch: pytest.MonkeyPatch) -> None:
    arch = NETWORKS["cos"]
    x = points(arch, 6)
    params, y = init_many(arch, 3, range(6)), np.cos(x[:, :2])

    def left_out() -> list[np.ndarray]:
        made = train_many(arch, params, x, y, eta=0.05, steps=9, point_weights=1 - np.eye(6), dtype=np.float64)
        return [run.f_train for run in made] + [run.loss for run in made]

    same(monkeypatch, left_out, 1e-10)


def test_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    for arch in (NETWORKS["cos"], NETWORKS["images"]):
        x = points(arch, 21)
        y, params = np.sin(x[:, :2]), init_many(arch, x.shape[1], range(3))
        same(monkeypatch, lambda arch=arch, x=x, y=y, params=params: hidden_alignment(arch, params, x, y), 1e-10)


def test_the_first_order_of_the_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    arch = Architecture(depth=2, width=20, activation="erf", sigma_b=0.3)
    x = points(arch, 11)
    params = init(arch, 3, seed=1)
    own = linearise(np.asarray(empirical_ntk(arch, params, x)), np.sin(x[:, :1]))
    clock = Descent(0.5 / own.eigenvalues[0], [30])
    same(monkeypatch, lambda: first_order_drift(arch, params, x, own, clock), 1e-9)


def test_another_number_of_points_compiles_nothing() -> None:
    arch = NETWORKS["erf"]

    def everything(count: int) -> None:
        x = points(arch, count)
        empirical_ntk(arch, init(arch, 3, seed=0), x)
        infinite_kernels(arch, x)
        run(arch, count)

    everything(17)
    programs = finite._layerwise, infinite._recursion, descent.advance
    before = [program._cache_size() for program in programs]
    for count in (18, 20, 24):
        everything(count)
    assert [program._cache_size() for program in programs] == before
