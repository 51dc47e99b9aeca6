"""Static files (scripts, styles, fonts), which are compressed once and sent from memory.

Streamlit reads its own files from disk and sends them uncompressed, about a hundred for a first visit. Over the network
of a classroom this takes most of the time. File names contain a fingerprint, so that browsers can keep the files.
"""

import asyncio
import gzip
import mimetypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ntkviz.ui.stage.files import ENTRY, PLOTLY, SCRIPTS, address, base_path

PACKED = {".js", ".css", ".svg", ".json"}  # fonts and pictures are compressed already
FOREVER = "public, max-age=31536000, immutable"


def files() -> dict[str, Path]:
    """Path on the server -> file: the stage's scripts, and all that Streamlit names by fingerprint."""
    root = Path(st.__file__).parent / "static"
    base = base_path()
    named = (file for file in (root / "static").rglob("*") if file.is_file())
    streamlit = {f"{base}/{file.relative_to(root).as_posix()}": file for file in named}
    return streamlit | {address(file): file for file in SCRIPTS}


@cache
def content(path: Path, packed: bool) -> bytes:
    """The bytes of a file, compressed where `packed` is true."""
    raw = path.read_bytes()
    return gzip.compress(raw, 6) if packed else raw


class Assets:
    """Middleware that answers requests for the known files and passes all others to the app.

    It adds the scripts that charts need to the head of each page, so that the browser loads them while it waits for the
    first chart.
    """

    def __init__(self, app: ASGIApp, known: Mapping[str, Path]) -> None:
        self._app = app
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = self._known.get(scope["path"])
        if path is not None and scope["method"] in {"GET", "HEAD"}:
            await (await _answer(path, Headers(scope=scope)))(scope, receive, send)
        else:
            await self._app(_unpacked(scope), receive, _Writing(send))


async def _answer(path: Path, asked: Headers) -> Response:
    packed = path.suffix in PACKED and "gzip" in asked.get("accept-encoding", "")
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    kind = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
    return Response(await asyncio.to_thread(content, path, packed), media_type=kind, headers=headers)


def _unpacked(scope: Scope) -> Scope:
    """The request without Accept-Encoding, so that the answer comes uncompressed and can be changed."""
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]}


class _Writing:
    """Passes an answer on, and adds the scripts to the end of the head where it is a page."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None  # of a page that is being held back
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = self._body.replace(b"</head>", preloads().encode() + b"</head>", 1)
        headers = MutableHeaders(scope=start)
        if self._body:  # an answer to HEAD has none
            headers["Content-Length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


@cache
def preloads() -> str:
    """HTML that makes the browser load all scripts of the stage at the same time and run the first of them."""
    links = "".join(f'<link rel="modulepreload" href="{address(path)}">' for path in SCRIPTS)
    return links + "".join(f'<script type="module" async src="{address(path)}"></script>' for path in (PLOTLY, ENTRY))


def _is_page(start: Message) -> bool:
    return start["status"] == 200 and Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
