"""What a visit asks of the classroom's network: a few megabytes once, then little more than the picture itself."""

import pytest

from ntkviz.ui.syllabus import syllabus
from tests.browser.steps import drawn, visit

MEGABYTE = 1e6


class Meter:
    """Bytes that a page receives: files as they travel, and what comes through the WebSocket."""

    def __init__(self, page):
        self.files = self.messages = 0.0
        watch = page.context.new_cdp_session(page)
        watch.send("Network.enable")
        watch.on("Network.loadingFinished", self._file)
        watch.on("Network.webSocketFrameReceived", self._message)

    def _file(self, event):
        self.files += event["encodedDataLength"]

    def _message(self, event):
        self.messages += len(event["response"]["payloadData"]) * 3 / 4  # base64


@pytest.mark.parametrize("path", [entry.path for entry in syllabus()])
def test_a_first_visit_is_small_and_the_next_almost_nothing(server, new_page, path):
    page = new_page()
    first = Meter(page)
    visit(page, server, f"/{path}")
    drawn(page)
    print(
        f"{path}: first visit {first.files / MEGABYTE:.2f} MB of files, {first.messages / MEGABYTE:.2f} MB of messages"
    )
    assert 1.0 * MEGABYTE < first.files + first.messages < 3.0 * MEGABYTE  # the meter runs, and stays low
    again = page.context.new_page()
    second = Meter(again)
    visit(again, server, f"/{path}")
    drawn(again)
    print(f"{path}: again {second.files / MEGABYTE:.2f} MB of files, {second.messages / MEGABYTE:.2f} MB of messages")
    assert second.files < 0.05 * MEGABYTE
    assert 0.01 * MEGABYTE < second.messages < 0.5 * MEGABYTE
