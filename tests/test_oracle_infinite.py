"""Infinite-width kernels against the reference tables (tests/data/README.md)."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from ntkviz.activations import Activation
from ntkviz.kernels import Kernels, infinite_kernels
from ntkviz.nets import Architecture, ConvNet, ResidualMLP
from tests import oracle

# Nonlinearities of the tables that the course does not offer: here they are a user's own.
OWN = {
    "sigmoid_like": Activation(
        "sigmoid_like", "sigmoid-like", r"\Phi(x/1.7)", lambda x: 0.5 * erf(x / 2.4020563531719796) + 0.5
    ),
    "rbf": Activation("rbf", "RBF", r"\sin", lambda x: math.sqrt(2) * jnp.sin(math.sqrt(2) * x + math.pi / 4)),
    "poly": Activation("poly", "cubic", "x^3", lambda x: 0.1 + x + 0.3 * x**2 - 0.05 * x**3),
}


def architecture(name: str) -> Architecture:
    entry = oracle.configurations()[name]
    shared = {
        "activation": OWN.get(entry["act"], entry["act"]),
        "parameterization": entry["param"],
        "sigma_w": entry["W_std"],
        "sigma_b": entry["b_std"],
    }
    match entry["kind"]:
        case "analytic_residual_mlp":
            layers = {"x+Dense(act(x))": "one", "x+Dense(act(Dense(act(x))))": "two"}[entry["block"]]
            return ResidualMLP(depth=entry["n_blocks"], layers=layers, **shared)
        case "analytic_cnn":
            return ConvNet(
                depth=entry["n_conv"],
                image=(*[entry["spatial"]] * entry["ndim"], entry["channels_in"]),
                filter=entry["filter"],
                padding=entry["padding"],
                stride=entry["strides"] or 1,
                pool=2 if entry["avgpool2_after_each_act"] else 1,
                head=entry["head"],
                **shared,
            )
        case _:
            return Architecture(depth=entry["depth"], width=entry.get("width", 512), **shared)


def error(got: Kernels, wanted: dict[str, np.ndarray], block: str) -> float:
    """Largest error relative to the largest entry, of both kernels."""
    pairs = zip(got, (wanted[f"K{block}"], wanted[f"T{block}"]), strict=True)
    return max(float(np.abs(np.asarray(a) - b).max() / np.abs(b).max()) for a, b in pairs)


def worst(name: str) -> float:
    """Over the blocks of the table: between the two sets, and within each, from one call on both sets together."""
    arch, inputs, wanted = architecture(name), oracle.library(name), oracle.exact(name)
    x1, x2 = inputs["X1"], inputs["X2"]
    n = len(x1)
    both = infinite_kernels(arch, np.concatenate([x1, x2]))
    return max(
        error(infinite_kernels(arch, x1, x2), wanted, "12"),
        error(Kernels(*(kernel[:n, :n] for kernel in both)), wanted, "11"),
        error(Kernels(*(kernel[n:, n:] for kernel in both)), wanted, "22"),
    )


@pytest.mark.parametrize("name", oracle.of_kind("analytic_mlp"))
def test_kernels_agree_with_fifty_digits(name: str) -> None:
    # ReLU's slope at the near-duplicates loses eps/θ, θ = 1e-4 apart, ten layers deep: 4e-12 measured.
    assert worst(name) < 2e-11


@pytest.mark.parametrize("name", oracle.of_kind("analytic_mlp_zero_row"))
def test_the_origin_without_biases_is_a_point_like_any_other(name: str) -> None:
    assert worst(name) < 1e-12


@pytest.mark.parametrize("name", oracle.of_kind("analytic_mlp_numerical"))
def test_kernels_without_a_closed_form_agree_with_independent_quadrature(name: str) -> None:
    # The threefold copies of tanh's pre-activations reach the largest degree of the series: 1e-9 measured.
    assert worst(name) < 1e-8


@pytest.mark.parametrize("name", oracle.of_kind("analytic_residual_mlp"))
def test_residual_kernels_agree_with_fifty_digits(name: str) -> None:
    assert worst(name) < 1e-12


def images(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Both sets of inputs as rows."""
    table = oracle.library(name)
    x1, x2 = (table[key].reshape(len(table[key]), -1) for key in ("X1", "X2"))
    return x1, x2


@pytest.mark.parametrize("name", oracle.of_kind("analytic_cnn"))
def test_convolutional_kernels_agree_with_the_table(name: str) -> None:
    arch, (x1, x2), table = architecture(name), images(name), oracle.library(name)
    # One ReLU layer and no pooling: patches at the border nearly repeat, and there the library's slope loses √eps
    # (5e-10 measured). The next test holds those two without it.
    loose = 1e-9 if arch.activation == "relu" and arch.depth == 1 else 1e-10
    for block, inputs in (("12", (x1, x2)), ("11", (x1,)), ("22", (x2,))):
        for got, key, tolerance in zip(infinite_kernels(arch, *inputs), "KT", (1e-10, loose), strict=True):
            wanted = table[key + block]
            assert np.abs(np.asarray(got) - wanted).max() < tolerance * np.abs(wanted).max()


@pytest.mark.parametrize("name", ["cnn00", "cnn04"])
def test_a_convolution_of_relus_is_the_mean_over_its_patches_in_long_double(name: str) -> None:
    """K = 2 mean_p κ₁ and Θ = K + 2 mean_p K_p κ₀ with the covariances of patches, from 64 bits of mantissa."""
    entry, (x1, x2) = oracle.configurations()[name], images(name)
    shape = (*[entry["spatial"]] * entry["ndim"], entry["channels_in"])
    weight, bias = np.longdouble(entry["W_std"]) ** 2, np.longdouble(entry["b_std"]) ** 2

    def patches(x: np.ndarray) -> np.ndarray:
        """(N, positions, 3^dimensions · channels), zeros outside."""
        padded = np.pad(x.reshape(-1, *shape).astype(np.longdouble), [(0, 0), *[(1, 1)] * entry["ndim"], (0, 0)])
        sides = np.lib.stride_tricks.sliding_window_view(
            padded, [3] * entry["ndim"], tuple(range(1, entry["ndim"] + 1))
        )
        return sides.reshape(len(x), entry["spatial"] ** entry["ndim"], -1)

    one, other = patches(x1), patches(x2)
    q1, q2 = (weight * (each**2).mean(axis=-1) + bias for each in (one, other))
    k = weight * np.einsum("npf,mpf->nmp", one, other) / one.shape[-1] + bias
    size = np.sqrt(q1[:, None] * q2)
    rho = np.where(np.abs(k) > size * (1 - np.longdouble(1e-17)), np.sign(k), k / size)  # a duplicate's θ would be √eps
    sine = np.sqrt((1 - rho) * (1 + rho))
    circle = 8 * np.arctan(np.longdouble(1))
    half = np.arctan2(rho, sine) / circle + np.longdouble(0.25)  # κ₀/2
    value = size * (sine / circle + rho * half)  # κ₁/2
    nngp = weight * value.mean(axis=-1) + bias
    ntk = nngp + weight * (k * half).mean(axis=-1)
    for got, wanted in zip(infinite_kernels(architecture(name), x1, x2), (nngp, ntk), strict=True):
        assert np.abs(np.asarray(got) - wanted).max() < 1e-12 * np.abs(wanted).max()
