"""Uploaded files are bounded in number and in bytes; the oldest are dropped."""

import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from ntkviz.ui import uploads
from ntkviz.ui.uploads import FILES_A_SESSION, Uploads

MEGABYTE = 1_000_000


@pytest.fixture
def manager():
    made = MemoryUploadedFileManager("/upload")
    Uploads(made, megabytes=10.0)
    return made


def put(manager, session, name, size=MEGABYTE):
    file = UploadedFileRec(name, f"{name}.csv", "text/csv", b"x" * size)
    manager.add_file(session_id=session, file=file)  # as Streamlit calls it


def kept(manager):
    """(session, file, bytes) of all files."""
    return {(key, name, len(file.data)) for key, files in manager.file_storage.items() for name, file in files.items()}


def test_a_session_keeps_its_newest_files(manager):
    for number in range(600):
        put(manager, "a", f"{number}")
    put(manager, "b", "own")
    newest = range(600 - FILES_A_SESSION, 600)
    assert kept(manager) == {("a", f"{number}", MEGABYTE) for number in newest} | {("b", "own", MEGABYTE)}


def test_all_sessions_together_keep_a_number_of_bytes(manager):
    for number in range(50):
        put(manager, f"{number}", "file")
    assert kept(manager) == {(f"{number}", "file", MEGABYTE) for number in range(40, 50)}


def test_a_file_that_is_sent_again_counts_once_and_is_the_newest(manager):
    for session in ("a", "b", "a", "a"):
        put(manager, session, "same", 4 * MEGABYTE)
    put(manager, "c", "other", 4 * MEGABYTE)
    assert kept(manager) == {("a", "same", 4 * MEGABYTE), ("c", "other", 4 * MEGABYTE)}


def test_what_a_session_took_with_it_is_not_counted(manager):
    put(manager, "a", "one", 9 * MEGABYTE)
    manager.remove_session_files("a")
    put(manager, "b", "one", 5 * MEGABYTE)
    put(manager, "c", "one", 5 * MEGABYTE)
    assert {session for session, *_ in kept(manager)} == {"b", "c"}


def test_a_file_that_was_read_is_there_without_its_content(manager, monkeypatch):
    class Context:
        session_id, uploaded_file_mgr = "a", manager

    put(manager, "a", "read", 6 * MEGABYTE)
    put(manager, "b", "unread", 4 * MEGABYTE)
    monkeypatch.setattr(uploads, "get_script_run_ctx", lambda: Context)
    uploads.drop_content("read")
    uploads.drop_content("never sent")
    put(manager, "c", "next", 6 * MEGABYTE)
    assert kept(manager) == {("a", "read", 0), ("b", "unread", 4 * MEGABYTE), ("c", "next", 6 * MEGABYTE)}


def test_outside_of_a_page_there_is_nothing_to_drop():
    assert get_script_run_ctx(suppress_warning=True) is None
    uploads.drop_content("anything")
