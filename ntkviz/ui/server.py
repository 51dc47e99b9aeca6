"""The server's life: compiled programs kept on disk, everything warmed up before the first visitor."""

import gc
import importlib
import logging
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jax

from ntkviz.ui import assets
from ntkviz.ui.syllabus import LESSONS

log = logging.getLogger(__name__)


def keep_compilations() -> None:
    """Keep compiled programs on disk: a second start compiles nothing."""
    folder = Path(os.environ.get("NTKVIZ_CACHE", Path.home() / ".cache" / "ntkviz"))
    jax.config.update("jax_compilation_cache_dir", str(folder / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def warm_up() -> None:
    """Pack the files of a visit and run each lesson's default; then put what lives out of the collector's sight."""
    for path in assets.files().values():
        assets.content(path, path.suffix in assets.PACKED)
    for lesson in LESSONS:
        started = time.perf_counter()
        try:
            experiment = importlib.import_module(f"ntkviz.experiments.{lesson.path}")
            experiment.run(experiment.Spec())
        except Exception:
            log.exception("warm-up of %s failed", lesson.path)
        else:
            log.info("warm: %s in %.1f s", lesson.path, time.perf_counter() - started)
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Serve at once and warm up beside it."""
    keep_compilations()
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield {}
