"""Who is there: a browser that says goodbye is believed, one that vanishes is waited for."""

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
    monkeypatch.setattr(running, "SETTLES", 0.01)
    return stub


def connection_ends(code):
    """What the app behind the middleware hears when a connection ends with this code."""
    heard = []

    async def app(scope, receive, send):
        heard.append(await receive())

    async def receive():
        return {"type": "websocket.disconnect", "code": code}

    async def run():
        await running.Goodbyes(app)({"type": "websocket"}, receive, None)
        await asyncio.sleep(0.05)

    asyncio.run(run())
    return heard


@pytest.mark.parametrize(("code", "left"), [(1001, ["gone"]), (1000, ["gone"]), (1006, []), (1005, [])])
def test_only_a_goodbye_stops_what_the_absent_wait_for(engine, code, left):
    assert connection_ends(code) == [{"type": "websocket.disconnect", "code": code}]
    assert engine.left == left


def test_without_a_server_nobody_is_present():
    assert not running.is_present("anyone")
    assert running.is_present(running.WARM_UP)  # nobody's goodbye stops it
    assert running.session() == ""
