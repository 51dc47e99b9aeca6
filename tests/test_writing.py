"""Numbers in words: significant digits, errors, shares and lists, at the borders where a rule changes."""

import math

import pytest

from ntkviz.findings import Interval
from ntkviz.writing import counted, fixed, interval, listed, minus, percent, raised, signed, with_error, written


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, 3, "0"),
        (-0.0, 3, "0"),
        (1.0, 3, "1"),
        (12.34, 3, "12.3"),
        (99.94, 3, "99.9"),
        (99.96, 3, "100"),
        (100.4, 3, "100"),
        (101.4, 3, "101"),
        (999.4, 3, "999"),
        (999.5, 3, "1000"),
        (1236.0, 3, "1240"),
        (9.96, 2, "10"),
        (10.4, 2, "10"),
        (123.4, 2, "120"),
        (0.0123456, 3, "0.0123"),
        (-0.0123456, 2, "−0.012"),
    ],
)
def test_a_number_has_so_many_significant_digits(value: float, digits: int, text: str) -> None:
    assert written(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (99949.0, "99900"),
        (99951.0, "1 × 10⁵"),  # it rounds to the border
        (1e5, "1 × 10⁵"),
        (123456.0, "1.23 × 10⁵"),
        (-1.7e8, "−1.7 × 10⁸"),
        (0.001, "0.001"),
        (0.00099951, "0.001"),  # it rounds to the border
        (0.0009994, "9.99 × 10⁻⁴"),
        (-4.5e-12, "−4.5 × 10⁻¹²"),
        (1e-300, "1 × 10⁻³⁰⁰"),
    ],
)
def test_very_large_and_very_small_numbers_have_a_power_of_ten(value: float, text: str) -> None:
    assert written(value) == text


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_dash(nothing: float | None) -> None:
    assert written(nothing) == "–"
    assert percent(nothing) == "–"
    assert with_error(nothing, 0.1, "steps") == "–"


def test_decimals_are_fixed_and_zero_has_no_sign() -> None:
    assert [fixed(value, 2) for value in (-1.9987, 0.125, -0.004, 0.0)] == ["−2.00", "0.12", "0.00", "0.00"]
    assert fixed(-12.6, 0) == "−13"


def test_a_change_has_a_sign_unless_it_is_none() -> None:
    assert [signed(value) for value in (0.1832, -0.0214, 0.0, -0.0)] == ["+0.18", "−0.021", "0", "0"]
    assert signed(1.2345, 4) == "+1.234"
    assert signed(-1.2345, 3) == "−1.23"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-0.9734, 0.0412, "−0.97 ± 0.04"),
        (0.5, 0.096, "0.5 ± 0.1"),  # the error rounds up to one decimal
        (0.5, 0.094, "0.50 ± 0.09"),
        (0.96, 1.0, "1 ± 1"),
        (139.4, 12.3, "139 ± 12"),
        (5.0, 0.0, "5 ± 0"),
        (0.0, 0.0, "0 ± 0"),
        (-0.001, 0.2, "0.0 ± 0.2"),
        (0.5, 2e-6, "0.500000 ± 0.000002"),
        (0.5, 1e-7, "0.5 ± 1 × 10⁻⁷"),
        (0.02, 0.5, "0.0 ± 0.5"),  # an error larger than its value
        (99000.0, 2000.0, "99000 ± 2000"),
        (100000.0, 2000.0, "(1.00 ± 0.02) × 10⁵"),
        (-1.7e8, 2e6, "(−1.70 ± 0.02) × 10⁸"),
        (5.0, 1e7, "(0 ± 1) × 10⁷"),
        (3.21e-7, 1.2e-8, "(3.2 ± 0.1) × 10⁻⁷"),
        (0.001, 0.0001, "0.0010 ± 0.0001"),
        (0.0, 3e-9, "(0 ± 3) × 10⁻⁹"),
        (0.5, math.inf, "0.5"),
        (0.5, math.nan, "0.5"),
        (0.5, None, "0.5"),
    ],
)
def test_a_value_and_its_error_end_at_the_same_digit(value: float, error: float | None, text: str) -> None:
    assert with_error(value, error) == text
    assert with_error(value, error, "steps") == f"{text} steps"


def test_an_interval_is_one_number_or_two_or_open_at_one_end() -> None:
    assert interval(Interval(-2.0, -2.0, "theory")) == "−2"
    assert interval(Interval(-1.1, -0.9, "theory")) == "−1.1 to −0.9"
    assert interval(Interval(2.5, math.inf, "theory")) == "at least 2.5"
    assert interval(Interval(-math.inf, 2.5, "theory")) == "at most 2.5"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.00012, "0.012 %"),
        (0.0123, "1.2 %"),
        (0.9949, "99 %"),
        (0.996, "100 %"),
        (1.0, "100 %"),
        (-0.034, "−3.4 %"),
        (17.0, "1700 %"),
    ],
)
def test_a_share_is_a_percentage_with_two_digits(share: float, text: str) -> None:
    assert percent(share) == text


def test_things_are_counted_in_the_plural_unless_there_is_one() -> None:
    assert [counted(number, "step") for number in (0, 1, 1.0, 1.5, 2, 139.2)] == [
        "0 steps",
        "1 step",
        "1 step",
        "1.5 steps",
        "2 steps",
        "139 steps",
    ]


def test_exponents_signs_and_lists() -> None:
    assert raised(-1234567890) == "⁻¹²³⁴⁵⁶⁷⁸⁹⁰"
    assert minus("-1 - 2") == "−1 − 2"
    assert [listed(words) for words in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == ["", "a", "a and b", "a, b and c"]
