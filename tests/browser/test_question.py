"""A question before its answer, the slider of frames, and a finger on a chart: a toy page in a real browser."""

import csv
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import assert_no_traceback
from tests.browser.server import serve
from tests.browser.steps import choose, drawings, drawn, settled, traces, until, visit

KINDS = ["choice", "number", "order", "sketch"]
SECRETS = ["139", "131", "−0.42", "most of the work", "more slowly", "behind the answer", "fastest mode"]
# What stands in the stages for eyes and ears, be it displayed or not.
TOLD = """stages => stages.flatMap(stage => [
    stage.textContent, ...Array.from(stage.querySelectorAll('[aria-label]'), node => node.ariaLabel),
]).join(' ')"""


@pytest.fixture(scope="module")
def toy(root, artifacts):
    """The address of the toy page."""
    log = artifacts / "toy.log"
    with serve(root, log, {"PYTHONPATH": str(root)}, app="tests/browser/apps/app.py") as url:
        yield url
    assert_no_traceback(log)


def question(page: Page) -> Locator:
    return page.locator(".stage-question").first


def verdict(page: Page) -> str:
    return page.locator(".stage-verdict").first.inner_text()


def names(page: Page, chart: str) -> list[str]:
    return [trace["name"] for trace in traces(page, chart)]


def guess(page: Page) -> None:
    page.get_by_role("button", name="This is my guess").click()
    expect(page.locator(".stage-verdict").first).to_be_visible()


def choose_by_mouse(page: Page) -> str:
    question(page).get_by_text("both fall equally fast").click()
    return "You chose “both fall equally fast”. The answer is “the loss that theory predicts”."


def choose_by_keys(page: Page) -> str:
    question(page).get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    return "You chose “the loss that theory predicts”. That is right."


def number_by_mouse(page: Page) -> str:
    slider = question(page).get_by_role("slider")
    area = slider.bounding_box()
    assert area
    page.mouse.click(area["x"] + 0.75 * area["width"], area["y"] + area["height"] / 2)
    said = int(question(page).get_by_role("spinbutton").input_value())
    assert 900 < said < 1200
    assert question(page).locator(".stage-said").inner_text() == f"{said} steps"
    return f"You said {said} steps, it took 139: {said / 139:.2g} times too many."


def number_by_keys(page: Page) -> str:
    slider = question(page).get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == "1 step"
    question(page).get_by_role("spinbutton").fill("300")
    assert slider.get_attribute("aria-valuetext") == "300 steps"
    return "You said 300 steps, it took 139: 2.2 times too many."


def order_by_mouse(page: Page) -> str:
    first, last = (question(page).get_by_role("listitem").nth(i).bounding_box() for i in (0, 2))
    assert first
    assert last
    page.mouse.move(first["x"] + 80, first["y"] + 15)
    page.mouse.down()
    page.mouse.move(last["x"] + 80, last["y"] + last["height"] - 5, steps=12)
    page.mouse.up()
    return "Your order was “frequency 1”, “frequency 2”, “frequency 4”. That is right."


def order_by_keys(page: Page) -> str:
    down = question(page).get_by_role("button", name="Move down: frequency 1")
    down.focus()
    page.keyboard.press("Enter")
    expect(down).to_be_focused()
    assert question(page).locator(".stage-unseen").inner_text() == "frequency 1: place 3 of 3"
    return (
        "Your order was “frequency 4”, “frequency 2”, “frequency 1”. "
        "The right order is “frequency 1”, “frequency 2”, “frequency 4”. One is in its place."
    )


def sketch_by_mouse(page: Page) -> str:
    pad = page.locator(".stage-pad")
    pad.scroll_into_view_if_needed()
    area = pad.bounding_box()
    assert area
    page.mouse.move(area["x"] + 1, area["y"] + 0.24 * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] - 1, area["y"] + 0.72 * area["height"], steps=20)
    page.mouse.up()
    return "% of the chart's height away from the curve on average: right."


def sketch_by_keys(page: Page) -> str:
    question(page).get_by_role("button", name="Go to the chart").press("Enter")
    handles = page.locator(".stage-handle")
    expect(handles.first).to_be_focused()
    for i in range(7):
        expect(handles.nth(i)).to_be_focused()
        for _ in range(3):
            page.keyboard.press("PageUp")
        page.keyboard.press("Tab")
    assert handles.nth(6).get_attribute("aria-label") == "Your curve at 4100 (width n)"
    return "It is furthest away near 4100 (width n), where it is too high."


DRIVES = [
    ("choice", choose_by_mouse),
    ("choice", choose_by_keys),
    ("number", number_by_mouse),
    ("number", number_by_keys),
    ("order", order_by_mouse),
    ("order", order_by_keys),
    ("sketch", sketch_by_mouse),
    ("sketch", sketch_by_keys),
]


