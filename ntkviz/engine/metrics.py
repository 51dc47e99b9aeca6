"""Counters of an engine in the OpenMetrics format. They hold no session, setting or address."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Summary
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

# What becomes of a run that a session asks for.
OUTCOMES = {
    "computed": "a run that ended with a result",
    "kept": "a result found in memory",
    "stored": "a result found on disk",
    "shared": "a run that was in progress already",
    "refused": "a run over a limit",
    "cancelled": "a run that was cancelled",
    "failed": "a run that ended with an error",
    "requeued": "a run whose worker was lost, back in the queue",
}


class Metrics:
    """The counters of one engine, with a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["experiment", "outcome"]
        self._jobs = Counter("ntkviz_jobs", "Runs asked for, by outcome.", labels, registry=self.registry)
        self._seconds = Summary(
            "ntkviz_run_seconds", "Seconds of runs with a result.", ["experiment", "where"], registry=self.registry
        )

    def count(self, experiment: str, outcome: str) -> None:
        """Count a run that was asked for, with its outcome, one of `OUTCOMES`."""
        self._jobs.labels(experiment, outcome).inc()

    def took(self, experiment: str, where: str, seconds: float) -> None:
        """Count a run that ended with a result.

        Args:
            experiment: its name.
            where: “page” or “worker”.
            seconds: that it took.
        """
        self._seconds.labels(experiment, where).observe(seconds)

    def gauge(self, name: str, words: str, value: Callable[[], float]) -> None:
        """Add a number that is read whenever the metrics are.

        Args:
            name: of the metric, without the prefix “ntkviz_”.
            words: that describe it.
            value: returns it.
        """
        Gauge(f"ntkviz_{name}", words, registry=self.registry).set_function(value)

    def total(self, outcome: str) -> int:
        """The number of runs asked for so far with this outcome, over all experiments."""
        samples = (sample for metric in self._jobs.collect() for sample in metric.samples)
        return int(sum(s.value for s in samples if s.name.endswith("_total") and s.labels["outcome"] == outcome))

    def text(self) -> bytes:
        """All metrics in the OpenMetrics format."""
        return generate_latest(self.registry)
