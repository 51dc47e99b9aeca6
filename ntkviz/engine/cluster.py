"""A scheduler and workers on this machine, in a process of their own that ends with its parent.

    python -P ntkviz/engine/cluster.py WORKERS MEGABYTES

prints the scheduler's address and lives until its input ends. It imports nothing of ntkviz, so it costs little, and its
workers start from a plain `__main__`: in the page's process they would import the page's script anew.
"""

import contextlib
import sys
import threading
import time
from typing import Any

import dask

SETTINGS = {
    "distributed.scheduler.allowed-failures": 1,  # a run whose worker died is tried once more
    "distributed.deploy.lost-worker-timeout": "1000 days",  # else a worker that dies twice in a while is given up
    "distributed.scheduler.work-stealing": False,
    "distributed.worker.memory.target": False,  # the guard of a run looks after its memory
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.98,
    "distributed.worker.profile.enabled": False,
}
HEADROOM = 1.25  # of the memory at which a guard ends its worker: past it Dask's nanny does
LOOK = 1.0  # seconds between two looks at the workers


def main(workers: int, megabytes: float) -> None:
    dask.config.set(SETTINGS)
    from distributed import LocalCluster  # reads its settings when it is imported

    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # some free port: another server may run beside this one
        memory_limit=int(HEADROOM * megabytes * 1e6),
        preload=["ntkviz.engine.worker"],
    ) as cluster:
        threading.Thread(target=heal, args=(cluster,), name="heal", daemon=True).start()
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


def heal(cluster: Any) -> None:
    """Start workers that Dask gave up: it replaces one that dies, but not one that dies in its first moments."""
    stopped: set[Any] = set()
    while True:
        time.sleep(LOOK)
        now = {nanny for nanny in cluster.workers.values() if nanny.process and nanny.process.status.name == "stopped"}
        for nanny in now & stopped:
            with contextlib.suppress(Exception):  # it is tried again at the next look
                cluster.sync(nanny.instantiate)
        stopped = now


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
