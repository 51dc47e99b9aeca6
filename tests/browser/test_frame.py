"""The frame of a lesson in a real browser: presets, links, what is hidden before the guess, old pictures."""

from urllib.parse import parse_qs, urlsplit

import pytest

from ntkviz.ui.syllabus import syllabus
from tests.browser.steps import answer, control, drawings, drawn, slider, slider_value, until, visit

ENTRIES = {entry.path: entry for entry in syllabus()}


def query(page):
    """The parameters of the page's link."""
    return {name: words[-1] for name, words in parse_qs(urlsplit(page.url).query).items()}


def hidden_text(page):
    """All that a visitor can see or hear on the page, in one text."""
    return page.locator("[data-testid=stMain]").inner_text()


@pytest.mark.parametrize("path", ENTRIES)
def test_nothing_on_a_lesson_gives_the_answer_away(server, page, path):
    lesson = ENTRIES[path].lesson
    visit(page, server, f"/{path}")
    drawn(page)
    assert page.get_by_role("button", name="Show me").count() == 1
    before = hidden_text(page)
    assert lesson.default.setup in before
    assert "Notes for the lecturer" not in before
    assert page.locator(".stage-number").count() == 0
    answer(page)
    drawn(page)
    assert "Notes for the lecturer" in hidden_text(page)
    assert page.locator(".stage-number").count() > 0
    page.reload()
    drawn(page)
    assert page.locator(".stage-number").count() > 0  # the browser remembers


def test_another_preset_asks_its_own_question_and_is_marked(server, page):
    first, second = ENTRIES["train"].lesson.presets[:2]
    visit(page, server, "/train")
    drawn(page)
    answer(page)
    page.get_by_role("button", name=second.name, exact=True).click()
    until(page, lambda: query(page).get("preset") == second.key, "the preset in the link")
    until(page, lambda: second.setup in hidden_text(page), "the setup of the preset")
    until(page, lambda: page.locator(".stage-number").count() == 0, "the answer to be hidden again")
    drawn(page)
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
    drawn(page)
    answer(page)
    before = drawings(page)
    slider(page, "width", -1)
    drawn(page, after=before)
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
    drawn(page)
    assert (page.locator(".stage-number").count() > 0) is shown


def test_a_value_out_of_bounds_is_set_to_the_nearest_and_the_page_says_so(server, page):
    visit(page, server, "/train?c=99")
    page.get_by_text("4.5 is set in place of 99").wait_for()
    assert slider_value(page, "c") == "4.50"
    until(page, lambda: query(page)["c"] == "4.5", "the value in the link")


def test_a_link_with_the_words_of_an_older_version_still_opens(server, page):
    visit(page, server, "/train?data=Two+moons&width=64")
    drawn(page)
    assert query(page)["data"] == "moons"


def test_an_old_picture_under_new_settings_says_which_it_shows(server, page):
    visit(page, server, "/train?width=64&ask=0")
    drawn(page)
    page.evaluate(
        """() => {
          window.seen = [];
          new MutationObserver(() => {
            for (const stage of document.querySelectorAll('.stage-is-stale')) window.seen.push(stage.innerText);
          }).observe(document.body, { subtree: true, childList: true, attributes: true });
        }"""
    )
    slider(page, "width", +6)  # a network of 4096 neurons, which nobody has asked for
    until(
        page,
        lambda: page.evaluate("window.seen.some((text) => text.includes('width 64'))"),
        "the old picture's settings",
    )
    drawn(page)
    assert page.locator(".stage-is-stale").count() == 0


def test_every_page_has_its_own_title(server, page):
    titles = {"": "Start", **{path: f"{entry.lesson.title} · ntkviz" for path, entry in ENTRIES.items()}}
    for path, title in titles.items():
        visit(page, server, f"/{path}")
        until(page, lambda title=title: page.title() == title, f"the title {title}")


def test_there_is_one_stop(server, page):
    visit(page, server, "/train?width=2048&steps=2000&depth=3")
    control(page, "stop_a").wait_for()
    assert not page.locator("[data-testid=stStatusWidget]").is_visible()
    control(page, "stop_a").locator("button").click()
    page.get_by_text("You stopped this run.").wait_for()
