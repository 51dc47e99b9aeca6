"""Every architecture of the registry: its empirical kernel, its kernels at infinite width, and who contributes to them.

What walks the registry takes a new entry by itself, with each of its own settings moved once. Rows have 64 numbers,
which the default settings of every entry take.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntkviz import specs
from ntkviz.activations import Activation
from ntkviz.errors import InvalidInput
from ntkviz.kernels import (
    empirical_ntk,
    finite,
    infinite,
    infinite_kernels,
    infinite_layers,
    infinite_ntk,
    kernel_error,
    shared,
)
from ntkviz.kernels.finite import layerwise
from ntkviz.kernels.limit import gains_of
from ntkviz.kernels.sweeps import narrowed, widths_ntk
from ntkviz.nets import (
    ARCHITECTURES,
    PARAMETERIZATIONS,
    Architecture,
    ConvNet,
    LayerNormMLP,
    Params,
    ResidualMLP,
    apply,
    forward,
    init,
    init_many,
    multiplications,
    parameter_count,
    scales,
    sizes,
)
from ntkviz.training import train

SEED = 5
X = np.random.default_rng(3).normal(size=(5, 64))
EXACT = {"rtol": 1e-11, "atol": 1e-12}  # both sides sum some thousand products of order one in float64
few = settings(max_examples=15)


def moved(cls: type[Architecture]) -> Iterator[dict[str, object]]:
    """The default, and each of the entry's own settings at other values than its default."""
    yield {}
    for name, setting in specs.settings(cls).items():
        if name in specs.settings(Architecture):
            continue
        default = getattr(cls(), name)
        values = setting.options or ((default + 1,) if setting.kind == "integer" else (0.6 * default + 0.1,))
        yield from ({name: value} for value in values if value != default)


CASES = [
    pytest.param(cls, change, id="-".join([name, *(f"{key}={value}" for key, value in change.items())]))
    for name, cls in ARCHITECTURES.items()
    for change in moved(cls)
]
EACH = pytest.mark.parametrize(("cls", "change"), CASES)
IMAGES = [
    ConvNet(depth=2, image=image, padding=padding, stride=stride, pool=pool, head=head, filter=2)
    for image, padding, stride, pool, head in itertools.product(
        ((9, 2), (8, 9, 1)), ("SAME", "VALID", "CIRCULAR"), (1, 2), (1, 2), ("flatten", "gap")
    )
    if (stride, pool) != (2, 2)
]


def gradients(arch: Architecture, params: Params, x: np.ndarray) -> list[np.ndarray]:
    """Of each layer, (N·K, weights and biases): the definition, every gradient stored."""
    jacobian = jax.jacrev(lambda params: apply(arch, params, x))(params)
    rows = len(x) * arch.outputs
    return [
        np.concatenate([np.asarray(leaf).reshape(rows, -1) for leaf in jax.tree.leaves(layer)], axis=1)
        for layer in jacobian
    ]


def by_jacobian(arch: Architecture, params: Params, x: np.ndarray) -> np.ndarray:
    return sum(each @ each.T for each in gradients(arch, params, x))


def check_against_jacobian(arch: Architecture, x: np.ndarray) -> None:
    """Full, trace and scalar forms, of one set and of two."""
    params = init(arch, x.shape[1], seed=SEED)
    n, k = len(x), arch.outputs
    full = by_jacobian(arch, params, x)
    trace = np.einsum("nkmk->nm", full.reshape(n, k, n, k)) / k
    np.testing.assert_allclose(empirical_ntk(arch, params, x, outputs="full"), full, **EXACT)
    np.testing.assert_allclose(empirical_ntk(arch, params, x), trace, **EXACT)
    np.testing.assert_allclose(empirical_ntk(arch, params, x[:2], x[2:]), trace[:2, 2:], **EXACT)
    np.testing.assert_allclose(
        empirical_ntk(arch, params, x[:2], x[2:], outputs="full"), full[: 2 * k, 2 * k :], **EXACT
    )


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
@EACH
def test_the_empirical_kernel_is_the_product_of_jacobians(
    cls: type[Architecture], change: dict[str, object], parameterization: str
) -> None:
    arch = cls(depth=2, width=4, activation="erf", sigma_b=0.3, outputs=2, parameterization=parameterization, **change)
    check_against_jacobian(arch, X)


