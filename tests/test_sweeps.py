"""Many networks in one program are those networks one by one."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkviz.errors import InvalidInput
from ntkviz.kernels import empirical_ntk, sweeps
from ntkviz.kernels.sweeps import narrowed, seeds_ntk, widths_ntk
from ntkviz.nets import PARAMETERIZATIONS, Architecture, init

X = np.random.default_rng(1).normal(size=(6, 3))
SEED = 2
WIDTHS = (1, 3, 7, 12)


@pytest.mark.parametrize(
    ("name", "parameterization", "sigma_b"),  # φ(0) = 0, 1 and ½: what is masked must not speak
    [
        ("relu", "ntk", 0.3),
        ("cos", "ntk", None),
        ("sigmoid", "standard", 0.3),
        ("cos", "standard", None),
        ("cos", "mup", 0.3),
        ("relu", "mup", None),
    ],
)
def test_masked_networks_have_the_kernels_of_the_narrow_ones(
    name: str, parameterization: str, sigma_b: float | None
) -> None:
    arch = Architecture(
        depth=3, width=12, activation=name, parameterization=parameterization, sigma_b=sigma_b, outputs=2
    )
    params = init(arch, 3, seed=SEED)
    one_by_one = [empirical_ntk(*narrowed(arch, params, width), X) for width in WIDTHS]
    np.testing.assert_allclose(widths_ntk(arch, params, X, WIDTHS), one_by_one, rtol=1e-12, atol=1e-13)


@given(st.data())
def test_every_width_below_is_served_at_any_scale(data: st.DataObject) -> None:
    widths = data.draw(st.lists(st.sampled_from([1, 5, 12]), min_size=2, max_size=2))
    scale = 10.0 ** data.draw(st.integers(-6, 6))
    arch = Architecture(depth=2, width=12, sigma_b=0.1)
    params = init(arch, 3, seed=SEED)
    one_by_one = [empirical_ntk(*narrowed(arch, params, width), scale * X) for width in widths]
    np.testing.assert_allclose(widths_ntk(arch, params, scale * X, widths), one_by_one, rtol=1e-11)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_narrow_networks_are_drawn_as_such(parameterization: str) -> None:
    """Each layer's standard deviation; 300² draws have it to 1 %."""
    arch = Architecture(depth=2, width=600, parameterization=parameterization, sigma_b=0.5, outputs=300)
    narrow, params = narrowed(arch, init(arch, 300, seed=SEED), 300)
    for layer, drawn in zip(params, init(narrow, 300, seed=SEED), strict=True):
        np.testing.assert_allclose(layer.weight.std(), drawn.weight.std(), rtol=0.01)
        np.testing.assert_allclose(layer.bias.std(), drawn.bias.std(), rtol=0.2)


def test_a_sweep_over_widths_compiles_once() -> None:
    arch = Architecture(depth=2, width=12)
    params = init(arch, 3, seed=SEED)
    widths_ntk(arch, params, X, (2, 3))
    before = sweeps._over_widths._cache_size()
    widths_ntk(arch, params, X, (11, 12))
    assert sweeps._over_widths._cache_size() == before


def test_seeds_side_by_side_are_the_networks_one_by_one() -> None:
    arch = Architecture(depth=2, width=12, activation="tanh", sigma_b=0.3)
    seeds = (5, 0, 7)
    one_by_one = [empirical_ntk(arch, init(arch, 3, seed=seed), X) for seed in seeds]
    np.testing.assert_allclose(seeds_ntk(arch, X, seeds), one_by_one, rtol=1e-12, atol=1e-13)
    assert seeds_ntk(arch, X.astype(np.float32), seeds).dtype == jnp.float32


def test_what_does_not_fit_is_refused() -> None:
    arch = Architecture(depth=2, width=12)
    params = init(arch, 3, seed=SEED)
    for widths in ((), (0,), (13,)):
        with pytest.raises(InvalidInput, match="widths"):
            widths_ntk(arch, params, X, widths)
    with pytest.raises(InvalidInput, match="widths"):
        narrowed(arch, params, 13)
    for x in (X[0], np.full((2, 3), np.nan), X[:0]):
        with pytest.raises(InvalidInput, match="inputs"):
            widths_ntk(arch, params, x, (2,))
        with pytest.raises(InvalidInput, match="inputs"):
            seeds_ntk(arch, x, range(2))
    with pytest.raises(InvalidInput, match="do not fit"):
        widths_ntk(arch, params, X[:, :2], (2,))
