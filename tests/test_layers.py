"""Imports go one way, and the repository keeps to itself.

`LAYERS` is the order of docs/design.md, the lowest first: a room may import from the rooms below its own, and not from
its neighbours. To add a room, give it a place here.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS = (
    {"errors"},
    {"specs", "findings"},
    {"writing", "compiling"},
    {"activations", "data"},
    {"nets"},
    {"kernels"},
    {"spectra"},
    {"dynamics"},
    {"training"},
    {"costs"},
    {"measures"},
    {"modes"},
    {"sweeps", "prediction"},
    {"comparison", "scales"},
    {"experiments"},
    {"lessons", "claims"},
    {"engine", "figures"},
    {"ui"},
    {"command"},
    {"pages", "app", "__main__"},
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
SHOWN = {"ui", "pages", "app"}
# Library -> the rooms that may import it.
LIBRARIES = {
    "streamlit": SHOWN,
    "plotly": SHOWN | {"figures"},
    "jax": set(RANK) - {"errors", "specs", "findings", "writing", "claims", "figures", "lessons", "pages", "__main__"},
}

SOURCES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "ntkviz").rglob("*.py"))]


def room(path: Path) -> str:
    """The room that a file belongs to: the first name below the package, or `pages`, or `app`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "ntkviz" else parts[0]


def imports(path: Path) -> Iterator[str]:
    """Every dotted name that a file imports, at the top or inside a function."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def reaches(path: Path) -> Iterator[str]:
    """What a file imports and must not, in words."""
    here = room(path)
    for name in imports(path):
        first, *rest = name.split(".")
        if first in LIBRARIES and here not in LIBRARIES[first] and here != "__init__":
            yield f"{here} imports {first}"
        there = rest[0] if first == "ntkviz" and rest else first
        if there in RANK and here in RANK and there != here and RANK[there] >= RANK[here]:
            yield f"{here} reaches up to {there}"
        if here == "data" and there in RANK and there not in {"data", "specs", "errors"}:
            yield f"data reaches {there}; it builds on specs and errors alone"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    assert room(path) in RANK or room(path) == "__init__", f"give {room(path)} a place in LAYERS"
    assert not list(reaches(path))


def test_a_wrong_import_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_layers.ROOT", tmp_path)
    wrong = tmp_path / "ntkviz" / "kernels" / "wrong.py"
    wrong.parent.mkdir(parents=True)
    wrong.write_text(
        "def f():\n    import streamlit\nfrom ..ui import stage\nfrom ntkviz import experiments\nimport jax\n"
    )
    assert list(reaches(wrong)) == [
        "kernels reaches up to ui",
        "kernels reaches up to experiments",
        "kernels imports streamlit",
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "ntkviz").rglob("*.py")), ids=lambda path: path.stem)
def test_files_stay_short(path: Path) -> None:
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert length <= 400


PARTS = sorted((ROOT / "ntkviz" / "experiments").glob("*.py"))


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.stem)
def test_an_experiment_and_its_figures_are_small(path: Path) -> None:
    figures = ROOT / "ntkviz" / "figures" / path.name
    assert lines(path) <= 200
    assert not figures.exists() or lines(figures) <= 130


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=lambda path: path.stem)
def test_a_page_is_small(path: Path) -> None:
    slots = path.read_text(encoding="utf-8").count("page.run(")
    assert lines(path) <= 90 * max(slots, 1)


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


# Folders that are made, not written.
MADE = {".git", "__pycache__", "build", "dist", "node_modules", "test-artifacts"}
KEPT = {".ci", ".streamlit", ".github"}
# In two halves, so that this file does not hold what it looks for.
FOREIGN = [
    "/" + "work/",
    "/" + "root/",
    "/" + "home/",
    "../" + "shared",
    "index" + "-url",
    "pypi" + ".org",
    "python" + "hosted",
    "npm" + "js.org",
    "deb." + "debian",
]


def written(folder: Path) -> Iterator[Path]:
    """The repository's own files."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in MADE:  # in a worktree .git is a file
            yield path
        elif path.is_dir() and path.name not in MADE and (not path.name.startswith(".") or path.name in KEPT):
            yield from written(path)


def test_no_file_names_this_machine_or_a_registry() -> None:
    found = []
    for path in written(ROOT):
        words = path.read_bytes().decode("utf-8", errors="ignore")
        found += [f"{path.relative_to(ROOT)} names {word}" for word in FOREIGN if word in words]
    assert not found
