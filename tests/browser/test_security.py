"""What strangers may send: other sites, forged and broken messages, settings beyond every bound."""

import urllib.error
import urllib.request

import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from tests.browser.server import serve
from tests.browser.steps import drawn, visit

WAITS = 60.0  # seconds


@pytest.fixture(scope="module")
def attacked(root, tmp_path_factory):
    """A server of its own, whose log may tell of broken messages."""
    log = tmp_path_factory.mktemp("attacked") / "log"
    with serve(root, log) as url:
        yield url
    assert "external IP" not in log.read_text()  # nobody makes the server ask the internet


def stream(server, origin):
    """Streamlit's WebSocket, opened as a page of this origin would."""
    address = f"ws{server.removeprefix('http')}/_stcore/stream"
    return connect(address, subprotocols=["streamlit"], max_size=None, origin=origin)


def ending(server, frame):
    """The code with which the server ends a connection on which this was sent."""
    with stream(server, server) as socket:
        socket.send(frame)
        with pytest.raises(websockets.ConnectionClosedError) as end:
            list(socket)
        return end.value.rcvd.code


def refusal(request):
    """The status with which a request is refused."""
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(request, timeout=WAITS)
    with answer.value as refused:
        return refused.code


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost.evil.example", "null"])
def test_another_site_cannot_open_a_session(attacked, origin):
    with pytest.raises(websockets.InvalidStatus) as answer, stream(attacked, origin):
        pass
    assert answer.value.response.status_code == 403
    assert refusal(urllib.request.Request(f"{attacked}/_stcore/health", headers={"Origin": origin})) == 403


def test_what_is_no_message_or_too_long_ends_the_connection_and_nothing_else(attacked):
    long = BackMsg()
    long.rerun_script.query_string = "x" * 1_100_000
    assert ending(attacked, b"\xff\xfe no message") == 1002  # protocol error
    assert ending(attacked, long.SerializeToString()) == 1009  # too big
    with urllib.request.urlopen(f"{attacked}/_stcore/health", timeout=WAITS) as answer:
        assert answer.status == 200


def test_a_visitor_cannot_reach_what_is_for_developers(attacked):
    ask = BackMsg()
    ask.rerun_script.page_name = "spectrum"
    with stream(attacked, attacked) as socket:
        socket.send(BackMsg(debug_shutdown_runtime=True).SerializeToString())
        socket.send(ask.SerializeToString())
        while ForwardMsg.FromString(socket.recv(timeout=WAITS)).WhichOneof("type") != "script_finished":
            pass
    assert refusal(urllib.request.Request(f"{attacked}/_stcore/agent/interact", b"{}", method="POST")) in {403, 404}


def test_an_upload_needs_the_pages_own_token(attacked):
    put = urllib.request.Request(f"{attacked}/_stcore/upload_file/session/file", b"a,b\n1,2\n", method="PUT")
    assert refusal(put) == 403


def test_a_link_beyond_every_bound_opens_a_page_that_works(server, page):
    wild = "depth=1e99&width=-4&sigma_b=nan&data=__import__('os')&seed=99999999999999999999&frame=x"
    visit(page, server, f"/spectrum?{wild}")
    drawn(page)
    assert page.locator("[data-testid=stException]").count() == 0
