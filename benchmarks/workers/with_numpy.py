"""The rate of matrix multiplication on this machine, by NumPy."""

from typing import Any

import numpy as np
from protocol import Call, serve

SIDE = 2048


def multiply(case: dict[str, Any]) -> Call:
    matrix = np.random.default_rng(0).standard_normal((SIDE, SIDE), case["dtype"])
    return lambda: matrix @ matrix


serve({"multiply": multiply})
