"""How a visitor answers the questions of the toy page, by mouse and by keyboard; each returns what is then said."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.steps import traces


def question(page: Page) -> Locator:
    return page.locator(".stage-question").first


def verdict(page: Page) -> str:
    return page.locator(".stage-verdict").first.inner_text()


def names(page: Page, of: str) -> list[str]:
    return [trace["name"] for trace in traces(page, of)]


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
