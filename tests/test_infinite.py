"""Kernels at infinite width: limits, symmetries, parameterizations, and what may not be compiled again."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntkviz.activations import ACTIVATIONS
from ntkviz.errors import InvalidInput
from ntkviz.kernels import (
    infinite,
    infinite_kernels,
    infinite_layers,
    infinite_nngp,
    infinite_ntk,
    ntk_and_across,
)
from ntkviz.nets import Architecture

POINTS = np.random.default_rng(1).normal(size=(9, 3))
few = settings(max_examples=15)
points = arrays(np.float64, (5, 2), elements=st.floats(-1e3, 1e3, allow_subnormal=False))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_kernels_are_exactly_symmetric_and_positive_semi_definite(name: str) -> None:
    scale = 1.0 if ACTIVATIONS[name].trains else 0.3  # two exponentials overflow soon
    for kernel in infinite_kernels(Architecture(activation=name, depth=2, sigma_b=0.1), scale * POINTS):
        assert kernel.shape == (9, 9) and kernel.dtype == jnp.float64
        np.testing.assert_array_equal(kernel, kernel.T)
        eigenvalues = np.linalg.eigvalsh(kernel)
        assert eigenvalues[0] > -1e-14 * 9 * eigenvalues[-1]  # rounding of N = 9 points


@pytest.mark.parametrize("name", ["relu", "erf", "sin", "tanh"])
def test_one_set_and_two_equal_sets_have_the_same_kernels(name: str) -> None:
    arch = Architecture(activation=name, depth=3, sigma_w=1.2, sigma_b=0.3)
    for one, two in zip(infinite_kernels(arch, POINTS), infinite_kernels(arch, POINTS, POINTS), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("activation", ["relu", "erf", "tanh"])
@pytest.mark.parametrize("sizes", [(5, 3), (3, 5), (270, 350)])  # the last of several tiles with a closed form
def test_one_program_makes_the_kernel_of_the_points_and_across(activation: str, sizes: tuple[int, int]) -> None:
    """Exactly symmetric, and right to rounding on the diagonal, where an angle of 0 would be rounded to √eps."""
    x, others = (np.random.default_rng(size).normal(size=(size, 6)) for size in sizes)
    others[-1] = x[0]  # a point of both sets is known to be one only on the diagonal
    arch = Architecture(activation=activation, depth=2, sigma_w=1.2, sigma_b=0.3)
    kernel, across = ntk_and_across(arch, x, others)
    assert across.shape == sizes[::-1] and np.array_equal(kernel, kernel.T)
    np.testing.assert_allclose(kernel, infinite_ntk(arch, x), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(across, infinite_ntk(arch, others, x), rtol=1e-12, atol=1e-13)


def test_relu_of_depth_one_on_the_circle_is_the_arc_cosine_formula() -> None:
    """K = 2 κ₁(ρ) and Θ = 2 κ₁(ρ) + 2ρ κ₀(ρ) for σ_w = √2 and |x| = √d, with κ₀, κ₁ of Cho & Saul 2009."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x = math.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    theta = np.abs(angles[0] - angles)
    theta = np.minimum(theta, 2 * np.pi - theta)
    zeroth = (np.pi - theta) / np.pi
    first = (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / np.pi
    nngp, ntk = infinite_kernels(Architecture(), x)
    np.testing.assert_allclose(nngp[0], 2 * first, atol=1e-14)
    np.testing.assert_allclose(ntk[0], 2 * first + 2 * np.cos(theta) * zeroth, atol=1e-14)


@few
@given(x=points, factor=st.floats(1e-3, 1e3))
def test_relu_without_biases_is_homogeneous_in_each_input(x: np.ndarray, factor: float) -> None:
    arch = Architecture(depth=2)
    scaled, plain = infinite_ntk(arch, factor * x, x), infinite_ntk(arch, x, x)
    # A correlation of 1 is rounded to within √eps of θ = 0; hence not to eps.
    assert float(jnp.abs(scaled - factor * plain).max()) <= 1e-6 * factor * float(jnp.abs(plain).max())


@few
@given(x=points)
def test_no_input_gives_a_number_that_is_not_finite_or_breaks_cauchy_schwarz(x: np.ndarray) -> None:
    for name in ("relu", "erf", "gelu"):
        for kernel in infinite_kernels(Architecture(activation=name, depth=3), x):
            assert np.isfinite(kernel).all()
            root = jnp.sqrt(jnp.diag(kernel))
            # Squares of numbers below 1e-154 underflow, their products with others do not.
            assert (jnp.abs(kernel) <= root[:, None] * root * (1 + 1e-12) + 1e-140).all()


@settings(max_examples=40)
@given(
    x=arrays(np.float64, st.sampled_from([(1, 1), (4, 2)]), elements=st.floats(-1, 1, width=16)),
    scale=st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e6]),
    depth=st.sampled_from([1, 2, 10, 100]),
    name=st.sampled_from(["tanh", "elu", "softsign", "hardtanh", "exp", "cubic", "sign"]),
)
def test_a_kernel_is_finite_symmetric_and_bounded_or_an_error(
    x: np.ndarray, scale: float, depth: int, name: str
) -> None:
    try:
        kernels = infinite_kernels(Architecture(activation=name, depth=depth, sigma_b=0.1), scale * x)
    except InvalidInput:
        # Exponentials and cubes overflow; series are refused for variances over 1e9.
        assert name in ("exp", "cubic") or (scale == 1e6 and ACTIVATIONS[name].dual is None)
        return
    for kernel in kernels:
        assert np.isfinite(kernel).all()
        np.testing.assert_array_equal(kernel, kernel.T)
        # As a covariance, but for what the series leave out at the largest variances.
        assert float(jnp.abs(kernel).max()) <= float(jnp.diag(kernel).max()) * (1 + 1e-3)


