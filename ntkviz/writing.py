"""Numbers in words: one style for values, errors and shares in findings, sentences, legends and on pages."""

import math
from collections.abc import Sequence

from ntkviz.findings import Interval

MISSING = "–"
LARGE, SMALL = 1e5, 1e-3  # from LARGE on, and below SMALL, a number is written with a power of ten
MOST_DECIMALS = 6  # of a value and its error; a smaller error is written with a power of ten of its own


def written(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, a true minus sign, and a power of ten where it is very large or small.

    >>> written(-1.9987), written(0.0432), written(1234.5), written(1.7e8), written(None)
    ('−2', '0.0432', '1230', '1.7 × 10⁸', '–')
    >>> written(123.4, 2)
    '120'
    """
    if value is None or not math.isfinite(value):
        return MISSING
    rounded = float(f"{value:.{digits - 1}e}")
    if rounded == 0:
        return "0"
    if not SMALL <= abs(rounded) < LARGE:
        mantissa, exponent = f"{rounded:.{digits - 1}e}".split("e")
        return minus(f"{float(mantissa):g} × 10{raised(int(exponent))}")
    return minus(f"{rounded:.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:.{digits}g}")


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals and a true minus sign; what rounds to zero has no sign.

    >>> fixed(-1.9987, 2), fixed(-0.001, 2)
    ('−2.00', '0.00')
    """
    return minus(f"{value:z.{decimals}f}")


def signed(value: float, digits: int = 2) -> str:
    """A change with its sign and so many significant digits.

    >>> signed(0.1832), signed(-0.0214), signed(0.0)
    ('+0.18', '−0.021', '0')
    """
    return f"+{written(value, digits)}" if value > 0 else written(value, digits)


def with_error(value: float | None, error: float | None, unit: str = "") -> str:
    """A value with its standard error and its unit, both to the first significant digit of the error.

    A large error is written to whole numbers. Very large and very small values share a power of ten with their error.

    >>> with_error(-0.9734, 0.0412), with_error(139.0, None, "steps"), with_error(1.7e8, 2e6)
    ('−0.97 ± 0.04', '139 steps', '(1.70 ± 0.02) × 10⁸')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    ending = f" {unit}" if unit else ""
    if error is None or not math.isfinite(error):
        return written(value) + ending
    largest = max(abs(value), error)
    exponent = math.floor(math.log10(largest)) if largest > 0 and not SMALL <= largest < LARGE else 0
    scaled, slack = value / 10.0**exponent, error / 10.0**exponent
    if slack < 10.0**-MOST_DECIMALS:
        return f"{written(value)} ± {written(error)}{ending}"
    decimals = max(0, -math.floor(math.log10(float(f"{slack:.0e}"))))  # of the rounded error: 0.096 is 0.1
    both = f"{fixed(scaled, decimals)} ± {fixed(slack, decimals)}"
    return (f"({both}) × 10{raised(exponent)}" if exponent else both) + ending


def interval(expected: Interval) -> str:
    """The expected values: one number, or two with “to” between them."""
    if expected.low == expected.high:
        return written(expected.low)
    if math.isinf(expected.high):
        return f"at least {written(expected.low)}"
    if math.isinf(expected.low):
        return f"at most {written(expected.high)}"
    return f"{written(expected.low)} to {written(expected.high)}"


def percent(share: float | None) -> str:
    """A share as a percentage with two significant digits.

    >>> percent(0.0123), percent(0.987), percent(1.0), percent(17.0)
    ('1.2 %', '99 %', '100 %', '1700 %')
    """
    return MISSING if share is None or not math.isfinite(share) else f"{written(100 * share, 2)} %"


def counted(value: float, noun: str) -> str:
    """A number of things, with the noun in the plural where it is not one.

    >>> counted(139.2, "step"), counted(1, "step")
    ('139 steps', '1 step')
    """
    number = written(value)
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"


def raised(exponent: int) -> str:
    """The digits of an exponent as superscripts."""
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def minus(text: str) -> str:
    """The text with true minus signs."""
    return text.replace("-", "−")


def listed(words: Sequence[str]) -> str:
    """Words with commas between them, and “and” before the last.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
