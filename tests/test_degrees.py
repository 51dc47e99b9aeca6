"""Which frequencies a kernel has exactly, beside the eigenvalues that one FFT of its row finds."""

import math

import numpy as np
import pytest

from ntkviz.activations import ACTIVATIONS
from ntkviz.data import on_circle
from ntkviz.kernels.degrees import Degrees, absent, kernel_degrees, nonlinearity_degrees
from ntkviz.kernels.infinite import infinite_ntk
from ntkviz.nets import Architecture, ConvNet, LayerNormMLP, ResidualMLP

NONE, ALL = -math.inf, math.inf


def eigenvalues(arch: Architecture, points: int) -> np.ndarray:
    """Of the matrix at equal steps round the circle, by frequency, in shares of the largest."""
    x = on_circle(2 * np.pi * np.arange(points) / points)
    values = np.fft.rfft(np.asarray(infinite_ntk(arch, x[:1], x))[0]).real
    return np.abs(values) / np.abs(values).max()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"activation": "relu"}, Degrees(ALL, 1)),  # odd frequencies are missing from 3 on
        ({"activation": "relu", "depth": 2}, Degrees(ALL, ALL)),
        ({"activation": "relu", "sigma_b": 0.3}, Degrees(ALL, ALL)),
        ({"activation": "erf"}, Degrees(NONE, ALL)),  # the even ones
        ({"activation": "erf", "depth": 4}, Degrees(NONE, ALL)),
        ({"activation": "abs"}, Degrees(ALL, NONE)),  # the odd ones, at every depth
        ({"activation": "abs", "depth": 5}, Degrees(ALL, NONE)),
        ({"activation": "linear", "depth": 3}, Degrees(NONE, 1)),  # all but 1
        ({"activation": "linear", "sigma_b": 0.3}, Degrees(0, 1)),
        ({"activation": "square"}, Degrees(2, NONE)),
        ({"activation": "square", "depth": 2}, Degrees(4, NONE)),
        ({"activation": "cubic"}, Degrees(NONE, 3)),
        ({"activation": "sigmoid"}, Degrees(0, ALL)),  # even ones from 2 on
        ({"activation": "sigmoid", "depth": 2}, Degrees(ALL, ALL)),
        ({"activation": "gelu"}, Degrees(ALL, 1)),
        ({"activation": "step"}, Degrees(0, ALL)),
        ({"activation": "relu", "sigma_b": 0.0}, Degrees(ALL, 1)),
        ({"activation": "relu", "sigma_b": 0.0, "parameterization": "standard"}, Degrees(ALL, ALL)),  # trained biases
    ],
)
def test_known_kernels(settings, expected):
    assert kernel_degrees(Architecture(**({"sigma_b": None} | settings))) == expected


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"exp"}))
@pytest.mark.parametrize(("depth", "sigma_b"), [(1, None), (2, None), (1, 0.5)])
def test_what_is_absent_is_what_the_transform_finds_to_be_zero(name, depth, sigma_b):
    """Up to frequency 6: higher eigenvalues of smooth kernels are positive and below the rounding floor."""
    arch = Architecture(depth=depth, activation=name, sigma_b=sigma_b)
    seen = eigenvalues(arch, 32)[:7]
    missing = absent(kernel_degrees(arch), 32)[:7]
    assert np.all(seen[missing] < 1e-13)
    assert np.all(seen[~missing] > 1e-13)


@pytest.mark.parametrize(
    "arch",
    [
        LayerNormMLP(activation="relu", sigma_b=None),
        ResidualMLP(activation="abs", depth=2, sigma_b=None),
        ResidualMLP(activation="square", depth=2, layers="one", sigma_b=None),
        ResidualMLP(activation="cubic", depth=2, branch=0.0, sigma_b=None),
        Architecture(activation="square", sigma_b=0.0, parameterization="standard"),
        Architecture(activation="relu", sigma_b=0.0, parameterization="mup"),
    ],
    ids=repr,
)
def test_other_architectures(arch):
    seen, missing = eigenvalues(arch, 32)[:7], absent(kernel_degrees(arch), 32)[:7]
    assert np.all(seen[missing] < 1e-13)
    assert np.all(seen[~missing] > 1e-13)


def test_an_odd_number_of_points_mixes_parities():
    """Frequency 3 of 9 points looks like 6, which one hidden ReLU layer has; of 16 points it looks like 13."""
    arch = Architecture(activation="relu", sigma_b=None)
    assert not absent(kernel_degrees(arch), 9).any()
    assert np.all(eigenvalues(arch, 9) > 1e-6)
    assert np.flatnonzero(absent(kernel_degrees(arch), 16)).tolist() == [3, 5, 7]
    cubic = Architecture(activation="cubic", sigma_b=None)
    assert np.flatnonzero(absent(kernel_degrees(cubic), 9)).tolist() == [0, 2, 4]  # 1 and 3; 8 and 6 are alike
    assert np.flatnonzero(eigenvalues(cubic, 9) < 1e-13).tolist() == [0, 2, 4]


def test_images_have_no_angle():
    assert kernel_degrees(ConvNet()) is None


def test_a_nonlinearity_is_a_polynomial_or_has_no_highest_power():
    degrees = {name: nonlinearity_degrees(act) for name, act in ACTIVATIONS.items()}
    assert degrees["linear"] == Degrees(NONE, 1)
    assert degrees["square"] == Degrees(2, NONE)
    assert degrees["cubic"] == Degrees(NONE, 3)
    assert degrees["relu"] == degrees["softplus"] == Degrees(ALL, 1)
    assert degrees["cos"] == degrees["gaussian"] == degrees["abs"] == Degrees(ALL, NONE)
    assert degrees["tanh"] == degrees["sign"] == Degrees(NONE, ALL)
    assert degrees["exp"] == degrees["elu"] == Degrees(ALL, ALL)
