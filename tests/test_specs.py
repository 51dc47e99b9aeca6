"""Specs refuse what is out of bounds, in a sentence, whoever makes them."""

from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pytest

from ntkviz.errors import InvalidInput
from ntkviz.specs import Spec, choice, flag, flat, number, settings, text


@dataclass(frozen=True, kw_only=True)
class Inner(Spec):
    size: int = number(3, 1, 9, label="Size")


@dataclass(frozen=True, kw_only=True)
class Sample(Spec):
    n: int = number(64, 2, 1000, label="Points", help="N")
    noise: float = number(0.0, 0.0, 1.0, label="Noise")
    sigma_b: float | None = number(0.1, 0.0, 2.0, label="σ_b", optional=True)
    kind: str = choice("a", {"a": "first", "b": "second"}, label="Kind")
    centre: bool = flag(True, label="Centre")
    words: str = text("x", length=5, label="Words")
    inner: Inner = Inner()


@pytest.mark.parametrize(
    "change",
    [
        {"n": 1},
        {"n": 1001},
        {"n": 2.5},
        {"n": True},
        {"n": "64"},
        {"n": float("nan")},
        {"n": None},
        {"noise": -0.1},
        {"noise": float("inf")},
        {"noise": float("nan")},
        {"kind": "c"},
        {"centre": 1},
        {"words": "longer"},
        {"words": 3},
    ],
)
def test_what_is_out_of_bounds_is_refused_with_the_field_named(change):
    with pytest.raises(InvalidInput) as refused:
        Sample(**change)
    (name,) = change
    assert f"({name})" in str(refused.value)
    assert str(refused.value).endswith(".")


def test_values_become_plain_python_so_that_equal_settings_have_equal_keys():
    one = Sample(n=np.int64(8), noise=np.float64(0.5), sigma_b=None)
    other = Sample(n=8, noise=0.5, sigma_b=None)
    assert repr(one) == repr(other)
    assert hash(one) == hash(other)
    assert type(one.n) is int
    assert type(one.noise) is float


def test_a_spec_is_frozen_and_replacing_a_field_checks_it_again():
    with pytest.raises(FrozenInstanceError):
        Sample().n = 3
    with pytest.raises(InvalidInput):
        replace(Sample(), n=0)


def test_settings_are_listed_in_the_order_of_declaration():
    assert list(settings(Sample)) == ["n", "noise", "sigma_b", "kind", "centre", "words"]
    assert settings(Sample)["n"].kind == "integer"
    assert settings(Sample)["noise"].kind == "real"
    assert settings(Sample)["kind"].options == ("a", "b")


def test_flat_names_every_number_of_nested_specs():
    assert flat(Sample()) == {
        "n": 64,
        "noise": 0.0,
        "sigma_b": 0.1,
        "kind": "a",
        "centre": True,
        "words": "x",
        "inner": "Inner",
        "inner.size": 3,
    }
