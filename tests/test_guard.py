"""Every answer says what a browser may do with it, and a full course says that it is full."""

import time
from contextlib import suppress

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from ntkviz.ui import guard
from ntkviz.ui.guard import FULL, HEARTBEAT, Guard, content_security_policy

PAGE = {"Accept": "text/html"}
STREAM = "ws://localhost/stream"


async def hello(request):
    return PlainTextResponse("hello")


async def talk(socket):
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while (await socket.receive_bytes()) == HEARTBEAT:
            pass
        await socket.close()


def course():
    inner = Starlette(routes=[WebSocketRoute("/stream", talk), Route("/{rest:path}", hello)])
    return TestClient(Guard(inner), base_url="http://localhost")


def test_every_answer_carries_the_headers():
    answer = course().get("/", headers={"Host": "localhost:8501"})
    rules = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert rules["default-src"] == "'self'"
    assert rules["connect-src"] == "'self' ws://localhost:8501 wss://localhost:8501"
    assert "unsafe" not in rules["script-src"]
    assert rules["script-src"].count("'sha256-") == 1  # Streamlit's page holds one script
    assert rules["frame-ancestors"] == "'self'"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]


@pytest.mark.parametrize("host", ["", "a; script-src *", "a b", "x\ty"])
def test_a_host_that_is_none_writes_nothing_into_the_policy(host):
    assert "connect-src 'self';" in content_security_policy(host, "'self'")


def test_a_site_that_may_frame_the_course_is_named(monkeypatch):
    monkeypatch.setenv("NTKVIZ_FRAME_ANCESTORS", "'self' https://moodle.example.org")
    answer = course().get("/")
    assert "frame-ancestors 'self' https://moodle.example.org" in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers  # it knows no list


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost.evil.example", "null", "http://[broken"])
def test_another_site_is_refused(origin):
    client, theirs = course(), {"Origin": origin}
    assert client.get("/", headers=theirs).status_code == 403
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(STREAM, headers=theirs):
        pass
    assert denied.value.status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost", "http://localhost:3000", "http://127.0.0.1"])
def test_the_courses_own_page_and_this_machine_are_not(origin):
    assert course().get("/", headers={"Origin": origin}).text == "hello"


def test_a_full_course_says_so_and_lets_in_again(monkeypatch):
    monkeypatch.setenv("NTKVIZ_MAX_SESSIONS", "2")
    client = course()
    with client.websocket_connect(STREAM) as one, client.websocket_connect(STREAM) as other:
        refused = client.get("/train", headers=PAGE)
        assert refused.status_code == 503
        assert refused.text == FULL
        assert int(refused.headers["retry-after"]) > 0
        assert "content-security-policy" in refused.headers
        assert client.get("/health").text == "hello"  # whoever looks after the server still gets an answer
        with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(STREAM):
            pass
        assert denied.value.status_code == 503
        one.send_bytes(b"bye")
        other.send_bytes(b"bye")
    assert client.get("/train", headers=PAGE).text == "hello"
    with client.websocket_connect(STREAM) as again:
        again.send_bytes(b"bye")


def test_an_idle_tab_makes_room_for_a_visitor_and_not_for_another_idle_tab(monkeypatch):
    monkeypatch.setenv("NTKVIZ_MAX_SESSIONS", "1")
    monkeypatch.setenv("NTKVIZ_IDLE_MINUTES", "0.005")
    client = course()
    with client.websocket_connect(STREAM) as idle:
        idle.send_bytes(HEARTBEAT)
        assert client.get("/train", headers=PAGE).status_code == 503
        time.sleep(0.2)
        idle.send_bytes(HEARTBEAT)  # it says that it is there, not that anybody is
        time.sleep(0.2)
        assert client.get("/train", headers=PAGE).text == "hello"
        comes_back = ["streamlit", "token", "the session that it had"]
        with pytest.raises(WebSocketDenialResponse), client.websocket_connect(STREAM, subprotocols=comes_back):
            pass
        with client.websocket_connect(STREAM, subprotocols=["streamlit", "token"]) as new:
            assert idle.receive() == {"type": "websocket.close", "code": 1001, "reason": "idle while others wait"}
            assert client.get("/train", headers=PAGE).status_code == 503
            new.send_bytes(b"bye")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8501", "localhost.evil.example", "", "[broken"])
def test_a_name_that_was_made_to_point_here_is_refused(host):
    client = course()
    assert client.get("/", headers={"Host": host}).status_code == 403
    with pytest.raises(WebSocketDenialResponse), client.websocket_connect(STREAM, headers={"Host": host}):
        pass


def test_a_server_that_is_open_to_a_network_answers_to_every_name(monkeypatch):
    options = {"server.address": "0.0.0.0", "server.enableCORS": True, "server.corsAllowedOrigins": []}
    monkeypatch.setattr(guard.st, "get_option", options.get)
    assert course().get("/", headers={"Host": "course.example.org"}).text == "hello"


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "[::1]:8501", "localhost"])
def test_this_machines_own_names_are_not_refused(host):
    assert course().get("/", headers={"Host": host}).text == "hello"
