"""Results as files: arrays in an .npz, the rest as JSON inside it; never pickle.

A result is a tree of this project's dataclasses, tuples, numbers, words, bytes, None and arrays. Reading builds only
dataclasses that are defined in ntkviz, from fields that they declare; every spec checks its bounds on the way in.
"""

import dataclasses
import importlib
import io
import json
import uuid
import zlib
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
SHIPPED = Path(__file__).with_name("shipped")  # results that come with the package, made by scripts/store_results.py


def write(path: Path, result: Any, *, packed: bool = True) -> None:
    """Write a result; replaces the file in one step, so that a reader never sees half of one."""
    content = to_bytes(result, packed=packed)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.part")
    try:
        half.write_bytes(content)
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise


def read(path: Path) -> Any:
    """Read a result. Raises `InvalidInput` where the file is not one of ours or is damaged."""
    try:
        return from_bytes(path.read_bytes())
    except (OSError, InvalidInput) as error:
        raise InvalidInput(f"The stored result {path.name} cannot be read; make it again.") from error


def to_bytes(result: Any, *, packed: bool = True) -> bytes:
    """A result as the content of a file; raises `TypeError` where it holds what no file can."""
    arrays: list[np.ndarray] = []
    tree = np.frombuffer(json.dumps(_to_json(result, arrays)).encode(), dtype=np.uint8)
    named: dict[str, Any] = {f"a{i}": array for i, array in enumerate(arrays)}
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, tree=tree, **named)
    return file.getvalue()


def from_bytes(content: bytes) -> Any:
    """What `to_bytes` wrote. Raises `InvalidInput` where the content is not ours or is damaged."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
        return _from_json(json.loads(arrays.pop("tree").tobytes()), arrays)
    except DAMAGE as error:
        raise InvalidInput("This is not a stored result, or it is damaged.") from error


@cache
def shipped(name: str) -> Any:
    """A result that comes with the package, read once."""
    return read(SHIPPED / f"{name}.npz")


def _to_json(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": f"a{len(arrays) - 1}"}
    if isinstance(value, bytes):
        return {"bytes": _to_json(np.frombuffer(value, dtype=np.uint8), arrays)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _to_json(getattr(value, f.name), arrays) for f in dataclasses.fields(value) if f.init}
        return {"class": f"{type(value).__module__}:{type(value).__qualname__}", "fields": fields}
    if isinstance(value, tuple | list):
        return {"tuple": [_to_json(item, arrays) for item in value]}
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
    fields = {name: _from_json(item, arrays) for name, item in value["fields"].items()}
    return _known_class(value["class"])(**fields)


def _known_class(name: str) -> Any:
    """A dataclass of this package, by its module and name; anything else is refused."""
    module, _, qualname = name.partition(":")
    ours = module.startswith("ntkviz.") and not module.startswith("ntkviz.ui")  # importing a page would run it
    if not ours or not qualname.isidentifier():
        raise ValueError(f"{name} is not a class of ntkviz")
    found = getattr(importlib.import_module(module), qualname)
    if not (isinstance(found, type) and dataclasses.is_dataclass(found) and found.__module__ == module):
        raise ValueError(f"{name} is not a dataclass of ntkviz")
    return cast(Any, found)
