"""An uploaded table as a data set: the user chooses the column to predict, and the other columns of numbers are inputs.

Rows and columns that cannot be used are left out with a warning. Where nothing usable is left, `InvalidInput` is
raised.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ntkviz.data.base import SCALES, Dataset, DataSpec, Floats, Kind, one_hot, rng
from ntkviz.data.real import split, standardised, task_of, two_classes
from ntkviz.data.table import MAX_CLASSES, MAX_NAME, MAX_ROWS, MIN_ROWS, Column, Table
from ntkviz.errors import InvalidInput
from ntkviz.specs import choice, number, text

# Whole numbers with fewer rows for each value, on average, are numbers to predict and not classes.
ROWS_A_LEVEL = 5
READINGS = {"auto": "by its values", "numbers": "numbers to predict", "classes": "classes"}


@dataclass(frozen=True, kw_only=True)
class UploadedTable(DataSpec):
    """The rows of an uploaded table; a quarter of them are test points.

    A target with two values is binary: the larger value, or the later one in the alphabet, is +1. Words are classes,
    and so are up to 20 whole numbers that repeat. Other numbers are standardised. Rows with a missing cell, columns of
    words and columns that are constant on the training rows are left out.
    """

    title = "Your table"
    sentence = "The points are the rows of your table. You choose the target; other columns of numbers are inputs."
    kind: ClassVar[Kind] = "vector"

    table: Table
    target: str = text(
        "",
        length=MAX_NAME,
        label="Target column",
        help="The column to predict. If empty, it is the last column that can be one.",
    )
    reading: str = choice(
        "auto",
        READINGS,
        label="Read the target as",
        help="By its values means: two values become ±1. Words are classes, and so are at most "
        f"{MAX_CLASSES} whole numbers that repeat.",
    )
    n: int = number(
        200,
        2,
        MAX_ROWS * 3 // 4,
        label="Training points",
        help="The most training points to use. A quarter of the rows are test points.",
    )
    scale: str = choice(
        "standardise",
        SCALES,
        label="Scaling of the inputs",
        help="Where columns have different units and are not scaled, those with the largest numbers decide alone.",
    )

    def check(self) -> None:
        self.target_column()

    def target_column(self) -> Column:
        """The column to predict; raises `InvalidInput` where there is none."""
        if self.target:
            return self.table.column(self.target)
        if not self.table.targets:
            raise InvalidInput("Every column is constant or free text; add a column that varies and can be predicted.")
        return self.table.column(self.table.targets[-1])

    def clean(self) -> Dataset:
        target, inputs, warnings = _whole_rows(self.table, self.target_column())
        train, test, short = split(len(target.cells), self.n, rng(self.seed, "split"))
        y, classes = self._targets(target, train)
        inputs, constant = _varying(inputs, train)
        x = np.stack([np.asarray(column.cells, dtype=np.float64) for column in inputs], axis=1)
        return Dataset(
            x=x[train],
            y=y[train],
            x_test=x[test],
            y_test=y[test],
            kind="vector",
            task=task_of(classes),
            features=tuple(column.name for column in inputs),
            classes=classes,
            warnings=(*self.table.warnings, *warnings, *constant, *short),
        )

    def _targets(self, target: Column, train: NDArray[np.int64]) -> tuple[Floats, tuple[str, ...]]:
        """The targets (R, K) of the rows without missing cells, and the names of the classes."""
        levels = target.levels
        if len(levels) < 2:
            raise InvalidInput(f"The target {target.name!r} has only one value; choose a column that varies.")
        if not self._has_classes(target):
            return standardised(np.asarray(target.cells, dtype=np.float64), train)[:, None], ()
        if len(levels) > MAX_CLASSES:
            raise InvalidInput(
                f"The target {target.name!r} has {len(levels)} classes; choose a column with at most {MAX_CLASSES}."
            )
        place: dict[object, int] = {level: i for i, level in enumerate(levels)}
        label = np.array([place[cell] for cell in target.cells])
        names = tuple(f"{level:g}" if isinstance(level, float) else level for level in levels)
        return (two_classes(label == 1) if len(levels) == 2 else one_hot(label, len(levels))), names

    def _has_classes(self, target: Column) -> bool:
        if not target.numeric:
            if self.reading == "numbers":
                raise InvalidInput(f"The target {target.name!r} holds words; read it as classes.")
            return True
        if self.reading != "auto":
            return self.reading == "classes"
        levels = [float(level) for level in target.levels]
        repeated = len(target.cells) >= ROWS_A_LEVEL * len(levels)
        whole = all(level.is_integer() for level in levels)
        return len(levels) == 2 or (len(levels) <= MAX_CLASSES and whole and repeated)


def _whole_rows(table: Table, target: Column) -> tuple[Column, list[Column], tuple[str, ...]]:
    """The target and the columns of numbers for the rows without a missing cell, and warnings about those left out."""
    others = [column for column in table.data if column.name != target.name]
    inputs = [column for column in others if column.numeric]
    words = [column.name for column in others if not column.numeric]
    if not inputs:
        raise InvalidInput(
            f"No column except the target {target.name!r} holds numbers; add a column of numbers to learn from."
        )
    whole = ~np.any([column.missing for column in (target, *inputs)], axis=0)
    kept, lost = int(whole.sum()), int((~whole).sum())
    if kept < MIN_ROWS:
        raise InvalidInput(
            f"Only {kept} rows have no missing cell; fill the gaps or remove the columns that have most of them."
        )
    warnings = (f"These columns are left out, because they do not hold numbers: {_listed(words)}.",) if words else ()
    if lost:
        warnings = (*warnings, f"{lost} of {len(whole)} rows are left out, because a cell is missing.")
    return target.take(whole), [column.take(whole) for column in inputs], warnings


def _varying(inputs: list[Column], train: NDArray[np.int64]) -> tuple[list[Column], tuple[str, ...]]:
    """The columns that vary on the training rows, and a warning with the names of the others."""
    moves = [bool(np.ptp(np.asarray(column.cells, dtype=np.float64)[train]) > 0) for column in inputs]
    constant = [column.name for column, moving in zip(inputs, moves, strict=True) if not moving]
    if len(constant) == len(inputs):
        raise InvalidInput("Every column of numbers is constant on the training rows; add one that varies.")
    warnings = (
        (f"These columns are left out, because they are constant on the training rows: {_listed(constant)}.",)
        if constant
        else ()
    )
    return [column for column, moving in zip(inputs, moves, strict=True) if moving], warnings


def _listed(names: list[str]) -> str:
    """The first five names, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