@pytest.mark.parametrize(("kind", "drive"), DRIVES, ids=lambda value: getattr(value, "__name__", ""))
def test_each_question_is_answered_by_mouse_and_by_keyboard(toy, page, kind, drive):
    visit(page, toy, f"/?kind={kind}")
    drawn(page)
    said = drive(page)
    guess(page)
    assert said in verdict(page)
    expect(page.locator(".stage-verdict").first).to_be_focused()
    expect(question(page)).to_contain_text("the first steps do most of the work")
    if kind == "sketch":
        until(page, lambda: names(page, "gap") == ["network", "your sketch"], "the sketch beside the answer")
    if kind == "number":
        plot = page.locator("[data-chart=loss]")
        until(page, lambda: "your guess" in plot.inner_text(), "the guess on its chart")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_answer_is_there_before_the_guess_and_all_of_it_after(toy, page, kind):
    visit(page, toy, f"/?kind={kind}&slots=2")
    drawn(page)
    seen = page.evaluate("document.body.innerText")
    told = page.locator(".stage").evaluate_all(TOLD)
    assert [secret for secret in SECRETS if secret in seen] == []
    assert [secret for secret in SECRETS if secret in told] == []
    hidden = page.locator("[class*=st-key-answer]")
    expect(hidden).to_be_hidden()
    loss = page.locator("[data-chart=loss]")
    for plot in loss.all():
        assert plot.evaluate("plot => plot.data.map(trace => trace.name)") == ["theory"]
        assert plot.get_attribute("aria-label") == "The loss that theory predicts."
    page.get_by_role("button", name="Show me").first.click()
    expect(hidden).to_be_visible()
    for plot in loss.all():
        until(
            page,
            lambda plot=plot: plot.evaluate("plot => plot.data.map(trace => trace.name)") == ["theory", "network"],
            "the answer in both stages",
        )
    seen = page.evaluate("document.body.innerText")
    assert "139 steps" in seen
    assert "✗ does not agree" in seen
    assert "Two runs have not converged." in seen
    assert loss.first.get_attribute("aria-label").endswith("falls more slowly.")


def test_the_answer_does_not_flash_up(toy, page):
    page.add_init_script(
        """window.flashed = [];
        const look = () => {
            for (const node of document.querySelectorAll('[class*=st-key-answer]')) {
                if (node.offsetParent) window.flashed.push(node.innerText);
            }
            requestAnimationFrame(look);
        };
        look();"""
    )
    visit(page, toy, "/?kind=choice")
    drawn(page)
    choose_by_keys(page)
    guess(page)
    expect(page.get_by_text("behind the answer to choice")).to_be_visible()
    page.evaluate("window.flashed = []")
    before = drawings(page)
    choose(page, "kind", "order")  # answered here, not answered there
    drawn(page, after=before)
    expect(question(page)).to_contain_text("Which frequency")
    assert not any("order" in text for text in page.evaluate("window.flashed"))
    assert page.locator("html").get_attribute("data-ntkviz") is None


def test_a_guess_survives_a_reload_and_is_forgotten_on_demand(toy, page):
    visit(page, toy, "/?kind=number")
    drawn(page)
    number_by_keys(page)
    guess(page)
    page.reload()
    settled(page)
    drawn(page)
    assert verdict(page) == "You said 300 steps, it took 139: 2.2 times too many."
    page.get_by_role("button", name="Ask again").click()
    expect(question(page).get_by_role("slider")).to_be_visible()
    until(page, lambda: names(page, "loss") == ["theory"], "the answer to be gone")
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('ntkviz'))") == []
    guess_again = question(page).get_by_role("spinbutton")
    guess_again.fill("139")
    page.keyboard.press("Enter")
    expect(page.locator(".stage-verdict")).to_have_text("You said 139 steps, it took 139: exactly right.")
    page.get_by_role("button", name="Forget my answers").click()
    expect(question(page).get_by_role("slider")).to_be_visible()


def test_a_browser_without_storage_remembers_as_long_as_the_page_lives(toy, page):
    full = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"
    page.add_init_script(full)
    visit(page, toy, "/?kind=choice")
    drawn(page)
    choose_by_keys(page)
    guess(page)
    page.get_by_text("Another setting").click()
    until(page, lambda: "Rerun 2" in page.content(), "the rerun")
    assert "That is right" in verdict(page)


