"""Start and end of the server: the warm-up compiles programs and computes the first pictures before visitors come."""

import gc
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette

from ntkviz.engine.programs import keep_compilations
from ntkviz.errors import TooExpensive
from ntkviz.experiments.protocol import Experiment
from ntkviz.lessons.base import Lesson
from ntkviz.specs import Spec
from ntkviz.ui import assets, changed_streamlit
from ntkviz.ui.operations import write_log
from ntkviz.ui.running import WARM_UP, engine, warm
from ntkviz.ui.syllabus import syllabus

PlannedRun = tuple[Experiment[Any, object], Spec]  # an experiment and the settings to run it with

log = logging.getLogger(__name__)

WORKERS_START_WITHIN = 20.0  # seconds that the warm-up waits for the workers
LOOK_AGAIN = 0.2  # seconds between two looks whether visitors still wait
VISITORS_FIRST = 30.0  # seconds that a run of the warm-up lets visitors go first


def warm_up() -> None:
    """Compress the static files, compute the first runs of visitors, then freeze the garbage collector's objects.

    The engine keeps the results, so that the first visitor of a lesson finds its picture ready.
    """
    for path in assets.files().values():
        assets.content(path, path.suffix in assets.PACKED)
    engine().wait_for_workers(WORKERS_START_WITHIN)  # they compile, so that this process stays free for visitors
    for experiment, spec in first_runs():
        let_visitors_go_first()
        _compute(experiment, spec)
    gc.collect()
    gc.freeze()
    warm.set()


def first_runs() -> Iterator[PlannedRun]:
    """The runs of visitors that come first: every lesson as it opens, its other presets, and neighbouring widths.

    Each new width is a new program to compile. Last come therefore half and twice the width of each first preset.
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


def let_visitors_go_first() -> None:
    """Wait until no visitor waits for a run, half a minute at most."""
    ends = time.monotonic() + VISITORS_FIRST
    while engine().sessions() - {WARM_UP} and time.monotonic() < ends:
        time.sleep(LOOK_AGAIN)


def _slots(lesson: Lesson[Any], spec: Spec) -> Iterator[PlannedRun]:
    """The runs of all slots of a lesson at one of its specs."""
    for slot in lesson.slots.values():
        yield slot.experiment, slot.part(spec)


def _compute(experiment: Experiment[Any, object], spec: Spec) -> None:
    """Compute a run and wait for its end; the log says how it ended."""
    started = time.perf_counter()
    try:
        job = engine().submit(experiment, spec, session=WARM_UP)
    except TooExpensive as error:  # where limits are low, visitors get the same refusal
        log.warning("not warmed up: %s (%s)", experiment.__name__, error)
        return
    while not job.wait(1.0):
        job.watch(WARM_UP)
    if job.error is None:
        log.info("warm: %s in %.1f s", experiment.__name__, time.perf_counter() - started)
    else:
        log.error("warm-up of %s failed: %s", experiment.__name__, job.error)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
    """Serve at once and warm up in a thread; a limit of the environment that is not valid raises here."""
    write_log()
    keep_compilations()
    engine()
    changed_streamlit.answer_pages_of_a_lost_session()
    changed_streamlit.read_themes_once()
    if os.environ.get("NTKVIZ_WARM_UP", "").strip() != "0":
        threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield {}
    engine().close()
