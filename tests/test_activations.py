"""Names of nonlinearities, and closed-form duals against quadrature in the plane and Price's theorem."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkviz.activations import ACTIVATIONS, Activation, activation
from ntkviz.errors import InvalidInput
from tests.gauss import expectation

CLOSED = [*(name for name, entry in ACTIVATIONS.items() if entry.dual), "leaky_relu_0.3", "abrelu_-0.5_2"]
PAIRS = [(1.0, 1.0, 0.3), (0.2, 3.0, -0.8), (4.0, 1.5, 0.99), (2.0, 2.0, 0.0), (1.3, 0.4, 1.0), (0.7, 0.7, -1.0)]


def slope_of(entry: Activation):
    return lambda x: jax.jvp(entry.function, (jnp.asarray(x),), (jnp.ones(x.shape),))[1]


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize(("q1", "q2", "rho"), PAIRS)
def test_a_closed_form_is_the_gaussian_integral(name: str, q1: float, q2: float, rho: float) -> None:
    entry = activation(name)
    value, slope = entry.dual(jnp.asarray(q1), jnp.asarray(q2), jnp.asarray(rho * math.sqrt(q1 * q2)))
    # The quadrature is good to 1e-13 for these variances.
    assert value == pytest.approx(expectation(entry.function, entry.function, q1, q2, rho), rel=1e-11, abs=1e-12)
    assert slope == pytest.approx(expectation(slope_of(entry), slope_of(entry), q1, q2, rho), rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("name", [name for name in CLOSED if activation(name).rough])
def test_the_slope_is_the_derivative_of_the_value_in_the_covariance(name: str) -> None:
    dual = activation(name).dual
    q1, q2, k = jnp.asarray(1.3), jnp.asarray(0.6), jnp.asarray(-0.4)
    assert dual(q1, q2, k).slope == pytest.approx(float(jax.grad(lambda k: dual(q1, q2, k).value)(k)), rel=1e-12)


@pytest.mark.parametrize("name", ["sign", "step"])
def test_a_step_has_the_slope_of_gradient_descent_and_not_that_of_prices_theorem(name: str) -> None:
    """φ' = 0 almost everywhere, hence no gradient reaches the layers below; the delta functions are not sampled."""
    value, slope = activation(name).dual(jnp.asarray(1.3), jnp.asarray(0.6), jnp.asarray(-0.4))
    assert slope == 0 and 0 < abs(float(value)) < 0.5


@pytest.mark.parametrize("name", ["polynomial_0.1_1_0.3_-0.05", "polynomial_0_0_0_0_1", "polynomial_2"])
def test_a_polynomial_is_exact_and_carries_its_coefficients(name: str) -> None:
    entry = activation(name)
    numbers = [float(part) for part in name.split("_")[1:]]
    x = np.linspace(-2, 2, 5)
    np.testing.assert_allclose(entry.function(jnp.asarray(x)), np.polynomial.polynomial.polyval(x, numbers))
    value, slope = entry.dual(jnp.asarray(4.0), jnp.asarray(1.5), jnp.asarray(-2.4))
    assert value == pytest.approx(expectation(entry.function, entry.function, 4.0, 1.5, -2.4 / 6**0.5), rel=1e-11)
    assert slope == pytest.approx(expectation(slope_of(entry), slope_of(entry), 4.0, 1.5, -2.4 / 6**0.5), rel=1e-11)


@pytest.mark.parametrize("name", [name for name in CLOSED if name != "exp"])  # which does overflow there
def test_a_closed_form_is_finite_for_zero_large_and_rounded_covariances(name: str) -> None:
    q1 = jnp.asarray([0.0, 0.0, 1e-300, 1.0, 1e12, 1.0, 1e-12])
    q2 = jnp.asarray([0.0, 2.0, 1e-300, 1.0, 1e12, 1e12, 1.0])
    k = jnp.asarray([0.0, 0.0, 1e-300, 1.0 + 4e-16, -1e12 * (1 + 4e-16), 1e6, -1e-6 * (1 + 4e-16)])
    value, slope = activation(name).dual(q1, q2, k)
    assert np.isfinite(value).all() and np.isfinite(slope).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_entry_says_what_it_is(name: str) -> None:
    entry = ACTIVATIONS[name]
    assert entry.name == name and entry.label and entry.formula
    assert hash(entry) == hash(activation(name.upper()))
    x = jnp.linspace(-3, 3, 8).reshape(2, 4)
    assert entry.function(x).shape == x.shape and entry.function(x).dtype == jnp.float64


def test_a_name_gives_the_same_object_each_time_so_that_nothing_is_compiled_twice() -> None:
    assert activation("Leaky_ReLU_0.2") is activation("leaky_relu_0.2")
    assert activation("identity") is ACTIVATIONS["linear"] and activation("swish") is ACTIVATIONS["silu"]
    own = Activation("cube", "cube", "x^3", lambda x: x**3)
    assert activation(own) is own


def test_families_carry_their_slopes() -> None:
    x = jnp.asarray([-2.0, 3.0])
    np.testing.assert_array_equal(activation("abrelu_-0.5_2").function(x), [1.0, 6.0])
    np.testing.assert_array_equal(activation("leaky_relu_0.25").function(x), [-0.5, 3.0])
    np.testing.assert_array_equal(activation("leaky_relu").function(x), activation("leaky_relu_0.1").function(x))


@pytest.mark.parametrize(
    "name", ["rulu", "", "leaky_relu_", "leaky_relu_x", "abrelu_1", "leaky_relu_nan", "my_abrelu_1_2", "polynomial_"]
)
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidInput, match="choose one of relu, leaky_relu"):
        activation(name)


def test_a_number_is_not_an_activation() -> None:
    with pytest.raises(InvalidInput, match="not int"):
        activation(3)
