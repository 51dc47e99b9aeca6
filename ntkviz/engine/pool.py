"""The workers: a cluster of this machine's own, or the Dask scheduler at an address that others share.

A thread keeps the connection: it starts the local cluster, connects, counts the workers, and begins anew when the
scheduler is gone. Whoever runs a job then hears `Away`.
"""

import contextlib
import hashlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ntkviz.engine import stored
from ntkviz.engine.jobs import Away, Job
from ntkviz.engine.version import code_version
from ntkviz.errors import Cancelled, NtkvizError, TooExpensive
from ntkviz.experiments.protocol import Report

LOOK = 0.05  # seconds between two looks at a run's progress
BEAT = 0.5  # seconds between two looks at the connection
CONNECTS_WITHIN = 5  # seconds
STARTS_WITHIN = 60.0  # seconds: a busy machine imports JAX in about ten
QUIET = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical"}  # of the workers: the engine says what matters

log = logging.getLogger(__name__)


class Pool:
    """Workers that run experiments."""

    def __init__(self, workers: int, megabytes: float, address: str = "") -> None:
        """`workers` processes of this machine, each ended at so many `megabytes`; or those at a scheduler's address."""
        self._workers = workers
        self._megabytes = megabytes
        self._address = address
        self._client: Any = None
        self._cluster: subprocess.Popen[str] | None = None
        self._closing = threading.Event()
        self._grown: Callable[[int], None] = lambda slots: None
        self._has_been_ready = False
        self.slots = 0  # runs that can go on at once

    def start(self, grown: Callable[[int], None]) -> None:
        """Begin to connect; `grown` hears how many workers there are."""
        self._grown = grown
        threading.Thread(target=self._keep_connected, name="pool", daemon=True).start()

    @property
    def ready(self) -> bool:
        """Can a run go out now?"""
        return self.slots > 0 and self._is_connected()

    @property
    def trouble(self) -> str:
        """In words, while there are no workers."""
        if self.ready:
            return ""
        return "the workers are away" if self._has_been_ready or self._address else "the workers are starting"

    def close(self) -> None:
        """Let go of the workers; those of this machine end."""
        self._closing.set()
        self._disconnect()

    def run(self, job: Job, report: Report) -> Any:
        """Run a job on a worker and return (result, picture); raises what the run raises, or `Away`.

        When `report` raises, since nobody wants the job any more, Dask is told and its worker stops.
        """
        client = self._client
        if client is None:
            raise Away
        for _ in range(5):
            try:
                following = _Following(client, job, report, self._megabytes)
            except Exception as error:  # it went away just now
                raise Away from error
            try:
                code, *answer = following.result()
            except Cancelled:  # the worker stopped it for somebody who left just before this asker came
                report(0.0)
                time.sleep(LOOK)
                continue
            if code != code_version():
                raise NtkvizError("The workers run another version of ntkviz than this page: update one of them.")
            return answer
        raise Away

    def _keep_connected(self) -> None:
        while not self._closing.is_set():
            try:
                self._connect()
                while not self._closing.wait(BEAT) and self._is_connected():
                    self._count()
            except Exception as error:  # whatever ails the connection, the page goes on without it
                log.debug("no workers: %s", error)
            if not self._closing.is_set():
                log.warning("the workers are away", extra={"event": "pool-away"})
            self._disconnect()
            self._closing.wait(BEAT)

    def _connect(self) -> None:
        import dask
        from distributed import Client  # takes a third of a second, beside a page that already answers

        dask.config.set({"distributed.comm.timeouts.connect": CONNECTS_WITHIN})
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it has to say, this pool says

        address = self._address or self._start_cluster()
        self._client = Client(address, set_as_default=False, timeout=CONNECTS_WITHIN, name="ntkviz")
        self._count()

    def _count(self) -> None:
        """How many runs can go on at once."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        slots = sum(worker["nthreads"] for worker in workers)
        if slots != self.slots:
            log.info("%d workers", slots, extra={"event": "pool", "workers": slots})
            self.slots = slots
            self._has_been_ready = self._has_been_ready or slots > 0
            self._grown(slots)

    def _is_connected(self) -> bool:
        client, cluster = self._client, self._cluster
        gone = cluster is not None and cluster.poll() is not None
        return client is not None and client.status == "running" and not gone

    def _disconnect(self) -> None:
        self.slots = 0
        client, self._client = self._client, None
        cluster, self._cluster = self._cluster, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close(timeout=1)
        if cluster is not None:
            _end(cluster)

    def _start_cluster(self) -> str:
        """The address of a new cluster of this machine."""
        command = [sys.executable, "-P", str(Path(__file__).with_name("cluster.py"))]
        self._cluster = subprocess.Popen(
            [*command, str(self._workers), str(self._megabytes)],
            env={**os.environ, **QUIET, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._cluster.stdout is not None
        address = self._cluster.stdout.readline().strip()
        if not address:
            raise NtkvizError("The workers did not start.")
        return address


class _Following:
    """One run on a worker, followed from here."""

    def __init__(self, client: Any, job: Job, report: Report, megabytes: float) -> None:
        from ntkviz.engine.worker import answer, progress

        self._client = client
        self._job = job
        self._report = report
        self._key = f"ntkviz-{hashlib.sha256(f'{code_version()} {job.key}'.encode()).hexdigest()[:32]}"
        self._progress = progress(self._key, client)
        self._progress.set((0, 0.0, b""))
        self._seen = 0
        arguments = (job.experiment.__name__, job.spec, self._key, code_version(), megabytes, job.draw)
        job.nudge.clear()
        self._future = client.submit(answer, *arguments, key=self._key)
        self._future.add_done_callback(lambda _: job.nudge.set())

    def result(self) -> Any:
        from distributed.scheduler import KilledWorker

        try:
            while not self._future.done():
                self._job.nudge.wait(LOOK)
                self._job.nudge.clear()
                self._look()
            return self._future.result(timeout=CONNECTS_WITHIN)
        except KilledWorker:
            self._look()  # it may have said why
            raise NtkvizError(
                "The process that computed this was ended twice, most likely for want of memory: choose a smaller run."
            ) from None
        except NtkvizError:
            raise
        except Exception as error:
            if self._future.status in ("error", "finished") and not _is_loss(error):
                raise
            raise Away from error
        finally:
            self._future.release()
            with contextlib.suppress(Exception):
                self._progress.delete()

    def _look(self) -> None:
        """Pass on what is new; raises when nobody wants it any more, or the worker says that it is full."""
        from ntkviz.engine.worker import MEMORY

        self._report(self._job.fraction)
        if self._client.status != "running":
            raise Away
        try:
            news = self._progress.get(timeout=LOOK)
        except (TimeoutError, OSError):
            return
        if news == MEMORY:
            raise TooExpensive("This run took more memory than a worker has: choose a smaller width or fewer points.")
        count, fraction, content = news
        if count != self._seen:
            self._seen = count
            self._report(fraction, stored.from_bytes(content) if content else None)


def _is_loss(error: Exception) -> bool:
    """Was it the connection that failed, and not the run?"""
    from distributed import CancelledError

    return isinstance(error, CancelledError | OSError | TimeoutError)


def _end(cluster: subprocess.Popen[str]) -> None:
    """The cluster ends when its input does; what does not is killed."""
    with contextlib.suppress(OSError):
        if cluster.stdin is not None:
            cluster.stdin.close()
    try:
        cluster.wait(timeout=3)
    except subprocess.TimeoutExpired:
        cluster.kill()
        cluster.wait()
    if cluster.stdout is not None:
        cluster.stdout.close()
