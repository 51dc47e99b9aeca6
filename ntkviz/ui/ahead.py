"""What is computed before anybody asks for it: the first pictures of every lesson, then every lesson one move away.

A question that nobody has asked may have to compile a program, which takes longer than its answer. So the server asks
first, the nearest questions before others, and keeps programs and results on disk.
"""

import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from typing import Any

from ntkviz.activations import ACTIVATIONS
from ntkviz.data import DATASETS
from ntkviz.engine import Engine
from ntkviz.errors import InvalidInput, TooExpensive
from ntkviz.experiments.protocol import Experiment
from ntkviz.figures.picture import Picture
from ntkviz.lessons import lessons
from ntkviz.lessons.base import Lesson
from ntkviz.nets.padding import bucket
from ntkviz.specs import Spec
from ntkviz.ui.form import Offer, assembled, values
from ntkviz.ui.running import WARM_UP

PlannedRun = tuple[Experiment[Any, object], Spec]  # an experiment and the settings to run it with

LONGEST = 3.0  # seconds of a run that is computed although nobody asked for it, as estimated
WIDTHS = tuple(2**power for power in range(4, 13))
DEPTHS = range(1, 6)
POINTS = tuple(sorted({bucket(points) for points in range(16, 513)}))


log = logging.getLogger(__name__)


def runs() -> Iterator[PlannedRun]:
    """All runs that are computed ahead, those that are wanted first before others."""
    yield from first_runs()
    yield from further_runs()


def first_runs() -> Iterator[PlannedRun]:
    """The runs of visitors that come first: every lesson as it opens, its other presets, and neighbouring widths."""
    every = lessons().values()
    for lesson in every:
        yield from _slots(lesson, lesson.default.spec)
    for lesson in every:
        for preset in lesson.presets[1:]:
            yield from _slots(lesson, preset.spec)
    for lesson in every:
        first = next(iter(lesson.slots.values()))
        spec = first.part(lesson.default.spec)
        arch: Any = getattr(spec, "arch", None)
        for width in () if arch is None else (arch.width // 2, 2 * arch.width):
            yield first.experiment, replace(spec, arch=replace(arch, width=width))


def further_runs() -> Iterator[PlannedRun]:
    """The runs of every lesson after one move of a setting for which a program may have to be compiled.

    Lessons take turns, and the nearest moves come first. What would take long, or no lesson takes, is left out.
    """
    done: set[tuple[str, str]] = set()
    for turn in zip_longest(*map(moved, lessons().values())):
        for experiment, spec in (run for runs in turn if runs is not None for run in runs):
            key = experiment.__name__, repr(spec)
            if key not in done and experiment.cost(spec).seconds <= LONGEST:
                done.add(key)
                yield experiment, spec


def compute(engine: Engine[Picture], experiment: Experiment[Any, object], spec: Spec) -> None:
    """Compute a run and wait for its end; the log says how it ended."""
    started = time.perf_counter()
    try:
        job = engine.submit(experiment, spec, session=WARM_UP)
    except TooExpensive as error:  # where limits are low, visitors get the same refusal
        log.warning("not warmed up: %s (%s)", experiment.__name__, error)
        return
    while not job.wait(1.0):
        job.watch(WARM_UP)
    if job.error is None:
        log.info("warm: %s in %.1f s", experiment.__name__, time.perf_counter() - started)
    else:
        log.error("warm-up of %s failed: %s", experiment.__name__, job.error)


def moved(lesson: Lesson[Any]) -> Iterator[tuple[PlannedRun, ...]]:
    """The runs of all slots of a lesson after each move from the settings with which it opens, the nearest first."""
    start = lesson.default.spec
    for moves in zip_longest(*_settings(values(start))):
        for change in (move for move in moves if move is not None):
            try:
                yield tuple(_slots(lesson, assembled(start, change, Offer())))
            except InvalidInput:  # this lesson does not take it
                continue


def _settings(now: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """For each setting the moves from its present value, the nearest first."""
    data = now["data"]
    for key, options in {"width": WIDTHS, "depth": DEPTHS, f"{data}_n": POINTS}.items():
        if key in now:
            yield [{key: value} for value in sorted(options, key=partial(_apart, now[key]))]
    yield [{"activation": name} for name, entry in ACTIVATIONS.items() if entry.trains]
    yield [{"data": name} for name in DATASETS]


def _apart(one: float, other: float) -> float:
    return abs(math.log(one / other))


def _slots(lesson: Lesson[Any], spec: Spec) -> Iterator[PlannedRun]:
    """The runs of all slots of a lesson at one of its specs."""
    for slot in lesson.slots.values():
        yield slot.experiment, slot.part(spec)
