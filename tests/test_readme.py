"""The README is true: its example runs, its settings and files exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_runs_and_the_wide_network_is_near_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    (deviation,) = re.findall(r"([\d.]+)%", capsys.readouterr().out)
    # Deviations are of the order of 1/√2048 = 2 %; the largest of 800 entries lies a few standard deviations out.
    assert 0.0 < float(deviation) < 15.0


def test_it_names_every_setting_that_the_code_reads() -> None:
    sources = [ROOT / "app.py", *(ROOT / "ntkviz").rglob("*.py"), ROOT / "scripts" / "find_browser.py"]
    read = {name for path in sources for name in re.findall(r"NTKVIZ_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert read == set(re.findall(r"`(NTKVIZ_[A-Z_]+)`", README))


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
