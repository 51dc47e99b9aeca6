"""Stretched exponentials: known ones are found again, and their error is that of many noisy ones."""

import numpy as np
import pytest

from ntkviz.measures import Exponential
from ntkviz.modes.tails import Stretched, smooth_tail, stretched

K = np.arange(4, 44)


@pytest.mark.parametrize("power", [0.4, 2 / 3, 1.0, 1.3])
def test_a_known_law_is_found(power):
    found = stretched(K, 3 * np.exp(-0.8 * K**power))
    assert found.power == pytest.approx(power, abs=1e-4)
    assert found.rate == pytest.approx(0.8, rel=2e-3)
    assert found.prefactor == pytest.approx(3, rel=2e-2)
    assert (found.first, found.last) == (4, 43)
    np.testing.assert_allclose(found(K), 3 * np.exp(-0.8 * K**power), rtol=1e-2)


def test_its_standard_error_is_the_spread_of_many():
    """200 noisy spectra: the spread of a standard deviation is 5 %."""
    rng = np.random.default_rng(0)
    found = [stretched(K, np.exp(-0.8 * K**0.7 + 0.1 * rng.standard_normal(len(K)))) for _ in range(200)]
    spread = np.std([one.power for one in found])
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.2)
    assert np.mean([one.power for one in found]) == pytest.approx(0.7, abs=3 * spread / np.sqrt(200))


def test_an_exponential_is_one_only_where_its_power_is_one():
    assert isinstance(smooth_tail(K, np.exp(-0.5 * K)), Exponential)
    assert isinstance(smooth_tail(K, np.exp(-0.5 * K**0.96)), Exponential)
    for power in (0.75, 0.9, 1.1):
        assert isinstance(smooth_tail(K, np.exp(-0.5 * K**power)), Stretched)
    noisy = np.exp(-0.5 * K + np.random.default_rng(1).standard_normal(len(K)))
    assert isinstance(smooth_tail(K, noisy), Exponential)  # within two standard errors


def test_too_few_points_and_growing_values_have_no_tail():
    assert stretched(K[:7], np.exp(-K[:7].astype(float))) is None
    assert smooth_tail(K[:7], np.exp(-K[:7].astype(float))) is None
    assert stretched(K, np.exp(0.1 * K)) is None
    assert stretched(K[:8], np.exp(-K[:8].astype(float))) is not None
