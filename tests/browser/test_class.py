"""Many at once: one run for all who ask, a place in the line, tabs that close, workers that go away."""

import json
import math
import re
import urllib.request

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.server import free_port, serve
from tests.browser.steps import QUIET, SETTLED, choose, control, drawings, drawn, trace, until, visit, window_of, zoom

# Four seconds on an idle machine, and seventeen, on a page with a single slot: each visitor has one run.
MIDDLING = "/lazy?width=512&steps=2000&seeds=3&seed="
LONG = "/lazy?width=512&steps=4000&seeds=5&narrower=4&seed="
ONE_WORKER = {"NTKVIZ_WORKERS": "1", "NTKVIZ_STORE_MEGABYTES": "100", "NTKVIZ_WARM_UP": "0"}
WAITS = 120_000  # ms: what stands in the line before may be twice that long on a busy machine


@pytest.fixture(scope="module")
def one_worker(root, artifacts, tmp_path_factory):
    """A server with a single worker and a results folder of its own."""
    folder = cache(root, tmp_path_factory.mktemp("class"))
    settings = ONE_WORKER | {"NTKVIZ_CACHE": str(folder)}
    with serve(root, artifacts / "class.log", settings) as url:
        yield url


def cache(root, folder):
    """A folder that knows of no result, with the compiled programs that all tests share."""
    (folder / "jax").symlink_to(root / ".cache" / "jax", target_is_directory=True)
    return folder


@pytest.fixture
def quiet(one_worker, page):
    """The same, with nothing going on."""
    until(page, lambda: jobs(one_worker, "running") == jobs(one_worker, "waiting") == 0, "quiet", timeout=90)
    until(page, lambda: health(one_worker)["status"] == "ok", "workers", timeout=90)
    return one_worker


def health(url):
    with urllib.request.urlopen(f"{url}/ntkviz/health") as answer:
        return json.load(answer)


def metrics(url):
    with urllib.request.urlopen(f"{url}/ntkviz/metrics") as answer:
        return answer.read().decode()


def jobs(url, state):
    return int(float(re.search(rf"^ntkviz_jobs_{state} (\S+)$", metrics(url), re.M)[1]))


def total(url, outcome):
    found = re.findall(rf'^ntkviz_jobs_total\{{.*outcome="{outcome}"\}} (\S+)$', metrics(url), re.M)
    return sum(int(float(value)) for value in found)


def ask(page, url, path):
    page.goto(url + path)
    control(page, "stop_a").wait_for()


def test_two_who_ask_the_same_have_one_run_and_it_outlives_the_tab_of_one(quiet, new_page):
    first, second = new_page(), new_page()
    computed, cancelled = total(quiet, "computed"), total(quiet, "cancelled")
    ask(first, quiet, MIDDLING + "1")
    ask(second, quiet, MIDDLING + "1")
    assert jobs(quiet, "running") + jobs(quiet, "waiting") == 1
    first.close()
    second.wait_for_function(QUIET, arg="a", timeout=WAITS)
    drawn(second)
    assert (total(quiet, "computed"), total(quiet, "cancelled")) == (computed + 1, cancelled)


def test_a_tab_that_closes_frees_the_worker(quiet, new_page, page):
    cancelled = total(quiet, "cancelled")
    leaving = new_page()
    ask(leaving, quiet, LONG + "2")
    until(page, lambda: jobs(quiet, "running") == 1, "the run to begin")
    leaving.close()
    until(page, lambda: total(quiet, "cancelled") == cancelled + 1, "the run to be stopped", timeout=10)
    assert jobs(quiet, "running") == 0


def test_leaving_for_another_page_stops_the_run(quiet, page):
    cancelled = total(quiet, "cancelled")
    ask(page, quiet, LONG + "3")
    page.get_by_role("link", name="Start").click()
    until(page, lambda: total(quiet, "cancelled") == cancelled + 1, "the run to be stopped", timeout=10)


def test_who_waits_is_told_the_place_in_line_and_is_served_after_the_first_has_stopped(quiet, new_page):
    first, second, third = new_page(), new_page(), new_page()
    ask(first, quiet, LONG + "4")
    ask(second, quiet, LONG + "5")
    expect(second.get_by_text(re.compile(r"^Next in line$"))).to_be_visible()  # how long it takes is not known yet
    ask(third, quiet, LONG + "6")
    expect(third.get_by_text(re.compile(r"^2nd in line$"))).to_be_visible()
    control(second, "stop_a").locator("button").click()
    expect(third.get_by_text(re.compile("^Next in line"))).to_be_visible()
    control(first, "stop_a").locator("button").click()
    expect(third.get_by_text(re.compile(r"^Computing: \d+%"))).to_be_visible(timeout=WAITS)
    third.close()


def test_curves_grow_while_the_network_trains_and_the_zoom_stays(quiet, page):
    ask(page, quiet, LONG + "7")
    page.wait_for_selector(".stage[data-drawn]")
    mounts = "document.querySelectorAll('.stage').length"
    zoomed, before = zoom(page, "curves"), drawings(page)
    length = known(page)
    until(page, lambda: drawings(page) >= before + 5, "five more drawings")
    assert page.evaluate(mounts) == 1
    assert window_of(page, "curves") == zoomed
    assert known(page) > length
    page.close()


def known(page):
    """How many points of the network's curve are known so far."""
    return sum(math.isfinite(y) for y in trace(page, "curves", "network, test points")["y"] if y is not None)


def test_a_restart_finds_what_was_computed_before_and_the_guess_of_who_stayed(
    quiet, browser, root, artifacts, tmp_path
):
    settings = ONE_WORKER | {"NTKVIZ_CACHE": str(cache(root, tmp_path))}
    port, page = free_port(), browser.new_page()  # not watched: it will complain that its server is gone
    page.set_default_timeout(WAITS)
    with serve(root, artifacts / "restart-computed.log", settings, port=port) as url:
        visit(page, url, "/lazy")
        drawn(page)
        assert total(url, "computed") >= 1
        page.locator(".stage-question").get_by_role("spinbutton").fill("20")
        page.get_by_role("button", name="This is my guess").click()
        verdict = page.locator(".stage-verdict")
        expect(verdict).to_contain_text("You said 20 times")
        said = verdict.inner_text()
        until(page, lambda: list((tmp_path / "results").glob("*.npz")), "the result on disk")
    page.wait_for_function("() => !document.querySelector('[data-test-connection-state=CONNECTED]')")
    with serve(root, artifacts / "restart-stored.log", settings, port=port) as url:
        page.wait_for_selector(SETTLED, state="attached")
        assert verdict.inner_text() == said
        choose(page, "data", "Linear target")  # the new server does not know this page
        until(page, lambda: total(url, "stored") >= 1, "the page to be answered")
        page.reload()
        drawn(page)
        expect(verdict).to_have_text(said)
        assert (total(url, "stored"), total(url, "computed")) == (1, 0)
    page.context.close()


def test_while_the_workers_are_away_the_page_says_so_and_goes_on_when_they_are_back(quiet, page):
    cluster = next(
        child
        for child in psutil.Process().children(recursive=True)
        if any(word.endswith("cluster.py") for word in child.cmdline()) and child.cmdline()[-2] == "1"
    )
    cluster.suspend()  # it starts no new one at once, and answers nobody
    cluster.kill()
    ask(page, quiet, LONG + "8")
    expect(page.get_by_text("The workers cannot be reached")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^Computing: \d+%"))).to_be_visible(timeout=WAITS)
    page.close()
