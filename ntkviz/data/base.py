"""Data sets: points and targets, with label noise and scaling that are the same for every `DataSpec`.

    load(spec):  clean points and targets  ->  label noise on the training targets  ->  scaling of the inputs

To add a data set, derive a frozen `DataSpec` with a `title`, a `sentence` and `clean`, and enter it in `DATASETS`.
Networks divide their inputs by √d, and so |x|²/d should be about 1.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ntkviz.errors import InvalidInput
from ntkviz.specs import Spec, choice, number

Floats = NDArray[np.float64]
Kind = Literal["circle", "plane", "image", "vector"]
Task = Literal["regression", "binary", "classes"]
Stream = Literal["train", "test", "target", "noise", "split"]

STREAMS: tuple[Stream, ...] = ("train", "test", "target", "noise", "split")
TEST_POINTS = 500
MOST_POINTS = 20_000  # most points that are drawn: their kernel has 3 GB, which a command writes to disk by blocks
MAX_SIZE = 1e12  # largest input: its powers stay finite in every kernel
SIGN_NAMES = ("−1", "+1")

SCALES = {
    "none": "none",
    "centre": "subtract the mean",
    "unit": "subtract the mean, then equal norms (|x|² = d)",
    "standardise": "subtract the mean, then unit variance of each feature",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Training and test points with their targets; every array is float64 and read-only.

    The targets are numbers (regression), ±1 (binary), or one-hot rows minus 1/K, which sum to zero (classes). Test
    targets have no noise. Where the target is not known at the test points (`known` is false), `x_test` is a grid for
    drawing and `y_test` has no rows.
    """

    x: Floats  # (N, d)
    y: Floats  # (N, K)
    x_test: Floats  # (M, d)
    y_test: Floats  # (M, K), or (0, K)
    kind: Kind
    task: Task
    features: tuple[str, ...] = ()  # names of the d inputs, where they have names
    classes: tuple[str, ...] = ()  # names of the classes −1 and +1, or of the K columns
    angle: Floats | None = None  # (N,), angles on a circle in radians
    angle_test: Floats | None = None  # (M,), angles on a circle in radians
    image_shape: tuple[int, int] | None = None  # height and width in pixels
    window: tuple[float, float, float, float] | None = None  # left, right, bottom and top of a picture of the plane
    warnings: tuple[str, ...] = ()  # sentences to show to the user

    def __post_init__(self) -> None:
        for name in ("x", "y", "x_test", "y_test", "angle", "angle_test"):
            value = getattr(self, name)
            if value is not None:
                value = np.array(value, dtype=np.float64)
                value.flags.writeable = False
                object.__setattr__(self, name, value)

    @property
    def known(self) -> bool:
        """Whether the target is known at the test points."""
        return len(self.y_test) == len(self.x_test)

    @property
    def label(self) -> NDArray[np.int64]:
        """The class of each training point, (N,): 0 for −1 and 1 for +1, or the number of the column."""
        return labels(self.y)

    @property
    def label_test(self) -> NDArray[np.int64]:
        """The class of each test point, (M,)."""
        return labels(self.y_test)

    def grid(self, size: int = 64) -> Floats:
        """A grid of points (size², 2) over the window of a plane; the first coordinate runs fastest."""
        if self.window is None:
            raise ValueError(f"A {self.kind} data set has no window.")
        left, right, bottom, top = self.window
        across, up = np.meshgrid(np.linspace(left, right, size), np.linspace(bottom, top, size))
        return np.stack([across.ravel(), up.ravel()], axis=1)


@dataclass(frozen=True, kw_only=True)
class DataSpec(Spec, ABC):
    """The settings that all data sets share.

    A seed gives independent streams of random numbers. With more points or more noise, the points, the target and the
    test set that were drawn before therefore stay the same.
    """

    title: ClassVar[str]
    sentence: ClassVar[str]
    kind: ClassVar[Kind] = "vector"  # how the data are drawn; vectors with d = 2 become a plane when they are loaded

    n: int = number(
        64,
        2,
        MOST_POINTS,
        reach=1000,
        label="Training points",
        help="N, the number of points. The kernel is an N × N matrix.",
    )
    seed: int = number(0, 0, 2**31 - 1, label="Data seed", help="The same seed draws the same data.")
    label_noise: float = number(
        0.0,
        0.0,
        1.0,
        label="Label noise",
        step=0.05,
        help="It changes the training targets only. Numbers get Gaussian noise with this standard deviation. "
        "Of class labels, this fraction is replaced by wrong ones.",
    )
    scale: str = choice(
        "none",
        SCALES,
        label="Scaling of the inputs",
        help="Means and variances are those of the training points. Inputs that are not centred share a direction, and "
        "the largest eigenvalue of the kernel belongs to it.",
    )

    @abstractmethod
    def clean(self) -> Dataset:
        """The data set before label noise and scaling."""

    def load(self) -> Dataset:
        """The data set with label noise and scaling; see `load`."""
        return load(self)


