"""Networks: the forward pass against NumPy, the scales of the three parameterizations, and what is refused."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkviz.activations import ACTIVATIONS
from ntkviz.errors import InvalidInput
from ntkviz.nets import (
    PARAMETERIZATION_NAMES,
    PARAMETERIZATIONS,
    Architecture,
    Layer,
    Params,
    apply,
    centred,
    forward,
    init,
    init_many,
    parameter_count,
    scales,
    shapes,
)

SEED = 3
X = np.random.default_rng(0).normal(size=(7, 4))
SMALL = Architecture(depth=3, width=6, activation="tanh", sigma_w=1.3, sigma_b=0.4, outputs=2)


def variant(**changes: object) -> Architecture:
    return replace(SMALL, **changes)


def by_hand(arch: Architecture, params: Params, x: np.ndarray) -> np.ndarray:
    """The formulas of docs/design.md, one line each, without `scales`."""
    h, sigma_b = x, arch.sigma_b or 0.0
    for i, (weight, bias) in enumerate(params):
        fan_in, last = weight.shape[0], i == arch.depth
        root = 1.0 if last else np.sqrt(arch.width)
        a, c = {
            "standard": (1.0, 1.0),
            "ntk": (arch.sigma_w / np.sqrt(fan_in), sigma_b),
            "mup": (arch.sigma_w * root / np.sqrt(fan_in), sigma_b * root),
        }[arch.parameterization]
        z = a * (h @ np.asarray(weight)) + (0.0 if bias is None else c * np.asarray(bias))
        h = z if last else np.tanh(z)
    return h


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
@pytest.mark.parametrize("sigma_b", [None, 0.4])
def test_forward_is_the_formula(parameterization: str, sigma_b: float | None) -> None:
    arch = variant(parameterization=parameterization, sigma_b=sigma_b)
    params = init(arch, 4, seed=SEED)
    np.testing.assert_allclose(apply(arch, params, X), by_hand(arch, params, X), rtol=1e-12, atol=1e-13)


def test_every_parameterization_has_a_name() -> None:
    assert set(PARAMETERIZATIONS) == set(PARAMETERIZATION_NAMES)


def test_ntk_and_standard_start_as_the_same_function() -> None:
    ntk, standard = (variant(parameterization=name) for name in ("ntk", "standard"))
    f, g = (apply(arch, init(arch, 4, seed=SEED), X) for arch in (ntk, standard))
    np.testing.assert_allclose(f, g, rtol=1e-12)


def test_mup_is_the_ntk_network_with_weights_times_root_n_over_root_n() -> None:
    mup = variant(parameterization="mup")
    params = init(mup, 4, seed=SEED)
    root = math.sqrt(mup.width)
    enlarged = jax.tree.map(lambda w: root * w, params)
    np.testing.assert_allclose(apply(mup, params, X), apply(SMALL, enlarged, X) / root, rtol=1e-12)


@pytest.mark.parametrize(
    ("parameterization", "layer", "exponents"),
    [("mup", 0, (0.5, -0.5)), ("mup", 1, (0.0, -0.5)), ("mup", 2, (-0.5, -0.5)), ("ntk", 1, (-0.5, 0.0))],
)
def test_scales_have_the_exponents_of_yang_and_hu(
    parameterization: str, layer: int, exponents: tuple[float, float]
) -> None:
    """Factors n^-a and deviations n^-b: (a, b) = (-1/2, 1/2), (0, 1/2), (1/2, 1/2) for µP; (1/2, 0) for NTK."""
    narrow, wide = (
        scales(Architecture(depth=2, width=n, parameterization=parameterization), 5)[layer] for n in (16, 1024)
    )
    powers = [math.log(wide[i] / narrow[i], 64) for i in (0, 2)]
    np.testing.assert_allclose(powers, exponents, atol=1e-12)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_initial_weights_are_normal_with_the_standard_deviations_of_the_scales(parameterization: str) -> None:
    arch = Architecture(depth=2, width=300, sigma_b=0.7, parameterization=parameterization)
    for (weight, bias), scale in zip(init(arch, 200, seed=SEED), scales(arch, 200), strict=True):
        for array, std in ((weight, scale.weight_std), (bias, scale.bias_std)):
            z = np.asarray(array).ravel() / std
            error = 4 / math.sqrt(z.size)  # four standard errors, of the mean and (over √2) of the deviation
            assert abs(z.mean()) < error
            if z.size > 1:
                assert abs(z.std(ddof=1) - 1) < error


def test_init_depends_on_the_seed_alone() -> None:
    again, other = init(SMALL, 4, seed=SEED), init(SMALL, 4, seed=4)
    stacked = init_many(SMALL, 4, (SEED, 4))
    for a, b, c in zip(jax.tree.leaves(again), jax.tree.leaves(other), jax.tree.leaves(stacked), strict=True):
        assert not np.allclose(a, b)
        np.testing.assert_array_equal(np.stack([a, b]), c)


@pytest.mark.parametrize("sigma_b", [None, 0.0])
def test_parameters_are_counted(sigma_b: float | None) -> None:
    arch = variant(sigma_b=sigma_b)
    params = init(arch, 4, seed=SEED)
    assert parameter_count(arch, 4) == sum(leaf.size for leaf in jax.tree.leaves(params))
    assert tuple(layer.weight.shape for layer in params) == shapes(arch, 4)
    assert all((layer.bias is None) == (sigma_b is None) for layer in params)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_network_works_in_the_dtype_of_its_weights(name: str, dtype: jnp.dtype) -> None:
    arch = variant(activation=name, depth=1)  # an exponential of an exponential overflows
    f, inputs = forward(arch, init(arch, 4, seed=SEED, dtype=dtype), X)
    assert {f.dtype, *(h.dtype for h in inputs)} == {jnp.dtype(dtype)}
    assert jnp.isfinite(f).all()


def test_forward_returns_the_input_of_each_layer() -> None:
    params = init(SMALL, 4, seed=SEED)
    f, inputs = forward(SMALL, params, X)
    assert [h.shape for h in inputs] == [(7, 4), (7, 6), (7, 6), (7, 6)]
    scale = scales(SMALL, 4)[-1]
    readout = scale.weight * inputs[-1] @ params[-1].weight + scale.bias * params[-1].bias
    np.testing.assert_allclose(f, readout, rtol=1e-12)


def test_a_tap_moves_the_pre_activations() -> None:
    """A tap of c·δ is a change of the bias by δ."""
    params = init(SMALL, 4, seed=SEED)
    delta = np.linspace(-0.3, 0.5, 6)
    moved = tuple(Layer(w, b + delta) if i == 1 else Layer(w, b) for i, (w, b) in enumerate(params))
    taps = tuple(jnp.zeros((7, w.shape[1])) for w, _ in params)
    taps = (taps[0], taps[1] + SMALL.sigma_b * delta, *taps[2:])
    np.testing.assert_allclose(forward(SMALL, params, X, taps)[0], apply(SMALL, moved, X), rtol=1e-12)


def test_the_centred_model_starts_at_zero_and_scales_with_alpha() -> None:
    start, later = init(SMALL, 4, seed=SEED), init(SMALL, 4, seed=8)
    model = centred(SMALL, start, alpha=3.0)
    np.testing.assert_array_equal(model(start, X), 0.0)
    np.testing.assert_allclose(model(later, X), 3 * (apply(SMALL, later, X) - apply(SMALL, start, X)), rtol=1e-12)


@pytest.mark.parametrize(
    ("arch", "x", "words"),
    [
        (SMALL, X[0], r"one row a point"),
        (SMALL, X[:, :3], r"do not fit"),
        (variant(depth=2), X, r"depth 2"),
        (variant(width=7), X, r"width 7"),
        (variant(outputs=1), X, r"1 outputs"),
        (variant(sigma_b=None), X, r"sigma_b"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(arch: Architecture, x: np.ndarray, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        apply(arch, init(SMALL, 4, seed=SEED), x)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(InvalidInput):
        variant(activation="nothing of the kind")
    with pytest.raises(InvalidInput):
        variant(parameterization="none")
    with pytest.raises(InvalidInput, match="at least one input"):
        init(SMALL, 0, seed=SEED)
