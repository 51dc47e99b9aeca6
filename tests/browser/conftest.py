"""The real app in a real browser: a server, a browser, and pages that watch for errors.

A `page` fails its test where the browser reports an error, a script raises, or anything is asked of a machine
other than this one. The server's log is checked for tracebacks when it stops. A failed test leaves a screenshot
and the server's log in test-artifacts/.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect, sync_playwright

from scripts.find_browser import NoBrowser, find
from tests.browser.server import serve

ARGUMENTS = [
    "--no-sandbox",  # CI and containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",  # a classroom without the internet
]
# At a deep link Streamlit looks for its server below the page's own path first, and is told that there is none.
PROBE = re.compile(r"/[^/]+/_stcore/(health|host-config)$")
LOCAL = {"localhost", "127.0.0.1"}
WAITS = 60_000  # ms for anything that is waited for: a first compilation takes 10 s, and six times that on busy cores

NewPage = Callable[..., Page]
expect.set_options(timeout=WAITS / 2)


@pytest.fixture(scope="session")
def artifacts(root: Path) -> Path:
    """Where a failed test leaves what it saw."""
    folder = root / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def server(root: Path, artifacts: Path) -> Iterator[str]:
    """The address of the app, one for the session; it must end without a traceback in its log."""
    log = artifacts / "server.log"
    with serve(root, log) as url:
        yield url
    assert_no_traceback(log)


@pytest.fixture(scope="session")
def toy(root: Path, artifacts: Path) -> Iterator[str]:
    """The address of a page with pictures and questions made by hand; see apps/question.py."""
    log = artifacts / "toy.log"
    with serve(root, log, {"PYTHONPATH": str(root)}, app="tests/browser/apps/app.py") as url:
        yield url
    assert_no_traceback(log)


@pytest.fixture
def fresh_server(root: Path, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an app that nobody has visited yet."""
    log = artifacts / f"{slug(request.node.name)}.log"
    with serve(root, log, {"NTKVIZ_WARM_UP": "0"}) as url:
        yield url
    assert_no_traceback(log)


def assert_no_traceback(log: Path) -> None:
    words = log.read_text()
    assert "Traceback (most recent call last)" not in words, f"The server raised:\n{words}"


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    try:
        program = find()
    except NoBrowser as error:
        pytest.fail(str(error), pytrace=False)
    chromium = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
    yield chromium
    chromium.close()


@pytest.fixture
def new_page(browser: Browser, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[NewPage]:
    """Make a page in a context of its own: another student. Keywords go to `Browser.new_context`."""
    pages: list[Page] = []
    complaints: list[str] = []

    def make(width: int = 1440, height: int = 900, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(WAITS)
        page = context.new_page()
        watch(page, complaints)
        pages.append(page)
        return page

    yield make
    if complaints or getattr(request.node, "failed", False):
        for i, page in enumerate(pages):
            page.screenshot(path=artifacts / f"{slug(request.node.name)}-{i}.png")
    for page in pages:
        page.context.close()
    assert not complaints, "The browser complained:\n" + "\n".join(complaints)


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page of 1440 × 900, as on a projector."""
    return new_page()


@pytest.fixture
def phone(new_page: NewPage) -> Page:
    """A page of 390 × 844 that is touched with a finger."""
    return new_page(width=390, height=844, has_touch=True, is_mobile=True)


def watch(page: Page, complaints: list[str]) -> None:
    """Write down errors and every request that would leave this machine."""

    def heard(message: ConsoleMessage) -> None:
        source = message.location.get("url", "")
        if message.type == "error" and not PROBE.search(urlsplit(source).path):
            complaints.append(f"console: {message.text} ({source})")

    def asked(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname not in LOCAL:
            complaints.append(f"left this machine: {url}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))


def slug(name: str) -> str:
    """A test's name as the name of a file."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Tell the fixtures that the test failed."""
    report = yield
    item.failed = getattr(item, "failed", False) or report.failed  # type: ignore[attr-defined]
    return report
