"""Take the README's pictures from the running app: `make screenshots`, or `python -m scripts.screenshots [FOLDER]`.

Into docs/images go one picture a page, each with its answer shown. With a folder named, every page in every dress goes
there instead (projector and phone, light and dark, before and after the guess), for a look before a change lands.
"""

import io
import sys
import tempfile
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from ntkviz.ui.syllabus import syllabus
from scripts.find_browser import find
from tests.browser.conftest import ARGUMENTS
from tests.browser.server import serve
from tests.browser.steps import drawn, visit

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
PATHS = ("", *(entry.path for entry in syllabus()))
ASKS = {"answer": "?ask=0", "question": ""}  # what is shown -> the end of the link
SIZES = {"projector": (1440, 900), "phone": (390, 844)}


def picture(browser: Browser, link: str, size: str, scheme: str, whole: bool) -> bytes:
    """One page as a visitor sees it, or all of it from top to bottom."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    visit(page, link, "")
    drawn(page)
    if whole:
        unfold(page, width)
    taken = page.screenshot()
    context.close()
    return taken


def unfold(page: Page, width: int) -> None:
    """Make the browser's window as high as the page."""
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": height + 40})
    page.wait_for_timeout(700)  # charts follow the new size


def save(taken: bytes, path: Path) -> None:
    """Write a picture in 256 colours, which takes a fifth of the bytes and looks the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(256).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def main(folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as logs, serve(ROOT, Path(logs) / "log") as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=ARGUMENTS)
        for path in PATHS:
            name = path or "start"
            if folder is None:
                link = f"{url}/{path}{ASKS['answer']}"
                save(picture(browser, link, "projector", "light", whole=False), IMAGES / f"{name}.png")
                continue
            for size, scheme, shown in product(SIZES, ("light", "dark"), ASKS):
                taken = picture(browser, f"{url}/{path}{ASKS[shown]}", size, scheme, whole=True)
                save(taken, folder / f"{name}-{shown}-{size}-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
