"""Tiles cover every pair once or consistently, whatever the size, and say what the whole matrix says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkviz.activations import sine_and_arcsine
from ntkviz.kernels import infinite_kernels, infinite_ntk
from ntkviz.kernels.tiles import by_tiles, pairs, starts
from ntkviz.nets import Architecture


@given(points=st.integers(1, 500), side=st.integers(1, 200))
def test_tiles_of_one_size_cover_all_points(points: int, side: int) -> None:
    first = starts(points, side)
    size = -(-points // len(first))
    assert size <= side
    assert first[0] == 0 and first[-1] + size == points
    assert np.all(np.diff(first) <= size)
    if points % side == 0:
        assert np.all(np.diff(first) == size)


def test_pairs_of_one_set_are_half_of_all_and_the_diagonal_is_last() -> None:
    assert len(pairs(np.arange(4), None)) == 10
    assert pairs(np.arange(4), None)[-4:, 2].tolist() == [1, 1, 1, 1]
    assert len(pairs(np.arange(4), np.arange(3))) == 12


@pytest.mark.parametrize("points", [1, 2, 7, 12, 13])
@pytest.mark.parametrize("others", [None, 1, 9])
def test_a_tiled_product_is_the_product(points: int, others: int | None) -> None:
    """Sides 5: they divide, they do not, there is one tile."""
    rng = np.random.default_rng(points)
    x1, x2 = rng.normal(size=(points, 3)), None if others is None else rng.normal(size=(others, 3))

    def block(a: jax.Array, b: jax.Array, i: jax.Array, j: jax.Array) -> tuple[jax.Array, ...]:
        return a @ b.T, jnp.cos(a @ b.T) + 0 * (i + j)

    (product, cosine), finite = jax.jit(lambda a, b: by_tiles(block, a, b, 5))(x1, x2)
    whole = x1 @ (x1 if x2 is None else x2).T
    np.testing.assert_allclose(product, whole, atol=1e-14)  # sums of three
    np.testing.assert_allclose(cosine, np.cos(whole), atol=1e-14)
    assert finite
    if x2 is None:
        np.testing.assert_array_equal(product, product.T)


def test_one_entry_that_is_not_finite_is_noticed() -> None:
    x = np.ones((11, 1))
    x[7] = np.inf
    assert not by_tiles(lambda a, b, *_: (a @ b.T,), jnp.asarray(x), None, 4).finite


@pytest.mark.parametrize("name", ["relu", "erf", "gelu"])
def test_large_kernels_are_their_small_parts(name: str) -> None:
    """801 points are 3 × 3 tiles: symmetric to the bit, a duplicate as on the diagonal, parts the same to rounding."""
    x = np.random.default_rng(0).normal(size=(801, 5))
    x[800] = x[3]
    arch = Architecture(depth=3, activation=name, sigma_b=0.2)
    nngp, ntk = (np.asarray(kernel) for kernel in infinite_kernels(arch, x))
    np.testing.assert_array_equal(ntk, ntk.T)
    np.testing.assert_array_equal(infinite_ntk(arch, x), ntk)
    few = np.r_[0:4, 260:270, 530:540, 797:801]
    part = infinite_kernels(arch, x[few])
    np.testing.assert_allclose(nngp[np.ix_(few, few)], part.nngp, rtol=1e-13)
    np.testing.assert_allclose(ntk[np.ix_(few, few)], part.ntk, rtol=1e-13)
    np.testing.assert_allclose(ntk[800, 3], ntk[3, 3], rtol=1e-13)


@given(
    seed=st.integers(0, 1000),
    exponent=st.integers(-6, 6),
    depth=st.integers(1, 100),
    sigma_b=st.sampled_from([None, 0.0, 0.5]),
)
def test_kernels_of_awkward_points_stay_kernels(seed: int, exponent: int, depth: int, sigma_b: float | None) -> None:
    """A zero row, a duplicate, an antipode and a multiple, at scales 1e-6 to 1e6 and depths to 100.

    The kernel stays a covariance: symmetric, no entry over the root of its diagonals, no eigenvalue below rounding,
    which for points that depth has made all but equal is that of an angle, √(64 ε) = 1e-7. From two sets it is the
    same, though no point is known there to be one of its own.
    """
    x = np.random.default_rng(seed).normal(size=(12, 3))
    x[4:9] = [np.zeros(3), x[0], -x[1], 3 * x[2], x[3] * (1 + 1e-15)]
    x *= 10.0**exponent
    arch = Architecture(depth=depth, sigma_b=sigma_b)
    for whole, part in zip(infinite_kernels(arch, x), infinite_kernels(arch, x[:6], x), strict=True):
        kernel = np.asarray(whole)
        np.testing.assert_allclose(part, kernel[:6], rtol=1e-11, atol=1e-13 * kernel.max())
        root = np.sqrt(np.diagonal(kernel))
        np.testing.assert_array_equal(kernel, kernel.T)
        assert np.all(np.abs(kernel) <= np.outer(root, root) * (1 + 1e-12))
        assert np.linalg.eigvalsh(kernel)[0] > -1e-7 * kernel.trace()
        np.testing.assert_allclose(kernel[5], kernel[0], rtol=1e-12, atol=1e-13 * kernel.max())


def test_arcsine_to_three_units_in_the_last_place() -> None:
    rho = np.concatenate(
        [np.linspace(-1, 1, 20001), 1 - np.geomspace(1e-16, 0.5, 2000), np.geomspace(1e-300, 0.6, 2000)]
    )
    sine, arcsine = (np.asarray(part) for part in jax.jit(sine_and_arcsine)(rho))
    exact = np.arcsin(rho.astype(np.longdouble))
    assert np.max(np.abs(arcsine - exact) / np.spacing(np.abs(exact.astype(np.float64)))) < 3
    np.testing.assert_allclose(sine, np.sqrt((1 - rho.astype(np.longdouble)) * (1 + rho)).astype(float), rtol=4e-16)
