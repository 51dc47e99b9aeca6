"""The real app in a process of its own, for a test to visit."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

STARTS_WITHIN = 90.0  # seconds: two busy cores import JAX and compile in about 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serve(
    root: Path, log: Path, settings: Mapping[str, str] | None = None, *, app: str = "app.py", port: int = 0
) -> Iterator[str]:
    """Start the app, yield its address, stop it with all its workers; its output goes to `log`.

    Args:
        root: of the project.
        log: where the output goes.
        settings: variables of its environment.
        app: the script.
        port: where it listens; any that is free where 0.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", app, f"--server.port={port}"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "NTKVIZ_WORKERS": "2", **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, so that nothing it starts outlives it
        )
        try:
            url = f"http://localhost:{port}"
            wait_until_healthy(url, process, log)
            yield url
        finally:
            stop(process)


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The app ended with code {process.returncode} as it started:\n{log.read_text()}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"The app did not answer within {STARTS_WITHIN:g} s:\n{log.read_text()}")


def wait_until_warm(url: str, within: float = 900.0) -> None:
    """Wait until the server has computed what it computes before visitors come; a cold one takes some minutes."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{url}/ntkviz/health", timeout=10) as answer:
            if json.load(answer)["warm"]:
                return
        time.sleep(1.0)
    raise RuntimeError(f"The warm-up took more than {within:g} s.")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask politely, then end what is left of the group."""
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
