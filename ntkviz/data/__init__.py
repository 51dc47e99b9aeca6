"""Data sets. `DATASETS` lists them, `load(spec)` makes one, and `parse_csv` reads a table that a user uploads."""

from ntkviz.data.base import SCALES, Dataset, DataSpec, labels, load, one_hot
from ntkviz.data.circle import CircleFunction, CirclePoints, on_circle
from ntkviz.data.line import Line
from ntkviz.data.plane import Moons, Rings, Spirals
from ntkviz.data.real import BreastCancer, Diabetes, Digits, Wine
from ntkviz.data.sphere import Sphere, SphereMix, harmonics, zonal
from ntkviz.data.table import (
    MAX_BYTES,
    MAX_COLUMNS,
    MAX_ROWS,
    Table,
    parse_csv,
    preview,
)
from ntkviz.data.twins import Twins
from ntkviz.data.uploaded import UploadedTable
from ntkviz.data.vectors import Linear, Parity, RandomLabels, SingleIndex, Teacher, Xor

# `UploadedTable` is not listed, because it needs a table, which no link can hold.
DATASETS: dict[str, type[DataSpec]] = {
    "circle": CircleFunction,
    "points": CirclePoints,
    "line": Line,
    "twins": Twins,
    "sphere": Sphere,
    "sphere_mix": SphereMix,
    "parity": Parity,
    "xor": Xor,
    "single_index": SingleIndex,
    "teacher": Teacher,
    "linear": Linear,
    "random": RandomLabels,
    "moons": Moons,
    "spirals": Spirals,
    "rings": Rings,
    "digits": Digits,
    "breast_cancer": BreastCancer,
    "wine": Wine,
    "diabetes": Diabetes,
}

__all__ = [
    "DATASETS",
    "MAX_BYTES",
    "MAX_COLUMNS",
    "MAX_ROWS",
    "SCALES",
    "BreastCancer",
    "CircleFunction",
    "CirclePoints",
    "DataSpec",
    "Dataset",
    "Diabetes",
    "Digits",
    "Line",
    "Linear",
    "Moons",
    "Parity",
    "RandomLabels",
    "Rings",
    "SingleIndex",
    "Sphere",
    "SphereMix",
    "Spirals",
    "Table",
    "Teacher",
    "Twins",
    "UploadedTable",
    "Wine",
    "Xor",
    "harmonics",
    "labels",
    "load",
    "on_circle",
    "one_hot",
    "parse_csv",
    "preview",
    "zonal",
]
