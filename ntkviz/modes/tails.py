r"""Which law the tail of a smooth kernel's spectrum follows: an exponential, or a stretched or compressed one.

A pole of φ off the real line, as tanh has them, stretches the exponential (power 2/3 for one hidden layer in the limit
of large frequencies); entire functions such as the sine compress it.
"""

from numpy.typing import ArrayLike

from ntkviz.measures.fits import Exponential, Stretched, exponential, stretched

FEWEST = 8  # eigenvalues of a tail
ALIKE = 0.07  # a power this near to 1 is an exponential: erf, GELU and the Gaussian have 0.95 to 1.05


def smooth_tail(x: ArrayLike, y: ArrayLike) -> Exponential | Stretched | None:
    """The exponential through eigenvalues where its power is 1 within `ALIKE` or two standard errors, else the
    stretched or compressed one.

    Args:
        x: (P,) positive, such as frequencies.
        y: (P,) positive.

    Returns:
        None with fewer than eight eigenvalues, and where they do not fall.
    """
    law = stretched(x, y, fewest=FEWEST)
    if law is None or abs(law.power - 1) > max(ALIKE, 2 * law.error):
        return law
    return exponential(x, y)
