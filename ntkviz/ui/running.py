"""The server's engine, and who is there: which sessions have a browser, how many, and which browsers said goodbye.

A browser that closes its tab or leaves for another page says so as it goes (WebSocket close codes 1000 and 1001), and
what it alone was waiting for stops at once. One that vanishes, as over a bad network, says nothing: its run goes on
for a while.
"""

import asyncio
import os
import threading
from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ntkviz.engine import Engine, Limits, Pool, Store
from ntkviz.engine.limits import MEGABYTE
from ntkviz.engine.programs import cache_folder
from ntkviz.figures.picture import draw

GOODBYE = (1000, 1001)
SETTLES = 0.2  # seconds in which Streamlit notices that a connection has ended

CROWD = 20  # browsers: with more of them the page's interpreter does nothing but answer

WARM_UP = "warm-up"  # a session without a browser, which is always there
warm = threading.Event()  # what visitors ask first has been answered


@cache
def engine() -> Engine:
    """The server's engine, shared by all sessions."""
    limits = Limits.from_environment()
    address = os.environ.get("NTKVIZ_SCHEDULER", "").strip()
    workers = limits.local_workers
    return Engine(
        limits,
        store=Store(cache_folder() / "results", limits.store_megabytes * MEGABYTE),
        pool=Pool(workers, limits.worker_megabytes, address) if address or workers else None,
        present=is_present,
        crowded=lambda: _open > CROWD,
        draw=draw,
    )


def session() -> str:
    """The session whose script runs."""
    context = get_script_run_ctx()
    return context.session_id if context is not None else ""


def is_present(session: str) -> bool:
    """Has the session a browser at the other end?"""
    return session == WARM_UP or (Runtime.exists() and Runtime.instance().is_active_session(session))


_open = 0  # browsers


class Goodbyes:
    """Middleware that counts browsers, hears them say goodbye, and lets the engine stop what nobody waits for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._pending: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return

        async def hear() -> Message:
            message = await receive()
            if message["type"] == "websocket.disconnect" and message.get("code") in GOODBYE:
                task = asyncio.create_task(_release_the_absent())
                self._pending.add(task)
                task.add_done_callback(self._pending.discard)
            return message

        global _open
        _open += 1
        try:
            await self._app(scope, hear, send)
        finally:
            _open -= 1


async def _release_the_absent() -> None:
    """Sessions that wait for a run and have no browser any more leave."""
    await asyncio.sleep(SETTLES)
    for waiting in engine().sessions():
        if Runtime.exists() and not is_present(waiting):
            engine().leave(waiting)
