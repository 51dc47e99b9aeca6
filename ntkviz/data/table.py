"""Tables that users upload: CSV files in UTF-8 with a header.

    parse_csv(bytes)  ->  Table  ->  UploadedTable(table=…, target=…)  ->  load

Cells are read as numbers or words, and nothing in them is evaluated. For a file that cannot be used `InvalidInput` is
raised, with a sentence that says how to correct it.
"""

import csv
import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ntkviz.data.base import MAX_SIZE, Floats
from ntkviz.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 2_000_000
MAX_ROWS = 4000
MIN_ROWS = 4
MAX_COLUMNS = 200
MAX_NAME = 100  # characters of a column's name
MAX_CLASSES = 20
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})


@dataclass(frozen=True, eq=False)
class Column:
    """A column of R cells: numbers, with NaN for a missing cell, or words, with None for a missing cell."""

    name: str
    cells: Floats | tuple[str | None, ...]

    @property
    def numeric(self) -> bool:
        return isinstance(self.cells, np.ndarray)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(R,), whether each cell is missing."""
        if isinstance(self.cells, np.ndarray):
            return np.isnan(self.cells)
        return np.array([cell is None for cell in self.cells])

    @property
    def levels(self) -> list[float] | list[str]:
        """The different values in ascending order, without missing cells."""
        if isinstance(self.cells, np.ndarray):
            return [float(value) for value in np.unique(self.cells[~np.isnan(self.cells)])]
        return sorted({cell for cell in self.cells if cell is not None})

    def take(self, kept: NDArray[np.bool_]) -> "Column":
        """The column with those rows for which `kept` (R,) is true."""
        if isinstance(self.cells, np.ndarray):
            return Column(self.name, self.cells[kept])
        return Column(self.name, tuple(cell for cell, keep in zip(self.cells, kept, strict=True) if keep))


@dataclass(frozen=True)
class Table:
    """A table that was read. Comparison, hash and `repr` use the digest of the file and not its content."""

    name: str = field(compare=False)
    digest: str  # SHA-256 of the file's bytes
    rows: int
    columns: int
    data: tuple[Column, ...] = field(repr=False, compare=False)
    warnings: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.data)

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the columns that can be predicted: numbers that vary, or 2 to 20 different words."""
        counts = [(column, len(column.levels)) for column in self.data]
        return tuple(c.name for c, count in counts if count >= 2 and (c.numeric or count <= MAX_CLASSES))

    def column(self, name: str) -> Column:
        """The column with a name; raises `InvalidInput` where there is none."""
        for column in self.data:
            if column.name == name:
                return column
        raise InvalidInput(f"The table has no column {name!r}; choose one of {', '.join(self.header[:10])}.")


def parse_csv(content: bytes, *, name: str) -> Table:
    """The table in a CSV file in UTF-8, with a header, and with commas, semicolons or tabs between cells.

    Where semicolons stand between cells the decimal mark may be a comma. Raises `InvalidInput` for any other file.

    Example:
        >>> table = parse_csv(b"age,size\\n1,2.5\\n2,3.5\\n3,4.0\\n4,4.5", name="plants.csv")
        >>> table.header, table.rows
        (('age', 'size'), 4)
    """
    lines = _decoded(content)
    separator = max(",;\t", key=lines.lstrip("\r\n ").partition("\n")[0].count)
    records = _records(lines, separator)
    header = _header(next(records, (1, []))[1])
    body = list(islice(records, MAX_ROWS + 1))
    _check_body(body, len(header))
    columns = tuple(_column(title, body, i, decimal_comma=separator == ";") for i, title in enumerate(header))
    if not any(column.numeric for column in columns):
        raise InvalidInput(
            "No column contains only numbers; write numbers with digits and a decimal point, as in 3.14."
        )
    told = "The first line contains only numbers, and was read as the names of the columns."
    return Table(
        name=name[:MAX_NAME],
        digest=hashlib.sha256(content).hexdigest(),
        rows=len(body),
        columns=len(columns),
        data=columns,
        warnings=(told,) if all(_number(title) is not None for title in header) else (),
    )


def preview(table: Table, rows: int = 8) -> "pd.DataFrame":
    """The first `rows` rows as a data frame, to be shown."""
    import pandas as pd

    return pd.DataFrame({column.name: list(column.cells[:rows]) for column in table.data})


def _decoded(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"The file is larger than {MAX_BYTES / 1e6:g} MB; keep fewer rows or columns.")
    try:
        lines = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("The file is not text in UTF-8; save the table as 'CSV UTF-8'.") from None
    if not lines.strip():
        raise InvalidInput("The file is empty; choose a table with a header and rows of numbers.")
    if any(ord(character) < 32 and character not in "\t\r\n" for character in set(lines)):
        raise InvalidInput("The file contains control characters, so it is not a CSV table; save it as 'CSV UTF-8'.")
    return lines


def _records(lines: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of each record that is not empty."""
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error:
        line = reader.line_num
        raise InvalidInput(f"Line {line} cannot be read; correct its quotation marks or shorten its cells.") from None


def _header(cells: list[str]) -> list[str]:
    """The names of the columns; a column without a name gets its number as name."""
    if len(cells) > MAX_COLUMNS:
        raise InvalidInput(f"The table has {len(cells)} columns; keep at most {MAX_COLUMNS}.")
    if len(cells) < 2:
        raise InvalidInput("The table needs at least two columns; separate them by commas, semicolons or tabs.")
    names = [cell or f"column {i + 1}" for i, cell in enumerate(cells)]
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise InvalidInput(f"Two columns are called {twice[:MAX_NAME]!r}; give each its own name in the first line.")
    if any(len(name) > MAX_NAME for name in names):
        raise InvalidInput(f"A column's name is longer than {MAX_NAME} characters; shorten it.")
    return names


def _check_body(body: list[tuple[int, list[str]]], width: int) -> None:
    if len(body) > MAX_ROWS:
        raise InvalidInput(f"The table has more than {MAX_ROWS} rows; keep {MAX_ROWS} of them.")
    if len(body) < MIN_ROWS:
        raise InvalidInput(f"The table has {len(body)} rows under its header; give it at least {MIN_ROWS}.")
    for line, cells in body:
        if len(cells) != width:
            raise InvalidInput(f"Line {line} has {len(cells)} cells, and the header has {width}; correct this line.")


def _column(name: str, body: list[tuple[int, list[str]]], place: int, *, decimal_comma: bool) -> Column:
    """The column at `place`: of numbers where every cell is a number or missing, else of words."""
    words = tuple(None if cells[place].lower() in MISSING else cells[place] for _, cells in body)
    values = [math.nan if word is None else _number(word, decimal_comma) for word in words]
    numbers = np.array([value for value in values if value is not None], dtype=np.float64)
    if len(numbers) < len(values) or not any(words):
        return Column(name, words)
    wild = np.flatnonzero(np.abs(numbers) > MAX_SIZE)
    if len(wild):
        line, cells = body[int(wild[0])]
        raise InvalidInput(
            f"Column {name!r} holds {cells[place][:30]!r} in line {line}; "
            f"numbers must be finite and at most {MAX_SIZE:g} in size."
        )
    return Column(name, numbers)


def _number(word: str, decimal_comma: bool = False) -> float | None:
    """The number in a cell, or None; unlike in Python, a number may not contain underscores."""
    if "_" in word:
        return None
    try:
        return float(word.replace(",", ".") if decimal_comma else word)
    except ValueError:
        return None
