"""What a question costs that nobody has asked before: programs that are compiled, and seconds.

    python -m benchmarks.cold [--lesson train ...] [--moves ["width doubled" ...]]

Each lesson runs in a process of its own with an empty cache of compiled programs: first as it opens, then, with
`--moves`, after a move of one setting at a time, each from the preset with which the lesson opens. Beside the first run
of a setting stands a second one, which compiles nothing. The runs are those of all slots of the page, one after
another. A number of programs does not depend on the speed of the machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from benchmarks.costs import forget
from ntkviz.activations import ACTIVATIONS
from ntkviz.data import DATASETS
from ntkviz.engine.programs import keep_compilations
from ntkviz.lessons import lessons
from ntkviz.lessons.base import Lesson
from ntkviz.ui.form import Offer, assembled, values

COMPILED = "/jax/core/compile/backend_compile_duration"  # JAX reports one of these for each program that it compiles
ROOT = Path(__file__).resolve().parents[1]


class Programs:
    """Counts the programs that JAX compiles in this process."""

    def __init__(self) -> None:
        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._heard)

    def _heard(self, event: str, duration: float, **about: Any) -> None:
        self.count += event == COMPILED


def moves(spec: Any, only: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """What is moved, and the spec after it: every setting that changes the shape of a computation, seeds and steps.

    Args:
        spec: of a lesson, before the move.
        only: the names of some moves; empty stands for all.
    """
    now = values(spec)
    data = now["data"]
    changes: dict[str, Mapping[str, Any]] = {
        "width doubled": {"width": 2 * now["width"]},
        "a layer more": {"depth": now["depth"] + 1},
        "another activation": {"activation": next(name for name in ACTIVATIONS if name not in ("relu", "erf"))},
        "more points": {f"{data}_n": int(1.25 * now.get(f"{data}_n", 0))},
        "other data": {"data": next(name for name in DATASETS if name != data)},
        "another seed": {"seed": now.get("seed", 0) + 1},
        "another step": {"c": 0.9 * now.get("c", 1.0)},
    }
    for name, change in changes.items():
        if (not only or name in only) and (name == "other data" or change.keys() <= now.keys()):
            yield name, assembled(spec, change, Offer())


def run(lesson: Lesson[Any], spec: Any) -> float:
    """The seconds of all slots of a lesson at one of its specs; nothing that experiments keep is used."""
    forget()
    started = time.perf_counter()
    for slot in lesson.slots.values():
        slot.experiment.run(slot.part(spec))
    return time.perf_counter() - started


def measure(lesson: Lesson[Any], moved: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """The rows of one lesson: what is asked, programs, seconds of the first run and of a second one.

    Args:
        lesson: whose runs are measured.
        moved: the names of the moves; an empty list stands for all, and None for none.
    """
    keep_compilations()
    programs, start = Programs(), lesson.default.spec
    for name, spec in [("as it opens", start), *(() if moved is None else moves(start, moved))]:
        before = programs.count
        cold = run(lesson, spec)
        compiled = programs.count - before
        yield {"asked": name, "programs": compiled, "cold": cold, "warm": run(lesson, spec)}


def in_its_own_process(name: str, moved: Sequence[str] | None) -> list[dict[str, Any]]:
    """The rows of one lesson, measured in a process with an empty cache; arguments as in `measure`."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = [] if moved is None else ["--moves", *moved]
        command = [sys.executable, "-m", "benchmarks.cold", "--rows", "--lesson", name, *wanted]
        ended = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "NTKVIZ_CACHE": folder}, stdout=subprocess.PIPE, text=True, check=True
        )
    return [json.loads(line) for line in ended.stdout.splitlines()]


def line(lesson: str, row: Mapping[str, Any]) -> str:
    """A row of the table."""
    return f"{lesson:<10} {row['asked']:<20} {row['programs']:9} {row['cold']:9.2f} {row['warm']:9.2f}"


def summary(lesson: str, rows: list[dict[str, Any]]) -> str:
    """The worst and the median move of a lesson."""
    later = rows[1:]
    worst = max(row["programs"] for row in later)
    seconds = [row["cold"] for row in later]
    return (
        f"{lesson:<10} {'moves':<20} {worst:9} programs at most; {statistics.median(seconds):.2f} s median, "
        f"{max(seconds):.2f} s worst"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lesson", nargs="+", choices=sorted(lessons()), default=sorted(lessons()))
    options.add_argument("--moves", nargs="*", metavar="MOVE", help="move the settings too, all or those named")
    options.add_argument("--rows", action="store_true", help="measure one lesson here and print its rows as JSON")
    asked = options.parse_args()
    if asked.rows:
        for row in measure(lessons()[asked.lesson[0]], asked.moves):
            print(json.dumps(row), flush=True)
        return
    print(f"{'lesson':<10} {'asked':<20} {'programs':>9} {'cold':>9} {'warm':>9}   (seconds)")
    for name in asked.lesson:
        rows = in_its_own_process(name, asked.moves)
        print(*(line(name, row) for row in rows), sep="\n", flush=True)
        if asked.moves is not None:
            print(summary(name, rows), flush=True)


if __name__ == "__main__":
    main()
