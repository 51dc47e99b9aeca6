"""Bounds on the files that visitors have uploaded: how many each may have, and how many bytes all of them take.

Streamlit keeps every file of a session until the session ends. Here a session keeps its newest files, all sessions
together keep a number of bytes, and a file that has been read keeps its name alone. What is dropped is the oldest.
"""

from collections.abc import Callable
from threading import Lock

from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFileManager, UploadedFileRec

FILES_A_SESSION = 3


class Uploads:
    """The files of all sessions, in the order in which they came."""

    def __init__(self, manager: UploadedFileManager, megabytes: float) -> None:
        """Bound the files of a manager from now on.

        Args:
            manager: of Streamlit, which keeps the files.
            megabytes: what all files together may take.
        """
        if not isinstance(manager, MemoryUploadedFileManager):
            raise TypeError(f"Streamlit keeps uploaded files in another way: {manager!r}.")
        self._manager = manager
        self._bytes = megabytes * 1e6
        self._order: dict[tuple[str, str], None] = {}  # session and file; the manager may have dropped some of them
        self._lock = Lock()
        self._keep: Callable[[str, UploadedFileRec], None] = manager.add_file
        manager.add_file = self.add  # type: ignore[method-assign]  # Streamlit offers no bound of its own

    def add(self, session_id: str, file: UploadedFileRec) -> None:
        """Keep a file, and drop the oldest ones where a bound is reached; the arguments are named as Streamlit's."""
        with self._lock:
            self._keep(session_id, file)
            self._order.pop((session_id, file.file_id), None)
            self._order[session_id, file.file_id] = None
            kept = {key: len(data) for key in self._order if (data := self._data(*key)) is not None}
            own = [key for key in kept if key[0] == session_id]
            for key in own[:-FILES_A_SESSION]:
                self._manager.remove_file(*key)
                del kept[key]
            for key in [*kept][:-1]:  # the newest one stays: its own size is bounded by Streamlit
                if sum(kept.values()) <= self._bytes:
                    break
                self._manager.remove_file(*key)
                del kept[key]
            self._order = dict.fromkeys(kept)

    def _data(self, session: str, file_id: str) -> bytes | None:
        files = self._manager.get_files(session, [file_id])
        return files[0].data if files else None


def drop_content(file_id: str) -> None:
    """Drop the content of a file of this session that has been read; Streamlit still knows that it is there."""
    context = get_script_run_ctx()
    if context is not None and isinstance(manager := context.uploaded_file_mgr, MemoryUploadedFileManager):
        for file in manager.get_files(context.session_id, [file_id]):
            manager.add_file(context.session_id, file._replace(data=b""))
