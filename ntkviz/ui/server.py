"""The server's life: compiled programs kept on disk, everything warmed up before the first visitor."""

import gc
import importlib
import logging
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from ntkviz.engine.programs import keep_compilations
from ntkviz.errors import TooExpensive
from ntkviz.ui import assets
from ntkviz.ui.operations import write_log
from ntkviz.ui.running import WARM_UP, engine, warm
from ntkviz.ui.syllabus import LESSONS

log = logging.getLogger(__name__)


# What a class moves first, beside the defaults: each new width or depth is a new program.
FIRST_MOVES: dict[str, tuple[dict[str, int], ...]] = {
    "spectrum": tuple({"depth": depth} for depth in (1, 3, 4, 5)) + tuple({"width": n} for n in (256, 1024)),
    "train": tuple({"width": n} for n in (256, 1024, 64, 4096)),
}
STARTS_WITHIN = 20.0  # seconds that the warm-up gives the workers


def warm_up() -> None:
    """Pack the files of a visit, run what visitors ask first, then put what lives out of the collector's sight.

    The answers stay in the engine: the first visitor of a lesson finds its picture made.
    """
    for path in assets.files().values():
        assets.content(path, path.suffix in assets.PACKED)
    engine().wait_for_workers(STARTS_WITHIN)  # they compile, and this process has hands free for visitors
    experiments = [importlib.import_module(f"ntkviz.experiments.{lesson.path}") for lesson in LESSONS]
    for experiment in experiments:
        _answer(experiment, experiment.Spec())
    for lesson, experiment in zip(LESSONS, experiments, strict=True):
        spec = experiment.Spec()
        for move in FIRST_MOVES.get(lesson.path, ()):
            _answer(experiment, replace(spec, arch=replace(spec.arch, **move)))
    gc.collect()
    gc.freeze()
    warm.set()


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
