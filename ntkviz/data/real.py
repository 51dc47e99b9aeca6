"""Measured data sets that come with scikit-learn: digits, breast cancer, wine and diabetes.

The rows are shuffled with the seed, and a quarter of them are test points. The training points are the first N of the
others, so that a larger training set contains a smaller one. Where there are fewer than N others, all are used and a
warning says so.

Sources: the UCI repository (digits, breast cancer, wine); Efron, Hastie, Johnstone & Tibshirani 2004 (diabetes).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ntkviz.data.base import SCALES, Dataset, DataSpec, Floats, Kind, one_hot, rng
from ntkviz.specs import choice, number

Name = Literal["digits", "breast_cancer", "wine", "diabetes"]


class Rows(NamedTuple):
    """Inputs (R, d), targets (R,), and the names of the inputs and of the classes."""

    x: Floats
    target: Floats
    features: tuple[str, ...]
    classes: tuple[str, ...]


@cache
def rows(name: Name) -> Rows:
    """All rows of a data set of scikit-learn, which is imported here because the import is slow."""
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}  # in the units of the measurement, like the others
    bunch = getattr(datasets, f"load_{name}")(**options)
    names = tuple(str(word) for word in getattr(bunch, "target_names", ()))
    return Rows(
        np.asarray(bunch.data, dtype=np.float64),
        np.asarray(bunch.target, dtype=np.float64),
        tuple(str(word) for word in bunch.feature_names),
        names,
    )


def split(
    size: int, n: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    """The numbers of the training rows and of the test rows, and a warning where there are too few rows.

    Args:
        size: the number of all rows.
        n: the number of training rows that are wanted.
        generator: of the shuffle.
    """
    order = generator.permutation(size)
    held = max(1, size // 4)
    test, rest = order[:held], order[held:]
    told = f"This data set has {len(rest)} training points, fewer than the {n} that you chose. All of them are used."
    return rest[:n], test, (told,) if n > len(rest) else ()


def standardised(y: Floats, train: NDArray[np.int64]) -> Floats:
    """The numbers y (R,), shifted and scaled to mean 0 and variance 1 over the training rows."""
    spread = float(y[train].std()) if np.ptp(y[train]) > 0 else 1.0
    scaled: Floats = (y - y[train].mean()) / (spread or 1.0)
    return scaled


def two_classes(positive: NDArray[np.bool_]) -> Floats:
    """Targets (R, 1), +1 where `positive` (R,) is true and −1 elsewhere."""
    return np.where(positive, 1.0, -1.0)[:, None]


DIGIT_TASKS: dict[str, str] = {
    "parity": "odd or even",
    "zero": "0 or another digit",
    "0-1": "0 or 1",
    "3-8": "3 or 8",
    "4-9": "4 or 9",
    "random": "random labels",
    "classes": "ten classes",
}


@dataclass(frozen=True, kw_only=True)
class Digits(DataSpec):
    """Handwritten digits of 8 × 8 pixels; without scaling the value of a pixel is in [0, 1]."""

    title = "Handwritten digits"
    sentence = "The points are scanned digits of 8 × 8 pixels, small enough for exact kernels."
    kind: ClassVar[Kind] = "image"

    n: int = number(
        64, 4, 1000, label="Training points", help="N, the number of points. For a pair of digits there are about 270."
    )
    scale: str = choice(
        "unit",
        SCALES,
        label="Scaling of the inputs",
        help="Images that are not centred all resemble their mean, so that one mode of the kernel holds most of the "
        "trace. Centred images differ in every direction.",
    )
    question: str = choice("parity", DIGIT_TASKS, label="Question", help="What the label says about the digit.")

    def clean(self) -> Dataset:
        everything = rows("digits")
        kept, y, classes = self._labelled(everything.target.astype(np.int64))
        x = everything.x[kept] / 16.0
        train, test, warnings = split(len(x), self.n, rng(self.seed, "split"))
        return Dataset(
            x=x[train],
            y=y[train],
            x_test=x[test],
            y_test=y[test],
            kind="image",
            task="classes" if self.question == "classes" else "binary",
            features=everything.features,
            classes=classes,
            image_shape=(8, 8),
            warnings=warnings,
        )

    def _labelled(self, digit: NDArray[np.int64]) -> tuple[NDArray[np.bool_], Floats, tuple[str, ...]]:
        """Which rows belong to the question, their targets, and the names of the classes."""
        everywhere = np.ones(len(digit), dtype=bool)
        match self.question:
            case "parity":
                return everywhere, two_classes(digit % 2 == 0), ("odd", "even")
            case "zero":
                return everywhere, two_classes(digit == 0), ("another digit", "0")
            case "random":
                coin = rng(self.seed, "target").random(len(digit)) < 0.5
                return everywhere, two_classes(coin), ("tails", "heads")
            case "classes":
                return everywhere, one_hot(digit, 10), tuple("0123456789")
            case pair:
                low, high = (int(word) for word in pair.split("-"))
                kept = np.isin(digit, (low, high))
                return kept, two_classes(digit[kept] == high), (str(low), str(high))


@dataclass(frozen=True, kw_only=True)
class Measured(DataSpec):
    """Base of the tables of scikit-learn. Their features have different units and are standardised by default."""

    source: ClassVar[Name]

    scale: str = choice(
        "standardise",
        SCALES,
        label="Scaling of the inputs",
        help="The features have different units. Without scaling, the features with the largest numbers decide alone.",
    )

    def clean(self) -> Dataset:
        everything = rows(self.source)
        train, test, warnings = split(len(everything.x), self.n, rng(self.seed, "split"))
        label, classes = everything.target, everything.classes
        if not classes:
            y = standardised(label, train)[:, None]
        elif len(classes) == 2:
            y = two_classes(label == 1)
        else:
            y = one_hot(label.astype(np.int64), len(classes))
        return Dataset(
            x=everything.x[train],
            y=y[train],
            x_test=everything.x[test],
            y_test=y[test],
            kind="vector",
            task=task_of(classes),
            features=everything.features,
            classes=classes,
            warnings=warnings,
        )


def task_of(classes: Sequence[str]) -> Literal["regression", "binary", "classes"]:
    """The task that belongs to the classes: regression without classes, binary for two, else classes."""
    return "regression" if not classes else "binary" if len(classes) == 2 else "classes"


@dataclass(frozen=True, kw_only=True)
class BreastCancer(Measured):
    """569 tumours with 30 features of their cell nuclei, and whether they are malignant."""

    title = "Breast cancer"
    sentence = "Is a tumour malignant? The inputs are 30 measurements of cell nuclei."
    source = "breast_cancer"

    n: int = number(
        64, 4, 427, label="Training points", help="N, the number of points. Of all rows, 427 are not test points."
    )


@dataclass(frozen=True, kw_only=True)
class Wine(Measured):
    """178 wines of three growers with 13 chemical features."""

    title = "Wine"
    sentence = "Which of three growers made the wine? The inputs are 13 chemical measurements."
    source = "wine"

    n: int = number(
        64, 4, 134, label="Training points", help="N, the number of points. Of all rows, 134 are not test points."
    )


@dataclass(frozen=True, kw_only=True)
class Diabetes(Measured):
    """442 patients with 10 features; the target is the standardised progress of diabetes after a year."""

    title = "Diabetes"
    sentence = "How far does the disease progress in a year? The inputs are 10 measurements of each patient."
    source = "diabetes"

    n: int = number(
        64, 4, 332, label="Training points", help="N, the number of points. Of all rows, 332 are not test points."
    )
