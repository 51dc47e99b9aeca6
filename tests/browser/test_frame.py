"""The frame of a lesson in a real browser: presets, links, what is hidden before the guess, old pictures."""

import pytest
from playwright.sync_api import expect

from ntkviz.ui.syllabus import syllabus
from tests.browser.steps import (
    SETTLED,
    answer,
    chart,
    control,
    drawings,
    drawn,
    frames,
    query,
    settled,
    slider,
    slider_value,
    swipe,
    traces,
    until,
    visit,
)

ENTRIES = {entry.path: entry for entry in syllabus()}
SLOW = "/train?width=4096&depth=2&steps=2000&seeds=1"  # forty seconds of work in slot a, and one or two in slot b


def text_of(page):
    """All that a visitor can see or hear on the page, in one text."""
    return page.locator("[data-testid=stMain]").inner_text()


@pytest.mark.parametrize("path", ENTRIES)
def test_nothing_on_a_lesson_gives_the_answer_away(server, page, path):
    lesson = ENTRIES[path].lesson
    visit(page, server, f"/{path}")
    drawn(page, slot="a")
    assert page.get_by_role("button", name="Show me").count() == 1
    before = text_of(page)
    assert lesson.default.setup in before
    assert "Notes for the lecturer" not in before
    assert page.locator(".stage-number").count() == 0
    answer(page)
    drawn(page, slot="a")
    assert "Notes for the lecturer" in text_of(page)
    assert page.locator(".stage-number").count() > 0
    page.reload()
    drawn(page, slot="a")
    assert page.locator(".stage-number").count() > 0  # the browser remembers


def test_another_preset_asks_its_own_question_and_is_marked(server, page):
    first, second = ENTRIES["train"].lesson.presets[:2]
    visit(page, server, "/train")
    drawn(page, slot="a")
    answer(page)
    page.get_by_role("button", name=second.name, exact=True).click()
    until(page, lambda: query(page).get("preset") == second.key, "the preset in the link")
    until(page, lambda: second.setup in text_of(page), "the setup of the preset")
    until(page, lambda: page.locator(".stage-number").count() == 0, "the answer to be hidden again")
    kinds = {
        name: control(page, f"preset_{name}").locator("button").get_attribute("kind")
        for name in (first.key, second.key)
    }
    assert (kinds[first.key], kinds[second.key]) == ("secondary", "primary")
    page.get_by_role("button", name=first.name, exact=True).click()
    until(page, lambda: "preset" not in query(page), "the first preset in the link")
    until(page, lambda: page.locator(".stage-number").count() > 0, "the answer, which was given before")


def test_moving_a_control_after_the_guess_shows_the_answer_at_once(server, page):
    visit(page, server, "/train")
    drawn(page, slot="a")
    answer(page)
    before = drawings(page, "a")
    slider(page, "width", -1)
    drawn(page, after=before, slot="a")
    assert page.locator(".stage-number").count() > 0
    assert query(page)["width"] == "256"
    control(page, "reset").locator("button").click()
    until(page, lambda: slider_value(page, "width") == "512", "the preset's width")
    until(page, lambda: "width" not in query(page), "the preset's link")


@pytest.mark.parametrize(
    ("asked", "shown"), [("", False), ("?width=64", True), ("?ask=0", True), ("?ask=1&width=64", False)]
)
def test_a_link_with_settings_opens_the_answer_and_ask_decides(server, page, asked, shown):
    visit(page, server, f"/train{asked}")
    drawn(page, slot="a")
    assert (page.locator(".stage-number").count() > 0) is shown


def test_a_value_out_of_bounds_is_set_to_the_nearest_and_the_page_says_so(server, page):
    visit(page, server, "/train?c=99")
    page.get_by_text("4.5 is set in place of 99").wait_for()
    assert slider_value(page, "c") == "4.50"
    until(page, lambda: query(page)["c"] == "4.5", "the value in the link")


def test_a_link_with_the_words_of_an_older_version_still_opens(server, page):
    visit(page, server, "/train?data=Two+moons&width=64")
    drawn(page, slot="a")
    assert query(page)["data"] == "moons"


def test_an_old_picture_under_new_settings_is_dimmed_and_says_which_it_shows(server, page):
    visit(page, server, "/train?width=16&depth=5&steps=5000&seeds=1")
    drawn(page, slot="a")
    stage = page.locator("[class*=_a_stage] .stage")
    assert not stage.locator(".stage-stale").inner_text()
    control(page, "width").locator("input[type=range]").press("End")  # more than a run may take
    page.get_by_text("and the limit is").wait_for()
    expect(stage.locator(".stage-stale")).to_contain_text("width 16.")
    until(page, lambda: stage.locator(".stage-body").evaluate("body => getComputedStyle(body).opacity") == "0.4", "dim")
    control(page, "reset").locator("button").click()
    expect(stage.locator(".stage-stale")).to_have_text("", timeout=60_000)
    drawn(page, slot="a")
    assert stage.locator(".stage-body").evaluate("body => getComputedStyle(body).opacity") == "1"


def test_every_page_has_its_own_title(server, page):
    titles = {"": "Start", **{path: f"{entry.lesson.title} · ntkviz" for path, entry in ENTRIES.items()}}
    for path, title in titles.items():
        visit(page, server, f"/{path}")
        until(page, lambda title=title: page.title() == title, f"the title {title}")


def gap_points(page):
    """How many networks the chart of the gaps shows."""
    found = [one for one in traces(page, "gap") if one["name"] == "gap to the linearisation"]
    return len(found[0]["x"]) if found else 0


