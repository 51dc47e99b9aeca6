"""The times that a visitor waits, measured in a real browser: for the first picture, and after moving a slider.

    python benchmarks/latency.py [--moves 11] [--url http://localhost:8501]

For each page, with its answer shown: from opening a link to the first drawn picture (a new browser context each time,
the server warm), then for sliders of the open row from the key press to the drawn picture of the new settings, going to
and fro between two. On a page with several pictures the first one counts.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from scripts.find_browser import find  # noqa: E402
from tests.browser.conftest import ARGUMENTS  # noqa: E402
from tests.browser.server import serve, wait_until_warm  # noqa: E402
from tests.browser.steps import ANSWERED, QUIET, drawings, settled  # noqa: E402

PAGES = {"": [], "spectrum": ["depth", "width"], "train": ["width", "c"], "lazy": []}
SLOT = "a"  # whose picture counts


@dataclass
class Row:
    page: str
    what: str
    milliseconds: list[float]

    def line(self) -> str:
        ordered = sorted(self.milliseconds)
        p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
        median = statistics.median(ordered)
        return (
            f"{self.page or 'start':<10} {self.what:<34} {median:8.0f} {p95:8.0f} {ordered[-1]:8.0f}   {len(ordered)}"
        )


@contextmanager
def running(url: str | None) -> Iterator[str]:
    """The server to measure: the one at `--url`, or a new one after its warm-up."""
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder, serve(ROOT, Path(folder) / "log") as own:
        wait_until_warm(own)
        yield own


def open_page(browser: Browser, url: str) -> tuple[Page, float]:
    """The page of a new visitor, and the milliseconds until its first picture was drawn."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    started = time.perf_counter()
    page.goto(url)
    page.wait_for_function(ANSWERED, arg=[SLOT, 0], polling=20, timeout=60_000)
    taken = 1000 * (time.perf_counter() - started)
    settled(page)
    return page, taken


def press(page: Page, key: str, arrow: str) -> float:
    """Milliseconds from an arrow key on a slider to the drawn picture of the new settings."""
    slider = page.locator(f".st-key-{key} input[type=range]").first
    slider.focus()
    before = drawings(page, SLOT)
    started = time.perf_counter()
    slider.press(arrow)
    page.wait_for_function(ANSWERED, arg=[SLOT, before], polling=10, timeout=60_000)
    taken = 1000 * (time.perf_counter() - started)
    page.wait_for_function(QUIET, arg="", timeout=60_000)
    settled(page)
    page.wait_for_timeout(250)
    return taken


def measure(browser: Browser, url: str, moves: int) -> Iterator[Row]:
    for path, keys in PAGES.items():
        opened = []
        for _ in range(5):
            page, taken = open_page(browser, f"{url}/{path}?ask=0")
            opened.append(taken)
            page.context.close()
        yield Row(path, "open: first picture", opened)
        for key in keys:
            page, _ = open_page(browser, f"{url}/{path}?ask=0")
            there = [press(page, key, arrow) for arrow in ["ArrowLeft", "ArrowRight"] * (moves // 2)]
            yield Row(path, f"{key}: seen before and beside", there)
            page.context.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--moves", type=int, default=12)
    options.add_argument("--url")
    asked = options.parse_args()
    print(f"{'page':<10} {'what':<34} {'median':>8} {'p95':>8} {'worst':>8}   n   (milliseconds)")
    with running(asked.url) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=ARGUMENTS)
        for row in measure(browser, url, asked.moves):
            print(row.line(), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
