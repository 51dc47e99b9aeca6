"""Monitoring of a server: health, metrics, and a log that programs can read.

    GET /ntkviz/health     JSON; status 200 also while degraded, because pages still work; `trouble` says what is amiss
    GET /ntkviz/metrics    OpenMetrics: runs by outcome, seconds by experiment, the queue, results kept, workers

Neither they nor the log hold a session, a setting or an address of a visitor.
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
from ntkviz.ui.stage.files import base_path

FORMATS = ("text", "json")


async def health(request: Request) -> Response:
    """The response to GET /ntkviz/health."""
    state = await run_in_threadpool(engine().health)
    return JSONResponse({**state, "warm": warm.is_set()}, headers={"Cache-Control": "no-store"})


async def metrics(request: Request) -> Response:
    """The response to GET /ntkviz/metrics."""
    return Response(await run_in_threadpool(engine().metrics.text), media_type=CONTENT_TYPE)


def routes() -> list[Route]:
    """The routes of health and metrics."""
    base = f"{base_path()}/ntkviz"
    return [Route(f"{base}/health", health), Route(f"{base}/metrics", metrics)]


def write_log() -> None:
    """Send the log to standard error in the format that NTKVIZ_LOG names: `text`, or `json` with one object a line.

    Raises `InvalidInput` where there is no such format.
    """
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
