"""Where and when an experiment runs: limits, jobs that are shared and can be stopped, results that are kept."""

from ntkviz.engine.jobs import Engine, Job
from ntkviz.engine.limits import Limits, admit

__all__ = ["Engine", "Job", "Limits", "admit"]
