"""Starts a Dask scheduler and workers on this machine, in a process of its own that ends with its parent.

    python -P ntkviz/engine/cluster.py WORKERS MEGABYTES

prints the scheduler's address and runs until its input ends. It imports nothing of ntkviz, so it starts fast and stays
small. Its workers start from this file as `__main__`; started in the page's process they would run the page's script.
"""

import contextlib
import sys
import threading
import time
from typing import Any

import dask

SETTINGS = {
    "distributed.scheduler.allowed-failures": 1,  # a run whose worker died is repeated once
    "distributed.deploy.lost-worker-timeout": "1000 days",  # else Dask gives up a worker that dies twice
    "distributed.scheduler.work-stealing": False,
    "distributed.worker.memory.target": False,  # the monitor of a run limits its memory
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.98,
    "distributed.worker.profile.enabled": False,
}
HEADROOM = 1.25  # Dask's own limit, over the memory at which a run's monitor ends its worker
CHECK_EVERY = 1.0  # seconds between two checks of the workers


def main(workers: int, megabytes: float) -> None:
    """Run a scheduler and so many workers of so many megabytes, until standard input ends."""
    dask.config.set(SETTINGS)
    from distributed import LocalCluster  # reads its settings when it is imported

    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # any free port: another server may use this machine
        memory_limit=int(HEADROOM * megabytes * 1e6),
        preload=["ntkviz.engine.worker"],
    ) as cluster:
        threading.Thread(target=restart_stopped_workers, args=(cluster,), name="restart", daemon=True).start()
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


def restart_stopped_workers(cluster: Any) -> None:
    """Restart workers that Dask has given up: it replaces one that dies, but not one that dies while it starts."""
    stopped: set[Any] = set()
    while True:
        time.sleep(CHECK_EVERY)
        now = {nanny for nanny in cluster.workers.values() if nanny.process and nanny.process.status.name == "stopped"}
        for nanny in now & stopped:
            with contextlib.suppress(Exception):  # repeated at the next check
                cluster.sync(nanny.instantiate)
        stopped = now


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