def test_two_slots_run_and_stop_each_by_itself(server, page):
    visit(page, server, SLOW)
    stop = control(page, "stop_a").locator("button")
    stop.wait_for()
    assert not page.locator("[data-testid=stStatusWidget]").is_visible()  # Streamlit's own would be another Stop
    stop.click()
    page.get_by_text("You stopped this run.").wait_for()
    drawn(page, slot="b")
    until(
        page, lambda: gap_points(page) and control(page, "stop_b").count() == 0, "the end of slot b's run", timeout=60
    )
    assert control(page, "again_a").is_visible()
    assert control(page, "again_b").count() == 0
    chart(page, "gap").evaluate("plot => { window.kept = plot; }")
    control(page, "again_a").locator("button").click()
    control(page, "stop_a").wait_for()
    assert control(page, "stop_b").count() == 0
    assert not page.get_by_text("You stopped this run.").is_visible()
    assert chart(page, "gap").evaluate("plot => plot === window.kept")  # it is not mounted anew
    control(page, "stop_a").locator("button").click()
    page.get_by_text("You stopped this run.").wait_for()


def test_slots_keep_their_frames_in_the_link_each_by_itself(toy, new_page):
    first, second = new_page(), new_page()
    visit(first, toy, "/?kind=choice&ask=open&slots=2")
    drawn(first)
    thumbs = first.locator(".stage-scrub input")
    thumbs.nth(1).press("Home")
    until(first, lambda: query(first).get("frame_b") == "0", "the frame of the second slot")
    assert "frame" not in query(first)
    thumbs.nth(0).press("End")
    last = thumbs.nth(0).input_value()
    until(first, lambda: query(first).get("frame") == last, "the frame of the first slot")
    assert query(first)["frame_b"] == "0"
    visit(second, toy, first.url.removeprefix(toy))
    drawn(second)
    assert [thumb.input_value() for thumb in second.locator(".stage-scrub input").all()] == [last, "0"]


def test_the_frame_of_one_slot_stays_while_the_other_is_computed_anew(server, page):
    visit(page, server, "/train?ask=0&seeds=1&frame=3")
    drawn(page)
    assert frames(page).input_value() == "3"
    before = drawings(page, "b")
    slider(page, "c", +1)
    drawn(page, after=before, slot="b")
    drawn(page)
    assert frames(page).input_value() == "3"
    assert query(page)["frame"] == "3"


def test_eight_quick_presses_end_eight_frames_on(server, page):
    visit(page, server, "/train?ask=0")
    drawn(page, slot="a")
    thumb = frames(page)
    start = int(thumb.input_value())
    thumb.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    until(page, lambda: query(page).get("frame") == str(start + 8), "the frame in the link")
    before = drawings(page, "a")
    slider(page, "width", -1)
    drawn(page, after=before, slot="a")
    assert thumb.input_value() == query(page)["frame"] == str(start + 8)


def test_a_swipe_over_a_chart_scrolls_the_page(server, phone):
    visit(phone, server, "/train?ask=0")
    drawn(phone, slot="a")
    plot = chart(phone, "loss")
    plot.scroll_into_view_if_needed()
    window = "plot => JSON.stringify([plot._fullLayout.xaxis.range, plot._fullLayout.yaxis.range])"
    before, shown = plot.bounding_box(), plot.evaluate(window)
    swipe(phone, before["x"] + before["width"] / 2, before["y"] + before["height"] / 2, 150)
    until(phone, lambda: plot.bounding_box()["y"] < before["y"] - 60, "the page to scroll")
    assert plot.evaluate(window) == shown


def test_a_guess_survives_a_connection_that_breaks(server, page):
    streams = []

    def join(stream):
        streams.append((stream, stream.connect_to_server()))

    page.route_web_socket("**/_stcore/stream", join)
    visit(page, server, "/train")
    drawn(page, slot="a")
    page.locator(".stage-question").get_by_role("spinbutton").fill("300")
    page.get_by_role("button", name="This is my guess").click()
    verdict = page.locator(".stage-verdict")
    expect(verdict).to_contain_text("You said 300 steps")
    said = verdict.inner_text()
    for end in streams[-1]:
        end.close(code=3000, reason="the network is gone")
    page.wait_for_function("() => !document.querySelector('[data-test-connection-state=CONNECTED]')")
    until(page, lambda: len(streams) > 1, "the browser to connect again")
    page.wait_for_selector(SETTLED, state="attached")
    assert verdict.inner_text() == said
    before = drawings(page, "a")
    slider(page, "width", -1)
    drawn(page, after=before, slot="a")
    expect(verdict).to_contain_text("You said 300 steps")
    assert page.locator(".stage-number").count() > 0


def test_back_to_an_earlier_page_finds_it_whole(server, page):
    title = ENTRIES["train"].lesson.title
    visit(page, server, "/")
    page.get_by_test_id("stMain").get_by_role("link", name=title).click()
    page.wait_for_url("**/train")
    drawn(page, slot="a")
    control(page, "preset_narrow").locator("button").click()
    until(page, lambda: query(page) == {"preset": "narrow"}, "the preset in the link")
    drawn(page, slot="a")
    page.get_by_role("link", name="Start", exact=True).first.click()
    page.wait_for_url(f"{server}/")
    settled(page)
    page.go_back()
    page.wait_for_url("**/train**")
    until(page, lambda: page.title() == f"{title} · ntkviz", "the title of the page")
    drawn(page, slot="a")
    chosen = query(page).get("preset", "first")
    assert control(page, f"preset_{chosen}").locator("button").get_attribute("kind") == "primary"
    assert ENTRIES["train"].lesson.preset(chosen).setup in text_of(page)
    assert page.locator("[data-testid=stException]").count() == 0
    before = drawings(page, "a")
    slider(page, "width", +1)
    drawn(page, after=before, slot="a")
    assert int(query(page)["width"]) == 2 * ENTRIES["train"].lesson.preset(chosen).spec.train.arch.width