@few
@given(x=points)
def test_a_duplicate_has_the_kernel_of_the_diagonal(x: np.ndarray) -> None:
    arch = Architecture(depth=3, sigma_b=0.2)
    for one, cross in zip(infinite_kernels(arch, x), infinite_kernels(arch, x, x.copy()), strict=True):
        np.testing.assert_allclose(jnp.diag(cross), jnp.diag(one), rtol=1e-13)


@pytest.mark.parametrize("name", ["relu", "tanh"])
@pytest.mark.parametrize("parameterization", ["ntk", "standard"])
def test_layers_are_the_kernels_of_the_shallower_networks(name: str, parameterization: str) -> None:
    arch = Architecture(activation=name, depth=3, parameterization=parameterization, sigma_b=0.1)
    layers = infinite_layers(arch, POINTS)
    for depth in (1, 3):
        shallow = infinite_kernels(Architecture(**{**vars(arch), "depth": depth}), POINTS)
        for each, wanted in zip(layers, shallow, strict=True):
            np.testing.assert_allclose(each[depth - 1], wanted, rtol=1e-10, atol=1e-12)


def test_relu_with_weights_of_variance_two_keeps_the_norm_and_adds_one_kernel_a_layer() -> None:
    """K(x, x) = 2|x|²/d at every depth, hence Θ(x, x) = (L + 1) K(x, x)."""
    size = 2 * (POINTS**2).mean(axis=1)
    for depth in (1, 4, 50):
        nngp, ntk = infinite_kernels(Architecture(depth=depth), POINTS)
        np.testing.assert_allclose(jnp.diag(nngp), size, rtol=1e-12)
        np.testing.assert_allclose(jnp.diag(ntk), (depth + 1) * size, rtol=1e-12)


def test_a_linear_network_has_the_linear_kernel() -> None:
    nngp, ntk = infinite_kernels(Architecture(activation="linear", depth=4, sigma_w=1.0), POINTS)
    np.testing.assert_allclose(nngp, POINTS @ POINTS.T / 3, atol=1e-15)
    np.testing.assert_allclose(ntk, 5 * POINTS @ POINTS.T / 3, atol=1e-14)


