"""The server's life: compiled programs kept on disk, everything warmed up before the first visitor."""

import gc
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from ntkviz.engine.programs import keep_compilations
from ntkviz.errors import TooExpensive
from ntkviz.lessons.base import Lesson
from ntkviz.ui import assets
from ntkviz.ui.operations import write_log
from ntkviz.ui.running import WARM_UP, engine, warm
from ntkviz.ui.syllabus import syllabus

log = logging.getLogger(__name__)


STARTS_WITHIN = 20.0  # seconds that the warm-up gives the workers


def warm_up() -> None:
    """Compress the files of a visit, run what visitors ask first, then freeze the garbage collector's objects.

    The answers stay in the engine: the first visitor of a lesson finds its picture made.
    """
    for path in assets.files().values():
        assets.content(path, path.suffix in assets.PACKED)
    engine().wait_for_workers(STARTS_WITHIN)  # they compile, and this process has hands free for visitors
    for experiment, spec in first_questions():
        _answer(experiment, spec)
    gc.collect()
    gc.freeze()
    warm.set()


def first_questions() -> Iterator[tuple[Any, Any]]:
    """Experiment and spec of what visitors ask first: every lesson as it opens, then its other presets.

    Each new width or depth is a new program to compile: the widths beside that of a lesson's first preset follow.
    """
    lessons = [entry.lesson for entry in syllabus()]
    for lesson in lessons:
        yield from _slots(lesson, lesson.default.spec)
    for lesson in lessons:
        for preset in lesson.presets[1:]:
            yield from _slots(lesson, preset.spec)
    for lesson in lessons:
        first = next(iter(lesson.slots.values()))
        spec = first.part(lesson.default.spec)
        arch: Any = getattr(spec, "arch", None)
        for width in () if arch is None else (arch.width // 2, 2 * arch.width):
            yield first.experiment, replace(spec, arch=replace(arch, width=width))


def _slots(lesson: Lesson[Any], spec: Any) -> Iterator[tuple[Any, Any]]:
    for slot in lesson.slots.values():
        yield slot.experiment, slot.part(spec)


def _answer(experiment: Any, spec: Any) -> None:
    started = time.perf_counter()
    try:
        job = engine().submit(experiment, spec, session=WARM_UP)
    except TooExpensive as error:  # limits set low: visitors are refused the same
        log.warning("not warmed up: %s (%s)", experiment.__name__, error)
        return
    while not job.wait(1.0):
        job.watch(WARM_UP)
    if job.error is None:
        log.info("warm: %s in %.1f s", experiment.__name__, time.perf_counter() - started)
    else:
        log.error("warm-up of %s failed: %s", experiment.__name__, job.error)


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Serve at once and warm up beside it; a limit that makes no sense is heard of here."""
    write_log()
    keep_compilations()
    engine()
    if os.environ.get("NTKVIZ_WARM_UP", "").strip() != "0":
        threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield {}
    engine().close()
