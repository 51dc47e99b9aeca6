"""The server's engine, and which sessions have a connected browser.

A browser that closes its tab or leaves for another page closes its WebSocket with code 1000 or 1001; runs that only it
waited for are cancelled at once. A connection that breaks, as in a bad network, has another code; its runs go on for a
while, so that the browser can come back to them.
"""

import asyncio
import os
import threading
from functools import cache
from typing import TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ntkviz.engine import Engine, Job, Limits, Pool, Store
from ntkviz.engine.jobs import ResultT
from ntkviz.engine.limits import MEGABYTE
from ntkviz.engine.programs import cache_folder
from ntkviz.figures.picture import Picture, draw

CLOSED_BY_USER = (1000, 1001)  # WebSocket close codes: normal closure, going away
SESSION_ENDS_WITHIN = 0.2  # seconds in which Streamlit notices that a connection is closed
CROWDED_FROM = 20  # connections: with more of them no run is computed in this process

WARM_UP = "warm-up"  # the session of the server's own runs: it has no browser and counts as present
warm = threading.Event()  # set when the runs that visitors need first are done

PageJob: TypeAlias = Job[ResultT, Picture]  # a job whose picture a page can show: PageJob[train.Result]


@cache
def engine() -> Engine[Picture]:
    """The server's engine, which all sessions share."""
    limits = Limits.from_environment()
    address = os.environ.get("NTKVIZ_SCHEDULER", "").strip()
    workers = limits.local_workers
    return Engine(
        limits,
        store=Store(cache_folder() / "results", limits.store_megabytes * MEGABYTE),
        pool=Pool(workers, limits.worker_megabytes, address) if address or workers else None,
        is_present=is_present,
        is_crowded=lambda: _connections > CROWDED_FROM,
        draw=draw,
    )


def session() -> str:
    """The identifier of the session whose script runs; empty outside a script."""
    context = get_script_run_ctx()
    return context.session_id if context is not None else ""


def is_present(session: str) -> bool:
    """Whether the session has a connected browser."""
    return session == WARM_UP or (Runtime.exists() and Runtime.instance().is_active_session(session))


_connections = 0  # open WebSockets


class ConnectionMonitor:
    """Middleware that counts WebSockets and reads their close codes: a closed tab cancels what only it waited for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._pending: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return

        async def receive_and_watch() -> Message:
            message = await receive()
            if message["type"] == "websocket.disconnect" and message.get("code") in CLOSED_BY_USER:
                task = asyncio.create_task(_release_absent_sessions())
                self._pending.add(task)
                task.add_done_callback(self._pending.discard)
            return message

        global _connections
        _connections += 1
        try:
            await self._app(scope, receive_and_watch, send)
        finally:
            _connections -= 1


async def _release_absent_sessions() -> None:
    """Release the runs of all sessions that have no connected browser any more."""
    await asyncio.sleep(SESSION_ENDS_WITHIN)
    for waiting in engine().sessions():
        if Runtime.exists() and not is_present(waiting):
            engine().leave(waiting)
