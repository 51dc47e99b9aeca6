"""Fingerprints: a result is discarded when code changes that it depends on, and for no other reason."""

import json
import subprocess
import sys

import pytest

from ntkviz.engine import fingerprint as module
from ntkviz.engine.fingerprint import closure, fingerprint, picture_fingerprint
from ntkviz.engine.worker import modules

# A course of its own with two experiments: `one` depends on `base`, `far` (in a function) and `more.deep`.
FILES = {
    "__init__.py": "",
    "experiments/__init__.py": '"""Experiments."""\n',
    "experiments/one.py": '"""One."""\nfrom ..base import start\nfrom toycourse import more\n\n\ndef run():\n'
    "    from toycourse.far import away\n    import ntkviz.errors\n    return start + away\n",
    "experiments/two.py": "import toycourse.base\n",
    "base.py": '"""The base."""\n\nstart = 1  # a comment\n',
    "far.py": "away = 2\n",
    "more/__init__.py": "from .deep import bottom\n",
    "more/deep.py": "bottom = 3\n",
    "pictures.py": "from toycourse import base\nred = 1\n",
}
ONE, TWO, DRAW = "toycourse.experiments.one", "toycourse.experiments.two", "toycourse.pictures"


class Course:
    """The toy course on disk, with its fingerprints as a new process would see them."""

    def __init__(self, folder):
        self.folder = folder
        for path, text in FILES.items():
            self.write(path, text)

    def write(self, path, text):
        file = self.folder / "toycourse" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def fingerprints(self):
        forget()
        return fingerprint(ONE), fingerprint(TWO), picture_fingerprint(ONE, DRAW)


def forget():
    for cached in (module.source, module.fingerprint, module.picture_fingerprint):
        cached.cache_clear()


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    yield Course(tmp_path)
    forget()


def test_the_closure_follows_imports_of_all_kinds(course):
    assert closure(ONE) == {
        *("ntkviz", "ntkviz.errors"),
        *("toycourse", "toycourse.base", "toycourse.experiments", ONE, "toycourse.far"),
        *("toycourse.more", "toycourse.more.deep"),
    }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("base.py", '"""The base, in other words."""\n\n\nstart = 1  # another comment\n"""What it is."""\n'),
        ("experiments/one.py", FILES["experiments/one.py"].replace('"""One."""', "# One.").replace("():", "( ):")),
    ],
    ids=["comments and docstrings", "layout"],
)
def test_what_changes_no_code_changes_no_fingerprint(course, path, text):
    before = course.fingerprints()
    course.write(path, text)
    assert course.fingerprints() == before


@pytest.mark.parametrize(
    ("path", "text", "changed"),
    [
        ("experiments/one.py", FILES["experiments/one.py"] + "x = 1\n", (True, False, True)),
        ("base.py", "start = 2\n", (True, True, True)),
        ("far.py", "away = 3\n", (True, False, True)),
        ("more/deep.py", "bottom = 4\n", (True, False, True)),
        ("more/__init__.py", "from .deep import bottom as bed\n", (True, False, True)),
        ("experiments/__init__.py", "x = 1\n", (True, True, True)),
        ("experiments/two.py", "import toycourse.far\n", (False, True, False)),
        ("pictures.py", "from toycourse import base\nred = 2\n", (False, False, True)),
    ],
)
def test_a_line_of_code_changes_the_fingerprints_of_what_depends_on_it(course, path, text, changed):
    before = course.fingerprints()
    course.write(path, text)
    assert tuple(a != b for a, b in zip(before, course.fingerprints(), strict=True)) == changed


@pytest.mark.parametrize("library", ["jax", "numpy"])
def test_another_version_of_a_library_changes_all(course, monkeypatch, library):
    before = course.fingerprints()
    real = module.version
    monkeypatch.setattr(module, "version", lambda name: "0.0" if name == library else real(name))
    assert not set(before) & set(course.fingerprints())


def test_another_version_of_plotly_changes_pictures_alone(course, monkeypatch):
    before = course.fingerprints()
    real = module.version
    monkeypatch.setattr(module, "version", lambda name: "0.0" if name == "plotly" else real(name))
    after = course.fingerprints()
    assert after[:2] == before[:2] and after[2] != before[2]


def test_a_module_without_a_source_file_has_no_fingerprint():
    with pytest.raises(ModuleNotFoundError, match=r"nowhere\.at_all"):
        fingerprint("nowhere.at_all")


LOADED = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps([name for name in sys.modules if name.partition(".")[0] == "ntkviz"]))
"""
EXPERIMENTS = sorted(
    name for name in modules() if name.startswith("ntkviz.experiments.") and not name.endswith(".protocol")
)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_closure_of_an_experiment_holds_every_module_that_it_loads(root, experiment):
    answer = subprocess.run(
        [sys.executable, "-c", LOADED, experiment], cwd=root, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(answer.stdout))
    assert len(loaded) > 20
    assert loaded <= closure(experiment)
    assert not (closure(experiment) & set(EXPERIMENTS)) - loaded  # no experiment but those that it is made of
    assert not any(name.startswith(("ntkviz.ui", "ntkviz.engine", "ntkviz.command")) for name in closure(experiment))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_picture_of_an_experiment_depends_on_its_own_figures(monkeypatch, experiment):
    figures = f"ntkviz.figures.{experiment.rpartition('.')[2]}"
    result, picture = fingerprint.__wrapped__, picture_fingerprint.__wrapped__  # not cached
    before = result(experiment), picture(experiment, "ntkviz.figures.picture")
    real = module.source
    monkeypatch.setattr(module, "source", lambda name: module.Source(b"other", ()) if name == figures else real(name))
    assert result(experiment) == before[0]
    assert picture(experiment, "ntkviz.figures.picture") != before[1]
