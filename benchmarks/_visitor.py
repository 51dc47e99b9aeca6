"""A visitor without a browser: Streamlit's own messages over its WebSocket, as its front end sends them.

A visitor opens a page, moves controls and waits for the picture that shows them: the message of the first slot's stage
whose settings are those asked for, in a run that has no Stop for this slot. It polls running jobs and names the
messages that it keeps, as the front end does. `import streamlit.proto` is all of Streamlit that it uses.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import websockets
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Slider_pb2 import Slider
from streamlit.proto.WidgetStates_pb2 import WidgetState

SLOT = "a"  # the one whose picture is waited for


class Failed(Exception):
    """The visitor saw an error, or lost the server."""


class Visitor:
    """One session on one page."""

    def __init__(self, url: str, page: str) -> None:
        self._url = url
        self._page = page
        self._page_hash = ""
        self._controls: dict[str, tuple[Any, str]] = {}  # key -> the widget's proto, the fragment that it is in
        self._states: dict[str, WidgetState] = {}
        self._query: dict[str, str] = {}
        self._kept: dict[str, list[Any]] = {}  # hash -> [picture, run in which it was last seen, its fragment]
        self._runs = 0
        self._age = 2  # runs for which a large message is kept, as the server says
        self._progress = False
        self._whole = False  # does the run that is under way bring its elements? Of some only the end is sent
        self._wanted: Mapping[str, str] | None = None
        self._answer: asyncio.Future[float] | None = None
        self._finished = asyncio.Event()
        self._polling: dict[str, asyncio.Task[None]] = {}
        self.connected = False
        self.received = 0  # bytes
        self.looks = 0  # at runs that were not done yet
        self.errors: list[str] = []

    async def open(self, patience: float = 60.0) -> float:
        """Open the page; the seconds until its first picture has come and its script has ended."""
        started = time.perf_counter()
        address = f"ws{self._url.removeprefix('http')}/_stcore/stream"
        self._socket = await websockets.connect(
            address,
            subprotocols=[websockets.Subprotocol("streamlit")],
            origin=websockets.Origin(self._url),
            max_size=None,
            open_timeout=patience,
            compression=None,
        )
        self.connected = True
        self._reader = asyncio.create_task(self._read())
        await self._ask({}, patience)
        async with asyncio.timeout(patience):
            await self._finished.wait()
        return time.perf_counter() - started

    async def move(self, values: Mapping[str, str], wanted: Mapping[str, str], patience: float = 60.0) -> float:
        """Set controls to values as a link writes them; the seconds until a picture has the settings `wanted`."""
        for key, value in values.items():
            control, fragment = self._controls[key]
            self._set(control, value)
            self._query[key] = value
        started = time.perf_counter()
        return await self._ask(wanted, patience, fragment) - started

    def _set(self, control: Any, value: str) -> None:
        state = self._states[control.id] = WidgetState(id=control.id)
        if not isinstance(control, Slider):
            state.string_value = value
        elif control.options:
            state.string_array_value.data.append(value)
        else:
            state.double_array_value.data.append(float(value))

    async def rest(self, patience: float = 60.0) -> None:
        """Wait until no run of the page goes on, in any slot."""
        async with asyncio.timeout(patience):
            await self._finished.wait()
            while self._polling:
                await asyncio.sleep(0.1)

    async def close(self) -> None:
        self._stop_polling()
        if self.connected:
            await self._socket.close()
            await self._reader

    async def _ask(self, wanted: Mapping[str, str], patience: float, fragment: str = "") -> float:
        self._wanted = wanted
        self._answer = asyncio.get_running_loop().create_future()
        await self._rerun(fragment)
        try:
            async with asyncio.timeout(patience):
                return await self._answer
        except TimeoutError:
            raise Failed(f"no picture of {dict(wanted)} within {patience:g} s") from None
        finally:
            self._wanted = None

    async def _rerun(self, fragment: str = "", polls: bool = False) -> None:
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string = urlencode(self._query)
        asked.widget_states.widgets.extend(self._states.values())
        asked.page_script_hash = self._page_hash
        asked.page_name = "" if self._page_hash else self._page
        asked.fragment_id = fragment
        asked.is_auto_rerun = polls
        asked.cached_message_hashes.extend(key for key, kept in self._kept.items() if self._runs - kept[1] <= self._age)
        asked.context_info.timezone = "Europe/Berlin"
        asked.context_info.url = f"{self._url}/{self._page}"
        try:
            await self._socket.send(message.SerializeToString())
        except websockets.ConnectionClosed as error:
            raise Failed(f"connection lost: {error}") from None

    async def _read(self) -> None:
        try:
            async for raw in self._socket:
                self.received += len(raw)
                self._take(ForwardMsg.FromString(raw))
        except websockets.ConnectionClosedError as error:
            self._fail(f"connection lost: {error}")
        finally:
            self.connected = False

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "delta":
            self._draw(message)
        elif kind == "ref_hash":
            kept = self._kept.get(message.ref_hash)
            if kept is None:
                return self._fail("the server named a message that it never sent")
            kept[1] = self._runs
            self._show(kept[0])
        elif kind == "new_session":
            self._age = message.new_session.config.max_cached_message_age or self._age
            self._progress = self._whole = False
            self._finished.clear()
            if not message.metadata.run.fragment_ids:
                self._stop_polling()
        elif kind == "navigation":
            self._page_hash = message.navigation.page_script_hash
        elif kind == "auto_rerun":
            self._poll(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "stop_auto_rerun":
            self._stop_polling(*message.stop_auto_rerun.fragment_ids)
        elif kind == "session_event" and message.session_event.HasField("script_compilation_exception"):
            self._fail("the page's script does not compile")
        elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self._forget(message.metadata.run.fragment_ids)
            self._finished.set()

    def _forget(self, fragments: Sequence[str]) -> None:
        """After a run of the page or of these fragments, drop messages that have not been seen for some runs.

        A run that is under way may still name what was offered when it was asked for: such are dropped later.
        """
        self._runs += 1
        for key, (_, seen, fragment) in list(self._kept.items()):
            if self._runs - seen > 3 * self._age and (not fragments or fragment in fragments):
                del self._kept[key]

    def _draw(self, message: ForwardMsg) -> None:
        delta: Delta = message.delta
        self._whole = self._whole or delta.WhichOneof("type") == "add_block"
        if delta.WhichOneof("type") != "new_element":
            return
        kind = delta.new_element.WhichOneof("type")
        element = getattr(delta.new_element, kind)
        if kind in {"slider", "selectbox"}:
            self._controls[element.id.split("-", 2)[2]] = element, delta.fragment_id
        elif kind == "button" and element.id.endswith(f"-stop_{SLOT}"):
            self._progress = True
        elif kind == "exception":
            self._fail(f"exception: {element.type} {element.message}")
        elif kind == "alert" and element.format == Alert.ERROR:
            self._fail(f"refused: {element.body}")
        elif kind == "bidi_component":
            picture = json.loads(element.bytes.split(b"\n", 1)[0])
            if message.metadata.cacheable:
                self._kept[message.hash] = [picture, self._runs, delta.fragment_id]
            self._show(picture)

    def _show(self, picture: Mapping[str, Any]) -> None:
        """A picture has come; is it the one that is waited for?"""
        if self._wanted is None or self._progress or not self._whole or self._answer is None or self._answer.done():
            return
        if picture["slot"] == SLOT and not picture["stale"] and self._wanted.items() <= picture["settings"].items():
            self._answer.set_result(time.perf_counter())

    def _fail(self, words: str) -> None:
        self.errors.append(words)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Failed(words))

    def _poll(self, fragment: str, interval: float) -> None:
        async def again() -> None:
            while True:
                await asyncio.sleep(interval)
                self.looks += 1
                await self._rerun(fragment, polls=True)

        self._stop_polling(fragment)
        self._polling[fragment] = asyncio.create_task(again())

    def _stop_polling(self, *fragments: str) -> None:
        for fragment in fragments or tuple(self._polling):
            if fragment in self._polling:
                self._polling.pop(fragment).cancel()
