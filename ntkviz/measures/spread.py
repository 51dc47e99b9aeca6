"""How far several networks are apart: the standard deviation over them, with its error."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ntkviz.errors import InvalidInput


def rms(values: ArrayLike) -> float:
    """The root of the mean square of all numbers.

    >>> rms([[3.0, 4.0], [3.0, 4.0]])
    3.5355339059327378
    """
    return math.sqrt(float(np.mean(np.square(np.asarray(values, np.float64)))))


def spread(f: ArrayLike) -> tuple[float, float]:
    """The standard deviation over networks, rms over points, and its standard error by the jackknife.

    Args:
        f: (S, M) outputs of S networks on M points, S ≥ 3.

    Raises:
        InvalidInput: for fewer networks.

    >>> spread([[0.0], [1.0], [2.0]])[0]
    1.0
    """
    outputs = np.asarray(f, np.float64)
    count = len(outputs)
    if outputs.ndim != 2 or count < 3:
        raise InvalidInput(f"A spread needs the outputs (S, M) of three networks or more, not {outputs.shape}.")
    left_out = np.array([rms(np.delete(outputs, each, axis=0).std(axis=0, ddof=1)) for each in range(count)])
    error = math.sqrt((count - 1) / count * float(np.sum((left_out - left_out.mean()) ** 2)))
    return rms(outputs.std(axis=0, ddof=1)), error
