"""Sweeps over one setting: what they hold while they go on, what they fit, and what they find."""

import doctest
from collections.abc import Sequence

import numpy as np
import pytest

from ntkviz import sweeps
from ntkviz.engine import stored
from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.findings import Interval
from ntkviz.sweeps import Quantity, Sweep, sweep
from ntkviz.training import Report

LAW = Interval(-0.75, -0.5, "a table")
WIDTHS = (256, 64, 1024, 128)


def falling(width: int, seed: int, watch: Report, /) -> Sequence[float | None]:
    """Two quantities: one falls like n^−1/2, with a factor of 2 between the seeds; one does not fall."""
    watch(0.5)
    return 2.0**seed * width**-0.5, 7.0


def test_the_examples_run() -> None:
    found = doctest.testmod(sweeps)
    assert found.attempted > 0 and not found.failed


def test_a_sweep_holds_every_size_and_seed() -> None:
    first, second = sweep("width", WIDTHS, 2, falling, (Quantity(law=LAW), Quantity("arithmetic")))
    assert first.at.tolist() == [64.0, 128.0, 256.0, 1024.0]
    np.testing.assert_allclose(first.values, np.outer(first.at**-0.5, [1.0, 2.0]))
    assert np.all(second.values == 7.0) and second.average == "arithmetic" and second.law is None
    assert first.finished and first.networks == 8 and first.name == "width"


def test_seeds_vary_fastest_and_small_sizes_come_first() -> None:
    seen: list[tuple[int, int]] = []

    def measure(width: int, seed: int, watch: Report, /) -> Sequence[float]:
        seen.append((width, seed))
        return (1.0,)

    sweep("width", WIDTHS, 2, measure)
    assert seen[:4] == [(64, 0), (64, 1), (128, 0), (128, 1)]
    assert isinstance(seen[0][0], int), "a width stays a whole number"


def test_progress_counts_seconds_and_carries_what_is_measured() -> None:
    told: list[tuple[float, Sweep]] = []
    sweep(
        "width",
        (64, 192),
        1,
        falling,
        (Quantity(), Quantity()),
        report=lambda f, s: told.append((f, s[0])),
        seconds=float,
    )
    assert [fraction for fraction, _ in told] == [0.0, 0.125, 0.25, 0.625, 1.0]
    assert [one.pending for _, one in told] == [2, 2, 1, 1, 0]
    assert [one.networks for _, one in told] == [0, 0, 1, 1, 2], "a partial result does not change afterwards"
    assert not told[0][1].finished and told[-1][1].finished


def test_a_cancel_ends_a_sweep_within_a_network() -> None:
    calls = []

    def report(fraction: float, _: tuple[Sweep, ...]) -> None:
        calls.append(fraction)
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        sweep("width", (64, 128), 1, falling, (Quantity(), Quantity()), report=report)
    assert calls == [0.0, 0.25, 0.5]


def test_sizes_that_take_too_long_are_skipped_and_named() -> None:
    (one, _) = sweep("width", WIDTHS, 1, falling, (Quantity(), Quantity()), seconds=float, limit=256)
    assert one.at.tolist() == [64.0, 128.0, 256.0] and one.skipped == (1024.0,) and one.finished
    (none, _) = sweep("width", WIDTHS, 1, falling, (Quantity(), Quantity()), seconds=float, limit=1)
    assert none.finished and none.fit is None and none.mean.shape == (0,)


def test_as_many_numbers_as_quantities() -> None:
    with pytest.raises(InvalidInput, match="2 numbers for 1"):
        sweep("width", WIDTHS, 1, falling)
    with pytest.raises(InvalidInput, match="one row"):
        Sweep("width", np.arange(3.0), np.ones((2, 1)))


def test_the_geometric_band_is_a_ratio_and_the_arithmetic_one_a_difference() -> None:
    """Of the values 1 and 4: mean 2 with the factor e^{sd(ln)} = 4^{1/√2}; mean 2.5 with sd = 3/√2."""
    values = np.array([[1.0, 4.0], [5.0, np.nan], [np.nan, np.nan]])
    one = Sweep("width", np.arange(1.0, 4), values)
    np.testing.assert_allclose(one.mean, [2.0, 5.0, np.nan])
    np.testing.assert_allclose(one.high / one.mean, [4 ** (1 / np.sqrt(2)), 1.0, np.nan])
    np.testing.assert_allclose(one.mean / one.low, one.high / one.mean)
    other = Sweep("width", np.arange(1.0, 4), values, "arithmetic")
    np.testing.assert_allclose(other.mean, [2.5, 5.0, np.nan])
    np.testing.assert_allclose(other.high - other.mean, [3 / np.sqrt(2), 0.0, np.nan])
    np.testing.assert_allclose(other.mean - other.low, other.high - other.mean)


def test_what_is_not_positive_has_no_geometric_mean() -> None:
    one = Sweep("width", np.array([1.0]), np.array([[0.0, -1.0, 3.0]]))
    assert one.mean.tolist() == [pytest.approx(3.0)]


def test_the_fit_is_of_all_networks() -> None:
    (one, flat) = sweep("width", WIDTHS, 3, falling, (Quantity(law=LAW), Quantity(law=LAW)))
    assert one.fit is not None and one.fit.exponent == pytest.approx(-0.5) and one.fit.error > 0.05
    found = one.finding("gap", claim=3, help="How it falls.", caveat="Small.")
    assert found.value == pytest.approx(-0.5) and found.error == one.fit.error and found.agrees
    assert (found.over, found.expected, found.claim, found.help) == ("12 networks", LAW, 3, "How it falls.")
    assert found.caveat == "Small." and found.answer
    assert flat.finding("flat").agrees is False and flat.finding("flat").value == pytest.approx(0.0)


def test_a_finding_says_what_is_missing() -> None:
    told: list[Sweep] = []
    sweep("width", WIDTHS, 1, falling, (Quantity(), Quantity()), report=lambda _, s: told.append(s[0]))
    begun = told[0].finding("gap")
    assert begun.value is None and begun.error is None and begun.agrees is None
    assert begun.caveat == "Networks that are still to be measured: 4."
    almost = [one for one in told if one.pending == 1][-1].finding("gap", caveat="Narrow.")
    assert almost.value is not None and almost.caveat == "Narrow. Networks that are still to be measured: 1."
    few = Sweep("width", np.array([1.0, 2.0]), np.ones((2, 1))).finding("gap")
    assert few.value is None and few.caveat == "A fit needs positive values at three sizes (width)."


def test_a_fit_may_be_of_the_sizes_that_a_law_is_about() -> None:
    at = np.geomspace(0.01, 100, 9)
    one = Sweep("α", at, np.minimum(1.0, 0.3 / at)[:, None], law=Interval(-1.0, -1.0, "theory"))
    assert one.finding("slope").agrees is False
    lazy = one.kept(one.mean < 0.1)
    assert lazy.fit is not None and lazy.fit.first > 3 and lazy.finding("slope").value == pytest.approx(-1.0)
    assert lazy.law == one.law and lazy.name == "α"


def test_a_sweep_can_be_stored() -> None:
    (one, _) = sweep("width", WIDTHS, 2, falling, (Quantity(law=LAW), Quantity()), seconds=float, limit=256)
    back = stored.from_bytes(stored.to_bytes(one))
    assert isinstance(back, Sweep) and back.law == LAW and back.skipped == (1024.0,) and back.average == "geometric"
    np.testing.assert_array_equal(back.values, one.values)
