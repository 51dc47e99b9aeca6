"""The Dockerfile and compose.yaml: what hadolint says of it, and what we promise beyond that."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """(NAME, rest) of each instruction, continued lines joined, comments dropped."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def last(instructions: list[tuple[str, str]], wanted: str) -> str:
    return [rest for name, rest in instructions if name == wanted][-1]


@pytest.mark.skipif(sys.platform == "win32", reason="hadolint has no package for Windows")
def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_starts_from_the_slim_python_that_the_pins_were_made_on(instructions: list[tuple[str, str]]) -> None:
    assert last(instructions, "FROM") == "python:3.11-slim-bookworm"


def test_it_runs_as_a_numeric_user_who_is_not_root(instructions: list[tuple[str, str]]) -> None:
    user, group = last(instructions, "USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    names = [name for name, _ in instructions]
    assert "RUN" not in names[names.index("USER") :]


def test_its_health_is_asked_by_python_without_a_shell(instructions: list[tuple[str, str]]) -> None:
    command = json.loads(last(instructions, "HEALTHCHECK").split("CMD", 1)[1])
    assert command[:2] == ["python", "-c"]
    assert "/_stcore/health" in command[2]
    ast.parse(command[2])


def test_only_the_container_listens_on_every_address(instructions: list[tuple[str, str]]) -> None:
    assert "--server.address=0.0.0.0" in json.loads(last(instructions, "CMD"))
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "localhost"
    assert config["browser"]["serverAddress"] == "localhost"  # or Streamlit asks the internet for its address


def test_it_installs_the_pins_without_a_compiler(instructions: list[tuple[str, str]]) -> None:
    runs = [rest for name, rest in instructions if name == "RUN"]
    (install,) = [run.split() for run in runs if run.startswith("pip install")]
    assert {"--no-cache-dir", "--only-binary=:all:", "requirements.txt"} <= set(install)
    assert not any("apt-get" in run for run in runs)


def test_it_copies_what_exists_and_what_dockerignore_lets_through(instructions: list[tuple[str, str]]) -> None:
    copied = {source for name, rest in instructions if name == "COPY" for source in rest.split()[:-1]}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_every_requirement_is_pinned_exactly() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r ")):
                assert re.match(r"[a-z0-9-]+==[0-9.]+( ; .+)?$", line), f"{name}: {line}"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, object]]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_every_part_is_read_only_without_privileges_and_as_the_images_user(
    services: dict[str, dict[str, object]],
) -> None:
    for part in services.values():
        assert part["read_only"] is True
        assert part["cap_drop"] == ["ALL"]
        assert part["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in part
        assert "privileged" not in part


def test_only_the_course_has_a_port_and_that_on_this_machine_alone(services: dict[str, dict[str, object]]) -> None:
    assert [name for name, part in services.items() if "ports" in part] == ["course"]
    assert services["course"]["ports"] == ["127.0.0.1:8501:8501"]
    assert all("room" not in services[name]["networks"] for name in ("scheduler", "workers"))
    networks = yaml.safe_load((ROOT / "compose.yaml").read_text())["networks"]
    assert networks["compute"] == {"internal": True}


def test_the_course_and_the_workers_know_the_scheduler(services: dict[str, dict[str, object]]) -> None:
    address = services["course"]["environment"]["NTKVIZ_SCHEDULER"]
    assert address == "tcp://scheduler:8786"
    assert address in services["workers"]["command"]
    assert "8786" in services["scheduler"]["command"]
    assert services["workers"]["command"][-2:] == ["--preload", "ntkviz.engine.worker"]
