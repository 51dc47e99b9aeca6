"""The command `warm`: compiles and computes before class what a class will ask."""

import argparse
from itertools import islice

from ntkviz.command.watch import Progress, watched
from ntkviz.engine.programs import cache_folder, keep_compilations
from ntkviz.ui import ahead
from ntkviz.ui.running import engine

WORKERS_START_WITHIN = 20.0  # seconds


def warm(given: argparse.Namespace) -> None:
    """Compute the first runs of every lesson, then those that are one move away; programs and results stay on disk."""
    keep_compilations()
    engine().wait_for_workers(WORKERS_START_WITHIN)
    runs = list(islice(ahead.runs(), given.most))

    def work(report: Progress) -> None:
        for number, (experiment, spec) in enumerate(runs):
            report(number / len(runs))
            ahead.compute(engine(), experiment, spec)
        report(1.0)

    try:
        watched(work)
    finally:
        engine().close()
    print(f"{len(runs)} runs are ready in {cache_folder()}.")
