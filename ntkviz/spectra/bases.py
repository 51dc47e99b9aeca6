r"""Bases of eigenspaces: waves on the circle, the basis nearest to another one, and modes between the points.

    u_k = cos kγ, sin kγ at equal steps round the circle,        u(x) = Σ_n Θ(x, x_n) u_n/λ   (Nyström 1930)

An eigenspace of several dimensions leaves its basis open, and each eigenvector its sign.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ntkviz.spectra.spectrum import Floats, Spectrum, circle_spectrum

Integers = NDArray[np.int64]


def circle_modes(first_row: ArrayLike, angle: Floats) -> tuple[Spectrum, Integers]:
    """The eigensystem of a kernel at equal steps round the circle, by one FFT, and the frequency of each mode, (N,).

    The two waves of a frequency stand beside each other, the cosine first.

    Args:
        first_row: (N,) of the kernel.
        angle: (N,) of the points, in radians, equal steps.

    Raises:
        InvalidInput: for a row that no kernel of the angle alone has.
    """
    circle = circle_spectrum(first_row)
    frequency = np.repeat(np.arange(len(circle.frequencies)), circle.multiplicities)
    sine = np.r_[False, frequency[1:] == frequency[:-1]]
    waves = np.cos(np.outer(angle, frequency) - np.where(sine, np.pi / 2, 0.0))
    values = np.repeat(circle.eigenvalues, circle.multiplicities)
    order = np.argsort(-values, kind="stable")
    vectors = waves / np.linalg.norm(waves, axis=0)
    return Spectrum(values[order], vectors[:, order], circle.floor, circle.dtype), frequency[order]


def nearest_basis(modes: Spectrum, spaces: Sequence[Integers], other: Floats) -> Spectrum:
    """The modes with the basis of each eigenspace turned, or its sign chosen, to be nearest to other vectors.

    In each space it is the orthogonal factor of the inner products (the Procrustes problem).

    Args:
        modes: whose eigenvectors are turned.
        spaces: the numbers of the modes of each eigenspace that is to be turned.
        other: (N, N) vectors, as columns of the same numbers.
    """
    vectors = modes.eigenvectors.copy()
    for space in spaces:
        left, _, right = np.linalg.svd(vectors[:, space].T @ other[:, space])
        vectors[:, space] = vectors[:, space] @ left @ right
    return replace(modes, eigenvectors=vectors)


def extended(kernel: ArrayLike, modes: Spectrum, count: int) -> Floats:
    """The first modes as functions at M points (Nyström), (count, M), of unit mean square at the N points.

    Args:
        kernel: (M, N) between these points and those of the modes.
        modes: on N points.
        count: how many, all of them above the rounding floor.
    """
    values = np.maximum(modes.eigenvalues[:count], modes.floor)
    root = np.sqrt(len(modes.eigenvalues))
    return np.asarray(root * (np.asarray(kernel) @ modes.eigenvectors[:, :count] / values).T)
