"""Results on disk: a restart loses none, and servers that share a folder compute none twice.

Each result is one file, named by a digest of its run's key and of the fingerprint of its experiment. Its picture is
another one, under the fingerprint of what drew it, so that a server that finds it draws nothing. `stored` says the
format. A file appears whole or not at all. Beyond a number of bytes the least recently used file is removed. A file
that is damaged, or holds another result, is removed and computed again. A disk that is full or cannot be written stops
nothing but the storing.
"""

import contextlib
import dataclasses
import hashlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ntkviz.data import Table
from ntkviz.engine import stored
from ntkviz.engine.fingerprint import fingerprint, picture_fingerprint
from ntkviz.engine.jobs import Named, ResultT, SpecT, run_key
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Experiment
from ntkviz.specs import Spec

ABANDONED_AFTER = 3600.0  # seconds after which an unfinished file is removed
LOG_EVERY = 60.0  # seconds between two lines in the log about the same trouble

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class StoredResult:
    """What a file holds: the key of the run, the fingerprint of the code, and the result or its picture."""

    key: str
    fingerprint: str
    result: object


class Store:
    """A folder of results with a limit on its size."""

    def __init__(self, folder: Path, limit: float) -> None:
        """A store in this folder of at most `limit` bytes; 0 stores nothing."""
        self._folder = folder
        self._limit = limit
        self._logged = -LOG_EVERY
        self.trouble = ""  # in words, while results cannot be stored

    def path(self, experiment: Named, spec: Spec, code: str = "") -> Path:
        """The file of a result, as computed by the present code, or by that with another fingerprint `code`."""
        name = f"{code or fingerprint(experiment.__name__)}\0{run_key(experiment, spec)}"
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.npz"

    def get(self, experiment: Experiment[SpecT, ResultT], spec: SpecT) -> ResultT | None:
        """The stored result of an experiment at a spec, or None."""
        found = self._read(experiment, spec, fingerprint(experiment.__name__), experiment.Result)
        return cast("ResultT | None", found)

    def picture(self, experiment: Named, spec: Spec, draw: str) -> object | None:
        """The stored picture of a result, or None.

        Args:
            experiment: the module that computed the result.
            spec: the settings that it was computed with.
            draw: the name of the module whose function draws.
        """
        return self._read(experiment, spec, picture_fingerprint(experiment.__name__, draw), object)

    def _read(self, experiment: Named, spec: Spec, code: str, kind: type) -> object | None:
        """What the file of a run and of this code holds, of the type `kind`; a file that holds anything else goes."""
        path = self.path(experiment, spec, code)
        if not path.exists():
            return None
        try:
            found = stored.read(path)
            if not isinstance(found, StoredResult):
                raise InvalidInput(f"{path.name} holds a {type(found).__name__} in place of a stored result.")
            if (found.key, found.fingerprint) != (run_key(experiment, spec), code):
                raise InvalidInput(f"{path.name} holds the result of another run.")
            if not isinstance(found.result, kind):
                raise InvalidInput(f"{path.name} holds the result of another experiment.")
            os.utime(path)
        except (InvalidInput, OSError) as error:
            log.warning("stored result removed: %s", error, extra={"event": "store-damaged"})
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        return found.result

    def put(self, experiment: Named, spec: Spec, result: object, picture: object = None, draw: str = "") -> None:
        """Store a result and its picture; never raises for want of space, permission or a format.

        A result that depends on an uploaded table is not stored, nor one that `stored` cannot write.

        Args:
            experiment: the module that computed it.
            spec: the settings that it was computed with.
            result: what `run` returned.
            picture: what was drawn of it; None where that is to be drawn again.
            draw: the name of the module whose function drew it.
        """
        if self._limit <= 0 or is_uploaded(spec):
            return
        try:
            self._write(experiment, spec, fingerprint(experiment.__name__), result)
            if picture is not None:
                self._write(experiment, spec, picture_fingerprint(experiment.__name__, draw), picture)
            self._remove_least_recently_used()
            self.trouble = ""
        except TypeError:
            log.debug("a result that cannot be written: %s", type(result).__name__)
        except (OSError, MemoryError) as error:
            reason = getattr(error, "strerror", "") or type(error).__name__
            self.trouble = f"results cannot be stored on disk: {reason}"
            if time.monotonic() - self._logged > LOG_EVERY:
                self._logged = time.monotonic()
                log.warning("%s", self.trouble, extra={"event": "store-unwritable"})

    def _write(self, experiment: Named, spec: Spec, code: str, content: object) -> None:
        answer = StoredResult(run_key(experiment, spec), code, content)
        stored.write(self.path(experiment, spec, code), answer, packed=False)

    def usage(self) -> tuple[int, int]:
        """The number of files and their bytes."""
        files = self._files()
        return len(files), sum(size for _, size, _ in files)

    def _files(self) -> list[tuple[float, int, Path]]:
        """(last use, bytes, path) of each file, the least recently used first; removes abandoned unfinished files."""
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
                elif entry.name.endswith(".part") and time.time() - status.st_mtime > ABANDONED_AFTER:
                    os.unlink(entry.path)
        return sorted(found)

    def _remove_least_recently_used(self) -> None:
        files = self._files()
        held = sum(size for _, size, _ in files)
        for _, size, path in files:
            if held <= self._limit:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            held -= size


def is_uploaded(spec: object) -> bool:
    """Whether a spec holds a table that a visitor uploaded."""
    if isinstance(spec, Table):
        return True
    if not dataclasses.is_dataclass(spec):
        return False
    return any(is_uploaded(getattr(spec, field.name)) for field in dataclasses.fields(spec))
