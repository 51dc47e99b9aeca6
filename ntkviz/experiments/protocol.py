"""What every experiment promises to the engine, the pages, the command line and the tests."""

from typing import Protocol, TypeVar

from ntkviz.costs import Cost
from ntkviz.findings import Finding, Remark
from ntkviz.specs import Spec
from ntkviz.training import Report, silent

S = TypeVar("S", bound=Spec)
R = TypeVar("R")


class HasSpec(Protocol):
    """What every result of an experiment keeps: the spec that made it."""

    @property
    def spec(self) -> Spec:
        """The settings of the run."""


class Experiment(Protocol[S, R]):
    """A module of this folder. Its results keep the spec that made them; see `HasSpec`."""

    __name__: str
    Spec: type[S]
    Result: type[R]

    def cost(self, spec: S) -> Cost:
        """What a run takes, estimated before it starts."""

    def run(self, spec: S, report: Report = silent) -> R:
        """The run itself; `report` gets the fraction done and the result so far, and raises to stop the run."""

    def findings(self, result: R) -> tuple[Finding, ...]:
        """The numbers that the result gives, with their errors and what theory expects."""

    def remarks(self, result: R) -> tuple[Remark, ...]:
        """The sentences that must be said of the result."""


__all__ = ["Cost", "Experiment", "HasSpec", "Report", "silent"]
