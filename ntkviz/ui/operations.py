"""What whoever watches over a server asks it: how it is, what it has done, and a log that programs can read.

    GET /ntkviz/health     JSON; 200 also while degraded, for the page goes on: `trouble` says in words what is amiss
    GET /ntkviz/metrics    OpenMetrics: jobs by outcome, seconds by experiment, the line, results kept, workers

Neither names a session, a setting or a visitor, and no line of the log does.
"""

import logging
import os
import sys

from pythonjsonlogger.json import JsonFormatter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ntkviz.engine.metrics import CONTENT_TYPE
from ntkviz.errors import InvalidInput
from ntkviz.ui.running import engine, warm
from ntkviz.ui.stage import base_path

FORMATS = ("text", "json")


async def health(request: Request) -> Response:
    """How the server is."""
    state = await run_in_threadpool(engine().health)
    return JSONResponse({**state, "warm": warm.is_set()}, headers={"Cache-Control": "no-store"})


async def metrics(request: Request) -> Response:
    """What the server has done."""
    return Response(await run_in_threadpool(engine().metrics.text), media_type=CONTENT_TYPE)


def routes() -> list[Route]:
    """Where both are answered."""
    base = f"{base_path()}/ntkviz"
    return [Route(f"{base}/health", health), Route(f"{base}/metrics", metrics)]


def write_log() -> None:
    """Lines of the log to standard error, as NTKVIZ_LOG says: `text` for people, or `json`, one object a line."""
    form = os.environ.get("NTKVIZ_LOG", "").strip() or FORMATS[0]
    if form not in FORMATS:
        raise InvalidInput(f"NTKVIZ_LOG must be one of {', '.join(FORMATS)}, not {form!r}.")
    words = "%(asctime)s %(levelname)s %(name)s %(message)s"
    handler = logging.StreamHandler(sys.stderr)
    renamed = {"asctime": "time", "levelname": "level", "name": "logger"}
    handler.setFormatter(JsonFormatter(words, rename_fields=renamed) if form == "json" else logging.Formatter(words))
    log = logging.getLogger("ntkviz")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