@pytest.mark.parametrize("way", ["_by_gradients", "_by_positions"])
@pytest.mark.parametrize("arch", IMAGES, ids=repr)
def test_both_ways_of_a_shared_layer_are_the_product_of_jacobians(
    arch: ConvNet, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = (0.0, 1.0) if way == "_by_gradients" else (1.0, 0.0)
    monkeypatch.setattr(shared, "costs", lambda *_: chosen)
    monkeypatch.setattr(shared, "HELD", 64)  # several blocks
    arch = replace(arch, width=3, outputs=2, sigma_b=0.3, activation="tanh")
    x = np.random.default_rng(1).normal(size=(3, prod(arch.image)))
    params = init(arch, x.shape[1], seed=SEED)
    kernel = layerwise(arch, params, jnp.asarray(x[:2]), jnp.asarray(x), outputs="full")
    np.testing.assert_allclose(kernel, by_jacobian(arch, params, x)[:4], **EXACT)
    trace = layerwise(arch, params, jnp.asarray(x))
    np.testing.assert_allclose(jnp.trace(trace), np.trace(by_jacobian(arch, params, x)) / 2, rtol=1e-11)


@EACH
def test_forward_is_the_formula(cls: type[Architecture], change: dict[str, object]) -> None:
    """The network written out with loops, from its definition."""
    arch = cls(depth=2, width=3, activation="tanh", sigma_b=0.4, outputs=2, **change)
    params = init(arch, 64, seed=SEED)
    np.testing.assert_allclose(apply(arch, params, X), WRITTEN[cls](arch, params, X), **EXACT)


def dense(arch: Architecture, layer: tuple[jax.Array, jax.Array], h: np.ndarray) -> np.ndarray:
    weight, bias = (np.asarray(each) for each in layer)
    return arch.sigma_w / np.sqrt(len(weight)) * h @ weight + arch.sigma_b * bias


def written_mlp(arch: Architecture, params: Params, x: np.ndarray) -> np.ndarray:
    for layer in params[:-1]:
        x = np.tanh(dense(arch, layer, x))
    return dense(arch, params[-1], x)


def written_layer_norm(arch: Architecture, params: Params, x: np.ndarray) -> np.ndarray:
    for layer in params[:-1]:
        z = dense(arch, layer, x)
        x = np.tanh((z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True))
    return dense(arch, params[-1], x)


def written_residual(arch: ResidualMLP, params: Params, x: np.ndarray) -> np.ndarray:
    z = dense(arch, params[0], x)
    if arch.layers == "one":
        for layer in params[1:-1]:
            z = z + arch.branch * dense(arch, layer, np.tanh(z))
        return dense(arch, params[-1], z)
    for inner, outer in zip(params[1:-1:2], params[2:-1:2], strict=True):
        z = z + arch.branch * dense(arch, outer, np.tanh(dense(arch, inner, np.tanh(z))))
    return dense(arch, params[-1], np.tanh(z))


def written_conv(arch: ConvNet, params: Params, x: np.ndarray) -> np.ndarray:
    """In two dimensions, one pixel at a time."""
    h, f, s = x.reshape(-1, *arch.image), arch.filter, arch.stride
    for layer in params[:-1]:
        side = h.shape[1]
        count = (side - f) // s + 1 if arch.padding == "VALID" else -(-side // s)
        lack = 0 if arch.padding == "VALID" else max((count - 1) * s + f - side, 0)
        mode = "wrap" if arch.padding == "CIRCULAR" else "constant"
        h = np.pad(h, ((0, 0), *[(lack // 2, lack - lack // 2)] * 2, (0, 0)), mode=mode)
        z = np.empty((len(h), count, count, arch.width))
        for i, j in np.ndindex(count, count):
            z[:, i, j] = dense(arch, layer, h[:, s * i : s * i + f, s * j : s * j + f].reshape(len(h), -1))
        h, p = np.tanh(z), arch.pool
        kept = count // p
        h = h[:, : kept * p, : kept * p].reshape(len(h), kept, p, kept, p, -1).mean(axis=(2, 4))
    h = h.mean(axis=(1, 2)) if arch.head == "gap" else h.reshape(len(h), -1)
    return dense(arch, params[-1], h)


WRITTEN = {
    Architecture: written_mlp,
    ResidualMLP: written_residual,
    LayerNormMLP: written_layer_norm,
    ConvNet: written_conv,
}


@pytest.mark.parametrize("arch", IMAGES, ids=repr)
def test_a_convolution_is_that_of_the_library_of_arrays(arch: ConvNet) -> None:
    """XLA's own convolution, whose weights (*filter, channels, n) are ours reshaped."""
    arch = replace(arch, depth=1, pool=1, head="flatten", width=3)
    x = np.random.default_rng(1).normal(size=(2, prod(arch.image)))
    params = init(arch, x.shape[1], seed=SEED)
    readout = forward(arch, params, x)[1][-1]
    weight = params[0].weight.reshape(*[arch.filter] * (len(arch.image) - 1), arch.image[-1], 3)
    images, padding = jnp.asarray(x.reshape(-1, *arch.image)), arch.padding
    spatial = tuple(range(1, images.ndim - 1))
    if padding == "CIRCULAR":
        pads = jax.lax.padtype_to_pads(arch.image[:-1], weight.shape[:-2], [arch.stride] * len(spatial), "SAME")
        images, padding = jnp.pad(images, ((0, 0), *pads, (0, 0)), mode="wrap"), "VALID"
    names = ("NHWC", "HWIO", "NHWC") if len(spatial) == 2 else ("NHC", "HIO", "NHC")
    z = jax.lax.conv_general_dilated(images, weight, [arch.stride] * len(spatial), padding, dimension_numbers=names) * (
        arch.sigma_w / np.sqrt(prod(weight.shape[:-1]))
    )
    np.testing.assert_allclose(readout, jax.nn.relu(z).reshape(2, -1), **EXACT)


def over_seeds(arch: Architecture, seeds: int, x: np.ndarray) -> np.ndarray:
    """(seeds, N, N): the kernels of as many networks."""

    many = init_many(arch, x.shape[1], range(SEED, SEED + seeds))
    return np.asarray(jax.jit(lambda many: jax.lax.map(lambda one: layerwise(arch, one, x), many))(many))


@EACH
def test_wide_networks_have_the_infinite_kernel_within_the_error_of_the_mean(
    cls: type[Architecture], change: dict[str, object]
) -> None:
    """The mean over seeds differs from the limit by its standard error and a bias ~ 1/n: two widths give both.

    2 m(2n) − m(n) has no 1/n left; what is left of order 1/n² is far below five standard errors of some percent.
    """
    arch = cls(depth=2, width=48, activation="erf", sigma_w=1.5, sigma_b=0.3, **change)
    x = X[:3]
    narrow, wide = (over_seeds(replace(arch, width=width), 150, x) for width in (48, 96))
    mean = 2 * wide.mean(axis=0) - narrow.mean(axis=0)
    error = np.sqrt((4 * wide.var(axis=0) + narrow.var(axis=0)) / 150)
    limit = np.asarray(infinite_ntk(arch, x))
    assert np.all(np.abs(mean - limit) < 5 * error)
    assert np.all(error < 0.08 * np.abs(limit).max())  # sharp enough to tell a wrong term


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_distance_to_the_infinite_kernel_falls_like_one_over_root_width(name: str) -> None:
    """The law of large numbers: -1/2, which 60 networks a width give to about ±0.05; narrow ones fall faster."""
    arch, widths, distances = ARCHITECTURES[name](depth=2, sigma_b=0.1), np.array([16, 48, 144]), []
    limit = np.asarray(infinite_ntk(arch, X))
    for width in widths:
        distances.append(np.sqrt(np.mean((over_seeds(replace(arch, width=int(width)), 60, X) - limit) ** 2)))
    slope = np.polyfit(np.log(widths), np.log(distances), 1)[0]
    assert -0.65 < slope < -0.35


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_outputs_have_the_covariance_of_the_infinite_network(name: str) -> None:
    """One network of 500 outputs a seed; 5 standard errors of the mean, and a bias ~ 1/n."""
    arch = ARCHITECTURES[name](depth=2, width=100, sigma_b=0.3, outputs=500)
    x = X[:3]
    f = np.stack([np.asarray(apply(arch, init(arch, 64, seed=seed), x)) for seed in range(40)])
    products = np.einsum("snk,smk->snm", f, f) / arch.outputs
    limit = np.asarray(infinite_kernels(arch, x).nngp)
    error = products.std(axis=0) / np.sqrt(40) + np.abs(limit).max() / 400
    assert np.all(np.abs(products.mean(axis=0) - limit) < 5 * error)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_layer_contributes_what_the_recursion_says(name: str, parameterization: str) -> None:
    """Layer by layer, networks of width 256 over 12 seeds against the recursion with that layer's share alone.

    In the NTK parameterization and in µP every layer contributes at order one. In the standard one the first layer's
    weights, whose fan-in does not grow, and all biases contribute at order one, the others at order n.
    """
    arch = ARCHITECTURES[name](
        depth=2, width=256, activation="erf", sigma_w=1.5, sigma_b=0.3, parameterization=parameterization
    )
    x = X[:2]
    layers = np.mean(
        [[each @ each.T for each in gradients(arch, init(arch, 64, seed=seed), x)] for seed in range(12)],
        axis=0,
    )
    shares = shares_of(arch, x)
    assert len(shares) == len(layers)
    np.testing.assert_allclose(sum(shares), infinite_ntk(arch, x), rtol=1e-12)
    size = np.abs(sum(shares)).max()
    for measured, share in zip(layers, shares, strict=True):
        # A mean of 12 kernels that each scatter by some 1/√256 of their size, which is at least this share's.
        np.testing.assert_allclose(measured, share, atol=0.25 * np.abs(share).max())
    wide = shares_of(replace(arch, width=4096), x)
    growth = np.log([np.abs(b).max() / np.abs(a).max() for a, b in zip(shares, wide, strict=True)]) / np.log(16)
    grows = [0.0, *[1.0] * (len(shares) - 1)] if parameterization == "standard" else [0.0] * len(shares)
    # The biases of the standard parameterization do not grow: a share of 1/n of these layers.
    np.testing.assert_allclose(growth, grows, atol=0.02)
    assert min(np.abs(share).max() for share in shares[1:]) > 0.02 * size


def shares_of(arch: Architecture, x: np.ndarray) -> list[np.ndarray]:
    """Θ of each layer alone at infinite width: the recursion is linear in their shares. For a depth of 2."""
    gains, outline = gains_of(arch, x.shape[1]), infinite._problem(arch, x.shape[1]).outline
    count = sum(map(len, gains))
    found = []
    for kept in range(count):
        numbers = iter(range(count))
        alone = jax.tree.map(
            lambda gain: gain if next(numbers) == kept else gain._replace(weights=0.0, biases=0.0),  # noqa: B023
            gains,
            is_leaf=lambda node: hasattr(node, "biases"),
        )
        found.append(np.asarray(infinite._recursion(("ntk",), jnp.asarray(x), None, outline, None, alone, 2)[0][0]))
    return found


@EACH
def test_mup_is_the_ntk_network_with_enlarged_weights_and_its_output_vanishes(
    cls: type[Architecture], change: dict[str, object]
) -> None:
    """f_µP(w) = f_NTK(√n w)/√n, so the gradients are equal, and so are the kernels, at every width."""
    mup = cls(depth=2, width=9, sigma_b=0.3, parameterization="mup", **change)
    ntk = replace(mup, parameterization="ntk")
    params = init(mup, 64, seed=SEED)
    enlarged = jax.tree.map(lambda w: 3 * w, params)
    np.testing.assert_allclose(apply(mup, params, X), apply(ntk, enlarged, X) / 3, **EXACT)
    np.testing.assert_allclose(empirical_ntk(mup, params, X), empirical_ntk(ntk, enlarged, X), **EXACT)
    np.testing.assert_allclose(infinite_ntk(mup, X), infinite_ntk(ntk, X), rtol=1e-12)
    np.testing.assert_array_equal(infinite_kernels(mup, X).nngp, 0.0)


def check_one_set_and_two(arch: Architecture) -> None:
    for one, two in zip(infinite_kernels(arch, X[:3]), infinite_kernels(arch, X[:3], X[:3]), strict=True):
        np.testing.assert_array_equal(one, one.T)
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)


@EACH
def test_one_set_and_two_equal_sets_have_the_same_kernels(cls: type[Architecture], change: dict[str, object]) -> None:
    check_one_set_and_two(cls(depth=2, sigma_b=0.3, **change))


@pytest.mark.parametrize("change", [{"head": "flatten"}, {"head": "gap"}, {"head": "flatten", "pool": 2}], ids=repr)
def test_images_have_their_kernels_without_a_closed_form_too(change: dict[str, object]) -> None:
    """As a series: the same for one set and for two, and that of a closed form where φ has one."""
    x = X[:3, :16]
    arch = ConvNet(depth=2, image=(4, 4, 1), sigma_b=0.3, **change)
    own = Activation("sine", "sine", "", jnp.sin)
    for one, two, closed in zip(
        infinite_kernels(replace(arch, activation=own), x),
        infinite_kernels(replace(arch, activation=own), x, x),
        infinite_kernels(replace(arch, activation="sin"), x),
        strict=True,
    ):
        np.testing.assert_array_equal(one, one.T)
        np.testing.assert_allclose(one, two, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(one, closed, rtol=1e-9, atol=1e-9)  # the series aims at 1e-10
    assert max(kernel_error(replace(arch, activation=own), x)) < 1e-8


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layers_are_the_kernels_of_the_shallower_networks(name: str) -> None:
    for change in ({}, {"parameterization": "standard"}):
        arch = ARCHITECTURES[name](depth=3, sigma_b=0.1, width=20, **change)
        layers = infinite_layers(arch, X)
        for depth in (1, 3):
            for each, wanted in zip(layers, infinite_kernels(replace(arch, depth=depth), X), strict=True):
                np.testing.assert_allclose(each[depth - 1], wanted, rtol=1e-10)


@pytest.mark.parametrize("change", [{"head": "flatten"}, {"head": "gap"}, {"head": "flatten", "pool": 2}], ids=repr)
def test_images_in_tiles_have_the_kernels_of_the_whole(
    change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    arch = ConvNet(depth=2, sigma_b=0.2, **change)
    whole, across = infinite_kernels(arch, X), infinite_kernels(arch, X, X[:2])
    entries = 64 if change == {"head": "flatten"} else 64**2
    for side in (1, 2):
        monkeypatch.setattr(infinite, "PAIRS", side**2 * entries)
        infinite._recursion.clear_cache()
        for a, b in zip(infinite_kernels(arch, X), whole, strict=True):
            np.testing.assert_array_equal(a, a.T)
            np.testing.assert_allclose(a, b, rtol=1e-12)
        for a, b in zip(infinite_kernels(arch, X, X[:2]), across, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    infinite._recursion.clear_cache()
    monkeypatch.setattr(infinite, "PAIRS", entries / 9)
    with pytest.raises(InvalidInput, match="without pooling"):
        infinite_kernels(arch, X)


def test_networks_of_many_widths_are_parts_of_the_widest() -> None:
    """Drawn as ones of their width are, with skips, layer norm and images too; one program where φ hides the rest."""
    for cls in ARCHITECTURES.values():
        for parameterization in PARAMETERIZATIONS:
            arch = cls(depth=2, width=12, sigma_b=0.3, parameterization=parameterization)
            params = init(arch, 64, seed=SEED)
            kernels = np.asarray(widths_ntk(arch, params, X, (5, 12)))
            np.testing.assert_allclose(kernels[1], empirical_ntk(arch, params, X), rtol=1e-11)
            narrow, cut = narrowed(arch, params, 5)
            np.testing.assert_allclose(kernels[0], empirical_ntk(narrow, cut, X), rtol=1e-11)
            drawn = init(narrow, 64, seed=SEED)
            assert [layer.weight.shape for layer in cut] == [layer.weight.shape for layer in drawn]
            for layer, mine, wide, old in zip(cut, scales(narrow, 64), scales(arch, 64), params, strict=True):
                # The same standard normals, in the deviations of the narrow network.
                first = old.weight[0, 0] / wide.weight_std * mine.weight_std
                np.testing.assert_allclose(layer.weight[0, 0], first, rtol=1e-12)
                np.testing.assert_allclose(layer.bias[0], old.bias[0] / wide.bias_std * mine.bias_std, rtol=1e-12)


def test_a_branch_of_scale_zero_leaves_the_skip() -> None:
    """Then a residual network of one layer a block is linear: K = σ_w² (σ_w² K⁰) and Θ = 2K."""
    arch = ResidualMLP(depth=5, branch=0.0, layers="one")
    nngp, ntk = infinite_kernels(arch, X)
    np.testing.assert_allclose(nngp, 4 * X @ X.T / 64, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ntk, 8 * X @ X.T / 64, rtol=1e-12, atol=1e-14)


def test_layer_norm_forgets_the_size_of_an_input_and_keeps_deep_networks_at_one_variance() -> None:
    arch = LayerNormMLP(depth=60, activation="tanh", sigma_w=3.0)
    factors = np.array([1e-6, 1.0, 1e3, 1e6, 1.0])[:, None]
    for one, other in zip(infinite_kernels(arch, X), infinite_kernels(arch, factors * X), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    finite_arch = replace(arch, depth=3, width=50)
    params = init(finite_arch, 64, seed=SEED)
    np.testing.assert_allclose(apply(finite_arch, params, X), apply(finite_arch, params, 1e6 * X), rtol=1e-9)


def test_layer_norm_takes_an_input_at_the_origin_to_zero() -> None:
    arch = LayerNormMLP(depth=2, width=8, sigma_b=None)
    x = np.concatenate([np.zeros((1, 64)), X])
    params = init(arch, 64, seed=SEED)
    for kernel in (empirical_ntk(arch, params, x), *infinite_kernels(arch, x)):
        assert np.isfinite(kernel).all()
        np.testing.assert_array_equal(kernel[0], 0.0)
    np.testing.assert_array_equal(apply(arch, params, x)[0], 0.0)


points = arrays(np.float64, (4, 64), elements=st.floats(-1, 1, width=16))


@few
@given(
    x=points,
    scale=st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e6]),
    name=st.sampled_from(["relu", "erf", "gelu"]),
    cls=st.sampled_from(list(ARCHITECTURES.values())),
    depth=st.sampled_from([1, 2, 100]),
    duplicate=st.booleans(),
)
def test_kernels_are_finite_symmetric_and_positive_for_any_input(
    x: np.ndarray, scale: float, name: str, cls: type[Architecture], depth: int, duplicate: bool
) -> None:
    x = scale * x
    x[0] = 0.0
    if duplicate:
        x[1] = x[2]
    branch = {"branch": 0.2} if cls is ResidualMLP else {}
    for kernel in infinite_kernels(cls(activation=name, depth=depth, sigma_b=0.1, **branch), x):
        assert np.isfinite(kernel).all()
        np.testing.assert_array_equal(kernel, kernel.T)
        size = float(jnp.abs(kernel).max())
        # ReLU's slope loses √eps between near-duplicates, and depth adds it up.
        assert np.linalg.eigvalsh(kernel)[0] >= -1e-7 * size
        if duplicate:
            np.testing.assert_allclose(kernel[1], kernel[2], atol=1e-7 * size)


@few
@given(x=points, cls=st.sampled_from(list(ARCHITECTURES.values())), duplicate=st.booleans())
def test_empirical_kernels_are_symmetric_and_positive_for_any_input(
    x: np.ndarray, cls: type[Architecture], duplicate: bool
) -> None:
    arch = cls(depth=2, width=6, sigma_b=0.1)
    if duplicate:
        x[1] = x[2]
    kernel = np.asarray(empirical_ntk(arch, init(arch, 64, seed=SEED), x))
    np.testing.assert_array_equal(kernel, kernel.T)
    assert np.linalg.eigvalsh(kernel)[0] >= -1e-13 * np.abs(kernel).max()
    if duplicate:
        np.testing.assert_allclose(kernel[1], kernel[2], rtol=1e-12)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_moving_a_slider_compiles_nothing(name: str) -> None:
    """Neither σ and the branch scale of any network, nor width and depth at infinite width."""
    cls, counts = ARCHITECTURES[name], []
    for i in range(3):
        moving = {key: 0.5 + 0.1 * i for key, setting in specs.settings(cls).items() if setting.moving}
        infinite_ntk(cls(depth=2 + i, width=8 * (i + 1), **moving), X)
        arch = cls(depth=2, width=4, **moving)
        empirical_ntk(arch, init(arch, 64, seed=SEED), X)
        counts.append((infinite._recursion._cache_size(), finite._layerwise._cache_size()))
    assert counts[0] == counts[1] == counts[2]


@EACH
def test_layers_are_counted_drawn_and_scaled(cls: type[Architecture], change: dict[str, object]) -> None:
    arch = cls(depth=2, width=5, sigma_b=0.2, **change)
    params = init(arch, 64, seed=SEED)
    assert parameter_count(arch, 64) == sum(leaf.size for leaf in jax.tree.leaves(params))
    assert len(params) == len(scales(arch, 64)) == len(sizes(arch, 64))
    uses = sum(size.uses * size.fan_out * (size.fan_in + 1) for size in sizes(arch, 64))
    assert multiplications(arch, 64) == uses >= parameter_count(arch, 64)
    inputs = forward(arch, params, X)[1]
    assert [h.shape for h in inputs] == [(5, *size.positions, size.fan_in) for size in sizes(arch, 64)]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_networks_train_and_their_kernels_are_estimated(name: str) -> None:
    """Half the stable step takes the loss down; the estimate of a closed form is its rounding."""
    arch = ARCHITECTURES[name](depth=2, width=32, activation="erf", sigma_b=0.1)
    params = init(arch, 64, seed=SEED, dtype=jnp.float32)
    top = float(np.linalg.norm(empirical_ntk(arch, params, X), 2))
    run = train(arch, params, X, np.sin(np.arange(5.0)), eta=0.5 / top, steps=100)
    assert run.loss[-1] < 0.2 * run.loss[0]
    assert all(1e-15 < error < 1e-11 for error in kernel_error(arch, X))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": (8,)}, "height, width, channels"),
        ({"image": (8, 8, 1, 1)}, "height, width, channels"),
        ({"image": (8, 0, 1)}, "from 1 to 1024"),
        ({"image": (8.5, 8, 1)}, "from 1 to 1024"),
        ({"padding": "VALID", "depth": 4}, "does not fit"),
        ({"pool": 2, "depth": 4}, "fewer layers"),
        ({"padding": "none"}, "padding"),
        ({"head": "none"}, "head"),
    ],
)
def test_images_that_cannot_be_used_are_refused_in_words(change: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        ConvNet(**change)


def test_rows_that_are_no_such_image_are_refused_in_words() -> None:
    arch = ConvNet(width=4)
    params = init(arch, 64, seed=SEED)
    for refused in (
        lambda: apply(arch, params, X[:, :63]),
        lambda: init(arch, 2, seed=SEED),
        lambda: infinite_ntk(arch, X[:, :2]),
        lambda: empirical_ntk(arch, params, X[:, :5]),
        lambda: parameter_count(arch, 65),
    ):
        with pytest.raises(InvalidInput, match="64 numbers a row"):
            refused()
    for refused in (lambda: ResidualMLP(branch=-1.0), lambda: ResidualMLP(layers="three")):
        with pytest.raises(InvalidInput):
            refused()
