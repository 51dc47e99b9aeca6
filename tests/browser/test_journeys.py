"""What a class does with the app, in a real browser: each test is one visitor's errand."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.data import load
from ntkviz.experiments import train
from ntkviz.kernels import infinite_ntk
from ntkviz.spectra import Spectrum, spectrum
from ntkviz.ui.syllabus import syllabus
from tests.browser.steps import (
    answer,
    chart,
    control,
    drawings,
    drawn,
    frames,
    query,
    saved,
    slider,
    slider_value,
    trace,
    traces,
    until,
    visit,
    window_of,
    zoom,
)

LESSONS = {entry.path: entry.lesson for entry in syllabus()}
SCREEN = 1e-5  # relative: pictures travel as float32
THEORY = "theory (infinite width)"
LONG = "/lazy?width=512&steps=4000&seeds=5"  # at least fourteen seconds of work


def theory_of_depth(depth: int) -> Spectrum:
    """The spectrum that the first slot should draw with its other controls at their defaults."""
    spec = LESSONS["spectrum"].default.spec.spectrum
    return spectrum(np.asarray(infinite_ntk(replace(spec.arch, depth=depth), load(spec.data).x)))


def relative(found: Spectrum) -> np.ndarray:
    """Its eigenvalues over the largest."""
    return found.eigenvalues / found.eigenvalues[0]


def test_the_drawn_spectrum_is_the_librarys_before_and_after_a_slider_move(server, page):
    visit(page, server, "/spectrum?ask=0")
    drawn(page, slot="a")
    np.testing.assert_allclose(trace(page, "spectrum", THEORY)["y"], relative(theory_of_depth(2)), rtol=SCREEN)
    before = drawings(page, "a")
    slider(page, "depth", +3)
    drawn(page, after=before, slot="a")
    deeper = relative(theory_of_depth(5))
    until(
        page,
        lambda: np.allclose(trace(page, "spectrum", THEORY)["y"], deeper, rtol=SCREEN),
        "the spectrum of five layers",
    )
    assert query(page)["depth"] == "5"


def test_a_link_opens_the_same_picture_on_a_server_that_nobody_has_visited(fresh_server, new_page):
    link = "/train?width=64&c=0.9"
    first, second = new_page(), new_page()
    visit(first, fresh_server, link)
    drawn(first, slot="a")
    assert slider_value(first, "width") == "64"
    assert slider_value(first, "c") == "0.90"
    visit(second, fresh_server, first.url.removeprefix(fresh_server))
    drawn(second, slot="a")
    for name in ("function", "loss"):
        assert json.dumps(traces(first, name)) == json.dumps(traces(second, name))


def test_the_network_on_the_page_is_the_one_that_was_trained(server, page):
    visit(page, server, "/train?width=64")
    drawn(page, slot="a")
    spec = train.Spec()
    result = train.run(replace(spec, arch=replace(spec.arch, width=64)))
    on_page = np.asarray(trace(page, "loss", "network")["y"], dtype=float)
    np.testing.assert_allclose(on_page, result.network.curves.loss, rtol=1e-3)  # float32 training, other threads


def test_time_is_scrubbed_without_asking_the_server(server, page):
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    visit(page, server, "/train?ask=0")
    drawn(page)
    before, asked = trace(page, "function", "network")["y"], len(sent)
    frames(page).evaluate("slider => { slider.value = 2; slider.dispatchEvent(new Event('input')); }")
    until(page, lambda: trace(page, "function", "network")["y"] != before, "the function at another step")
    assert len(sent) == asked


def test_letting_the_time_slider_go_puts_the_step_into_the_link(server, new_page):
    first, second = new_page(), new_page()
    visit(first, server, "/train?ask=0")
    drawn(first, slot="a")
    thumb = frames(first)
    thumb.focus()
    thumb.press("Home")
    until(first, lambda: query(first).get("frame") == "0", "the frame in the link")
    visit(second, server, first.url.removeprefix(server))
    drawn(second, slot="a")
    assert frames(second).input_value() == "0"
    assert trace(second, "function", "network")["y"] == trace(first, "function", "network")["y"]


def test_zoom_and_mount_survive_a_slider_move(server, page):
    visit(page, server, "/spectrum?ask=0")
    drawn(page, slot="a")
    chart(page, "spectrum").evaluate("plot => { window.kept = plot; }")
    zoomed = zoom(page, "spectrum")
    before = drawings(page, "a")
    slider(page, "depth", +1)
    drawn(page, after=before, slot="a")
    assert chart(page, "spectrum").evaluate("plot => plot === window.kept")
    assert window_of(page, "spectrum") == zoomed


def test_the_numbers_follow_and_an_explanation_stays_open(server, page):
    visit(page, server, "/spectrum?ask=0")
    drawn(page, slot="a")
    rank = page.locator(".stage-number").filter(has_text="Effective rank").first
    value, help = rank.locator(".stage-value"), rank.locator("p")
    before = value.inner_text()
    assert not help.is_visible()
    rank.locator("summary").click()
    assert "entropy" in help.inner_text()
    seen = drawings(page, "a")
    slider(page, "depth", 3)
    drawn(page, after=seen, slot="a")
    until(page, lambda: value.inner_text() != before, "the number of another depth")
    assert help.is_visible()
    words = rank.locator(".stage-expected").inner_text()
    assert words.startswith("theory: ")
    assert float(words.split()[1]) == pytest.approx(theory_of_depth(5).effective_rank, rel=0.01)


def test_a_long_run_is_announced_and_a_stop_stops_it(server, page):
    visit(page, server, LONG)
    stop = control(page, "stop_a").locator("button")
    stop.wait_for()
    page.get_by_text("Computing:").wait_for()  # the workers of a new server take some seconds
    stop.click()
    page.get_by_text("You stopped this run.").wait_for(timeout=10_000)
    assert control(page, "again_a").locator("button").is_visible()
    page.goto(f"{server}/lazy?width=32&steps=200&seeds=1")  # the core is free: a small run is answered
    drawn(page)


def test_a_run_over_the_limit_is_refused_with_the_reason(server, page):
    visit(page, server, "/train?width=4096&steps=10000&depth=5&data=digits&digits_n=1000")
    refusal = page.get_by_text("and the limit is").first
    refusal.wait_for()
    assert "Choose a smaller" in refusal.inner_text()


TABLE = "height,weight,grade\n" + "\n".join(f"{150 + i},{50 + (7 * i) % 31},{i % 2}" for i in range(60))


def upload(page, name: str, content: bytes) -> None:
    page.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content}
    )


def test_a_table_is_accepted_and_its_spectrum_drawn(server, page):
    visit(page, server, "/spectrum?data=table")
    page.get_by_text("Drop a table").wait_for()
    upload(page, "class.csv", TABLE.encode())
    drawn(page, slot="a")
    assert len(trace(page, "spectrum", THEORY)["y"]) == 45  # a quarter of 60 rows is held out
    assert control(page, "target").is_visible()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"a,b\n" + bytes(range(128, 256)), "text"), (b"only\nx\ny\nz", "two columns")],
)
def test_a_table_that_cannot_be_used_is_refused_in_a_sentence(server, page, content, words):
    visit(page, server, "/spectrum?data=table")
    page.get_by_text("Drop a table").wait_for()
    upload(page, "bad.csv", content)
    alert = page.locator("[data-testid=stAlert]").filter(has_text=words)
    alert.first.wait_for()
    assert "Traceback" not in page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", *LESSONS])
def test_every_page_is_legible_in_light_and_dark(server, new_page, path, scheme):
    page = new_page(color_scheme=scheme)
    visit(page, server, f"/{path}")
    drawn(page, slot="a")
    ink = page.locator(".js-plotly-plot .xtick text").first.evaluate("tick => getComputedStyle(tick).fill")
    paper = page.locator("[data-testid=stApp]").evaluate("app => getComputedStyle(app).backgroundColor")
    assert contrast(ink, paper) > 7  # WCAG AAA, for the last row
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_theme_can_be_switched_while_a_chart_is_shown(server, page):
    visit(page, server, "/spectrum?ask=0")
    drawn(page, slot="a")
    light = trace(page, "spectrum", THEORY)["color"]
    page.emulate_media(color_scheme="dark")
    until(page, lambda: trace(page, "spectrum", THEORY)["color"] != light, "the colours of the dark page")


@pytest.mark.parametrize("path", ["", *LESSONS])
def test_a_phone_shows_every_page_without_sideways_scrolling(server, new_page, path):
    page = new_page(width=390, height=844)
    visit(page, server, f"/{path}")
    drawn(page, slot="a")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    widest = page.locator(".js-plotly-plot").evaluate_all("plots => Math.max(...plots.map(p => p.clientWidth))")
    assert widest <= 390


def test_numbers_and_pictures_download_with_their_settings(server, page):
    visit(page, server, "/spectrum?depth=3")
    drawn(page, slot="a")
    head, rows = saved(page, "spectrum")
    assert head["arch.depth"] == "3"
    assert head["link"].startswith("http")
    assert "depth=3" in head["link"]
    theory = [float(y) for _, y, _ in rows[THEORY]]
    np.testing.assert_allclose(theory, relative(theory_of_depth(3)), rtol=SCREEN)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="SVG: this picture as a drawing (spectrum)").click()
    picture = waiting.value.path().read_text()
    assert picture.startswith("<svg")
    assert "arch.depth = 3" in picture


@pytest.mark.parametrize("path", LESSONS)
def test_each_trace_of_a_lesson_is_one_series_of_its_table(server, page, path):
    visit(page, server, f"/{path}?ask=0")
    drawn(page)
    shown = page.locator("figure:visible [data-chart]").evaluate_all("plots => plots.map((plot) => plot.dataset.chart)")
    assert len(shown) >= 3
    for name in shown:
        named = [one["name"] for one in traces(page, name)]
        assert len(set(named)) == len(named), name
        filled = [one["name"] for one in traces(page, name) if len(one["x"]) or len(one["y"]) or len(one["z"])]
        _, rows = saved(page, name)
        assert list(rows) == [plain(words) for words in filled], name


def plain(words: str) -> str:
    """A trace's name without the marks of HTML."""
    return re.sub(r"<[^>]+>", "", words)


def test_a_preset_sets_its_controls_and_puts_the_others_back(server, page):
    visit(page, server, "/spectrum?width=32&depth=7")
    control(page, "preset_no_bias").locator("button").click()
    until(page, lambda: slider_value(page, "depth") == "1", "the preset's depth")
    assert slider_value(page, "width") == str(LESSONS["spectrum"].preset("no_bias").spec.spectrum.arch.width)
    drawn(page, slot="a")


def test_a_preset_is_whole_in_the_link(server, new_page):
    first, second = new_page(), new_page()
    visit(first, server, "/lazy")
    control(first, "preset_noise").locator("button").click()
    until(first, lambda: query(first) == {"preset": "noise"}, "the preset in the link")
    drawn(first)
    answer(first)
    drawn(first)
    visit(second, server, first.url.removeprefix(server))
    drawn(second)
    answer(second)
    for page in (first, second):
        until(page, lambda page=page: "network" in [one["name"] for one in traces(page, "test-error")], "the answer")
    assert traces(second, "test-error") == traces(first, "test-error")


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two CSS colours (WCAG 2)."""

    def luminance(color: str) -> float:
        parts = [float(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
