"""Types on the way from a page to the engine and back: mypy knows each result's type, and refuses a wrong spec."""

import os
import subprocess
import sys

import pytest

HEAD = """
import one
import other
from ntkviz.engine import Store
from ntkviz.ui.running import PageJob, engine

def check(store: Store) -> None:
    spec = one.Spec()
"""
RIGHT = {
    "engine()": "Engine[Picture]",
    "engine().submit(one, spec, session='')": "Job[one.Result, Picture]",
    "engine().submit(one, spec, session='').result": "one.Result | None",
    "engine().submit(one, spec, session='').picture": "Picture | None",
    "engine().submit(one, spec, session='').spec": "Spec",
    "store.get(one, spec)": "one.Result | None",
}
WRONG = (
    "engine().submit(one, other.Spec(), session='')",
    "store.get(one, other.Spec())",
    "job: PageJob[other.Result] = engine().submit(one, spec, session='')",
    "engine().submit(one.Spec, spec, session='')",
)
EXPERIMENT = '''
from dataclasses import dataclass

from ntkviz.experiments.protocol import Cost, Report, silent
from ntkviz.findings import Finding, Remark
from ntkviz.specs import Spec as Base

@dataclass(frozen=True, kw_only=True)
class Spec(Base):
    """Settings."""

@dataclass(frozen=True)
class Result:
    spec: Spec

def cost(spec: Spec) -> Cost:
    return Cost(1.0, 1.0)

def run(spec: Spec, report: Report = silent) -> Result:
    return Result(spec)

def findings(result: Result) -> tuple[Finding, ...]:
    return ()

def remarks(result: Result) -> tuple[Remark, ...]:
    return ()
'''


@pytest.fixture(scope="module")
def answers(root, tmp_path_factory):
    """What mypy says of each line, by its number."""
    lines = [f"    reveal_type({expression})" for expression in RIGHT] + [f"    {line}" for line in WRONG]
    folder = tmp_path_factory.mktemp("types")
    for name in ("one", "other"):
        (folder / f"{name}.py").write_text(EXPERIMENT)
    file = folder / "page.py"
    file.write_text(HEAD + "\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(file)]
    environment = {**os.environ, "MYPYPATH": str(folder)}
    answer = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    found = {}
    for line in answer.stdout.splitlines():
        path, number, kind, words = line.split(":", 3)
        if path.endswith("page.py"):
            found.setdefault(int(number) - HEAD.count("\n") - 1, []).append((kind.strip(), words))
    assert found, answer.stdout + answer.stderr
    return found


@pytest.mark.parametrize("i", range(len(RIGHT)), ids=list(RIGHT))
def test_a_type_is_known(answers, i):
    (kind, words), *more = answers[i]
    assert (kind, more) == ("note", [])
    revealed = words.split('"')[1]
    for module in ("engine.engine", "engine.jobs", "figures.picture", "specs"):
        revealed = revealed.replace(f"ntkviz.{module}.", "")
    assert revealed == list(RIGHT.values())[i]


@pytest.mark.parametrize("i", range(len(WRONG)), ids=WRONG)
def test_a_wrong_type_is_refused(answers, i):
    assert "error" in {kind for kind, _ in answers[len(RIGHT) + i]}
