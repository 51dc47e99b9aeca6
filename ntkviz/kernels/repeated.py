"""Kernels on data in which inputs are repeated: equal inputs have equal rows, to the last bit.

A kernel with a kink is steep at equal inputs: rounding of 1e-16 in the angle between two of them changes its entry by
1e-8. Its smallest eigenvalues are then not zero, although the kernel is singular.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ntkviz.kernels.infinite import infinite_ntk
from ntkviz.nets import Architecture


def repeated_ntk(arch: Architecture, x: ArrayLike) -> NDArray[np.float64]:
    """The NTK (N, N) at infinite width, in which all rows of an input that is repeated are those of the first one.

    Args:
        arch: the architecture.
        x: (N, d), the inputs.

    >>> kernel = repeated_ntk(Architecture(), [[1.0, 0.2], [0.3, 0.4], [1.0, 0.2]])
    >>> bool((kernel[0] == kernel[2]).all() and kernel[0, 0] == kernel[0, 2])
    True
    """
    points = np.asarray(x, np.float64)
    _, place, row = np.unique(points, axis=0, return_index=True, return_inverse=True)
    first = place[row.ravel()]
    kernel = np.asarray(infinite_ntk(arch, points), np.float64)
    return kernel[np.ix_(first, first)]
