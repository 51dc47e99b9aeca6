"""Every answer says what a browser may do with it, and a full course says that it is full."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse

from ntkviz.ui.guard import FULL, Guard, policy

PAGE = {"Accept": "text/html"}


async def hello(request):
    return PlainTextResponse("hello")


async def talk(socket):
    await socket.accept()
    await socket.receive_text()
    await socket.close()


def course(**options):
    inner = Starlette(routes=[WebSocketRoute("/stream", talk), Route("/{rest:path}", hello)])
    return TestClient(Guard(inner, **options))


def test_every_answer_carries_the_headers():
    answer = course().get("/", headers={"Host": "course.example:8501"})
    rules = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert rules["default-src"] == "'self'"
    assert rules["connect-src"] == "'self' ws://course.example:8501 wss://course.example:8501"
    assert "unsafe" not in rules["script-src"]
    assert rules["script-src"].count("'sha256-") == 1  # Streamlit's page holds one script
    assert rules["frame-ancestors"] == "'self'"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]


@pytest.mark.parametrize("host", ["", "a; script-src *", "a b", "x\ty"])
def test_a_host_that_is_none_writes_nothing_into_the_policy(host):
    assert "connect-src 'self';" in policy(host, "'self'")


def test_a_site_that_may_frame_the_course_is_named(monkeypatch):
    monkeypatch.setenv("NTKVIZ_FRAME_ANCESTORS", "'self' https://moodle.example.org")
    answer = course().get("/")
    assert "frame-ancestors 'self' https://moodle.example.org" in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers  # it knows no list


@pytest.mark.parametrize("origin", ["http://evil.example", "http://testserver.evil.example", "null", "http://[broken"])
def test_another_site_is_refused(origin):
    client, theirs = course(), {"Origin": origin}
    assert client.get("/", headers=theirs).status_code == 403
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/stream", headers=theirs):
        pass
    assert denied.value.status_code == 403


@pytest.mark.parametrize("origin", ["http://testserver", "http://localhost:3000", "http://127.0.0.1"])
def test_the_courses_own_page_and_this_machine_are_not(origin):
    assert course().get("/", headers={"Origin": origin}).text == "hello"


def test_a_full_course_says_so_and_lets_in_again(monkeypatch):
    monkeypatch.setenv("NTKVIZ_MAX_SESSIONS", "2")
    client = course()
    with client.websocket_connect("/stream") as one, client.websocket_connect("/stream") as other:
        refused = client.get("/train", headers=PAGE)
        assert refused.status_code == 503
        assert refused.text == FULL
        assert int(refused.headers["retry-after"]) > 0
        assert "content-security-policy" in refused.headers
        assert client.get("/health").text == "hello"  # whoever looks after the server still gets an answer
        with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/stream"):
            pass
        assert denied.value.status_code == 503
        one.send_text("bye")
        other.send_text("bye")
    assert client.get("/train", headers=PAGE).text == "hello"
    with client.websocket_connect("/stream") as again:
        again.send_text("bye")
