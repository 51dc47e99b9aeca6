"""The slider of frames, a finger on a chart, and what is saved: a toy page in a real browser."""

import csv
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.browser.guesses import choose_by_keys, guess, names
from tests.browser.steps import chart, choose, drawings, drawn, settled, swipe, traces, until, visit, window_of, zoom


def test_zoom_and_mount_outlive_a_rerun_and_the_guess(toy, new_page):
    page = new_page(height=1400)  # the whole chart is on screen
    visit(page, toy, "/?kind=choice")
    drawn(page)
    chart(page, "loss").evaluate("plot => { window.kept = plot; }")
    zoomed, before = zoom(page, "loss"), drawings(page)
    page.get_by_text("Another setting").click()
    drawn(page, after=before)
    choose_by_keys(page)
    guess(page)
    until(page, lambda: names(page, "loss") == ["theory", "network"], "the answer")
    assert chart(page, "loss").evaluate("plot => plot === window.kept")
    assert window_of(page, "loss") == zoomed


def frame_slider(page: Page) -> Locator:
    return page.locator(".stage-scrub input").first


def test_eight_quick_presses_end_eight_frames_on(toy, page):
    visit(page, toy, "/?kind=choice&ask=open")
    drawn(page)
    thumb = frame_slider(page)
    start = int(thumb.input_value())
    thumb.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    until(page, lambda: parse_qs(urlsplit(page.url).query).get("frame") == [str(start + 8)], "the frame in the link")
    expect(thumb).to_be_focused()
    page.get_by_text("Another setting").click()
    until(page, lambda: f"frame {start + 8}" in page.content(), "the server to read the frame in the link")
    settled(page)
    page.get_by_role("button", name="Write into the link").click()
    until(page, lambda: "written=1" in page.url, "the server's parameter")
    settled(page)
    assert thumb.input_value() == str(start + 8)
    thumb.press("ArrowRight")
    page.get_by_role("button", name="Write into the link").click()
    until(page, lambda: "written=2" in page.url, "the server's parameter")
    until(page, lambda: parse_qs(urlsplit(page.url).query).get("frame") == [str(start + 9)], "the frame beside it")


def test_a_pause_writes_the_frame_into_the_link_and_a_link_opens_at_it(toy, new_page):
    first, second = new_page(), new_page()
    visit(first, toy, "/?kind=choice&ask=open")
    drawn(first)
    start = frame_slider(first).input_value()
    first.get_by_role("button", name="Play").click()
    until(first, lambda: frame_slider(first).input_value() != start, "the frames to move")
    first.get_by_role("button", name="Pause").click()
    frame = until(first, lambda: parse_qs(urlsplit(first.url).query).get("frame"), "the frame in the link")
    assert frame == [frame_slider(first).input_value()]
    visit(second, toy, first.url.removeprefix(toy))
    drawn(second)
    assert frame_slider(second).input_value() == frame[0]
    assert traces(second, "function") == traces(first, "function")


def test_another_preset_starts_at_its_own_frame(toy, page):
    visit(page, toy, "/?kind=choice&ask=open&frame=3")
    drawn(page)
    assert frame_slider(page).input_value() == "3"
    before = drawings(page)
    choose(page, "kind", "order")
    drawn(page, after=before)
    until(page, lambda: frame_slider(page).input_value() == "14", "the frame of the preset")
    assert "frame" not in parse_qs(urlsplit(page.url).query)


def test_a_click_on_a_chart_goes_to_its_frame(toy, page):
    visit(page, toy, "/?kind=choice&ask=open")
    drawn(page)
    place = page.locator("[data-chart=loss]").evaluate(
        """plot => {
            const { xaxis, yaxis } = plot._fullLayout, { left, top } = plot.getBoundingClientRect();
            return [left + xaxis._offset + xaxis.d2p(1), top + yaxis._offset + yaxis.d2p(1)];
        }"""
    )
    page.mouse.move(*place)
    page.mouse.click(*place)
    until(page, lambda: "frame=0" in page.url, "the first frame in the link")


def test_an_old_picture_is_dimmed_and_says_so(toy, page):
    visit(page, toy, "/?kind=choice&ask=open&stale=1")
    drawn(page)
    assert "the run for the new settings goes on" in page.locator(".stage-stale[aria-live=polite]").inner_text()
    until(
        page, lambda: page.locator(".stage-body").evaluate("body => getComputedStyle(body).opacity") == "0.4", "dimming"
    )


FIRST_POINT = """plot => {
    const { xaxis, yaxis } = plot._fullLayout, { left, top } = plot.getBoundingClientRect();
    return [left + xaxis._offset + xaxis.d2p(1), top + yaxis._offset + yaxis.d2p(1)];
}"""  # where the point (1, 1) of a chart is on the screen


def at_rest(page: Page, look: Callable[[], list[float]]) -> list[float]:
    """What `look` sees once it has stayed the same for half a second: after a swipe, a page goes on scrolling."""
    seen = [look()]
    while len(seen) < 10 or len({tuple(place) for place in seen[-10:]}) > 1:
        page.wait_for_timeout(50)
        seen.append(look())
    return seen[-1]


def test_a_swipe_over_a_chart_scrolls_the_page_and_a_tap_selects(toy, phone):
    visit(phone, toy, "/?kind=choice&ask=open")
    drawn(phone)
    plot = phone.locator("[data-chart=loss]")
    plot.scroll_into_view_if_needed()
    window = "plot => JSON.stringify([plot._fullLayout.xaxis.range, plot._fullLayout.yaxis.range])"
    before, shown = plot.bounding_box(), plot.evaluate(window)
    assert before
    swipe(phone, before["x"] + 200, before["y"] + 180, 150)
    until(phone, lambda: plot.bounding_box()["y"] < before["y"] - 60, "the page to scroll")
    assert plot.evaluate(window) == shown
    phone.touchscreen.tap(*at_rest(phone, lambda: plot.evaluate(FIRST_POINT)))
    until(phone, lambda: "frame=0" in phone.url, "the first frame in the link")


def test_downloads_hold_the_answer_only_after_the_guess(toy, page):
    visit(page, toy, "/?kind=sketch")
    drawn(page)
    assert saved(page, "loss") == {"theory"}
    page.get_by_role("button", name="Show me").click()
    until(page, lambda: names(page, "loss") == ["theory", "network"], "the answer")
    assert saved(page, "loss") == {"theory", "network"}


def test_a_download_says_what_made_it(toy, page):
    visit(page, toy, "/?kind=sketch&ask=open&stale=1")
    drawn(page)
    button = page.get_by_role("button", name="SVG: this picture as a drawing (loss)")
    with page.expect_download() as waiting:
        button.click()
    picture = waiting.value.path().read_text()
    text = re.sub(r"<[^>]+>", "", picture)
    assert "Does the network (solid) follow the prediction (dashed)?" in text
    assert "Toy lesson · chart = loss · width = 64 · step k = 55" in text
    assert "the run for the new settings goes on" in text
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV: numbers behind this picture (gap)").click()
    lines = waiting.value.path().read_text().splitlines()
    assert "# note: Each point is the mean of four networks." in lines
    assert "# width: 64" in lines


def saved(page: Page, of: str) -> set[str]:
    """The series of a chart's table."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=f"CSV: numbers behind this picture ({of})").click()
    lines = waiting.value.path().read_text().splitlines()
    return {row["series"] for row in csv.DictReader(line for line in lines if not line.startswith("#"))}
