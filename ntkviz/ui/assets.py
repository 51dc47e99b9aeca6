"""Scripts, styles and fonts, sent from memory and compressed once.

Streamlit sends its own files uncompressed and from disk, some hundred for a first visit: over a classroom's network
most of the waiting is theirs. Their names carry a fingerprint, so a browser that has them never asks again.
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
    """The file's bytes, compressed or as they are."""
    raw = path.read_bytes()
    return gzip.compress(raw, 6) if packed else raw


class Assets:
    """Middleware that answers for the files it knows, and passes everything else on.

    Into each page it writes the scripts that charts need: the browser then reads them while it waits for the server,
    and not after the first chart has arrived.
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
    """The request as from a client that cannot unpack: what is left to answer is small, and is written into."""
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]}


class _Writing:
    """Passes an answer on; if it is a whole page, with the scripts written at the end of its head."""

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
    """HTML that lets the browser load all scripts of the stage at once, and run those on which it begins."""
    links = "".join(f'<link rel="modulepreload" href="{address(path)}">' for path in SCRIPTS)
    return links + "".join(f'<script type="module" async src="{address(path)}"></script>' for path in (PLOTLY, ENTRY))


def _is_page(start: Message) -> bool:
    return start["status"] == 200 and Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
