"""Reference tables of kernels and predictions (tests/data/README.md)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data"


@cache
def configurations() -> dict[str, dict[str, Any]]:
    """Configurations by their id, in the order of the table."""
    return {entry["id"]: entry for entry in json.loads((DATA / "oracle.json").read_text())["configs"]}


def of_kind(kind: str) -> list[str]:
    """Ids of the configurations of one kind, for `pytest.mark.parametrize`."""
    return [name for name, entry in configurations().items() if entry["kind"] == kind]


@cache
def _table(file: str) -> dict[str, np.ndarray]:
    with np.load(DATA / file) as arrays:
        return dict(arrays)


def library(name: str) -> dict[str, np.ndarray]:
    """Arrays of one configuration as neural-tangents computed them, inputs included."""
    return {key.split("/")[1]: array for key, array in _table("oracle.npz").items() if key.startswith(f"{name}/")}


def exact(name: str) -> dict[str, np.ndarray]:
    """Kernels K and T of one analytic configuration from arithmetic with 50 digits."""
    return {key.split("/")[1]: array for key, array in _table("oracle_hp.npz").items() if key.startswith(f"{name}/")}


def distance(name: str, ntk: np.ndarray) -> float:
    """Largest error of a kernel (N1, N2) between X1 and X2 over its largest entry, from the 50 digits."""
    true = exact(name)["T12"]
    return float(np.abs(ntk - true).max() / np.abs(true).max())
