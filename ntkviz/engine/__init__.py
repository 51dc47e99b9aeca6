"""Runs experiments for pages: limits, shared jobs that can be cancelled, workers, results kept on disk."""

from ntkviz.engine.engine import Engine, Place
from ntkviz.engine.jobs import Job
from ntkviz.engine.limits import Limits, admit
from ntkviz.engine.pool import Pool
from ntkviz.engine.store import Store

__all__ = ["Engine", "Job", "Limits", "Place", "Pool", "Store", "admit"]
