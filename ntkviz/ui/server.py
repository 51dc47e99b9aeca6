"""The server's own part: static assets of the stage, and warm-up before the first visitor."""

import asyncio
import gc
import gzip
import importlib
import logging
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import jax
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ntkviz.ui import stage
from ntkviz.ui.syllabus import LESSONS

log = logging.getLogger(__name__)


def routes() -> list[Route]:
    """The stage's script and plotly.js, named by their fingerprint so that browsers keep them."""
    return [Route(stage.address(path, base=""), _asset(path)) for path in (stage.SCRIPT, stage.plotly_script())]


class Preload:
    """Tells the browser with the page itself which scripts the charts will need, so that it fetches them meanwhile."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("Link", f"<{stage.address(stage.plotly_script())}>; rel=preload; as=script")
                    headers.append("Link", f"<{stage.address(stage.SCRIPT)}>; rel=modulepreload")
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


def _asset(path: Path) -> Any:
    async def serve(request: Request) -> Response:
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            packed = await asyncio.to_thread(compressed, path)
            return Response(packed, media_type="text/javascript", headers=headers | {"Content-Encoding": "gzip"})
        return Response(path.read_bytes(), media_type="text/javascript", headers=headers)

    return serve


@cache
def compressed(path: Path) -> bytes:
    """The file, compressed once."""
    return gzip.compress(path.read_bytes(), 6)


def keep_compilations() -> None:
    """Keep compiled programs on disk: a second start compiles nothing."""
    folder = Path(os.environ.get("NTKVIZ_CACHE", Path.home() / ".cache" / "ntkviz"))
    jax.config.update("jax_compilation_cache_dir", str(folder / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def warm_up() -> None:
    """Compile and run each lesson's default once, then put what is alive out of the garbage collector's sight."""
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
    threading.Thread(target=compressed, args=(stage.plotly_script(),), daemon=True).start()
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield {}
