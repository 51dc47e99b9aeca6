"""Kernels and modes as they are drawn.

A kernel is a matrix over sorted inputs. A mode is a curve around the circle, a map of the plane, an image, or a value
at each of the sorted samples.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ntkviz.data import Dataset
from ntkviz.data.arrangement import Group, Sorting, arranged, groups, sorting
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.kernels.infinite import infinite_ntk
from ntkviz.nets import Architecture, Params
from ntkviz.spectra import Spectrum, extended

Floats = NDArray[np.float64]
Kind = Literal["curve", "plane", "image", "samples"]

HEAT = 96  # rows of a kernel that are drawn, at most
DRAWN = 256  # points at which a mode is drawn, at most
PLANE = 28  # pixels a side of a mode in the plane
COMMON = 0.9995  # of all values of the modes lie within `height`


@dataclass(frozen=True, eq=False)
class Heat:
    """Two kernels on H ≤ 96 of N points, sorted."""

    theory: Floats  # (H, H)
    network: Floats  # (H, H)
    place: Floats  # (H,) degrees on the circle, otherwise ranks
    sorted_by: Sorting
    groups: tuple[Group, ...]  # the ranks of each class
    every: int  # N

    @property
    def difference(self) -> Floats:
        """(H, H) network minus theory."""
        return self.network - self.theory


def heat(data: Dataset, theory: Floats, network: Floats, modes: Spectrum) -> Heat:
    """Both kernels on sorted points.

    Args:
        data: N points.
        theory, network: (N, N) kernels.
        modes: of the theory, whose second one sorts the points of a class.
    """
    kept = arranged(data, second(modes), HEAT)
    rows = np.ix_(kept.rows, kept.rows)
    return Heat(theory[rows], network[rows], kept.place, sorting(data), groups(data), len(theory))


@dataclass(frozen=True, eq=False)
class Pictures:
    """The first M modes of theory and network, and one target beside them."""

    kind: Kind
    place: Floats  # (P,) degrees or ranks; (2, side) axes of the plane; (2,) shape of the image
    theory: Floats  # (M, P) of unit mean square at the N points; of an image, Σ_n u(x_n) x_n
    network: Floats  # (M, P)
    target: Floats  # (P,) of unit mean square, for a single target at degrees or ranks; otherwise (0,)
    points: Floats  # (P′, 2) of the data in a plane, otherwise (0, 2)

    def maps(self, modes: Floats) -> Floats:
        """Modes (M, P) as pictures (M, rows, columns) of unit maximum, of an image or over the plane."""
        rows, columns = self.place.astype(int) if self.kind == "image" else self.place.shape[1:] * 2
        return _unit_maximum(modes).reshape(-1, rows, columns)

    @property
    def height(self) -> float:
        """How far the modes reach from zero, but for one value in two thousand."""
        return float(np.quantile(np.abs(np.concatenate([self.theory, self.network])), COMMON))


def mode_pictures(
    arch: Architecture, params: Params, data: Dataset, theory: Spectrum, network: Spectrum, count: int
) -> Pictures:
    """The first modes of both kernels as pictures that suit the data.

    An image of a mode is Σ_n u(x_n) x_n, and in the plane modes are continued between the points.

    Args:
        arch, params: the network.
        data: N points.
        theory, network: the eigensystems of both kernels.
        count: M.
    """
    both = theory.eigenvectors[:, :count], network.eigenvectors[:, :count]
    nothing, nowhere = np.zeros(0), np.zeros((0, 2))
    if data.kind == "image" and data.image_shape:
        left, right = (modes.T @ data.x for modes in both)
        return Pictures("image", np.array(data.image_shape, np.float64), left, right, nothing, nowhere)
    if data.kind == "plane" and data.window:
        grid = data.grid(PLANE)
        left = extended(infinite_ntk(arch, grid, data.x), theory, count)
        right = extended(empirical_ntk(arch, params, grid, data.x), network, count)
        axes = np.stack([grid[:PLANE, 0], grid[::PLANE, 1]])
        return Pictures("plane", axes, left, right, nothing, data.x[:DRAWN])
    shown = arranged(data, second(theory), DRAWN)
    left, right = (math.sqrt(len(data.x)) * modes[shown.rows].T for modes in both)
    target = _unit_mean_square(data.y)[shown.rows, 0] if data.y.shape[1] == 1 else nothing
    return Pictures("samples" if data.angle is None else "curve", shown.place, left, right, target, nowhere)


def second(modes: Spectrum) -> Floats:
    """The second eigenvector (N,), which sorts the points of a class: the first one is nearly constant."""
    return modes.eigenvectors[:, min(1, len(modes.eigenvalues) - 1)]


def _unit_maximum(pictures: Floats) -> Floats:
    return pictures / np.maximum(np.abs(pictures).max(axis=1, keepdims=True), 1e-300)


def _unit_mean_square(y: Floats) -> Floats:
    size = math.sqrt(float(np.mean(y**2)))
    return y / size if size > 0 else y
