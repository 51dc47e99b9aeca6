"""What a visitor does and sees, in the words of the tests.

Wait for what you expect (`until`, playwright's `expect`), never for a time: right after an action the page can still
say that it is settled.
"""

import csv
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page

SETTLED = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"

# Attributes of a trace as plain lists: typed arrays and rows of them do not cross to Python by themselves.
READ = """plot => {
  const plain = v => ArrayBuffer.isView(v) || Array.isArray(v) ? Array.from(v, plain) : v;
  return plot._fullData.map(t => ({
    name: t.name, type: t.type, visible: t.visible, mode: t.mode, color: (t.line || t.marker || {}).color,
    x: plain(t.x ?? []), y: plain(t.y ?? []), z: plain(t.z ?? []),
  }));
}"""


def visit(page: Page, url: str, path: str = "/") -> None:
    """Open a page of the course and wait until its script has run."""
    page.goto(url + path)
    settled(page)


def settled(page: Page) -> None:
    """Wait until the page is connected, no script is running and every element has been loaded."""
    page.wait_for_selector(SETTLED, state="attached")
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")


def until(page: Page, holds: Callable[[], Any], what: str, timeout: float = 60.0) -> Any:
    """Look again until `holds()` is true, and return it; `what` says in the failure what was waited for."""
    pause = 50  # ms
    for _ in range(round(1000 * timeout / pause)):
        if value := holds():
            return value
        page.wait_for_timeout(pause)
    raise AssertionError(f"Waited {timeout:g} s in vain for {what}.")


def control(page: Page, key: str) -> Locator:
    """The widget with this key."""
    return page.locator(f".st-key-{key}")


def slider(page: Page, key: str, steps: int) -> None:
    """Move a slider by arrow keys, to the right for positive `steps`. The page reruns once it is let go."""
    thumb = control(page, key).locator("input[type=range]").first
    thumb.focus()
    for _ in range(abs(steps)):
        thumb.press("ArrowRight" if steps > 0 else "ArrowLeft")


def slider_value(page: Page, key: str) -> str:
    """What the slider says that it is at."""
    thumb = control(page, key).locator("input[type=range]").first
    return thumb.get_attribute("aria-valuetext") or thumb.input_value()


def choose(page: Page, key: str, option: str) -> None:
    """Pick an option of a select box by the words that it shows."""
    control(page, key).locator("input").first.click()
    page.get_by_role("option", name=option, exact=True).click()


def chart(page: Page, name: str) -> Locator:
    """The Plotly element of the chart with this name; found anew at every use."""
    return page.locator(f'[data-chart="{name}"].js-plotly-plot, [data-chart="{name}"] .js-plotly-plot').first


def traces(page: Page, name: str) -> list[dict[str, Any]]:
    """The traces that a chart now draws: name, type, visible, mode, color, x, y, z."""
    plot = chart(page, name)
    plot.wait_for(state="attached")
    until(page, lambda: plot.evaluate("plot => Boolean(plot._fullData)"), f"chart {name} to be drawn")
    found: list[dict[str, Any]] = plot.evaluate(READ)
    return found


def trace(page: Page, name: str, called: str) -> dict[str, Any]:
    """The one trace of a chart that has this name in the legend."""
    found = [t for t in traces(page, name) if t["name"] == called]
    names = [t["name"] for t in traces(page, name)]
    assert len(found) == 1, f"chart {name} draws {names}, not one {called!r}"
    return found[0]


# Every slot of a page has a stage of its own; an empty name stands for all of them.
OF_SLOT = "Array.from(document.querySelectorAll(slot ? `[class*='_${slot}_stage'] .stage` : '.stage'))"
COUNTED = f"slot => {OF_SLOT}.reduce((sum, stage) => sum + Number(stage.dataset.drawn ?? 0), 0)"
QUIET = "slot => !document.querySelector(`[class*='st-key-stop_${slot}']`)"
COMPLETE = f"""slot => {{
  const counts = {OF_SLOT}.map((stage) => stage.dataset);
  return counts.length > 0 && counts.every((count) => count.complete && count.complete === count.drawn);
}}"""
# The picture of the page's settings: no run goes on, it is drawn, and it is not an old one that is still shown.
ANSWERED = f"""([slot, after]) => ({QUIET})(slot) && ({COUNTED})(slot) > after
  && !{OF_SLOT}.some((stage) => stage.classList.contains('stage-is-stale'))"""


def drawings(page: Page, slot: str = "") -> int:
    """How often the charts of a slot, or of all slots of the page, have been drawn."""
    return int(page.evaluate(COUNTED, slot))


def drawn(page: Page, after: int = 0, slot: str = "") -> None:
    """Wait until a slot, or all of the page, has been drawn more often than `after`, completely, and no run goes on."""
    until(page, lambda: drawings(page, slot) > after, "the charts to be drawn")
    page.wait_for_function(QUIET, arg=slot)
    settled(page)
    page.wait_for_function(COMPLETE, arg=slot)


def answer(page: Page) -> None:
    """Show the answer without a guess."""
    page.get_by_role("button", name="Show me").first.click()
    page.wait_for_selector(":root[data-ntkviz=open]", state="attached")


def zoom(page: Page, name: str) -> list[float]:
    """Zoom into the middle of a chart with the mouse; the part of the x-axis that it then shows."""
    chart(page, name).scroll_into_view_if_needed()
    full = window_of(page, name)
    area = chart(page, name).locator(".nsewdrag").first.bounding_box()
    assert area
    page.mouse.move(area["x"] + 0.3 * area["width"], area["y"] + 0.3 * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + 0.7 * area["width"], area["y"] + 0.7 * area["height"], steps=5)
    page.mouse.up()
    zoomed: list[float] = until(page, lambda: window_of(page, name) != full and window_of(page, name), "the zoom")
    return zoomed


def window_of(page: Page, name: str) -> list[float]:
    """The part of the x-axis that a chart shows."""
    return [float(x) for x in chart(page, name).evaluate("plot => plot._fullLayout.xaxis.range")]


def frames(page: Page, slot: str = "a") -> Locator:
    """The slider that moves the charts of a slot through their frames."""
    return page.locator(f"[class*='_{slot}_stage'] .stage-scrub input")


def query(page: Page) -> dict[str, str]:
    """The parameters of the page's link."""
    return {name: words[-1] for name, words in parse_qs(urlsplit(page.url).query).items()}


def saved(page: Page, name: str) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    """What the CSV of a chart holds: its settings, and x, y and z of each row by the name of the series."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=f"CSV: numbers behind this picture ({name})").click()
    lines = waiting.value.path().read_text().splitlines()
    head = dict(line.removeprefix("# ").split(": ", 1) for line in lines if line.startswith("# "))
    rows: dict[str, list[list[str]]] = {}
    for series, *values in list(csv.reader(line for line in lines if not line.startswith("# ")))[1:]:
        rows.setdefault(series, []).append(values)
    return head, rows


def swipe(page: Page, x: float, y: float, by: float) -> None:
    """Drag a finger upwards by so many pixels, as the browser's own touch input."""
    fingers = page.context.new_cdp_session(page)
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for i in range(1, 11):
        moved = {"x": x, "y": y - by * i / 10}
        fingers.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [moved]})
        page.wait_for_timeout(16)
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
