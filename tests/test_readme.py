"""The README is true: its example runs, its settings and files exist."""

import re
from pathlib import Path

import pytest

from ntkviz.engine import Limits
from ntkviz.specs import settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_the_example_runs_and_the_wide_network_is_near_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    (deviation,) = re.findall(r"([\d.]+)%", capsys.readouterr().out)
    # Entries deviate by some times 1/√2048 = 2 %; the largest of 800 was between 8 and 18 % for eight seeds.
    assert 0.0 < float(deviation) < 20.0


def test_every_setting_that_the_code_reads_is_documented_with_its_default() -> None:
    sources = [ROOT / "app.py", *(ROOT / "ntkviz").rglob("*.py"), ROOT / "scripts" / "find_browser.py"]
    read = {name for path in sources for name in re.findall(r"NTKVIZ_[A-Z_]+[A-Z]", path.read_text(encoding="utf-8"))}
    limits = {f"NTKVIZ_{name.upper()}": setting for name, setting in settings(Limits).items()}
    assert read | limits.keys() == set(re.findall(r"`(NTKVIZ_[A-Z_]+)`", README + OPERATIONS))
    table = dict(re.findall(r"^\| `(NTKVIZ_[A-Z_]+)` \|.*\| ([^|]+) \|$", OPERATIONS, flags=re.MULTILINE))
    for name in limits.keys() - {"NTKVIZ_WORKERS"}:
        assert float(table[name]) == getattr(Limits(), name.removeprefix("NTKVIZ_").lower())


def test_every_test_that_the_threat_list_names_exists() -> None:
    file = ""
    named = re.findall(r"`([\w/]+\.py)?(?:::)?(test_\w+)?`", OPERATIONS.partition("\n## Safety\n")[2])
    for name, test in named:
        file = name or file
        if file:
            assert f"def {test}" in (ROOT / "tests" / file).read_text(encoding="utf-8"), f"{file}::{test}"
    assert len([test for _, test in named if test]) >= 20


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(name: str) -> None:
    words = (ROOT / name).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", words) if "://" not in target]
    assert targets
    assert all((ROOT / target).exists() for target in targets)


def test_the_targets_that_it_names_are_in_the_makefile() -> None:
    named = set(re.findall(r"`?make ([a-z]+)", README)) - {"sure"}
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert named <= made
