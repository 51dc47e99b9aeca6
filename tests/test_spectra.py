"""Spectra: matrices whose eigenvalues are known, the floor against true rounding, and the decay laws of the lessons."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from ntkviz.errors import InvalidInput
from ntkviz.kernels import empirical_ntk, infinite_nngp, infinite_ntk
from ntkviz.nets import Architecture, init
from ntkviz.spectra import (
    LARGEST,
    alignment,
    circle_spectrum,
    cumulative,
    fit_decay,
    relative_distance,
    rounding_floor,
    spectrum,
    target_alignment,
    target_power,
)

RNG = np.random.default_rng(4)


def with_eigenvalues(eigenvalues: np.ndarray) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(7).normal(size=(len(eigenvalues), len(eigenvalues))))
    return (q * eigenvalues) @ q.T


def circle(points: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(points) / points
    return math.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_eigensystem_is_descending_and_rebuilds_the_kernel() -> None:
    wanted = np.array([5.0, 3.0, 1.0, 0.5, 0.01])
    kernel = with_eigenvalues(wanted)
    modes = spectrum(kernel)
    np.testing.assert_allclose(modes.eigenvalues, wanted, rtol=1e-13)
    rebuilt = (modes.eigenvectors * modes.eigenvalues) @ modes.eigenvectors.T
    np.testing.assert_allclose(rebuilt, kernel, atol=1e-14)
    largest = np.abs(modes.eigenvectors).argmax(axis=0)
    assert np.all(modes.eigenvectors[largest, range(5)] > 0)
    assert modes.resolved == 5
    assert modes.condition_number == pytest.approx(500, rel=1e-12)
    assert modes.resolved_condition_number == modes.condition_number


def test_only_the_symmetric_part_counts() -> None:
    kernel = with_eigenvalues(np.arange(1.0, 7.0))
    skew = RNG.normal(size=(6, 6))
    np.testing.assert_allclose(spectrum(kernel + skew - skew.T).eigenvalues, np.arange(6.0, 0.0, -1.0), rtol=1e-12)


def test_a_singular_kernel_has_infinite_condition_and_a_finite_resolved_one() -> None:
    factor = RNG.normal(size=(30, 4))
    modes = spectrum(factor @ factor.T)
    assert (modes.resolved, modes.below, modes.dtype) == (4, 26, "float64")
    assert modes.condition_number == math.inf
    assert modes.resolved_condition_number == pytest.approx(np.linalg.cond(factor) ** 2, rel=1e-10)


def test_a_zero_kernel_has_nothing_and_no_nan() -> None:
    modes = spectrum(np.zeros((3, 3)))
    assert (modes.resolved, modes.effective_rank, modes.participation_ratio) == (0, 0.0, 0.0)
    assert modes.condition_number == math.inf
    assert modes.resolved_condition_number == 1.0
    np.testing.assert_array_equal(modes.cumulative_power, 0.0)


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_ranks_count_equal_eigenvalues(rank: int) -> None:
    modes = spectrum(with_eigenvalues(np.r_[np.full(rank, 2.0), np.zeros(8 - rank)]))
    assert modes.effective_rank == pytest.approx(rank, rel=1e-12)
    assert modes.participation_ratio == pytest.approx(rank, rel=1e-12)
    np.testing.assert_allclose(modes.cumulative_power, np.minimum(np.arange(1, 9) / rank, 1.0), rtol=1e-12)


def test_ranks_of_a_geometric_spectrum_have_closed_forms() -> None:
    """p_i = (1-r) r^i: entropy -ln(1-r) - r ln r/(1-r), Σp² = (1-r)/(1+r)."""
    r = 0.5
    modes = spectrum(with_eigenvalues(r ** np.arange(40.0)))  # what is cut off is 1e-12
    assert modes.effective_rank == pytest.approx(math.exp(-math.log(1 - r) - r * math.log(r) / (1 - r)), rel=1e-9)
    assert modes.participation_ratio == pytest.approx((1 + r) / (1 - r), rel=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("points", [50, 400])
def test_the_floor_separates_the_rank_of_a_small_network_from_rounding(dtype: str, points: int) -> None:
    """33 weights and no more modes; they are all there in float64, and float32 invents none."""
    arch = Architecture(depth=1, width=8, activation="tanh", sigma_b=None)
    params = init(arch, 3, seed=1, dtype=jnp.dtype(dtype))
    modes = spectrum(empirical_ntk(arch, params, np.random.default_rng(3).normal(size=(points, 3))))
    assert modes.dtype == dtype
    assert modes.resolved == 32 if dtype == "float64" else 20 < modes.resolved <= 32
    assert np.abs(modes.eigenvalues[32:]).max() < modes.floor


def test_the_floor_is_that_of_the_dtype_that_computed_the_kernel() -> None:
    kernel = with_eigenvalues(np.logspace(0, -12, 40))
    assert spectrum(kernel).resolved == 40
    narrow = spectrum(kernel.astype(np.float32))
    told = spectrum(kernel.astype(np.float32).astype(np.float64), computed_in=np.float32)
    assert narrow.dtype == told.dtype == "float32"
    assert narrow.floor == told.floor
    # Above the floor the eigenvalues are right to 20 %, as `rounding_floor` says.
    true = np.logspace(0, -12, 40)[: narrow.resolved]
    np.testing.assert_allclose(narrow.eigenvalues[: narrow.resolved], true, rtol=0.2)


def test_a_negative_eigenvalue_raises_the_floor() -> None:
    assert rounding_floor(np.array([1.0, 1e-5, -1e-4]), np.float64) == 1e-4


@given(exponent=st.floats(-4, -0.1), scale=st.floats(1e-6, 1e6))
def test_a_power_law_is_fitted_exactly(exponent: float, scale: float) -> None:
    index = np.arange(1.0, 201.0)
    fit = fit_decay(scale * index**exponent)
    assert fit is not None
    assert fit.exponent == pytest.approx(exponent, abs=1e-9)
    assert fit.low <= fit.exponent <= fit.high
    assert (fit.first, fit.last) == (10, 40)
    np.testing.assert_allclose(fit(index), scale * index**exponent, rtol=1e-7)


def test_the_interval_covers_and_outliers_do_not_move_the_fit() -> None:
    index = np.arange(1.0, 501.0)
    covered = 0
    for _ in range(100):
        fit = fit_decay(index**-1.5 * np.exp(0.3 * RNG.normal(size=500)))
        assert fit is not None
        covered += fit.low < -1.5 < fit.high
    assert covered >= 88  # 95 of 100 expected, within three standard deviations
    wild = index**-1.5
    wild[20:100:10] *= 1e4
    fit = fit_decay(wild)
    assert fit is not None
    assert fit.exponent == pytest.approx(-1.5, abs=0.1)


def test_nothing_is_fitted_through_the_floor() -> None:
    bent = np.maximum(np.arange(1.0, 401.0) ** -2.0, 4e-4)  # flat from i = 50
    assert fit_decay(bent).exponent > -1.95
    fit = fit_decay(bent, floor=4.1e-4)
    assert fit.exponent == pytest.approx(-2, abs=1e-9)
    assert fit.last == 49


@pytest.mark.parametrize(
    "eigenvalues", [[], [1.0] * 30, np.zeros(500), np.full(500, np.nan), -np.ones(500), [np.inf] * 500]
)
def test_too_few_points_give_no_fit(eigenvalues: np.ndarray) -> None:
    assert fit_decay(eigenvalues) is None


def test_a_fit_needs_places_of_its_values() -> None:
    with pytest.raises(InvalidInput, match="pair up"):
        fit_decay(np.ones(5), at=np.ones(4))
    assert fit_decay(np.ones(50), at=np.full(50, 7.0), first=1, last=9) is None


@pytest.mark.parametrize("points", [1, 2, 7, 64])
def test_fft_of_one_row_gives_the_eigenvalues_of_the_circle(points: int) -> None:
    kernel = np.asarray(infinite_ntk(Architecture(depth=2, sigma_b=0.1), circle(points)))
    waves = circle_spectrum(kernel[0])
    repeated = np.sort(np.repeat(waves.eigenvalues, waves.multiplicities))[::-1]
    assert waves.multiplicities.sum() == points
    np.testing.assert_allclose(repeated, spectrum(kernel).eigenvalues, atol=1e-13 * repeated[0])
    k = len(waves.frequencies) - 1
    mode = np.cos(2 * np.pi * k * np.arange(points) / points)
    np.testing.assert_allclose(kernel @ mode, waves.eigenvalues[k] * mode, atol=1e-12 * repeated[0])


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_relu_decays_with_the_same_exponent_at_every_depth(depth: int) -> None:
    """-2 for the NTK and -4 for the NNGP (Bietti & Bach 2021: depth changes constants only); aliases cost 0.03."""
    arch, x = Architecture(depth=depth, sigma_b=None), circle(256)
    ntk = circle_spectrum(infinite_ntk(arch, x[:1], x)[0]).decay()
    nngp = circle_spectrum(infinite_nngp(arch, x[:1], x)[0]).decay()
    assert ntk is not None
    assert nngp is not None
    assert -2.06 < ntk.exponent < -2.0
    assert -4.06 < nngp.exponent < -3.94


def test_one_hidden_relu_layer_without_bias_has_no_odd_frequencies_above_one() -> None:
    """Basri et al. 2019; a bias or a second layer restores them."""
    x = circle(256)

    def odd(depth: int, sigma_b: float | None) -> tuple[np.ndarray, float]:
        waves = circle_spectrum(infinite_ntk(Architecture(depth=depth, sigma_b=sigma_b), x[:1], x)[0])
        return waves.eigenvalues[3:30:2], waves.floor

    gone, floor = odd(1, None)
    assert np.abs(gone).max() < floor
    waves = circle_spectrum(infinite_ntk(Architecture(depth=1, sigma_b=None), x[:1], x)[0])
    assert waves.below == 2 * 63  # sines and cosines of 3, 5, …, 127
    assert waves.dtype == "float64"
    for depth, sigma_b in ((1, 0.1), (2, None)):
        there, floor = odd(depth, sigma_b)
        assert there.min() > 1e6 * floor


def test_a_row_that_is_not_of_a_circle_is_refused() -> None:
    for row in ([[1.0]], [], [1.0, math.nan], [3.0, 2.0, 1.0, 0.0]):
        with pytest.raises(InvalidInput):
            circle_spectrum(row)


def test_target_power_is_the_share_of_each_mode() -> None:
    modes = spectrum(with_eigenvalues(np.arange(1.0, 9.0)))
    u = modes.eigenvectors
    np.testing.assert_allclose(target_power(modes, 3 * u[:, 2]), np.eye(8)[2], atol=1e-14)
    both = np.stack([2 * u[:, 0], u[:, 5]], axis=1)
    power = target_power(modes, both)
    np.testing.assert_allclose(power, 0.8 * np.eye(8)[0] + 0.2 * np.eye(8)[5], atol=1e-14)
    np.testing.assert_allclose(cumulative(power), [0.8] * 5 + [1.0] * 3, rtol=1e-14)
    y = RNG.normal(size=(8, 3))
    assert target_power(modes, y).sum() == pytest.approx(1)
    assert cumulative(target_power(modes, y))[-1] <= 1


def test_targets_without_power_or_of_another_size_are_refused() -> None:
    modes = spectrum(np.eye(4))
    for y in (np.zeros(4), np.ones(5), np.full(4, np.nan), np.ones((4, 1, 1))):
        with pytest.raises(InvalidInput):
            target_power(modes, y)


def test_alignment_ignores_scale_and_mean_and_lies_between_zero_and_one() -> None:
    factor, other = RNG.normal(size=(20, 30)), RNG.normal(size=(20, 2))
    kernel, second = factor @ factor.T, other @ other.T
    assert alignment(kernel, 3 * kernel + 5) == pytest.approx(1)
    assert alignment(kernel, kernel + 50, centred=False) < 0.9
    assert 0 < alignment(kernel, second) < 1
    assert alignment(kernel, second) == pytest.approx(alignment(second, kernel))
    centre = np.eye(20) - 1 / 20
    a, b = centre @ kernel @ centre, centre @ second @ centre
    assert alignment(kernel, second) == pytest.approx(np.trace(a @ b) / np.sqrt(np.trace(a @ a) * np.trace(b @ b)))


def test_target_alignment_is_one_for_the_kernel_of_the_target() -> None:
    y = RNG.normal(size=(12, 2))
    assert target_alignment(y @ y.T, y) == pytest.approx(1)
    assert target_alignment(np.eye(12), y[:, 0], centred=False) == pytest.approx(1 / math.sqrt(12))
    with pytest.raises(InvalidInput, match="constant"):
        target_alignment(np.eye(12), np.full(12, 0.1))
    with pytest.raises(InvalidInput, match="same points"):
        alignment(np.eye(3), np.eye(4))


def test_relative_distance_is_in_units_of_the_reference() -> None:
    kernel = RNG.normal(size=(5, 4))
    assert relative_distance(kernel, kernel) == 0
    assert relative_distance(1.5 * kernel, kernel) == pytest.approx(0.5)
    with pytest.raises(InvalidInput, match="zero"):
        relative_distance(kernel, np.zeros((5, 4)))
    with pytest.raises(InvalidInput, match="same points"):
        relative_distance(kernel, kernel.T)


def test_what_is_no_kernel_is_refused_in_words() -> None:
    for kernel, words in (
        (np.ones(4), "square"),
        (np.ones((2, 3)), "square"),
        (np.ones((0, 0)), "square"),
        (np.full((2, 2), np.nan), "not finite"),
        (np.broadcast_to(1.0, (LARGEST + 1, LARGEST + 1)), "too large"),
    ):
        with pytest.raises(InvalidInput, match=words):
            spectrum(kernel)


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_has_one_thread_from_the_import_on() -> None:
    """That of NumPy and that of SciPy, which are two libraries."""
    assert blas_threads() == {1}
    assert len([pool for pool in threadpool_info() if pool["user_api"] == "blas"]) >= 2
