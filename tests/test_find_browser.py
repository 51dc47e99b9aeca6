"""A browser is found, or the words say how to get one."""

import sys
from pathlib import Path

import pytest

from scripts import find_browser


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with an empty PATH folder, which is returned, and nothing downloaded."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("NTKVIZ_BROWSER", raising=False)
    monkeypatch.setattr(find_browser, "playwrights_own", lambda: tmp_path / "nothing")
    return tmp_path


def program(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_chromium_on_the_path_is_found(bare: Path) -> None:
    there = program(bare / ("chromium.exe" if sys.platform == "win32" else "chromium"))
    assert find_browser.find() == there


def test_the_named_browser_goes_first(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare / "chromium")
    named = program(bare / "mine.exe")
    monkeypatch.setenv("NTKVIZ_BROWSER", str(named))
    assert find_browser.find() == named


def test_a_name_that_leads_nowhere_is_said_to(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare / "chromium")
    monkeypatch.setenv("NTKVIZ_BROWSER", "no-such-browser")
    with pytest.raises(find_browser.NoBrowser, match="NTKVIZ_BROWSER is 'no-such-browser'"):
        find_browser.find()


def test_without_one_the_words_say_what_to_install(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["find_browser.py", "--install"])
    monkeypatch.setattr(find_browser, "succeeds", lambda command: False)
    with pytest.raises(SystemExit, match="apt-get install chromium"):
        find_browser.main()


def test_debians_package_goes_before_playwrights_download(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare / "apt-get")
    monkeypatch.setattr(find_browser, "release", lambda: "NAME=Debian\nID=debian\n")
    monkeypatch.setattr("os.geteuid", lambda: 0, raising=False)
    tried: list[list[str]] = []

    def installs(command: list[str]) -> bool:
        tried.append(command)
        if command[:2] == ["apt-get", "install"]:
            program(bare / "chromium")
        return True

    monkeypatch.setattr(find_browser, "succeeds", installs)
    assert find_browser.install().name == "chromium"
    assert [command[0] for command in tried] == ["apt-get", "apt-get"]


def test_playwrights_download_is_tried_where_debians_package_fails(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare / "apt-get")
    monkeypatch.setattr(find_browser, "release", lambda: "ID=debian\n")
    monkeypatch.setattr("os.geteuid", lambda: 0, raising=False)

    def installs(command: list[str]) -> bool:
        if command[0] == "apt-get":
            return False
        program(bare / "nothing")  # where playwright would put it
        return True

    monkeypatch.setattr(find_browser, "succeeds", installs)
    assert find_browser.install() == bare / "nothing"
