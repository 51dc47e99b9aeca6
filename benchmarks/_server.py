"""Memory, processor time and runs of a server on this machine, its child processes included."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil

COMPUTED = re.compile(r'^ntkviz_jobs_total\{[^}]*outcome="computed"[^}]*\} (\S+)$', re.MULTILINE)
KEPT = re.compile(r"^ntkviz_kept_bytes (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Server:
    """The server at an address of this machine."""

    url: str
    process: psutil.Process

    @classmethod
    def at(cls, url: str) -> "Server":
        port = urlsplit(url).port
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr.port == port and found.pid:
                return cls(url, psutil.Process(found.pid))
        raise SystemExit(f"No server of this machine listens at {url}.")

    def _tree(self) -> Iterator[psutil.Process]:
        yield self.process
        yield from self.process.children(recursive=True)

    def memory(self, *, alone: bool = False) -> float:
        """MB that would be free without the server, or without its first process where `alone` is set.

        Pages that processes share are counted once, where the system says so.
        """
        total = 0
        for process in [self.process] if alone else self._tree():
            with suppress(psutil.NoSuchProcess):
                full = process.memory_full_info()
                total += getattr(full, "pss", full.rss)
        return total / 1e6

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        total = 0.0
        for process in self._tree():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def pages(self) -> float:
        """MB of the process that serves the pages, without the results that it keeps, which are bounded."""
        return self.memory(alone=True) - sum(map(float, KEPT.findall(self._metrics()))) / 1e6

    def computed(self) -> float | None:
        """The number of runs computed so far, where the server counts them."""
        text = self._metrics()
        return sum(map(float, COMPUTED.findall(text))) if "ntkviz_jobs" in text else None

    def _metrics(self) -> str:
        try:
            with urlopen(f"{self.url}/ntkviz/metrics", timeout=5) as answer:
                return str(answer.read().decode())
        except (URLError, UnicodeDecodeError):
            return ""