def load(spec: DataSpec) -> Dataset:
    """The data set of a spec. Raises `InvalidInput` where its points cannot be used."""
    data = spec.clean()
    data = replace(data, y=noisy(data.y, data.task, spec.label_noise, rng(spec.seed, "noise")))
    data = rescale(data, spec.scale)
    if max(np.abs(data.x).max(), np.abs(data.x_test).max()) > MAX_SIZE:
        raise InvalidInput(f"With this scaling an input exceeds {MAX_SIZE:g}; choose another scaling.")
    if data.kind == "vector" and data.x.shape[1] == 2:
        data = replace(data, kind="plane")
    return replace(data, window=window(data.x, data.x_test)) if data.kind == "plane" else data


def rng(seed: int, stream: Stream) -> np.random.Generator:
    """The random generator of one stream of a seed."""
    return np.random.default_rng([seed, STREAMS.index(stream)])


def noisy(y: Floats, task: Task, amount: float, generator: np.random.Generator) -> Floats:
    """Targets with label noise.

    Numbers get Gaussian noise. Of labels exactly round(amount · N) are replaced, by the other sign (binary) or by
    another class that is drawn uniformly (classes).

    Args:
        y: (N, K), the clean targets.
        task: the kind of targets.
        amount: the standard deviation of the noise, or the fraction of labels to replace.
        generator: of the random numbers.
    """
    if amount == 0.0:
        return y
    if task == "regression":
        return y + amount * generator.standard_normal(y.shape)
    wrong = generator.permutation(len(y))[: round(amount * len(y))]
    out = y.copy()
    if task == "binary":
        out[wrong] *= -1.0
    else:
        levels = y.shape[1]
        shift = generator.integers(1, levels, size=len(wrong))
        out[wrong] = one_hot((labels(y)[wrong] + shift) % levels, levels)
    return out


def one_hot(label: NDArray[np.integer], levels: int) -> Floats:
    """Targets (N, K) for classes (N,) from 0 to K − 1: one-hot rows minus 1/K, which sum to zero."""
    rows: Floats = np.eye(levels)[label] - 1.0 / levels
    return rows


def labels(y: Floats) -> NDArray[np.int64]:
    """The classes (N,) of targets or outputs (N, K): 0 or 1 by the sign if K = 1, else the number of the largest."""
    return (y[:, 0] > 0).astype(np.int64) if y.shape[1] == 1 else np.argmax(y, axis=1)


def rescale(data: Dataset, scale: str) -> Dataset:
    """The data set with inputs that are centred and scaled by the statistics of the training points.

    The scaling "unit" gives each point the norm √d; a training point at the centre has no direction and stays zero. The
    scaling "standardise" only centres a feature that is constant on the training points.
    """
    if scale == "none":
        return data
    centre = data.x.mean(axis=0)
    x, x_test = data.x - centre, data.x_test - centre
    if scale == "standardise":
        spread = x.std(axis=0)  # of the centred points, because it is then exactly 0 for a constant feature
        spread[spread == 0.0] = 1.0
        return replace(data, x=x / spread, x_test=x_test / spread)
    if scale == "unit":
        floor = 1e-14 * float(np.abs(data.x).max(initial=0.0))  # smaller differences are rounding errors
        x, x_test = _equal_norms(x, floor), _equal_norms(x_test, floor)
        lost = int(np.sum(~x.any(axis=1)))
        if lost:
            told = f"{lost} of the training points lie at the mean. They have no direction to scale and stay zero."
            data = replace(data, warnings=(*data.warnings, told))
    return replace(data, x=x, x_test=x_test)


def _equal_norms(x: Floats, floor: float) -> Floats:
    largest = np.abs(x).max(axis=1, keepdims=True, initial=0.0)
    direction = np.where(largest > floor, x / np.where(largest > floor, largest, 1.0), 0.0)
    norm = np.linalg.norm(direction, axis=1, keepdims=True)
    equal: Floats = math.sqrt(x.shape[1]) * direction / np.where(norm > 0, norm, 1.0)
    return equal


def window(*points: Floats) -> tuple[float, float, float, float]:
    """The left, right, bottom and top of a square around all points (·, 2), with a margin of a tenth in all."""
    both = np.concatenate(points)
    low, high = both.min(axis=0), both.max(axis=0)
    middle, half = (low + high) / 2, 0.55 * float(max((high - low).max(), 1e-3))
    return (
        float(middle[0] - half),
        float(middle[0] + half),
        float(middle[1] - half),
        float(middle[1] + half),
    )
