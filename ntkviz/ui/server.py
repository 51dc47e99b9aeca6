"""Start and end of the server: the warm-up compiles programs and computes the first pictures before visitors come."""

import gc
import math
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from streamlit.runtime import Runtime

from ntkviz.engine.programs import keep_compilations
from ntkviz.ui import ahead, assets, changed_streamlit
from ntkviz.ui.operations import write_log
from ntkviz.ui.running import WARM_UP, engine, warm
from ntkviz.ui.uploads import Uploads

WORKERS_START_WITHIN = 20.0  # seconds that the warm-up waits for the workers
LOOK_AGAIN = 0.2  # seconds between two looks whether visitors still wait
VISITORS_FIRST = 30.0  # seconds that a run of the warm-up lets visitors go first, until every lesson is warm


def warm_up() -> None:
    """Compress the static files, compute the first runs of visitors, then freeze the garbage collector's objects.

    The engine keeps the results, so that the first visitor of a lesson finds its picture ready. While nobody waits, the
    runs go on that visitors may ask for next.
    """
    for path in assets.files().values():
        assets.content(path, path.suffix in assets.PACKED)
    engine().wait_for_workers(WORKERS_START_WITHIN)  # they compile, so that this process stays free for visitors
    for experiment, spec in ahead.first_runs():
        let_visitors_go_first(VISITORS_FIRST)
        ahead.compute(engine(), experiment, spec)
    gc.collect()
    gc.freeze()
    warm.set()
    for experiment, spec in ahead.further_runs():
        let_visitors_go_first(math.inf)
        ahead.compute(engine(), experiment, spec)


def let_visitors_go_first(at_most: float) -> None:
    """Wait until no visitor waits for a run, and not longer than so many seconds."""
    ends = time.monotonic() + at_most
    while engine().sessions() - {WARM_UP} and time.monotonic() < ends:
        time.sleep(LOOK_AGAIN)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
    """Serve at once and warm up in a thread; a limit of the environment that is not valid raises here."""
    write_log()
    keep_compilations()
    engine()
    changed_streamlit.answer_pages_of_a_lost_session()
    changed_streamlit.read_themes_once()
    Uploads(Runtime.instance().uploaded_file_mgr, engine().limits.upload_megabytes)
    if os.environ.get("NTKVIZ_WARM_UP", "").strip() != "0":
        threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield {}
    engine().close()
