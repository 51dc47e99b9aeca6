"""Security middleware: headers, same origin, protection against DNS rebinding, and a limit on sessions.

- Content-Security-Policy: a browser loads what this server sends and nothing else. No script of another server runs,
  and no inline script but Streamlit's own, named by its hash. Streamlit loads the stage from a `blob:` address.
- Same origin: a request with the Origin header of another site is refused (cross-site WebSocket hijacking, CSRF).
  It is refused here because Streamlit, in doubt, looks up its own address on the internet and blocks meanwhile.
- DNS rebinding: a page of another site, whose name was made to point to this machine, would have the same origin. A
  server that listens to its own machine alone therefore refuses a request whose Host header is not a name of its own.
- Sessions beyond NTKVIZ_MAX_SESSIONS get a page that says so and reloads itself. A tab that was idle for long is
  disconnected for a new visitor.

NTKVIZ_FRAME_ANCESTORS names the sites that may show the course in a frame ("'self' https://moodle.example.org").
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

RETRY_AFTER = 20  # seconds after which the page that says that the course is full reloads itself
HEARTBEAT = BackMsg(app_heartbeat=True).SerializeToString()  # sent by a tab that nobody uses
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
HOST_HEADER = re.compile(r"[\w.\-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")

FULL = f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="refresh" content="{RETRY_AFTER}"><title>ntkviz is full</title></head>
<body><h1>The course is full</h1><p>This server has as many visitors as it can hold. This page tries again every
{RETRY_AFTER} seconds. The limit is NTKVIZ_MAX_SESSIONS.</p></body>
</html>"""


@cache
def inline_script_hashes() -> str:
    """The hashes of the inline scripts of Streamlit's page, as sources of a Content-Security-Policy."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in hashes)


def content_security_policy(host: str, frame_ancestors: str) -> str:
    """The Content-Security-Policy of an answer.

    Args:
        host: the Host header of the request.
        frame_ancestors: the sites that may show the course in a frame.
    """
    # In older browsers 'self' does not cover the WebSocket of the same server.
    socket = f" ws://{host} wss://{host}" if HOST_HEADER.fullmatch(host) else ""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: {inline_script_hashes()}",
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
class _Connection:
    """The WebSocket of one session."""

    send: Send
    last_used: float  # when its visitor last did something, on the monotonic clock


class Guard:
    """The outermost middleware: security headers on every answer, refusals, and a limit on sessions."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        limits = Limits.from_environment()
        self._max_sessions, self._idle_after = limits.max_sessions, 60 * limits.idle_minutes
        self._ancestors = os.environ.get("NTKVIZ_FRAME_ANCESTORS", "'self'")
        self._connections: set[_Connection] = set()
        _raise_file_limit(5 * self._max_sessions + 1000)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
        elif _is_cross_origin(headers := Headers(scope=scope)):
            await _refuse(403, "This course accepts requests of its own pages only.", scope, receive, send)
        elif _has_unknown_host(headers):
            words = "This server listens to its own machine only. Give it another name with --browser.serverAddress."
            await _refuse(403, words, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._session(scope, receive, send)
        else:
            app = self._say_full if self._full and not self._idle() and _wants_page(scope) else self._app
            await app(scope, receive, self._with_headers(headers.get("host", ""), send))

    @property
    def _full(self) -> bool:
        return len(self._connections) >= self._max_sessions

    def _idle(self) -> _Connection | None:
        """The least recently used connection, if it has been idle for NTKVIZ_IDLE_MINUTES."""
        oldest = min(self._connections, key=lambda connection: connection.last_used, default=None)
        return oldest if oldest is not None and time.monotonic() - oldest.last_used > self._idle_after else None

    async def _session(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._full:
            idle = None if _is_reconnect(scope) else self._idle()  # or idle tabs would disconnect each other in turn
            if idle is None:
                await _refuse(503, "The course is full.", scope, receive, send)
                return
            await self._disconnect(idle)
        connection = _Connection(send, time.monotonic())
        self._connections.add(connection)

        async def receive_and_note_use() -> Message:
            message = await receive()
            if message.get("bytes") != HEARTBEAT:
                connection.last_used = time.monotonic()
            return message

        try:
            await self._app(scope, receive_and_note_use, send)
        finally:
            self._connections.discard(connection)

    async def _disconnect(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        with suppress(RuntimeError, OSError):  # it may be closing just now
            await connection.send({"type": "websocket.close", "code": 1001, "reason": "idle while others wait"})

    async def _say_full(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"}
        await HTMLResponse(FULL, 503, headers)(scope, receive, send)

    def _with_headers(self, host: str, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = content_security_policy(host, self._ancestors)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                if self._ancestors == "'self'":
                    headers["X-Frame-Options"] = "SAMEORIGIN"
            await send(message)

        return send_with_headers


async def _refuse(status: int, words: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a status and a sentence, also to a WebSocket that is not accepted yet, where the server can."""
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        await PlainTextResponse(words, status)(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1013 if status == 503 else 1008, "reason": words})


def _is_cross_origin(headers: Headers) -> bool:
    """Whether the request comes from a page of another site that is neither on this machine nor a configured origin."""
    origin = headers.get("origin")
    if origin is None or not st.get_option("server.enableCORS"):
        return False
    try:
        site = urlsplit(origin)
    except ValueError:  # no address at all
        return True
    known = {"localhost", "127.0.0.1", st.get_option("browser.serverAddress")}
    known |= {urlsplit(other).hostname for other in st.get_option("server.corsAllowedOrigins")}
    return site.netloc != headers.get("host") and site.hostname not in known


def _has_unknown_host(headers: Headers) -> bool:
    """Whether the Host header names another machine though the server listens to this one only (DNS rebinding)."""
    if st.get_option("server.address") not in LOOPBACK:
        return False
    try:
        name = urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return True
    return name not in LOOPBACK | {st.get_option("browser.serverAddress")}


def _is_reconnect(scope: Scope) -> bool:
    """Whether a page reconnects: it then sends the session that it had beside its protocol and token."""
    return len(scope.get("subprotocols", ())) > 2


def _wants_page(scope: Scope) -> bool:
    """Whether a browser asks for a page, and not for a file or data."""
    return scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")


def _raise_file_limit(count: int) -> None:
    """Raise the limit of open files of this process, as far as the system allows; each connection needs one."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
