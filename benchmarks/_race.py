"""Comparisons of programs that take turns in one run on one machine, and the table of the results.

A worker is a file of `benchmarks/workers`. The Python of its own environment (`environment`) runs it. The environment
is built in `.cache` the first time. To add a library, add its pins to `ENVIRONMENTS` and a file for it.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORKERS = ROOT / "benchmarks" / "workers"
OWN = ("ntkviz", "numpy")
ENVIRONMENTS = {
    "neural_tangents": (
        "jax==0.4.23",
        "jaxlib==0.4.23",
        "numpy==1.26.4",
        "scipy==1.11.4",
        "neural-tangents==0.6.5",
    ),
    "netket": ("jax==0.10.2", "jaxlib==0.10.2", "numpy==2.4.6", "netket==3.23.0"),
    "torch": ("torch==2.13.0",),
}
LONG = 6.0  # seconds that a worker may take of a race beyond its first turn
# NumPy's BLAS shall choose its own kernel: a machine's setting for older builds would slow the measure of its peak.
CHOICES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Absent(Exception):
    """A library that cannot be measured here; the message is one sentence that says why."""


@cache
def environment(name: str) -> Path:
    """The Python of a worker, whose environment is built first where there is none. Raises `Absent`."""
    if name in OWN:
        return Path(sys.executable)
    folder = ROOT / ".cache" / f"bench-{name.replace('_', '-')}"
    python, stamp, pins = folder / "bin" / "python", folder / "pins", "\n".join(ENVIRONMENTS[name])
    if stamp.exists() and stamp.read_text() == pins:
        return python
    print(f"Building {folder.relative_to(ROOT)}, once: {', '.join(ENVIRONMENTS[name])}", flush=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *ENVIRONMENTS[name]],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Absent(f"{name} is absent, for its environment could not be built: {reason(done.stderr)}")
    stamp.write_text(pins)
    return python


def reason(text: str) -> str:
    """The most telling line of an error's output: the last one that names an error, or else the last one."""
    lines = text.strip().splitlines() or ["no reason was given"]
    return next(
        (line for line in reversed(lines) if "rror:" in line.split(" ")[0] or line.startswith("ERROR")), lines[-1]
    )


@dataclass
class Worker:
    """One case in a process of its own, which makes its first call, the one that compiles, at once. Raises `Absent`."""

    name: str
    case: dict[str, Any]
    seconds: list[float] = field(default_factory=list)
    peak: int = 0

    def __post_init__(self) -> None:
        command = [str(environment(self.name)), str(WORKERS / f"with_{self.name}.py"), json.dumps(self.case)]
        variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
        if self.name == "numpy":
            variables = {key: value for key, value in variables.items() if key not in CHOICES}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables
        )
        first = self._answer()
        self.first, self.error = first["first"], first["error"]

    def turn(self) -> "Worker":
        if sum(self.seconds) < LONG:
            with suppress(BrokenPipeError):  # the missing answer says what there is to say
                print("run", file=self.process.stdin, flush=True)
            self.seconds.append(self._answer()["seconds"])
        return self

    def end(self) -> "Worker":
        self.process.stdin.close()
        self.peak = self._answer()["peak"]
        self.process.stdin = None  # for `communicate`, which would close it again
        self.process.communicate()
        return self

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise Absent(f"{self.name} stopped: {reason(self.process.communicate()[1])}")
        return json.loads(line)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def race(entries: Iterable[tuple[str, dict[str, Any]]], repeats: int) -> list[Worker | Absent]:
    """Measure a worker for each name and case. All have compiled before the first turn; there are `repeats` turns."""
    workers: list[Worker | Absent] = [_unless_absent(partial(Worker, name, case)) for name, case in entries]
    for turn in [Worker.turn] * repeats + [Worker.end]:
        for i, worker in enumerate(workers):
            if isinstance(worker, Worker):
                workers[i] = _unless_absent(partial(turn, worker))
    return workers


def _unless_absent(step: Callable[[], Worker]) -> Worker | Absent:
    try:
        return step()
    except Absent as absent:
        return absent


@dataclass
class Row:
    """One claim: `value` is what was measured, and `target` is the least value that meets the claim."""

    case: str
    claim: str
    ours: str
    theirs: str
    value: float
    target: float
    unit: str = "x"

    def line(self) -> str:
        words = "met" if self.value >= self.target else "MISSED"
        reached, aim = (_written(number, self.unit) for number in (self.value, self.target))
        share = f"{words}, {self.value / self.target:.3g} of it"
        return f"{self.case:<24} {self.claim:<44} {self.ours:>10} {self.theirs:>12} {reached:>8} {aim:>7}   {share}"


HEADER = f"{'':<24} {'':<44} {'ours':>10} {'theirs':>12} {'reached':>8} {'aim':>7}"


def _written(number: float, unit: str) -> str:
    return f"{100 * number:.0f} %" if unit == "%" else f"{number:.3g} x"


def surroundings() -> dict[str, str | int]:
    """Where and when a table was measured."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{library: version(library) for library in ("jax", "numpy")},
        **{name: pins[-1].split("==")[1] for name, pins in ENVIRONMENTS.items()},
    }


def _processor() -> str:
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        return names[0] if names else platform.processor()
    return platform.processor()


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.4g} ms"


def megabytes(count: float) -> str:
    return f"{count / 1e6:.0f} MB"


def rate(operations: float, seconds: float) -> str:
    return f"{operations / seconds / 1e9:.0f} GF/s"
