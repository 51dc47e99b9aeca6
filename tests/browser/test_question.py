"""A question before its answer, on a toy page in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.guesses import (
    choose_by_keys,
    choose_by_mouse,
    guess,
    names,
    number_by_keys,
    number_by_mouse,
    order_by_keys,
    order_by_mouse,
    question,
    sketch_by_keys,
    sketch_by_mouse,
    verdict,
)
from tests.browser.steps import choose, drawings, drawn, settled, until, visit

KINDS = ["choice", "number", "order", "sketch"]
SECRETS = ["139", "131", "−0.42", "most of the work", "more slowly", "behind the answer", "fastest mode"]
# What stands in the stages for eyes and ears, be it displayed or not.
TOLD = """stages => stages.flatMap(stage => [
    stage.textContent, ...Array.from(stage.querySelectorAll('[aria-label]'), node => node.ariaLabel),
]).join(' ')"""


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


def test_a_guess_about_a_run_that_was_stopped_says_so(toy, page):
    visit(page, toy, "/?kind=number&answer=stopped")
    drawn(page)
    number_by_keys(page)
    guess(page)
    assert verdict(page) == (
        "You said 300 steps. The run was stopped before its end, so there is no answer yet. "
        "Choose “Run again” to compute it."
    )


def test_a_rerun_leaves_a_form_that_is_being_filled_in(toy, page):
    visit(page, toy, "/?kind=number")
    drawn(page)
    number_by_keys(page)
    page.get_by_text("Another setting").click()
    until(page, lambda: "Rerun 2" in page.content(), "the rerun")
    assert question(page).get_by_role("spinbutton").input_value() == "300"


def test_a_rerun_leaves_a_curve_that_is_being_drawn(toy, page):
    visit(page, toy, "/?kind=sketch")
    drawn(page)
    sketch_by_mouse(page)
    line = page.locator(".stage-pad path")
    before, count = line.get_attribute("d"), drawings(page)
    assert before
    page.locator(".stage-handle").nth(2).focus()
    page.evaluate("document.querySelector('.st-key-other input').click()")
    drawn(page, after=count)
    assert line.get_attribute("d") == before
    guess(page)
    assert verdict(page).endswith(": right.")


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
