"""CONTRIBUTING's lesson is added to a copy of the project, as it stands there, and works."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

FILES = re.compile(r"```py (\S+)\n(.*?)```", re.DOTALL)

DRIVE = """
import os
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(os.path.abspath("ntkviz/ui/main.py"), default_timeout=60)
app.switch_page("../../pages/04_halving.py")
app.run()
assert not app.exception and not app.error, (app.exception, app.error)
assert [title.value for title in app.title] == ["One mode"]
assert app.slider(key="c").value == 0.1
app.button(key="preset_large").click().run()
assert app.slider(key="c").value == 0.8 and not app.exception
app.slider(key="c").set_value(1.2).run()
assert app.query_params == {"preset": "large", "c": "1.2"}, app.query_params
assert app.get("bidi_component")
"""


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    """A copy of the project with the toy lesson in it."""
    copy = tmp_path_factory.mktemp("project")
    for folder in ("ntkviz", "pages", ".streamlit"):
        shutil.copytree(root / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "app.py", copy)
    files = dict(FILES.findall((root / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert len(files) == 4
    for path, content in files.items():
        (copy / path).write_text(content, encoding="utf-8")
    return copy


def run(project, *words):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_line_runs_its_presets(project):
    (finding,) = json.loads(run(project, "-m", "ntkviz", "run", "halving", "--preset", "large", "--json"))
    assert (finding["name"], finding["value"], finding["unit"]) == ("Steps to half of the loss", 1.0, "steps")
    assert finding["agrees"] is True


def test_its_page_asks_answers_and_writes_its_link(project):
    run(project, "-c", DRIVE)


def test_its_files_pass_the_linter_and_are_laid_out(project, root):
    shutil.copy(root / "pyproject.toml", project)
    files = [path for path, _ in FILES.findall((root / "CONTRIBUTING.md").read_text(encoding="utf-8"))]
    run(project, "-m", "ruff", "check", *files)
    run(project, "-m", "ruff", "format", "--check", *files)
