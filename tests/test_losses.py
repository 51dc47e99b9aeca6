"""Losses: each is its formula, training follows its gradient, and masked points are not seen."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import hinge_loss, log_loss

from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture, Params, apply, init
from ntkviz.training import CROSS_ENTROPY, HINGE, LOSSES, SQUARED, Loss, Run, sharpness, train, train_many

RNG = np.random.default_rng(0)
X, X_TEST = RNG.normal(size=(8, 3)), RNG.normal(size=(5, 3))
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1])
ARCH = Architecture(depth=1, width=16, activation="erf", sigma_w=1.5, sigma_b=0.3, outputs=3)
START = init(ARCH, 3, seed=2)
TARGETS = {"squared": RNG.normal(size=(8, 3)), "cross-entropy": np.eye(3)[LABELS], "hinge": 2 * np.eye(3)[LABELS] - 1}


def run(loss: Loss = SQUARED, **changes: Any) -> Run:
    settings = {"eta": 0.02, "steps": 40, "dtype": jnp.float64, "loss": loss} | changes
    return train(ARCH, START, X, TARGETS[loss.name], **settings)


def test_values_are_those_of_another_library() -> None:
    outputs = RNG.normal(size=(8, 3))
    probabilities = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    found = CROSS_ENTROPY.total(outputs, TARGETS["cross-entropy"])
    assert float(found) == pytest.approx(8 * log_loss(LABELS, probabilities), rel=1e-12)
    signs = np.sign(RNG.normal(size=(8, 1)))
    assert float(HINGE.total(outputs[:, :1], signs)) == pytest.approx(8 * hinge_loss(signs[:, 0], outputs[:, 0]))
    assert float(SQUARED.total(outputs, outputs + 2.0)) == pytest.approx(8 * 3 * 2.0)


def test_cross_entropy_of_soft_targets_is_least_at_their_logarithm() -> None:
    """The gradient in the outputs is softmax − target."""
    targets = jnp.asarray(RNG.dirichlet(np.ones(3), size=8))
    slope = jax.grad(lambda outputs: CROSS_ENTROPY.total(outputs, targets))(jnp.log(targets) + 5.0)
    np.testing.assert_allclose(slope, 0.0, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("alpha", [1.0, 3.0])
def test_training_follows_the_gradient_of_the_loss(name: str, alpha: float) -> None:
    """Steps written out from the loss of each point, with weights of the points."""
    loss, targets, weights = LOSSES[name], TARGETS[name], np.arange(8.0)

    def point(f: Any, y: Any) -> Any:
        if name == "squared":
            return 0.5 * ((f - y) ** 2).sum()
        if name == "cross-entropy":
            return jnp.log(jnp.exp(f).sum()) - (y * f).sum()
        return jnp.where(y * f < 1, 1 - y * f, 0.0).sum()

    def total(params: Params) -> Any:
        return sum(w * point(alpha * f, y) for w, f, y in zip(weights, apply(ARCH, params, X), targets, strict=True))

    params, step = START, jax.jit(jax.value_and_grad(total))
    trained = run(loss, alpha=alpha, point_weights=weights, steps=10, record=range(11), eta=0.005)
    for value in trained.loss:
        expected, slope = step(params)
        assert value == pytest.approx(float(expected), rel=1e-10)
        params = jax.tree.map(lambda w, g: w - 0.005 * g / alpha**2, params, slope)
    assert trained.loss[-1] < trained.loss[0]


@pytest.mark.parametrize("name", LOSSES)
def test_masked_points_are_not_seen(name: str) -> None:
    """Weight 0 is the run without these points; the rounding of sums with zeros in them remains."""
    kept = np.array([0, 1, 2, 4, 7])
    weights = np.isin(np.arange(8), kept).astype(float)
    masked = run(LOSSES[name], point_weights=weights, x_test=X_TEST, sharpness=60)
    without = train(
        ARCH,
        START,
        X[kept],
        TARGETS[name][kept],
        eta=0.02,
        steps=40,
        dtype=jnp.float64,
        loss=LOSSES[name],
        x_test=X_TEST,
        sharpness=60,  # the search has converged: what is left is rounding
    )
    for found in ("loss", "f_test", "sharpness"):
        np.testing.assert_allclose(getattr(masked, found), getattr(without, found), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(masked.f_train[:, kept], without.f_train, atol=1e-11)


def test_a_point_of_weight_two_counts_as_two_points() -> None:
    twice = np.append(np.arange(8), 3)
    doubled = train(ARCH, START, X[twice], TARGETS["squared"][twice], eta=0.02, steps=40, dtype=jnp.float64)
    np.testing.assert_allclose(run(point_weights=1.0 + (np.arange(8) == 3)).loss, doubled.loss, rtol=1e-10)


def test_a_sweep_that_leaves_out_one_point_at_a_time_is_its_single_runs() -> None:
    weights = 1 - np.eye(8)
    runs = train_many(ARCH, START, X, TARGETS["squared"], eta=0.02, steps=40, dtype=jnp.float64, point_weights=weights)
    assert len(runs) == 8
    for found, own in zip(runs, weights, strict=True):
        np.testing.assert_allclose(found.f_train, run(point_weights=own).f_train, atol=1e-12)


def test_the_sharpness_is_that_of_the_loss() -> None:
    """The top eigenvalue of the dense Hessian of cross-entropy, with weights of the points."""
    flat, unravel = jax.flatten_util.ravel_pytree(START)
    weights, targets = np.arange(8.0), TARGETS["cross-entropy"]

    def loss(w: Any) -> Any:
        outputs = apply(ARCH, unravel(w), X)
        return (weights * (jax.nn.logsumexp(outputs, axis=1) - (targets * outputs).sum(1))).sum()

    dense = np.linalg.eigvalsh(jax.jit(jax.hessian(loss))(flat))
    found = sharpness(ARCH, START, X, targets, loss=CROSS_ENTROPY, point_weights=weights, products=60)
    assert found.value == pytest.approx(dense[-1], rel=1e-9)


@pytest.mark.parametrize(
    ("loss", "targets", "words"),
    [
        (
            CROSS_ENTROPY,
            TARGETS["hinge"],
            "cross-entropy loss needs two outputs or more and, for each point, probabilities",
        ),
        (CROSS_ENTROPY, 2 * TARGETS["cross-entropy"], "probabilities that sum to 1"),
        (HINGE, TARGETS["squared"], "hinge loss needs targets that are all −1 or 1"),
    ],
)
def test_targets_that_do_not_suit_the_loss_are_refused(loss: Loss, targets: np.ndarray, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        train(ARCH, START, X, targets, eta=0.02, steps=3, loss=loss)
    with pytest.raises(InvalidInput, match=words):
        train(ARCH, START, X, TARGETS[loss.name], eta=0.02, steps=3, loss=loss, x_test=X, y_test=targets)


def test_cross_entropy_of_one_output_is_refused() -> None:
    single = Architecture(depth=1, width=8)
    with pytest.raises(InvalidInput, match="two outputs or more"):
        train(single, init(single, 3, seed=0), X, np.ones(8), eta=0.1, steps=3, loss=CROSS_ENTROPY)


@pytest.mark.parametrize("wrong", [np.ones(7), -np.ones(8), np.zeros(8), np.full(8, np.nan), np.ones((1, 1, 8))])
def test_weights_of_points_that_make_no_sense_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="weight"):
        run(point_weights=wrong)


def test_another_loss_may_be_given() -> None:
    """A loss of one's own trains like any other: the absolute error to the fourth."""
    quartic = Loss("quartic", lambda f, y: jnp.sum((f - y) ** 4, axis=-1), lambda y: True, "finite numbers")
    found = train(ARCH, START, X, TARGETS["squared"], eta=1e-3, steps=50, loss=quartic, dtype=jnp.float64)
    errors = (found.f_train[-1] - TARGETS["squared"]) ** 4
    assert found.loss[-1] == pytest.approx(errors.sum(), rel=1e-12)
    assert found.loss[-1] < 0.9 * found.loss[0]


def test_an_epoch_of_batches_sees_every_point_with_its_weight() -> None:
    """With a tiny step, the 4 batches of an epoch move the weights like 4 full steps, to first order in η."""
    weights = np.array([0.0, 3.0, 1.0, 0.5, 2.0, 0.0, 1.0, 4.0])
    shared: dict[str, Any] = {"eta": 1e-9, "steps": 4, "point_weights": weights, "key": jax.random.key(5)}
    batches, full = (run(batch=batch, **shared).params for batch in (2, None))
    for w, expected, first in zip(*map(jax.tree.leaves, (batches, full, START)), strict=True):
        np.testing.assert_allclose(w - first, expected - first, atol=1e-5 * float(jnp.abs(expected - first).max()))
