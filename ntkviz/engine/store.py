"""Results kept on disk, so that a restart forgets nothing and servers that share a folder compute nothing twice.

One file an answer, named by a digest of its question and of the code that computes; see `stored` for what is inside.
Files appear whole or not at all. Beyond a number of bytes the one that was asked for longest ago goes. A file that is
damaged, or answers something else, is removed and computed again. A disk that is full or cannot be written costs
nothing but the keeping.
"""

import contextlib
import dataclasses
import hashlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntkviz.data import Table
from ntkviz.engine import stored
from ntkviz.engine.version import code_version
from ntkviz.errors import InvalidInput

ABANDONED = 3600.0  # seconds after which an unfinished file is nobody's
COMPLAINT = 60.0  # seconds between two lines in the log about the same trouble

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a file holds: the exact question, the code that answered it, the result."""

    question: str
    code: str
    result: Any


class Store:
    """Answers in a folder, `limit` bytes at most."""

    def __init__(self, folder: Path, limit: float) -> None:
        self._folder = folder
        self._limit = limit
        self._complained = -COMPLAINT
        self.trouble = ""  # in words, while answers cannot be kept

    def path(self, question: str) -> Path:
        """Where the answer to a question is kept."""
        return self._folder / f"{digest(question)}.npz"

    def get(self, question: str) -> Any:
        """The result that answers the question, or None."""
        path = self.path(question)
        if not path.exists():
            return None
        try:
            answer = stored.read(path)
            if (answer.question, answer.code) != (question, code_version()):
                raise InvalidInput(f"{path.name} answers another question.")
            os.utime(path)
        except (InvalidInput, OSError, AttributeError) as error:
            log.warning("stored result removed: %s", error, extra={"event": "store-damaged"})
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        return answer.result

    def put(self, question: str, spec: Any, result: Any) -> None:
        """Keep an answer; never raises. What a visitor uploaded stays in memory, and so does what is no data."""
        if self._limit <= 0 or uploaded(spec):
            return
        try:
            stored.write(self.path(question), Answer(question, code_version(), result), packed=False)
            self._trim()
            self.trouble = ""
        except TypeError:
            log.debug("a result that cannot be written: %s", type(result).__name__)
        except (OSError, MemoryError) as error:
            self.trouble = f"results are not kept on disk: {getattr(error, 'strerror', '') or type(error).__name__}"
            if time.monotonic() - self._complained > COMPLAINT:
                self._complained = time.monotonic()
                log.warning("%s", self.trouble, extra={"event": "store-unwritable"})

    def usage(self) -> tuple[int, int]:
        """Files and bytes."""
        files = self._files()
        return len(files), sum(size for _, size, _ in files)

    def _files(self) -> list[tuple[float, int, Path]]:
        """(last asked for, bytes, path) of each, oldest first; unfinished files that were abandoned go."""
        found = []
        try:
            entries = list(os.scandir(self._folder))
        except OSError:
            return []
        for entry in entries:
            with contextlib.suppress(OSError):  # another server may have removed it
                status = entry.stat()
                if entry.name.endswith(".npz"):
                    found.append((status.st_mtime, status.st_size, Path(entry.path)))
                elif entry.name.endswith(".part") and time.time() - status.st_mtime > ABANDONED:
                    os.unlink(entry.path)
        return sorted(found)

    def _trim(self) -> None:
        files = self._files()
        held = sum(size for _, size, _ in files)
        for _, size, path in files:
            if held <= self._limit:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            held -= size


def digest(question: str) -> str:
    """A short name for a question, as answered by this code."""
    return hashlib.sha256(f"{code_version()}\0{question}".encode()).hexdigest()[:32]


def uploaded(spec: Any) -> bool:
    """Does a spec hold what a visitor uploaded?"""
    if isinstance(spec, Table):
        return True
    return dataclasses.is_dataclass(spec) and any(uploaded(getattr(spec, f.name)) for f in dataclasses.fields(spec))
