"""The workers: a Dask cluster of this machine's own, or the workers of a Dask scheduler that several servers share.

A thread keeps the connection: it starts the cluster of this machine, connects, counts the workers, and starts again
when the scheduler cannot be reached any more. Jobs that run at that moment get `WorkerLost`.
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
from typing import Any, Generic, cast

from ntkviz.engine import stored
from ntkviz.engine.fingerprint import picture_fingerprint
from ntkviz.engine.jobs import Job, PictureT, ProgressCallback, ResultT, ResultT_co, WorkerLost
from ntkviz.errors import Cancelled, NtkvizError, TooExpensive

POLL_EVERY = 0.05  # seconds between two looks at the progress of a run
CHECK_CONNECTION_EVERY = 0.5  # seconds
CONNECT_WITHIN = 5  # seconds
ATTEMPTS = 5  # to run a task that the worker cancels for another asker
WORKER_ENVIRONMENT = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical"}  # the engine logs what matters

log = logging.getLogger(__name__)


class Pool:
    """Workers that run experiments."""

    def __init__(self, workers: int, megabytes: float, address: str = "") -> None:
        """A pool that is not connected yet; see `start`.

        Args:
            workers: worker processes to start on this machine.
            megabytes: memory at which a worker is ended.
            address: of a Dask scheduler whose workers are used in place of this machine's.
        """
        self._workers = workers
        self._megabytes = megabytes
        self._address = address
        self._client: Any = None  # distributed.Client, which has no types
        self._cluster: subprocess.Popen[str] | None = None
        self._closing = threading.Event()
        self._on_workers: Callable[[int], None] = lambda slots: None
        self._was_ready = False
        self.slots = 0  # runs that can be in progress at once

    def start(self, on_workers: Callable[[int], None]) -> None:
        """Begin to connect; `on_workers` is called with the number of workers whenever it changes."""
        self._on_workers = on_workers
        threading.Thread(target=self._keep_connected, name="pool", daemon=True).start()

    @property
    def ready(self) -> bool:
        """Whether a worker can take a run now."""
        return self.slots > 0 and self._is_connected()

    @property
    def is_shared(self) -> bool:
        """Whether other servers may use these workers, whose runs this server does not see."""
        return bool(self._address)

    @property
    def trouble(self) -> str:
        """Why there are no workers, in words; empty while there are some."""
        if self.ready:
            return ""
        return "the workers cannot be reached" if self._was_ready or self._address else "the workers are starting"

    def close(self) -> None:
        """Disconnect from the workers; those of this machine end."""
        self._closing.set()
        self._disconnect()

    def run(self, job: Job[ResultT, PictureT], report: ProgressCallback[PictureT]) -> tuple[ResultT, PictureT]:
        """Run a job on a worker; (result, picture).

        Args:
            job: what to run. Its worker stops when `report` raises, because then nobody wants it any more.
            report: called with the progress.

        Raises what the run raises, `NtkvizError` where the workers have other code, and `WorkerLost`.
        """
        code = picture_fingerprint(job.experiment.__name__, job.draw.__module__)
        client = self._client
        if client is None:
            raise WorkerLost
        for _ in range(ATTEMPTS):
            try:
                run = _RemoteRun(client, job, report, code=code, megabytes=self._megabytes)
            except Exception as error:  # the connection broke just now
                raise WorkerLost from error
            try:
                ran, result, picture = run.result()
            except Cancelled:  # the worker cancelled it for another server's visitor, who left just before
                report(0.0)
                time.sleep(POLL_EVERY)
                continue
            if ran != code:
                raise NtkvizError("The workers run another version of ntkviz than this page. Update one of them.")
            return cast(ResultT, result), cast(PictureT, picture)
        raise WorkerLost

    def _keep_connected(self) -> None:
        while not self._closing.is_set():
            try:
                self._connect()
                while not self._closing.wait(CHECK_CONNECTION_EVERY) and self._is_connected():
                    self._count()
            except Exception as error:  # pages go on without workers, whatever the reason
                log.debug("no workers: %s", error)
            if not self._closing.is_set():
                log.warning("the workers cannot be reached", extra={"event": "workers-lost"})
            self._disconnect()
            self._closing.wait(CHECK_CONNECTION_EVERY)

    def _connect(self) -> None:
        import dask
        from distributed import Client  # takes a third of a second, while pages are already served

        dask.config.set({"distributed.comm.timeouts.connect": CONNECT_WITHIN})
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # the pool logs what matters

        address = self._address or self._start_cluster()
        self._client = Client(address, set_as_default=False, timeout=CONNECT_WITHIN, name="ntkviz")
        self._count()

    def _count(self) -> None:
        """Update how many runs can be in progress at once."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        slots = sum(worker["nthreads"] for worker in workers)
        if slots != self.slots:
            log.info("%d workers", slots, extra={"event": "workers", "workers": slots})
            self.slots = slots
            self._was_ready = self._was_ready or slots > 0
            self._on_workers(slots)

    def _is_connected(self) -> bool:
        client, cluster = self._client, self._cluster
        ended = cluster is not None and cluster.poll() is not None
        return client is not None and client.status == "running" and not ended

    def _disconnect(self) -> None:
        self.slots = 0
        client, self._client = self._client, None
        cluster, self._cluster = self._cluster, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close(timeout=1)
        if cluster is not None:
            _terminate(cluster)

    def _start_cluster(self) -> str:
        """Start a cluster on this machine; its address."""
        command = [sys.executable, "-P", str(Path(__file__).with_name("cluster.py"))]
        self._cluster = subprocess.Popen(
            [*command, str(self._workers), str(self._megabytes)],
            env={**os.environ, **WORKER_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        address = self._cluster.stdout.readline().strip() if self._cluster.stdout is not None else ""
        if not address:
            raise NtkvizError("The workers did not start.")
        return address


class _RemoteRun(Generic[ResultT_co, PictureT]):
    """One run on a worker, whose progress is polled from here."""

    def __init__(
        self,
        client: Any,
        job: Job[ResultT_co, PictureT],
        report: ProgressCallback[PictureT],
        *,
        code: str,
        megabytes: float,
    ) -> None:
        from ntkviz.engine.worker import progress_variable, run_experiment

        self._client = client
        self._job = job
        self._report = report
        self._key = f"ntkviz-{hashlib.sha256(f'{code} {job.key}'.encode()).hexdigest()[:32]}"
        self._progress = progress_variable(self._key, client)
        self._progress.set((0, 0.0, b""))
        self._seen = 0
        arguments = (job.experiment.__name__, job.spec, self._key, code, megabytes, job.draw)
        job.wake.clear()
        self._future = client.submit(run_experiment, *arguments, key=self._key)
        self._future.add_done_callback(lambda _: job.wake.set())

    def result(self) -> tuple[str, object, object]:
        """Wait for the end of the run; (fingerprint of the worker's code, result, picture)."""
        from distributed.scheduler import KilledWorker

        try:
            while not self._future.done():
                self._job.wake.wait(POLL_EVERY)
                self._job.wake.clear()
                self._poll()
            answer: tuple[str, object, object] = self._future.result(timeout=CONNECT_WITHIN)
            return answer
        except KilledWorker:
            self._poll()  # the worker may have said why it ended
            raise NtkvizError(
                "The process that computed this run ended before it was finished, twice. Start the run again. If this "
                "happens again, the machine may have too little memory for it: choose a smaller run."
            ) from None
        except NtkvizError:
            raise
        except Exception as error:
            if self._future.status in ("error", "finished") and not _is_connection_error(error):
                raise
            raise WorkerLost from error
        finally:
            self._future.release()
            with contextlib.suppress(Exception):
                self._progress.delete()

    def _poll(self) -> None:
        """Report what is new; raises when nobody wants the run any more, or its worker says that it has no memory."""
        from ntkviz.engine.worker import OUT_OF_MEMORY

        self._report(self._job.fraction)
        if self._client.status != "running":
            raise WorkerLost
        try:
            news = self._progress.get(timeout=POLL_EVERY)
        except (TimeoutError, OSError):
            return
        if news == OUT_OF_MEMORY:
            raise TooExpensive("This run took more memory than a worker has. Choose a smaller width or fewer points.")
        count, fraction, content = news
        if count != self._seen:
            self._seen = count
            self._report(fraction, cast(PictureT, stored.from_bytes(content)) if content else None)


def _is_connection_error(error: Exception) -> bool:
    """Whether the connection failed, and not the run."""
    from distributed import CancelledError

    return isinstance(error, CancelledError | OSError | TimeoutError)


def _terminate(cluster: subprocess.Popen[str]) -> None:
    """End a cluster by closing its input, and kill it where that does not help."""
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
