"""What every answer of the server carries for safety, and how many visitors it holds.

The policy lets the browser load what this server sends and nothing else: no script of another machine, none written
into a page but Streamlit's own, which is named by its hash. `blob:` is how Streamlit loads the stage. What another
site asks is refused here: Streamlit, in doubt, asks the internet for its own address, and the whole server waits.
Visitors beyond NTKVIZ_MAX_SESSIONS are told so, on a page that asks again by itself; a tab that has lain idle makes
room for them. NTKVIZ_FRAME_ANCESTORS names the sites that may show the course in a frame ("'self'
https://moodle.example.org"). A server that listens to its own machine alone answers to no other name: a page elsewhere,
whose name was made to point here, would be of the same origin.
"""

import base64
import hashlib
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from ntkviz.engine import Limits

AGAIN = 20  # seconds after which a visitor who found the course full asks again
HEARTBEAT = BackMsg(app_heartbeat=True).SerializeToString()  # what a tab says when nobody does anything in it
HERE = {"localhost", "127.0.0.1", "::1"}
HOST = re.compile(r"[\w.\-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")

FULL = f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{AGAIN}">
<title>ntkviz is full</title></head><body><h1>The course is full</h1><p>As many visitors as this server holds are here
already. This page asks again every {AGAIN} seconds; whoever runs the server can raise NTKVIZ_MAX_SESSIONS.</p></body>
</html>"""


@cache
def written_scripts() -> str:
    """The sources, by hash, of the scripts that stand in Streamlit's page itself."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in hashes)


def policy(host: str, frame_ancestors: str) -> str:
    """The Content-Security-Policy of an answer to a request for this host."""
    # To older browsers 'self' does not cover the WebSocket of the same server.
    socket = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: {written_scripts()}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self'{socket}",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors {frame_ancestors}",
        )
    )


@dataclass(eq=False)
class _Visit:
    send: Send
    heard: float  # when its visitor last did something, on the monotonic clock


class Guard:
    """Middleware, the outermost: headers on every answer, a bound on open sessions."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        limits = Limits.from_environment()
        self._sessions, self._idle_after = limits.max_sessions, 60 * limits.idle_minutes
        self._ancestors = os.environ.get("NTKVIZ_FRAME_ANCESTORS", "'self'")
        self._visits: set[_Visit] = set()
        _allow_files(5 * self._sessions + 1000)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
        elif _is_foreign(asked := Headers(scope=scope)):
            await _say(403, "This course answers its own pages only.", scope, receive, send)
        elif _is_renamed(asked):
            words = "This course is open to its own machine alone; --browser.serverAddress gives it another name."
            await _say(403, words, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._session(scope, receive, send)
        else:
            app = self._refuse if self._full and not self._idle() and _asks_for_page(scope) else self._app
            await app(scope, receive, self._guarded(asked.get("host", ""), send))

    @property
    def _full(self) -> bool:
        return len(self._visits) >= self._sessions

    def _idle(self) -> _Visit | None:
        """The visit that has been idle for longest, if it has been for long."""
        quietest = min(self._visits, key=lambda visit: visit.heard, default=None)
        return quietest if quietest is not None and time.monotonic() - quietest.heard > self._idle_after else None

    async def _session(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._full:
            idle = None if _comes_back(scope) else self._idle()  # or idle tabs would send each other away
            if idle is None:
                await _say(503, "The course is full.", scope, receive, send)
                return
            await self._send_away(idle)
        visit = _Visit(send, time.monotonic())
        self._visits.add(visit)

        async def hear() -> Message:
            message = await receive()
            if message.get("bytes") != HEARTBEAT:
                visit.heard = time.monotonic()
            return message

        try:
            await self._app(scope, hear, send)
        finally:
            self._visits.discard(visit)

    async def _send_away(self, visit: _Visit) -> None:
        self._visits.discard(visit)
        with suppress(RuntimeError, OSError):  # it may be going just now
            await visit.send({"type": "websocket.close", "code": 1001, "reason": "idle, and others wait"})

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Retry-After": str(AGAIN), "Cache-Control": "no-store"}
        await HTMLResponse(FULL, 503, headers)(scope, receive, send)

    def _guarded(self, host: str, send: Send) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = policy(host, self._ancestors)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                if self._ancestors == "'self'":
                    headers["X-Frame-Options"] = "SAMEORIGIN"
            await send(message)

        return guarded


async def _say(status: int, words: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a status; to a WebSocket that is not accepted yet too, where the server can."""
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        await PlainTextResponse(words, status)(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1013 if status == 503 else 1008, "reason": words})


def _is_foreign(asked: Headers) -> bool:
    """Does a page of another site ask? One of this machine, or one that the configuration names, may."""
    origin = asked.get("origin")
    if origin is None or not st.get_option("server.enableCORS"):
        return False
    try:
        site = urlsplit(origin)
    except ValueError:  # no address at all
        return True
    known = {"localhost", "127.0.0.1", st.get_option("browser.serverAddress")}
    known |= {urlsplit(other).hostname for other in st.get_option("server.corsAllowedOrigins")}
    return site.netloc != asked.get("host") and site.hostname not in known


def _is_renamed(asked: Headers) -> bool:
    """Does a server that listens to its own machine alone hear a name that is not its own?"""
    if st.get_option("server.address") not in HERE:
        return False
    try:
        name = urlsplit(f"//{asked.get('host', '')}").hostname
    except ValueError:
        return True
    return name not in HERE | {st.get_option("browser.serverAddress")}


def _comes_back(scope: Scope) -> bool:
    """Does a page connect again? Beside its protocol and token it names the session that it had."""
    return len(scope.get("subprotocols", ())) > 2


def _asks_for_page(scope: Scope) -> bool:
    return scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")


def _allow_files(count: int) -> None:
    """Let this process open so many files, as far as the system allows: sockets are files."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
