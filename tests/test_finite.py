"""The empirical kernel against a stored table, against the Jacobian, and against the infinite-width limit."""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkviz.activations import ACTIVATIONS
from ntkviz.errors import InvalidInput
from ntkviz.kernels import empirical_nngp, empirical_ntk, finite, infinite_nngp, infinite_ntk
from ntkviz.kernels.finite import Outputs, layerwise
from ntkviz.nets import PARAMETERIZATIONS, Architecture, Layer, Params, apply, init, init_many, scales, shapes
from tests import oracle

SEED = 5
RNG = np.random.default_rng(2)
X = RNG.normal(size=(7, 3))
X1, X2 = X[:4], X[4:]
ARCH = Architecture(depth=2, width=6, activation="erf", sigma_w=1.4, sigma_b=0.3, outputs=2)


def variant(**changes: object) -> Architecture:
    return replace(ARCH, **changes)


def by_jacobian(arch: Architecture, params: Params) -> np.ndarray:
    """The full kernel of `X` by its definition, (7·K, 7·K), every gradient stored."""
    leaves = jax.tree.leaves(jax.jacrev(lambda params: apply(arch, params, X))(params))
    gradients = np.concatenate([leaf.reshape(len(X) * arch.outputs, -1) for leaf in leaves], axis=1)
    return gradients @ gradients.T


# Both sides sum a few hundred products of order one in float64.
EXACT = {"rtol": 1e-11, "atol": 1e-12}


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_layerwise_is_the_product_of_jacobians(name: str, parameterization: str) -> None:
    arch = variant(activation=name, parameterization=parameterization)
    params = init(arch, 3, seed=SEED)
    kernel = layerwise(arch, params, jnp.asarray(X), outputs="full")
    np.testing.assert_allclose(kernel, by_jacobian(arch, params), **EXACT)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
@pytest.mark.parametrize("sigma_b", [None, 0.0])
def test_layers_without_biases_have_no_share_from_them(parameterization: str, sigma_b: float | None) -> None:
    arch = variant(parameterization=parameterization, sigma_b=sigma_b)
    params = init(arch, 3, seed=SEED)
    kernel = layerwise(arch, params, jnp.asarray(X), outputs="full")
    np.testing.assert_allclose(kernel, by_jacobian(arch, params), **EXACT)


@pytest.mark.parametrize("outputs", [1, 2])
def test_trace_is_the_mean_over_outputs_and_the_block_of_two_sets_is_theirs(outputs: int) -> None:
    arch = variant(outputs=outputs)
    params = init(arch, 3, seed=SEED)
    full = by_jacobian(arch, params)
    split = 4 * outputs
    np.testing.assert_allclose(empirical_ntk(arch, params, X1, X2, outputs="full"), full[:split, split:], **EXACT)
    trace = np.einsum("nkmk->nm", full.reshape(7, outputs, 7, outputs)) / outputs
    np.testing.assert_allclose(empirical_ntk(arch, params, X1, X2), trace[:4, 4:], **EXACT)
    np.testing.assert_allclose(empirical_ntk(arch, params, X), trace, **EXACT)


