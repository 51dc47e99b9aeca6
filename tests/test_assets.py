"""Static files are sent compressed, named for ever, and only those that are known."""

import gzip
import re
from pathlib import Path

import plotly
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ntkviz.ui import assets
from ntkviz.ui.stage import files


async def page(request):
    return HTMLResponse("<html><head></head></html>")


async def other(request):
    return PlainTextResponse(f"app:{request.url.path}")


@pytest.fixture(scope="module")
def client():
    inner = Starlette(routes=[Route("/", page), Route("/{rest:path}", other)])
    with TestClient(assets.Assets(inner, known=assets.files())) as client:
        yield client


@pytest.mark.parametrize("script", files.MODULES, ids=lambda path: path.stem)
def test_the_stages_modules_arrive_whole_and_compressed(client, script):
    answer = client.get(files.address(script))
    assert answer.text == script.read_text()
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


def test_a_module_imports_only_modules_that_are_served():
    names = {path.name for path in files.MODULES}
    for script in files.MODULES:
        imported = re.findall(r'^import .* from "\./([^"]+)";$', script.read_text(), re.MULTILINE)
        assert set(imported) <= names
    assert files.ENTRY in files.MODULES


def test_a_client_that_cannot_unpack_gets_plain_bytes(client):
    answer = client.get(files.address(files.ENTRY), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.content == files.ENTRY.read_bytes()


def test_streamlits_own_scripts_are_served_compressed_and_its_fonts_as_they_are(client):
    known = assets.files()
    script = next(path for path in known if path.startswith("/static/js/index."))
    font = next(path for path in known if path.endswith(".woff2"))
    assert client.get(script).headers["content-encoding"] == "gzip"
    assert client.get(script).content == known[script].read_bytes()
    assert "content-encoding" not in client.get(font).headers


@pytest.mark.parametrize(
    "path", ["/static/../../__init__.py", "/static/js/%2e%2e/%2e%2e/x.py", "/ntkviz-assets/stage.js", "/health"]
)
def test_everything_else_goes_to_the_app(client, path):
    assert client.get(path).text.startswith("app:")


def test_only_reading_is_answered_from_memory(client):
    assert client.post(files.address(files.ENTRY)).status_code == 405


def test_a_page_carries_the_scripts_that_its_charts_need(client):
    answer = client.get("/")
    assert answer.text.endswith("</head></html>")
    for script in (files.PLOTLY, files.ENTRY):
        assert f'<script type="module" async src="{files.address(script)}"></script>' in answer.text
    for script in files.SCRIPTS:
        assert f'<link rel="modulepreload" href="{files.address(script)}">' in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert client.head("/").text == ""


def test_the_vendored_charts_are_those_of_the_pinned_plotly():
    package = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    vendored, pinned = (re.search(r"v(\d+\.\d+\.\d+)", path.read_text()[:300]) for path in (files.PLOTLY, package))
    assert vendored is not None
    assert pinned is not None
    assert vendored[1] == pinned[1]


def test_a_first_visit_stays_small():
    assert len(gzip.compress(files.PLOTLY.read_bytes(), 6)) < 600_000
