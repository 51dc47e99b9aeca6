"""What a class does with the app, in a real browser: each test is one visitor's errand."""

import json
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from ntkviz.data import CircleFunction, load
from ntkviz.experiments import train
from ntkviz.kernels import infinite_ntk
from ntkviz.nets import Architecture
from ntkviz.spectra import Spectrum, spectrum
from ntkviz.ui.syllabus import syllabus
from tests.browser.steps import (
    chart,
    control,
    drawings,
    drawn,
    slider,
    slider_value,
    trace,
    traces,
    until,
    visit,
    window_of,
    zoom,
)

PATHS = [entry.path for entry in syllabus()]
SCREEN = 1e-5  # relative: pictures travel as float32


def theory_of_depth(depth: int) -> Spectrum:
    """The eigenvalues that the spectrum explorer should draw with its other controls at their defaults."""
    arch = Architecture(depth=depth, sigma_w=2**0.5, sigma_b=0.3)
    return spectrum(np.asarray(infinite_ntk(arch, load(CircleFunction(n=256)).x)))


def test_the_drawn_spectrum_is_the_librarys_before_and_after_a_slider_move(server, page):
    visit(page, server, "/spectrum?ask=0")
    drawn(page)
    np.testing.assert_allclose(trace(page, "spectrum", "theory")["y"], theory_of_depth(2).eigenvalues, rtol=SCREEN)
    before = drawings(page)
    slider(page, "depth", +3)
    drawn(page, after=before)
    deeper = theory_of_depth(5).eigenvalues
    until(
        page,
        lambda: np.allclose(trace(page, "spectrum", "theory")["y"], deeper, rtol=SCREEN),
        "the spectrum of five layers",
    )
    assert parse_qs(urlsplit(page.url).query)["depth"] == ["5"]


def test_a_link_opens_the_same_picture_on_a_server_that_nobody_has_visited(fresh_server, new_page):
    link = "/train?width=64&c=0.9"
    first, second = new_page(), new_page()
    visit(first, fresh_server, link)
    drawn(first)
    assert slider_value(first, "width") == "64"
    assert slider_value(first, "c") == "0.90"
    visit(second, fresh_server, first.url.removeprefix(fresh_server))
    drawn(second)
    for name in ("function", "loss"):
        assert json.dumps(traces(first, name)) == json.dumps(traces(second, name))


def test_the_network_on_the_page_is_the_one_that_was_trained(server, page):
    visit(page, server, "/train?width=64")
    drawn(page)
    spec = train.Spec(arch=Architecture(width=64, activation="erf", sigma_w=1.5, sigma_b=0.3))
    result = train.run(spec)
    drawn_loss = np.asarray(traces(page, "loss")[0]["y"], dtype=float)
    np.testing.assert_allclose(drawn_loss, result.network.curves.loss, rtol=1e-3)  # float32 training, other threads


def test_time_is_scrubbed_without_asking_the_server(server, page):
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    visit(page, server, "/train?ask=0")
    drawn(page)
    before, asked = trace(page, "function", "network")["y"], len(sent)
    page.locator(".stage-scrub input").evaluate(
        "slider => { slider.value = 2; slider.dispatchEvent(new Event('input')); }"
    )
    until(page, lambda: trace(page, "function", "network")["y"] != before, "the function at another step")
    assert len(sent) == asked


def test_letting_the_time_slider_go_puts_the_step_into_the_link(server, new_page):
    first, second = new_page(), new_page()
    visit(first, server, "/train?ask=0")
    drawn(first)
    thumb = first.locator(".stage-scrub input")
    thumb.focus()
    thumb.press("Home")
    until(first, lambda: "frame=0" in first.url, "the frame in the link")
    visit(second, server, first.url.removeprefix(server))
    drawn(second)
    assert second.locator(".stage-scrub input").input_value() == "0"
    assert trace(second, "function", "network")["y"] == trace(first, "function", "network")["y"]


def test_zoom_and_mount_survive_a_slider_move(server, page):
    visit(page, server, "/spectrum?ask=0")
    drawn(page)
    chart(page, "spectrum").evaluate("plot => { window.kept = plot; }")
    zoomed = zoom(page, "spectrum")
    before = drawings(page)
    slider(page, "depth", +1)
    drawn(page, after=before)
    assert chart(page, "spectrum").evaluate("plot => plot === window.kept")
    assert window_of(page, "spectrum") == zoomed


LONG = "/train?width=2048&steps=2000&depth=3"  # some forty seconds of work


def test_the_numbers_follow_and_an_explanation_stays_open(server, page):
    visit(page, server, "/spectrum?depth=2")
    drawn(page)
    rank = page.locator(".stage-number").filter(has_text="Effective rank")
    value, help = rank.locator(".stage-value"), rank.locator("p")
    before = value.inner_text()
    assert not help.is_visible()
    rank.locator("summary").click()
    assert "entropy" in help.inner_text()
    seen = drawings(page)
    slider(page, "depth", 3)
    drawn(page, after=seen)
    until(page, lambda: value.inner_text() != before, "the number of another depth")
    assert help.is_visible()
    expected = rank.locator(".stage-expected").inner_text()
    assert expected == f"theory: {theory_of_depth(5).effective_rank:.1f}"


