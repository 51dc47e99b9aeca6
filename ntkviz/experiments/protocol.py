"""What every experiment promises to the engine, the pages and the tests."""

from dataclasses import dataclass
from typing import Any, Protocol

from ntkviz.specs import Spec
from ntkviz.training import Report, silent


@dataclass(frozen=True)
class Cost:
    """An estimate made before a run: wall-clock seconds on one warm core, and bytes held at the peak."""

    seconds: float
    bytes: float


class Experiment(Protocol):
    """A module of this folder."""

    __name__: str
    Spec: type[Spec]
    Result: type[Any]

    def cost(self, spec: Any) -> Cost: ...

    def run(self, spec: Any, report: Report = silent) -> Any: ...


__all__ = ["Cost", "Experiment", "Report", "silent"]
