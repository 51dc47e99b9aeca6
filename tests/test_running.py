"""Sessions: a closed tab cancels its runs at once, a broken connection does not."""

import asyncio

import pytest

from ntkviz.ui import running


class Stub:
    """An engine for whom two sessions wait."""

    def __init__(self):
        self.left = []

    def sessions(self):
        return {"here", "gone"}

    def leave(self, session):
        self.left.append(session)


@pytest.fixture
def engine(monkeypatch):
    stub = Stub()
    monkeypatch.setattr(running, "engine", lambda: stub)
    monkeypatch.setattr(running, "is_present", "here".__eq__)
    monkeypatch.setattr(running.Runtime, "exists", lambda: True)
    monkeypatch.setattr(running, "SESSION_ENDS_WITHIN", 0.01)
    return stub


def connection_ends(code):
    """What the app behind the middleware hears when a connection ends with this code."""
    heard = []

    async def app(scope, receive, send):
        heard.append(await receive())

    async def receive():
        return {"type": "websocket.disconnect", "code": code}

    async def run():
        await running.ConnectionMonitor(app)({"type": "websocket"}, receive, None)
        await asyncio.sleep(0.05)

    asyncio.run(run())
    return heard


@pytest.mark.parametrize(("code", "left"), [(1001, ["gone"]), (1000, ["gone"]), (1006, []), (1005, [])])
def test_only_a_closed_tab_cancels_what_absent_sessions_wait_for(engine, code, left):
    assert connection_ends(code) == [{"type": "websocket.disconnect", "code": code}]
    assert engine.left == left


def test_without_a_server_nobody_is_present():
    assert not running.is_present("anyone")
    assert running.is_present(running.WARM_UP)  # no closed tab cancels it
    assert running.session() == ""
