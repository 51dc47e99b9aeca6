"""What an engine counts, for whoever watches over a server; nothing of it says who asked."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Summary
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

# What becomes of a question.
OUTCOMES = {
    "computed": "a run that ended with a result",
    "kept": "answered from memory",
    "stored": "answered from disk",
    "shared": "joined a run that was going on",
    "refused": "over a limit",
    "cancelled": "a run that was stopped",
    "failed": "a run that ended with an error",
    "requeued": "a run whose workers went away, waiting again",
}


class Metrics:
    """Counters of one engine, with a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["experiment", "outcome"]
        self._jobs = Counter("ntkviz_jobs", "Questions, by what became of them.", labels, registry=self.registry)
        self._seconds = Summary(
            "ntkviz_run_seconds", "Seconds of runs with a result.", ["experiment", "where"], registry=self.registry
        )

    def count(self, experiment: str, outcome: str) -> None:
        """One more question with this outcome, one of `OUTCOMES`."""
        self._jobs.labels(experiment, outcome).inc()

    def took(self, experiment: str, where: str, seconds: float) -> None:
        """A run ended with a result, in the page's process or on a worker."""
        self._seconds.labels(experiment, where).observe(seconds)

    def gauge(self, name: str, words: str, value: Callable[[], float]) -> None:
        """A number that is looked up when it is asked for."""
        Gauge(f"ntkviz_{name}", words, registry=self.registry).set_function(value)

    def total(self, outcome: str) -> int:
        """Questions so far with this outcome, over all experiments."""
        samples = (sample for metric in self._jobs.collect() for sample in metric.samples)
        return int(sum(s.value for s in samples if s.name.endswith("_total") and s.labels["outcome"] == outcome))

    def text(self) -> bytes:
        """Everything in the OpenMetrics format."""
        return generate_latest(self.registry)
