"""Fingerprints of code: digests that change when the code changes that a result depends on.

The fingerprint of an experiment covers its import closure: the experiment's module and every module that it imports,
at the top or inside a function, directly or through other modules. Packages on the way count with their `__init__`.
Versions of Python and of the numeric libraries count too. Comments, docstrings and layout do not: what is hashed is the
syntax tree. Modules that no number depends on, such as pages and figures, are left out.

A stored result carries the fingerprint of its experiment. An answer of a worker also carries that of the figures, so
that no page shows a picture drawn by other code. A module that is imported by a computed name is not seen.
"""

import ast
import hashlib
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "ntkviz"
FIGURES = f"{PACKAGE}.figures"
NO_RESULT_DEPENDS_ON = frozenset({"ui", "command", "engine", "lessons"})  # subpackages that no fingerprint covers
NUMERIC_LIBRARIES = ("jax", "jaxlib", "numpy", "scipy", "scikit-learn", "pandas")


@dataclass(frozen=True)
class Source:
    """What a fingerprint needs to know of a module: a digest of its syntax tree, and the dotted names it imports."""

    digest: bytes
    imports: tuple[str, ...]


@cache
def fingerprint(experiment: str) -> str:
    """The fingerprint of an experiment's results, twelve hexadecimal digits, by the name of the experiment's module.

    Raises `ModuleNotFoundError` where the module has no source file.
    """
    modules = {name for name in closure(experiment) if not _is_in(name, FIGURES)}
    return _digest(modules, NUMERIC_LIBRARIES)


@cache
def picture_fingerprint(experiment: str, draw: str) -> str:
    """The fingerprint of an experiment's results and of the pictures that are drawn of them.

    Args:
        experiment: the name of the experiment's module; the module of its figures has the same last part.
        draw: the name of the module whose function draws.

    Raises `ModuleNotFoundError` where the experiment's module has no source file.
    """
    figures = f"{FIGURES}.{experiment.rpartition('.')[2]}"
    return _digest(closure(experiment, draw, figures), (*NUMERIC_LIBRARIES, "plotly"))


def closure(*modules: str) -> frozenset[str]:
    """The names of these modules and of all that they import, as far as they belong to ntkviz or to their package.

    The first module must have a source file, or `ModuleNotFoundError` is raised; others without one are left out.
    """
    if source(modules[0]) is None:
        raise ModuleNotFoundError(f"The module {modules[0]} has no source file, so its results have no fingerprint.")
    ours = {PACKAGE, *(module.partition(".")[0] for module in modules)}
    found: set[str] = set()
    todo = set(modules)
    while todo:
        name = todo.pop()
        here = source(name) if _counts(name, ours) else None
        if name in found or here is None:
            continue
        found.add(name)
        todo |= {prefix for imported in (name, *here.imports) for prefix in _prefixes(imported)} - found
    return frozenset(found)


@cache
def source(module: str) -> Source | None:
    """The source of a module, or None where it has no file; imports nothing."""
    path = _path(module)
    if path is None:
        return None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imports = tuple(sorted(set(_imports(tree, package))))
    return Source(hashlib.sha256(ast.dump(_WithoutDocstrings().visit(tree)).encode()).digest(), imports)


def _path(module: str) -> Path | None:
    top, *rest = module.split(".")
    try:
        spec = find_spec(top)
    except ValueError:  # such as __main__ in a script
        return None
    if spec is None:
        return None
    if not spec.submodule_search_locations:
        return Path(spec.origin) if spec.has_location and spec.origin and not rest else None
    base = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((path for path in candidates if path.is_file()), None)


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Every dotted name that is imported; of `from a.b import c` both a.b and a.b.c, which may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


class _WithoutDocstrings(ast.NodeTransformer):
    """Removes strings that stand alone: docstrings, and those below attributes."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node


def _digest(modules: Iterable[str], libraries: Iterable[str]) -> str:
    versions = [f"python={'.'.join(platform.python_version_tuple()[:2])}"]
    versions += [f"{library}={version(library)}" for library in libraries]
    digest = hashlib.sha256(" ".join(versions).encode())
    for name in sorted(modules):
        found = source(name)
        if found is not None:
            digest.update(name.encode() + b"\0" + found.digest)
    return digest.hexdigest()[:12]


def _counts(module: str, packages: Iterable[str]) -> bool:
    top, *rest = module.split(".")
    return top in packages and not (top == PACKAGE and rest and rest[0] in NO_RESULT_DEPENDS_ON)


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _prefixes(module: str) -> Iterator[str]:
    parts = module.split(".")
    yield from (".".join(parts[: i + 1]) for i in range(len(parts)))
