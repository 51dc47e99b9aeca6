"""The time that the engine itself takes: to answer from each source, to stop a run, and to poll a running one.

    python -m benchmarks.engine [--repeats 7]

Runs are real experiments on one worker of this machine. The time to stop a run goes from the moment when its last
visitor leaves until the worker's core is free, for a training and for an eigensystem of 3,000 points, which cannot be
interrupted. The time to poll is the processor time that the page's process takes for each poll while twenty visitors
watch one run.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil

from benchmarks._server import Server
from benchmarks._visitor import Failed, Visitor
from ntkviz.data import Sphere
from ntkviz.engine import Engine, Job, Limits, Pool, Store
from ntkviz.engine.programs import keep_compilations
from ntkviz.experiments import spectrum, train
from tests.browser.server import serve

ROOT = Path(__file__).resolve().parents[1]
LONG = replace(train.Spec(), arch=replace(train.Spec().arch, width=2048, depth=3), steps=2000)
WHOLE = spectrum.Spec(data=Sphere(n=3000))
WATCHED = {"width": "1024", "depth": "2", "steps": "5000"}
VISITORS, WINDOW = 20, 10.0  # who watch, for so many seconds
AIMS = {"stop": 1000.0, "look": 10.0, "partial": 250.0}  # ms


def line(what: str, milliseconds: list[float], aim: float | None = None) -> str:
    """A row of the table: median, worst value, and whether both meet a target."""
    worst = max(milliseconds)
    met = "" if aim is None else f"   met (under {aim:g})" if worst < aim else f"   MISSED by {worst - aim:.0f}"
    return f"{what:<58} {statistics.median(milliseconds):9.1f} {worst:9.1f}   {len(milliseconds):3d}{met}"


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def busy(worker: psutil.Process) -> bool:
    """Whether the worker computes for more than 10 of the next 20 ms."""
    try:
        before = sum(worker.cpu_times()[:2])
        time.sleep(0.02)
        return sum(worker.cpu_times()[:2]) - before >= 0.01
    except psutil.NoSuchProcess:
        return False


def worker_of(engine: Engine) -> psutil.Process:
    """The worker process that computes now."""
    while True:
        for child in psutil.Process().children(recursive=True):
            if child.nice() > os.nice(0) and all(busy(child) for _ in range(5)):
                return child


def stopped(engine: Engine, ask: Callable[[], Job]) -> float:
    """Milliseconds from the moment when the last watcher leaves until the core is free."""
    engine.wait_for_workers(60)
    job = ask()
    worker = worker_of(engine)
    started = free = time.perf_counter()
    job.release("benchmark")
    looks = 0  # at a core that was free
    while looks < 15:
        free, looks = (free, looks + 1) if not busy(worker) else (time.perf_counter(), 0)
    return 1000 * (free - started)


def answers(engine: Engine, store: Store, repeats: int) -> Iterator[str]:
    """Milliseconds for one small run, by the source of its result."""
    spec = train.Spec(arch=replace(train.Spec().arch, width=64), steps=50)

    def ask(seed: int, of: Engine = engine) -> Job:
        job = of.submit(train, replace(spec, seed=seed), session="benchmark")
        job.wait(120)
        return job

    ask(0)
    ask(1)  # everywhere compiled
    away = [timed(lambda seed=seed: ask(seed)) for seed in range(2, 2 + repeats)]
    yield line("a run of some 20 ms, computed and drawn from its end", away)
    yield line("the same from memory", [timed(lambda: ask(0)) for _ in range(repeats)])
    time.sleep(0.5)
    disk = [timed(lambda: ask(2, Engine(Limits(), store=store))) for _ in range(repeats)]
    yield line("the same from disk, in a new engine", disk)


def partials(engine: Engine) -> Iterator[str]:
    """Milliseconds between the partial results of a training."""
    job = engine.submit(train, replace(LONG, seed=99), session="benchmark")
    seen, at = None, []
    while len(at) < 25 and not job.finished:
        if job.picture is not None and job.picture is not seen:
            seen = job.picture
            at.append(time.perf_counter())
        time.sleep(0.002)
    job.release("benchmark")
    gaps = [1000 * (b - a) for a, b in pairwise(at[3:])]  # the first wait for programs
    yield line("between two partial results of a training", gaps, AIMS["partial"])


def stops(engine: Engine, repeats: int) -> Iterator[str]:
    cases = (("a network that trains", train, LONG), ("an eigensystem, 3,000 points", spectrum, WHOLE))
    for what, module, spec in cases:
        took = []
        for seed in range(repeats):
            asked = replace(spec, seed=1000 + seed)
            took.append(stopped(engine, lambda s=asked, m=module: engine.submit(m, s, session="benchmark")))
        yield line(f"stop: {what}", took, AIMS["stop"])


async def watch(url: str) -> Iterator[str]:
    visitors = [Visitor(url, "train") for _ in range(VISITORS)]
    await asyncio.gather(*(visitor.open() for visitor in visitors))
    waiting = [asyncio.create_task(visitor.move(WATCHED, {"arch.depth": "2"}, 120.0)) for visitor in visitors]
    await asyncio.sleep(6.0)
    process, looks = Server.at(url).process, sum(visitor.looks for visitor in visitors)
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(WINDOW)
    price = 1000 * (sum(process.cpu_times()[:2]) - before) / (sum(v.looks for v in visitors) - looks)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for visitor in visitors:
        await visitor.close()
    return iter([line(f"a look at a run, processor time ({VISITORS} watch)", [price], AIMS["look"])])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repeats", type=int, default=7)
    repeats = options.parse_args().repeats
    keep_compilations()
    print(f"{'':<58} {'median':>9} {'worst':>9}     n   (milliseconds)")
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), 1e9)
        started = time.perf_counter()
        engine = Engine(Limits(workers=1, max_seconds=600), store=store, pool=Pool(1, 4000.0))
        engine.wait_for_workers(120)
        print(line("start: until a worker is warm", [1000 * (time.perf_counter() - started)]))
        for rows in (answers(engine, store, repeats), partials(engine), stops(engine, repeats)):
            for row in rows:
                print(row, flush=True)
        engine.close()
        with serve(ROOT, Path(folder) / "log", {"NTKVIZ_WORKERS": "1", "NTKVIZ_WARM_UP": "0"}) as url:
            try:
                for row in asyncio.run(watch(url)):
                    print(row)
            except Failed as error:
                print(f"the price of a look was not measured: {error}")


if __name__ == "__main__":
    main()
