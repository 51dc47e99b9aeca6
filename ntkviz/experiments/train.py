"""A network trained by gradient descent, beside the closed form that was known before it started.

`ntkviz.prediction` has the closed form of the infinitely wide network, `ntkviz.comparison` trains the network on the
same clock. The step c is in units of the λ_max at infinite width, so that all widths share one clock.

Sources: Jacot, Gabriel & Hongler 2018 (the closed form, its modes); Lewkowycz, Bahri, Dyer et al. 2020 (steps past the
limit of stability).
"""

from dataclasses import dataclass, replace

from ntkviz import costs, specs
from ntkviz.comparison import (
    Comparison,
    Network,
    class_findings,
    distance_findings,
    network_cost,
    rate_findings,
    stability_in_words,
    step_findings,
    train_beside,
)
from ntkviz.costs import Cost
from ntkviz.data import CircleFunction, DataSpec
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Remark
from ntkviz.nets import Architecture
from ntkviz.prediction import predict, prediction_cost
from ntkviz.writing import fixed

ARCHITECTURE = Architecture(width=512, activation="erf", sigma_w=1.5, sigma_b=0.3)
DATA = CircleFunction(n=16, terms="1:1, 2:0.5, 3:0.5, 5:0.3")


@dataclass(frozen=True, kw_only=True)
class Spec(specs.Spec):
    """What is trained, on what, how fast and for how long. The number of outputs is that of the data."""

    arch: Architecture = ARCHITECTURE
    data: DataSpec = DATA
    c: float = specs.number(
        0.5,
        0.05,
        4.5,
        step=0.05,
        label="Step size c",
        help="c = η λ_max, where λ_max belongs to the kernel at infinite width. The closed form converges for c < 2.",
    )
    steps: int = specs.number(
        500, 10, 20000, label="Steps", help="The number of steps of full-batch gradient descent.", log=True
    )
    fraction: float = specs.number(
        0.01,
        1e-6,
        0.9,
        label="Loss to reach",
        help="A share of the first loss. The step at which it is reached is compared with theory.",
    )
    seed: int = specs.number(0, 0, 2**31 - 1, label="Network seed", help="The same seed draws the same weights.")

    def check(self) -> None:
        if self.arch.parameterization != "ntk":
            raise InvalidInput("This lesson trains in the NTK parameterization: choose that one.")


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(Comparison):
    """The prediction, complete from the first moment, and the network as far as it has got."""

    spec: Spec


def cost(spec: Spec) -> Cost:
    """Seconds on one core and bytes at the peak, for prediction and network."""
    network = network_cost(spec.arch, spec.data, spec.steps)
    return costs.OVERHEAD + prediction_cost(spec.arch, spec.data) + network


def run(spec: Spec, report: Report = silent) -> Result:
    """The prediction, whole before the first step; then the network as it goes."""
    theory = predict(spec.arch, spec.data, c=spec.c, steps=spec.steps, fraction=spec.fraction)
    result = Result(spec=spec, theory=theory)
    report(0.0, result)

    def watch(fraction: float, network: Network | None = None, /) -> None:
        report(fraction, None if network is None else replace(result, network=network))

    result = replace(result, network=train_beside(spec.arch, theory, seed=spec.seed, watch=watch))
    report(1.0, result)
    return result


def findings(result: Result) -> tuple[Finding, ...]:
    """Predicted against measured: steps, rates of the modes, outputs, and classes where there are any."""
    return (
        *step_findings(result),
        *rate_findings(result),
        *distance_findings(result),
        *class_findings(result),
    )


def remarks(result: Result) -> tuple[Remark, ...]:
    """What the data warn of, what the prediction cannot do at these settings, and what happened past its limit."""
    theory, c = result.theory, result.spec.c
    said = [Remark(warning, answer=False) for warning in theory.data.warnings]
    unseen = [name for name, value in zip(theory.modes.names, theory.modes.eigenvalues, strict=True) if value == 0]
    if unseen:
        said.append(Remark(f"The kernel's eigenvalue is zero for {', '.join(unseen)}: theory never learns this part."))
    if c >= 2:
        limit = (
            f"The step c = {fixed(c, 2)} is not below the limit 2. In the closed form, each step multiplies the mode "
            f"with the largest eigenvalue by {fixed(1 - c, 2)}: it does not converge."
        )
        said.append(Remark(limit, answer=False))
    happened = stability_in_words(result)
    return (*said, Remark(happened)) if happened else tuple(said)
