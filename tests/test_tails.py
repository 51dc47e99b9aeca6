"""The tail of a smooth kernel's spectrum: an exponential only where its power is 1, nothing from a few values."""

import numpy as np

from ntkviz.measures import Exponential, Stretched
from ntkviz.modes.tails import smooth_tail

K = np.arange(4, 44)


def test_an_exponential_is_one_only_where_its_power_is_one():
    law = smooth_tail(K, 3 * np.exp(-0.5 * K))
    assert isinstance(law, Exponential)
    np.testing.assert_allclose([law.factor, law(10.0)], [np.exp(-0.5), 3 * np.exp(-5.0)])
    assert isinstance(smooth_tail(K, np.exp(-0.5 * K**0.96)), Exponential)
    for power in (0.75, 0.9, 1.1):
        assert isinstance(smooth_tail(K, np.exp(-0.5 * K**power)), Stretched)
    noisy = np.exp(-0.5 * K + np.random.default_rng(1).standard_normal(len(K)))
    assert isinstance(smooth_tail(K, noisy), Exponential)  # within two standard errors


def test_too_few_values_and_growing_ones_have_no_tail():
    assert smooth_tail(K[:7], np.exp(-K[:7].astype(float))) is None
    assert smooth_tail(K, np.exp(0.1 * K)) is None
    assert smooth_tail(K[:8], np.exp(-K[:8].astype(float))) is not None
