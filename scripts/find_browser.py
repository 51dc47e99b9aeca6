"""Print the path of a Chromium for the browser tests; with --install, fetch one where there is none.

It looks for the program that NTKVIZ_BROWSER names, then for Chromium or Chrome on the PATH, then for the one that
playwright has downloaded. It installs Debian's package where it runs as root on Debian, else playwright's download.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
ADVICE = (
    "No browser for the tests. Install Chromium (Debian, Ubuntu: apt-get install chromium; any system: "
    "python -m playwright install chromium), or set NTKVIZ_BROWSER to the program of a Chromium that you have."
)


class NoBrowser(Exception):
    """There is no browser; the message says how to get one."""


def find() -> Path:
    """The path of the browser's program; raises `NoBrowser` without one."""
    if named := os.environ.get("NTKVIZ_BROWSER"):
        if path := shutil.which(named):
            return Path(path)
        raise NoBrowser(f"NTKVIZ_BROWSER is {named!r}, which is no program here. {ADVICE}")
    for name in NAMES:
        if path := shutil.which(name):
            return Path(path)
    if (own := playwrights_own()).exists():
        return own
    raise NoBrowser(ADVICE)


def playwrights_own() -> Path:
    """The path of the Chromium that playwright downloads, whether it is there or not."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def install() -> Path:
    """Install a browser by the first way that works and return its path; raises `NoBrowser` where none does."""
    for commands in ways():
        if all(succeeds(command) for command in commands):
            return find()
    raise NoBrowser(ADVICE)


def succeeds(command: list[str]) -> bool:
    """Run a command without input; its output goes to stderr, because stdout is for the path."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print("$", *command, file=sys.stderr, flush=True)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=environment)
    return done.returncode == 0


def ways() -> list[list[list[str]]]:
    """The ways to install a browser on this machine; each is a list of commands."""
    debian = [["apt-get", "update"], ["apt-get", "install", "--yes", "chromium"]]
    own = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    # Ubuntu's package of that name only points at a snap, which a server often cannot run.
    on_debian = "\nID=debian\n" in "\n" + release() + "\n"
    return [debian, own] if is_root and on_debian and shutil.which("apt-get") else [own]


def release() -> str:
    path = Path("/etc/os-release")
    return path.read_text() if path.exists() else ""


def main() -> None:
    try:
        print(find())
    except NoBrowser as error:
        if "--install" not in sys.argv[1:] or os.environ.get("NTKVIZ_BROWSER"):
            sys.exit(str(error))
        try:
            print(install())
        except NoBrowser as still:
            sys.exit(str(still))


if __name__ == "__main__":
    main()
