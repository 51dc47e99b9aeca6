"""Kernels of repeated inputs are singular to the last bit; others are as they were."""

import numpy as np
import pytest

from ntkviz.kernels import infinite_ntk
from ntkviz.kernels.repeated import repeated_ntk
from ntkviz.nets import Architecture


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_repeated_inputs_have_equal_rows(activation: str) -> None:
    arch = Architecture(activation=activation, depth=2, sigma_b=0.1)
    x = np.random.default_rng(0).standard_normal((5, 4))
    again = x[[0, 1, 0, 2, 3, 1, 4]]
    kernel = repeated_ntk(arch, again)
    assert np.array_equal(kernel[2], kernel[0]) and np.array_equal(kernel[:, 5], kernel[:, 1])
    assert kernel[0, 2] == kernel[0, 0] == kernel[2, 2]
    assert np.array_equal(kernel, kernel.T)
    np.testing.assert_allclose(
        kernel, np.asarray(infinite_ntk(arch, x))[np.ix_(*2 * [[0, 1, 0, 2, 3, 1, 4]])], rtol=1e-12
    )
    assert np.linalg.matrix_rank(kernel, tol=1e-12) == 5


def test_a_kernel_without_repetition_is_that_of_infinite_width() -> None:
    x = np.random.default_rng(1).standard_normal((6, 3))
    assert np.array_equal(repeated_ntk(Architecture(), x), np.asarray(infinite_ntk(Architecture(), x)))