def test_in_the_standard_parameterization_the_kernel_grows_like_the_width() -> None:
    """The share of the width is E[φφ] of the last layer plus what the earlier ones pass on: affine in n."""
    small, middle, large = (
        infinite_ntk(Architecture(parameterization="standard", depth=2, width=n, sigma_b=0.1), POINTS)
        for n in (1, 2, 3)
    )
    np.testing.assert_allclose(large - middle, middle - small, rtol=1e-12, atol=1e-12)
    assert float(jnp.diag(middle - small).min()) > 0


def test_biases_add_to_the_standard_kernel_even_when_they_start_at_zero() -> None:
    without, at_zero = (
        infinite_ntk(Architecture(parameterization="standard", activation="linear", sigma_w=1.0, sigma_b=b), POINTS)
        for b in (None, 0.0)
    )
    np.testing.assert_allclose(at_zero - without, 2.0, rtol=1e-12)  # one for each of the two layers


def test_maximal_update_has_the_ntk_of_the_ntk_parameterization_and_a_vanishing_output() -> None:
    arch = {"depth": 2, "sigma_b": 0.1}
    nngp, ntk = infinite_kernels(Architecture(parameterization="mup", **arch), POINTS)
    np.testing.assert_allclose(ntk, infinite_ntk(Architecture(**arch), POINTS), rtol=1e-13)
    np.testing.assert_array_equal(nngp, np.zeros((9, 9)))


def test_deep_relu_kernels_forget_the_angle() -> None:
    """Θ^L(ρ)/Θ^L(1) tends to 1/4 for ρ < 1 slowly, while K^L(ρ)/K^L(1) tends to 1."""
    x = np.array([[1.0, 0.0], [0.0, 1.0]])
    ratios = [kernel[0, 1] / kernel[0, 0] for kernel in infinite_kernels(Architecture(depth=200), x)]
    assert 0.99 < ratios[0] < 1
    assert 0.25 < ratios[1] < 0.3


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_moving_a_slider_compiles_nothing(name: str) -> None:
    settings_of_a_class = [
        {"depth": 2, "sigma_w": 1.3, "sigma_b": 0.1, "width": 64},
        {"depth": 3, "sigma_w": 1.301, "sigma_b": 0.2, "width": 1024},
        {"depth": 4, "sigma_w": 1.302, "sigma_b": None, "width": 8, "parameterization": "standard"},
    ]
    sizes = []
    for setting in settings_of_a_class:
        infinite_ntk(Architecture(activation=name, **setting), POINTS)
        sizes.append(infinite._recursion._cache_size())
    assert len(set(sizes)) == 1


@pytest.mark.parametrize(
    ("x1", "x2", "words"),
    [
        (np.zeros(3), None, "shape"),
        (np.zeros((0, 3)), None, "shape"),
        (np.full((2, 2), np.nan), None, "not finite"),
        (np.zeros((2, 3)), np.zeros((2, 4)), "3 columns"),
        ([["a", "b"]], None, "numbers"),
    ],
)
def test_points_that_cannot_be_used_are_named(x1: object, x2: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        infinite_nngp(Architecture(), x1, x2)


@pytest.mark.parametrize("name", ["relu", "softplus"])
def test_a_kernel_that_overflows_is_an_error_and_not_a_picture(name: str) -> None:
    with pytest.raises(InvalidInput, match="lower"):
        infinite_ntk(Architecture(activation=name, depth=256, sigma_w=10.0), POINTS)


def test_variances_that_no_series_resolves_are_refused_and_closed_forms_go_on() -> None:
    for name in ("tanh", "softsign", "sigmoid"):
        with pytest.raises(InvalidInput, match="scale the inputs down"):
            infinite_kernels(Architecture(activation=name), 1e5 * POINTS)
    assert np.isfinite(infinite_kernels(Architecture(activation="erf"), 1e5 * POINTS).ntk).all()