@pytest.mark.parametrize(("ask", "asked"), [("open", False), ("ask", True), ("none", False)])
def test_a_link_opens_the_answer_asks_or_has_no_question(toy, page, ask, asked):
    visit(page, toy, "/?kind=choice")
    drawn(page)
    choose_by_keys(page)
    guess(page)
    visit(page, toy, f"/?kind=choice&ask={ask}")
    drawn(page)
    assert question(page).get_by_role("radio").count() == (3 if asked else 0)
    assert names(page, "loss") == (["theory"] if asked else ["theory", "network"])
    assert page.locator("html").get_attribute("data-ntkviz") == (None if asked else "open")
    assert question(page).is_visible() == (ask != "none")


def test_a_question_without_an_answer_shows_everything(toy, page):
    visit(page, toy, "/?kind=number&answer=none&slots=2")
    drawn(page)
    assert "has no answer at these settings" in verdict(page)
    assert names(page, "loss") == ["theory", "network"]
    assert page.locator("html").get_attribute("data-ntkviz") == "open"


def test_a_guess_while_the_run_goes_on_waits_for_its_answer(toy, page):
    visit(page, toy, "/?kind=number&answer=later")
    drawn(page)
    number_by_keys(page)
    guess(page)
    assert verdict(page) == "You said 300 steps. The run is not finished; the answer appears here when it is."


def test_a_rerun_leaves_a_form_that_is_being_filled_in(toy, page):
    visit(page, toy, "/?kind=number")
    drawn(page)
    number_by_keys(page)
    page.get_by_text("Another setting").click()
    until(page, lambda: "Rerun 2" in page.content(), "the rerun")
    assert question(page).get_by_role("spinbutton").input_value() == "300"


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


@pytest.fixture
def phone(new_page):
    return new_page(width=390, height=844, has_touch=True, is_mobile=True)


def swipe(page: Page, x: float, y: float, by: float) -> None:
    """Drag a finger upwards, as the browser's own touch input."""
    fingers = page.context.new_cdp_session(page)
    touch = {"x": x, "y": y}
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [touch]})
    for i in range(1, 11):
        moved = {"x": x, "y": y - by * i / 10}
        fingers.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [moved]})
        page.wait_for_timeout(16)
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


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
    place = plot.evaluate(
        """plot => {
            const { xaxis, yaxis } = plot._fullLayout, { left, top } = plot.getBoundingClientRect();
            return [left + xaxis._offset + xaxis.d2p(1), top + yaxis._offset + yaxis.d2p(1)];
        }"""
    )
    phone.touchscreen.tap(*place)
    until(phone, lambda: "frame=0" in phone.url, "the first frame in the link")


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_fits_a_phone(toy, phone, kind):
    visit(phone, toy, f"/?kind={kind}")
    drawn(phone)
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    parts = phone.locator(".stage-question :is(button, label, input, legend, p)")
    widest = parts.evaluate_all("parts => Math.max(...parts.map(part => part.getBoundingClientRect().right))")
    assert widest <= 390


def test_a_finger_moves_an_item_by_its_grip(toy, phone):
    visit(phone, toy, "/?kind=order")
    drawn(phone)
    grip, last = (
        phone.locator(".stage-grip").first.bounding_box(),
        phone.locator(".stage-order-item").last.bounding_box(),
    )
    assert grip
    assert last
    fingers = phone.context.new_cdp_session(phone)
    start, end = grip["y"] + grip["height"] / 2, last["y"] + last["height"] - 5
    for i in range(13):
        point = {"x": grip["x"] + grip["width"] / 2, "y": start + (end - start) * i / 12}
        kind = "touchMove" if i else "touchStart"
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        phone.wait_for_timeout(16)
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    guess(phone)
    assert verdict(phone).startswith("Your order was “frequency 1”, “frequency 2”, “frequency 4”.")


def test_a_finger_draws_and_the_page_stays(toy, phone):
    visit(phone, toy, "/?kind=sketch")
    drawn(phone)
    phone.get_by_role("button", name="Go to the chart").click()
    pad = phone.locator(".stage-pad")
    phone.wait_for_timeout(700)  # the page scrolls to it
    area = pad.bounding_box()
    assert area
    fingers = phone.context.new_cdp_session(phone)
    for i in range(21):
        point = {
            "x": area["x"] + 1 + i * (area["width"] - 2) / 20,
            "y": area["y"] + area["height"] * (0.24 + 0.024 * i),
        }
        kind = "touchMove" if i else "touchStart"
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert pad.bounding_box() == area
    guess(phone)
    assert verdict(phone).endswith(": right.")


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


def saved(page: Page, chart: str) -> set[str]:
    """The series of a chart's table."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=f"CSV: numbers behind this picture ({chart})").click()
    lines = waiting.value.path().read_text().splitlines()
    return {row["series"] for row in csv.DictReader(line for line in lines if not line.startswith("#"))}
