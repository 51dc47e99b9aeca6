"""Results and pictures as files: arrays in an .npz, everything else as JSON inside it; never pickle.

What can be written is a tree of ntkviz's dataclasses, tuples, dictionaries with text as keys, numbers, text, bytes,
None, and arrays of numbers or text. Lists come back as tuples. Reading creates only dataclasses that are defined in
ntkviz, from fields that they declare, and their own checks run as always.
"""

import dataclasses
import importlib
import io
import json
import uuid
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np

from ntkviz.errors import InvalidInput

DAMAGE = (
    *(OSError, EOFError, BadZipFile, zlib.error, NotImplementedError, RuntimeError),  # of the file
    *(ValueError, KeyError, TypeError, AttributeError, ImportError, RecursionError),  # of what is inside
)
PROGRAMS = {"", "ui", "command", "__main__"}  # subpackages that hold no results; importing some of them runs them
SHIPPED = Path(__file__).with_name("shipped")  # results that come with the package, made by scripts/store_results.py


def write(path: Path, result: Any, *, packed: bool = True) -> None:
    """Write a result to a file, which is replaced in one step: a reader never sees half of it.

    Args:
        path: of the file; its folder is made where it is missing.
        result: a tree as above.
        packed: whether to compress it.

    Raises `TypeError` where the result holds what cannot be written, and `OSError` where the disk does not take it.
    """
    content = to_bytes(result, packed=packed)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.part")
    try:
        half.write_bytes(content)
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise


def read(path: Path) -> object:
    """The result in a file. Raises `InvalidInput` where the file is damaged or was not written by `write`."""
    try:
        return from_bytes(path.read_bytes())
    except (OSError, InvalidInput) as error:
        raise InvalidInput(f"The stored result {path.name} cannot be read. Compute it again.") from error


def to_bytes(result: object, *, packed: bool = True) -> bytes:
    """A result as the content of a file. Raises `TypeError` where it holds what cannot be written."""
    arrays: list[np.ndarray] = []
    tree = np.frombuffer(json.dumps(_to_json(result, arrays)).encode(), dtype=np.uint8)
    named: dict[str, Any] = {f"a{i}": array for i, array in enumerate(arrays)}
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, tree=tree, **named)
    return file.getvalue()


def from_bytes(content: bytes) -> object:
    """The result that `to_bytes` wrote. Raises `InvalidInput` where the content is damaged or something else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
        return _from_json(json.loads(arrays.pop("tree").tobytes()), arrays)
    except DAMAGE as error:
        raise InvalidInput("This is not a stored result, or it is damaged.") from error


@cache
def shipped(name: str) -> object:
    """A result that comes with the package, by the name of its experiment; read once."""
    return read(SHIPPED / f"{name}.npz")


def _to_json(value: object, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("A result cannot hold an array of Python objects.")
        arrays.append(value)
        return {"array": f"a{len(arrays) - 1}"}
    if isinstance(value, bytes):
        return {"bytes": _to_json(np.frombuffer(value, dtype=np.uint8), arrays)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _to_json(getattr(value, f.name), arrays) for f in dataclasses.fields(value) if f.init}
        return {"class": f"{type(value).__module__}:{type(value).__qualname__}", "fields": fields}
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):  # a named tuple would lose its names
        return {"tuple": [_to_json(item, arrays) for item in value]}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("A result cannot hold a dictionary whose keys are not text.")
        return {"dict": {key: _to_json(item, arrays) for key, item in value.items()}}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"A result cannot hold a {type(value).__name__}.")


def _from_json(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "bytes" in value:
        return cast(np.ndarray, _from_json(value["bytes"], arrays)).tobytes()
    if "tuple" in value:
        return tuple(_from_json(item, arrays) for item in value["tuple"])
    if "dict" in value:
        return {key: _from_json(item, arrays) for key, item in value["dict"].items()}
    fields = {name: _from_json(item, arrays) for name, item in value["fields"].items()}
    return _known_class(value["class"])(**fields)


def _known_class(name: str) -> Any:
    """A dataclass of this package, by its module and name; anything else is refused."""
    module, _, qualname = name.partition(":")
    package, _, inside = module.partition(".")
    if package != "ntkviz" or inside.partition(".")[0] in PROGRAMS or not qualname.isidentifier():
        raise ValueError(f"{name} is not a class of ntkviz")
    found = getattr(importlib.import_module(module), qualname)
    if not (isinstance(found, type) and dataclasses.is_dataclass(found) and found.__module__ == module):
        raise ValueError(f"{name} is not a dataclass of ntkviz")
    return cast(Any, found)