def test_a_long_run_is_announced_and_a_stop_stops_it(server, page):
    visit(page, server, LONG)
    stop = control(page, "stop_a").locator("button")
    stop.wait_for()
    page.get_by_text("Computing:").wait_for(timeout=60_000)  # the workers of a new server take some seconds
    stop.click()
    page.get_by_text("You stopped this run.").wait_for(timeout=10_000)
    assert control(page, "again_a").locator("button").is_visible()
    before = drawings(page)
    page.goto(f"{server}/train?width=32")  # the core is free: a small run is answered
    until(page, lambda: drawings(page) > 0 or drawings(page) > before, "the next run's picture")


def test_a_run_over_the_limit_is_refused_with_the_reason(server, page):
    visit(page, server, "/train?width=4096&steps=10000&depth=5&data=digits&digits_n=1000")
    refusal = page.get_by_text("and the limit is")
    refusal.wait_for()
    assert "choose" in refusal.inner_text()


TABLE = "height,weight,grade\n" + "\n".join(f"{150 + i},{50 + (7 * i) % 31},{i % 2}" for i in range(60))


def upload(page, name: str, content: bytes) -> None:
    page.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content}
    )


def test_a_table_is_accepted_and_its_spectrum_drawn(server, page):
    visit(page, server, "/spectrum?data=table")
    page.get_by_text("Drop a table").wait_for()
    upload(page, "class.csv", TABLE.encode())
    drawn(page)
    assert len(trace(page, "spectrum", "theory")["y"]) == 45  # a quarter of 60 rows is held out
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
@pytest.mark.parametrize("path", ["", *PATHS])
def test_every_page_is_legible_in_light_and_dark(server, new_page, path, scheme):
    page = new_page(color_scheme=scheme)
    visit(page, server, f"/{path}")
    drawn(page)
    ink = page.locator(".js-plotly-plot .xtick text").first.evaluate("tick => getComputedStyle(tick).fill")
    paper = page.locator("[data-testid=stApp]").evaluate("app => getComputedStyle(app).backgroundColor")
    assert contrast(ink, paper) > 7  # WCAG AAA, for the last row
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_theme_can_be_switched_while_a_chart_is_shown(server, page):
    visit(page, server, "/spectrum?ask=0")
    drawn(page)
    light = trace(page, "spectrum", "theory")["color"]
    page.emulate_media(color_scheme="dark")
    until(page, lambda: trace(page, "spectrum", "theory")["color"] != light, "the colours of the dark page")


@pytest.mark.parametrize("path", ["", *PATHS])
def test_a_phone_shows_every_page_without_sideways_scrolling(server, new_page, path):
    page = new_page(width=390, height=844)
    visit(page, server, f"/{path}")
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    widest = page.locator(".js-plotly-plot").evaluate_all("plots => Math.max(...plots.map(p => p.clientWidth))")
    assert widest <= 390


def test_numbers_and_pictures_download_with_their_settings(server, page):
    visit(page, server, "/spectrum?depth=3")
    drawn(page)
    cell = page.locator("figure").filter(has=chart(page, "spectrum"))
    with page.expect_download() as waiting:
        cell.get_by_role("button", name="numbers").click()
    lines = waiting.value.path().read_text().splitlines()
    settings = [line for line in lines if line.startswith("#")]
    assert "# arch.depth: 3" in settings
    assert any(line.startswith("# link: http") and "depth=3" in line for line in settings)
    theory = [float(line.split(",")[2]) for line in lines if line.startswith('"theory"')]
    np.testing.assert_allclose(theory, theory_of_depth(3).eigenvalues, rtol=SCREEN)
    with page.expect_download() as waiting:
        cell.get_by_role("button", name="SVG").click()
    picture = waiting.value.path().read_text()
    assert picture.startswith("<svg")
    assert "arch.depth: 3" in picture


def test_a_preset_sets_its_controls_and_puts_the_others_back(server, page):
    visit(page, server, "/spectrum?width=32&depth=7")
    drawn(page)
    page.get_by_role("button", name="Fails: no bias").click()
    until(page, lambda: slider_value(page, "depth") == "1", "the preset's depth")
    assert slider_value(page, "width") == "512"
    drawn(page)


def test_a_preset_that_brings_new_controls_is_whole_in_the_link(server, new_page):
    first, second = new_page(), new_page()
    visit(first, server, "/lazy?ask=0")
    drawn(first)
    first.get_by_role("button", name="Noise: lazy wins").click()
    until(first, lambda: "linear_label_noise=1" in first.url, "the noise in the link")
    drawn(first)
    visit(second, server, first.url.removeprefix(server))
    drawn(second)
    assert traces(second, "test-error") == traces(first, "test-error")


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two CSS colours (WCAG 2)."""

    def luminance(color: str) -> float:
        parts = [float(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
