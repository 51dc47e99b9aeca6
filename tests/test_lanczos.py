"""Eigenvalues from products: those of the whole matrix, equal ones too, and densities within their standard errors."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkviz.data import on_circle
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.kernels import infinite_ntk
from ntkviz.kernels.operator import dense_operator
from ntkviz.nets import Architecture
from ntkviz.spectra.lanczos import density, top, tridiagonal

RNG = np.random.default_rng(3)
RELU = np.asarray(infinite_ntk(Architecture(depth=2, sigma_b=0.2), RNG.normal(size=(150, 4))))


def test_a_full_decomposition_is_the_matrix() -> None:
    found = tridiagonal(lambda v: RELU @ v, jnp.asarray(RNG.normal(size=150)), 150)
    basis, t = np.asarray(found.basis), np.diag(found.diagonal) + np.diag(found.beside, 1) + np.diag(found.beside, -1)
    alive = int(found.alive.sum())
    np.testing.assert_allclose(basis[:alive] @ basis[:alive].T, np.eye(alive), atol=1e-13)
    np.testing.assert_allclose(basis @ RELU @ basis.T, t, atol=1e-13 * RELU.trace())


@pytest.mark.parametrize(("rank", "distinct"), [(0, 1), (1, 2), (3, 4)])
def test_it_ends_where_the_krylov_space_does(rank: int, distinct: int) -> None:
    """matfree alone goes on with noise: of the identity it finds an eigenvalue near 2."""
    factor = RNG.normal(size=(40, rank))
    found = tridiagonal(lambda v: factor @ (factor.T @ v), jnp.asarray(RNG.normal(size=40)), 12)
    assert int(found.alive.sum()) == distinct
    assert float(found.rest) == 0
    largest = np.linalg.eigvalsh(factor @ factor.T)[-1]
    np.testing.assert_allclose(found.eigh()[0][-1], largest, atol=1e-12)
    identity = tridiagonal(lambda v: v, jnp.asarray(RNG.normal(size=40)), 12)
    np.testing.assert_allclose(identity.eigh()[0][-1], 1, rtol=1e-14)


@pytest.mark.parametrize("k", [1, 7, 20])
def test_top_eigenpairs_are_those_of_the_whole_matrix(k: int) -> None:
    found = top(dense_operator(RELU), k)
    values = np.linalg.eigvalsh(RELU)
    assert found.dtype == "float64"
    np.testing.assert_allclose(found.eigenvalues, values[::-1][:k], atol=1e-8 * values[-1])
    residual = RELU @ found.eigenvectors - found.eigenvectors * found.eigenvalues
    assert np.all(np.linalg.norm(residual, axis=0) <= found.errors + 1e-13 * values[-1])
    np.testing.assert_allclose(found.eigenvectors.T @ found.eigenvectors, np.eye(k), atol=1e-10)


def test_equal_eigenvalues_are_found_as_often_as_they_occur() -> None:
    """Round the circle every frequency has two waves; one start sees one of them. The identity is the extreme."""
    kernel = np.asarray(infinite_ntk(Architecture(depth=2, sigma_b=0.2), on_circle(2 * np.pi * np.arange(64) / 64)))
    values = np.linalg.eigvalsh(kernel)[::-1]
    np.testing.assert_allclose(top(dense_operator(kernel), 9).eigenvalues, values[:9], atol=1e-8 * values[0])
    np.testing.assert_allclose(top(dense_operator(np.eye(20)), 4).eigenvalues, 1, rtol=1e-14)


def test_a_flat_spectrum_takes_more_products_by_itself() -> None:
    noise = RNG.normal(size=(200, 200)) / np.sqrt(200)
    matrix = np.eye(200) + 0.1 * (noise + noise.T)
    found = top(dense_operator(matrix), 2, products=5)
    np.testing.assert_allclose(found.eigenvalues, np.linalg.eigvalsh(matrix)[:-3:-1], atol=1e-7)


def test_nothing_below_the_floor_is_returned() -> None:
    factor = RNG.normal(size=(50, 3))
    assert len(top(dense_operator(factor @ factor.T), 8).eigenvalues) == 3
    assert len(top(dense_operator(np.zeros((6, 6))), 2).eigenvalues) == 0
    single = top(dense_operator((factor @ factor.T).astype(np.float32)), 8)
    assert single.dtype == "float32"
    assert single.floor > 1e6 * top(dense_operator(factor @ factor.T), 3).floor


@given(
    size=st.integers(1, 12), rank=st.integers(0, 14), seed=st.integers(0, 1000), scale=st.sampled_from([1e-6, 1, 1e6])
)
def test_small_matrices_of_any_rank_and_scale(size: int, rank: int, seed: int, scale: float) -> None:
    factor = np.random.default_rng(seed).normal(size=(12, rank))[:size]
    kernel = np.zeros((12, 12))  # one shape, so that one program serves
    kernel[:size, :size] = scale * (factor @ factor.T)
    found = top(dense_operator(kernel), 12)
    values = np.linalg.eigvalsh(kernel)[::-1]
    count = len(found.eigenvalues)
    np.testing.assert_allclose(found.eigenvalues, values[:count], atol=2e-8 * values[0])
    assert np.all(values[count:] <= found.floor + 1e-8 * values[0])


def test_the_density_counts_and_sums_within_its_error() -> None:
    """Five standard errors of 30 starts; the identity has no error at all."""
    found = density(dense_operator(RELU), starts=30, products=40)
    values = np.linalg.eigvalsh(RELU)[::-1]
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, rtol=1e-12)
    for expected, (mean, error) in (
        (values.sum(), found.trace),
        (30, found.above(values[29:31].mean())),
        (100, found.above(values[99:101].mean())),
    ):
        assert 0 < error < 0.2 * expected
        assert abs(mean - expected) < 5 * error
    trace, error = density(dense_operator(np.eye(30)), starts=3, products=4).trace
    assert (trace, error) == pytest.approx((30, 0), abs=1e-12)


def test_a_complete_quadrature_has_every_moment_of_its_start() -> None:
    """With N products zᵀAᵖz = N Σ wθᵖ, exactly."""
    found = density(dense_operator(RELU), starts=1, products=150, seed=4)
    z = np.sign(np.random.default_rng(4).random((1, 150)) - 0.5)[0]
    for power in (1, 2, 3):
        moment = 150 * np.sum(found.weights * found.nodes**power)
        assert moment == pytest.approx(z @ np.linalg.matrix_power(RELU, power) @ z, rel=1e-11)


@pytest.mark.parametrize(
    "run", [lambda op, report: top(op, 3, report=report), lambda op, report: density(op, report=report)]
)
def test_progress_is_told_and_whatever_it_raises_stops_the_run(run) -> None:
    told: list[float] = []
    run(dense_operator(RELU), told.append)
    assert len(told) >= 36 and told == sorted(told) and told[0] >= 0 and told[-1] <= 1

    def stop(fraction: float) -> None:
        told.append(fraction)
        if len(told) == 5:
            raise Cancelled("Stopped.")

    told.clear()
    with pytest.raises(Cancelled):
        run(dense_operator(RELU), stop)
    assert len(told) == 5


def test_what_cannot_be_decomposed_is_refused_in_words() -> None:
    for k in (0, 151):
        with pytest.raises(InvalidInput, match="eigenpairs"):
            top(dense_operator(RELU), k)
    for options in ({"starts": 0}, {"products": 0}):
        with pytest.raises(InvalidInput, match="at least one"):
            density(dense_operator(RELU), **options)
    with pytest.raises(InvalidInput, match="not finite"):
        top(dense_operator(np.full((4, 4), np.nan)), 1)
    with pytest.raises(InvalidInput, match="150 numbers"):
        dense_operator(RELU) @ np.ones(3)
