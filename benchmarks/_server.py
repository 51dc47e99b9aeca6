"""What a server on this machine takes, its process and all below it: memory, processor time, runs that it made."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil

COUNTER = re.compile(r'^ntkviz_jobs_total\{[^}]*outcome="computed"[^}]*\} (\S+)$', re.MULTILINE)


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

    def memory(self) -> float:
        """MB that would be free without it: pages that processes share are counted once, where the system says so."""
        total = 0
        for process in self._tree():
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

    def computed(self) -> float | None:
        """Runs that were really made so far, where the server counts them."""
        try:
            with urlopen(f"{self.url}/ntkviz/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except (URLError, UnicodeDecodeError):
            return None
        return sum(map(float, COUNTER.findall(text))) if "ntkviz_jobs" in text else None
