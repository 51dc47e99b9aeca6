"""Where and when an experiment runs: limits, shared jobs that stop, workers, results that are kept."""

from ntkviz.engine.engine import Engine, Place
from ntkviz.engine.jobs import Job
from ntkviz.engine.limits import Limits, admit
from ntkviz.engine.pool import Pool
from ntkviz.engine.store import Store

__all__ = ["Engine", "Job", "Limits", "Place", "Pool", "Store", "admit"]
