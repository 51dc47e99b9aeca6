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

from ntkviz.ui import stage

PACKED = {".js", ".css", ".svg", ".json"}  # fonts and pictures are compressed already
FOREVER = "public, max-age=31536000, immutable"


def files() -> dict[str, Path]:
    """Path on the server -> file: the stage's scripts, and all that Streamlit names by fingerprint."""
    root = Path(st.__file__).parent / "static"
    base = stage.base_path()
    named = (file for file in (root / "static").rglob("*") if file.is_file())
    streamlit = {f"{base}/{file.relative_to(root).as_posix()}": file for file in named}
    return streamlit | {stage.address(file): file for file in (stage.SCRIPT, stage.PLOTLY)}


@cache
def content(path: Path, packed: bool) -> bytes:
    """The file's bytes, compressed or as they are."""
    raw = path.read_bytes()
    return gzip.compress(raw, 6) if packed else raw


class Assets:
    """Middleware that answers for the files it knows, and passes everything else on.

    With each page it names the scripts that charts will need, so that the browser fetches them meanwhile.
    """

    def __init__(self, app: ASGIApp, known: Mapping[str, Path]) -> None:
        self._app = app
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self._known.get(scope["path"]) if scope["type"] == "http" else None
        if path is not None and scope["method"] in {"GET", "HEAD"}:
            await (await _answer(path, Headers(scope=scope)))(scope, receive, send)
        elif scope["type"] == "http":
            await self._app(scope, receive, _announcing(send))
        else:
            await self._app(scope, receive, send)


async def _answer(path: Path, asked: Headers) -> Response:
    packed = path.suffix in PACKED and "gzip" in asked.get("accept-encoding", "")
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    kind = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
    return Response(await asyncio.to_thread(content, path, packed), media_type=kind, headers=headers)


def _announcing(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith("text/html"):
                headers.append("Link", f"<{stage.address(stage.PLOTLY)}>; rel=modulepreload")
                headers.append("Link", f"<{stage.address(stage.SCRIPT)}>; rel=modulepreload")
        await send(message)

    return sending