@pytest.mark.parametrize("name", oracle.of_kind("empirical_mlp"))
def test_kernels_of_stored_networks_are_those_of_the_table(name: str) -> None:
    """Numbers of order ten, computed by another library from the same weights: 1e-10 is far above rounding."""
    config, table = oracle.configurations()[name], oracle.library(name)
    arch = Architecture(
        depth=config["depth"],
        width=config["width"],
        activation=config["act"],
        parameterization=config["param"],
        sigma_w=config["W_std"],
        sigma_b=config["b_std"],
        outputs=config["n_out"],
    )
    params = tuple((table[f"W{i}"], table.get(f"b{i}")) for i in range(arch.depth + 1))  # plain tuples, NumPy arrays
    x1, x2, close = table["X1"], table["X2"], {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(apply(arch, params, x1), table["f1"], **close)
    full = table["ntk_full12"].transpose(0, 2, 1, 3).reshape(len(x1) * arch.outputs, -1)
    np.testing.assert_allclose(empirical_ntk(arch, params, x1, x2, outputs="full"), full, **close)
    np.testing.assert_allclose(empirical_ntk(arch, params, x1, x2), table["ntk_trace12"], **close)
    np.testing.assert_allclose(empirical_nngp(arch, params, x1, x2), table["nngp_trace12"], **close)


@pytest.mark.parametrize("points", [61, 515])
@pytest.mark.parametrize("outputs", ["trace", "full"])
def test_kernel_is_symmetric_to_the_bit_and_positive(outputs: Outputs, points: int) -> None:
    """Also where one half is computed, in blocks, and held against the whole; odd, so that blocks end unevenly."""
    arch = variant(width=40, depth=3, activation="relu")
    params = init(arch, 3, seed=SEED)
    x = np.random.default_rng(points).normal(size=(points, 3))
    kernel = np.asarray(empirical_ntk(arch, params, x, outputs=outputs))
    np.testing.assert_array_equal(kernel, kernel.T)
    eigenvalues = np.linalg.eigvalsh(kernel)
    assert eigenvalues[0] > -1e-14 * eigenvalues[-1]
    np.testing.assert_allclose(kernel, empirical_ntk(arch, params, x, x, outputs=outputs), **EXACT)


def test_rank_is_at_most_the_number_of_parameters() -> None:
    arch = Architecture(depth=1, width=3, activation="tanh", sigma_b=None)
    eigenvalues = np.linalg.eigvalsh(empirical_ntk(arch, init(arch, 3, seed=SEED), RNG.normal(size=(40, 3))))[::-1]
    assert eigenvalues[11] > 1e-6 * eigenvalues[0]  # 3·3 + 3 weights
    assert np.abs(eigenvalues[12:]).max() < 1e-14 * eigenvalues[0]


@pytest.mark.parametrize("outputs", ["trace", "full"])
def test_one_point_is_enough(outputs: Outputs) -> None:
    params = init(ARCH, 3, seed=SEED)
    whole = np.asarray(empirical_ntk(ARCH, params, X1, outputs=outputs))
    size = len(whole) // len(X1)
    np.testing.assert_allclose(empirical_ntk(ARCH, params, X1[:1], outputs=outputs), whole[:size, :size], **EXACT)


@pytest.mark.parametrize("name", ["erf", "relu"])
def test_float32_in_float32_out(name: str) -> None:
    arch = variant(activation=name, width=64)
    params = init(arch, 3, seed=SEED)
    narrow = jax.tree.map(lambda w: w.astype(jnp.float32), params)
    kernel = empirical_ntk(arch, narrow, X1, X2)
    assert kernel.dtype == jnp.float32
    # 2⁻²⁴ an operation, about √64 of them on the way; no pre-activation of this draw is near ReLU's kink.
    exact = empirical_ntk(arch, params, X1, X2)
    np.testing.assert_allclose(kernel, exact, atol=1e-6 * float(jnp.abs(exact).max()))


def test_networks_side_by_side_are_the_networks_one_by_one() -> None:
    stacked = init_many(ARCH, 3, range(3))
    one_by_one = [empirical_ntk(ARCH, jax.tree.map(lambda leaf, i=i: leaf[i], stacked), X1) for i in range(3)]
    kernel: Callable[[Params], jax.Array] = lambda params: layerwise(ARCH, params, jnp.asarray(X1))  # noqa: E731
    np.testing.assert_allclose(jax.jit(jax.vmap(kernel))(stacked), one_by_one, **EXACT)
    np.testing.assert_allclose(jax.jit(lambda p: jax.lax.map(kernel, p))(stacked), one_by_one, **EXACT)


def test_mup_kernel_is_the_ntk_kernel_at_enlarged_weights() -> None:
    """f_µP(w) = f_NTK(√n w)/√n, so the two gradients are equal, and so are the kernels."""
    mup = variant(parameterization="mup")
    params = init(mup, 3, seed=SEED)
    enlarged = jax.tree.map(lambda w: mup.width**0.5 * w, params)
    np.testing.assert_allclose(empirical_ntk(mup, params, X1), empirical_ntk(ARCH, enlarged, X1), **EXACT)


def test_kernel_is_the_response_of_one_output_to_a_step_on_another() -> None:
    """w ← w + ε ∇f(x') changes f(x) by ε Θ(x, x') to first order; the centred difference errs by O(ε²)."""
    arch = variant(outputs=1)
    params = init(arch, 3, seed=SEED)
    gradient = jax.grad(lambda params: apply(arch, params, X2[:1])[0, 0])(params)

    def response(eps: float) -> jax.Array:
        return apply(arch, jax.tree.map(lambda w, g: w + eps * g, params, gradient), X1)[:, 0]

    eps = 1e-4
    measured = (response(eps) - response(-eps)) / (2 * eps)
    np.testing.assert_allclose(measured, empirical_ntk(arch, params, X1, X2[:1])[:, 0], rtol=1e-6, atol=1e-7)


def test_nngp_is_the_product_of_the_outputs() -> None:
    params = init(ARCH, 3, seed=SEED)
    f1, f2 = (np.asarray(apply(ARCH, params, x)) for x in (X1, X2))
    np.testing.assert_allclose(empirical_nngp(ARCH, params, X1, X2), f1 @ f2.T / 2, **EXACT)
    kernel = np.asarray(empirical_nngp(ARCH, params, X1))
    np.testing.assert_array_equal(kernel, kernel.T)


def over_seeds(arch: Architecture, seeds: int) -> np.ndarray:
    """(seeds, 7, 7): the kernels of as many networks, drawn by NumPy, which has nothing to compile."""
    rng = np.random.default_rng(6)
    params = tuple(
        Layer(scale.weight_std * rng.normal(size=(seeds, *size)), scale.bias_std * rng.normal(size=(seeds, size[1])))
        for size, scale in zip(shapes(arch, 3), scales(arch, 3), strict=True)
    )
    return np.asarray(jax.jit(jax.vmap(lambda params: layerwise(arch, params, jnp.asarray(X))))(params))


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_mean_over_seeds_of_one_hidden_layer_is_the_infinite_kernel(parameterization: str) -> None:
    """With one hidden layer the kernel is a mean over neurons: its expectation is the limit at every width."""
    arch = variant(depth=1, width=8, activation="relu", parameterization=parameterization)
    kernels = over_seeds(arch, 4000)
    error = kernels.std(axis=0) / np.sqrt(len(kernels))
    assert np.all(np.abs(kernels.mean(axis=0) - infinite_ntk(arch, X)) < 5 * error)


def test_distance_to_the_infinite_kernel_falls_like_one_over_root_width() -> None:
    """The law of large numbers: -1/2, which 60 networks a width give to about ±0.05."""
    widths, distances = np.array([24, 64, 170]), []
    for width in widths:
        arch = Architecture(depth=2, width=int(width), sigma_b=0.1)
        distances.append(np.sqrt(np.mean((over_seeds(arch, 60) - infinite_ntk(arch, X)) ** 2)))
    slope = np.polyfit(np.log(widths), np.log(distances), 1)[0]
    assert -0.6 < slope < -0.4


def test_nngp_of_a_wide_network_with_many_outputs_is_near_the_infinite_one() -> None:
    """The relative error of a mean over K outputs and n neurons is about √(2/K + C/n); five times that is allowed."""
    arch = variant(depth=1, width=4000, outputs=1000)
    limit = np.asarray(infinite_nngp(arch, X))
    kernel = empirical_nngp(arch, init(arch, 3, seed=SEED), X)
    assert np.linalg.norm(kernel - limit) < 5 * np.sqrt(2 / 1000 + 2 / 4000) * np.linalg.norm(limit)


@pytest.mark.parametrize("kernel", [empirical_ntk, empirical_nngp])
def test_what_cannot_be_computed_is_refused_in_words(kernel: Callable[..., jax.Array]) -> None:
    params = init(ARCH, 3, seed=SEED)
    for x, words in (
        (X1[0], r"\(N, d\)"),
        (X1[:0], "at least one point"),
        (np.where(X1 > 0, X1, np.nan), "not finite"),
        (X1[:, :2], "do not fit"),
    ):
        with pytest.raises(InvalidInput, match=words):
            kernel(ARCH, params, x)
        with pytest.raises(InvalidInput, match=words):
            kernel(ARCH, params, X1, x)
    diverged = jax.tree.map(lambda w: w * jnp.inf, params)
    with pytest.raises(InvalidInput, match="diverged"):
        kernel(ARCH, diverged, X1)


def test_unknown_outputs_are_refused() -> None:
    with pytest.raises(InvalidInput, match="trace"):
        empirical_ntk(ARCH, init(ARCH, 3, seed=SEED), X1, outputs="diagonal")  # type: ignore[arg-type]


def test_moving_sigma_compiles_nothing():
    x = np.ones((3, 2))
    for sigma_w, sigma_b in ((1.0, 0.1), (2.0, 0.7), (3, 0)):
        arch = Architecture(depth=2, width=5, sigma_w=sigma_w, sigma_b=sigma_b)
        empirical_ntk(arch, init(arch, 2, seed=0), x)
        compiled = finite._layerwise._cache_size()
        if sigma_w == 1.0:
            before = compiled
    assert compiled == before
