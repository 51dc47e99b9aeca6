"""When the loss is guaranteed to fall, when it is predicted to, and when it does.

`comparison.guaranteed` has what the spectrum of the kernel says beforehand, and the networks that are trained beside
it.

Sources: Du, Zhai, Poczos & Singh 2019 (λ_min > 0 if no two inputs are parallel); Jacot, Gabriel & Hongler 2018.
"""

from dataclasses import dataclass, replace

from ntkviz import costs, specs
from ntkviz.comparison import guaranteed_words
from ntkviz.comparison.guaranteed import Beside, guaranteed, guaranteed_cost, networks_cost, train_networks
from ntkviz.costs import Cost
from ntkviz.data import DataSpec, Twins
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Remark
from ntkviz.nets import Architecture

ARCHITECTURE = Architecture(width=512, activation="erf", sigma_w=1.5, sigma_b=0.3)
DATA = Twins()
POINTS = 256  # most training points
MOST_WEIGHTS = 3e7  # between hidden layers, of all networks: they take about 0.7 GB
MOST_WORK = 6e10  # multiplications between hidden layers, over all steps: about 10 s
PHI = 20  # multiplications that take as long as one φ


@dataclass(frozen=True, kw_only=True)
class Spec(specs.Spec):
    """What is trained on what, how fast, for how long, and how many networks."""

    arch: Architecture = ARCHITECTURE
    data: DataSpec = DATA
    c: float = specs.number(
        1.0,
        0.05,
        1.95,
        step=0.05,
        label="Step size c",
        help="c = η λ_max, where λ_max belongs to the kernel at infinite width. The closed form converges for c < 2.",
    )
    steps: int = specs.number(1000, 10, 10000, label="Steps", help="The number of steps of gradient descent.", log=True)
    fraction: float = specs.number(0.01, 1e-4, 0.9, label="Loss to reach", help="A share of the first loss.")
    seed: int = specs.number(0, 0, 2**31 - 1, label="Network seed", help="The first of the seeds of the weights.")
    seeds: int = specs.number(4, 1, 8, label="Networks", help="Each has its own random weights.")

    def check(self) -> None:
        if self.arch.parameterization != "ntk" or self.arch.input_dim is not None:
            raise InvalidInput("This lesson needs a network without images, in the NTK parameterization.")
        if self.data.n > POINTS:
            raise InvalidInput(f"This lesson trains on {POINTS} points at most, not on {self.data.n}.")
        neurons, weights = self.arch.width * self.arch.depth, self.arch.width**2 * (self.arch.depth - 1)
        work = self.seeds * self.steps * self.data.n * (PHI * neurons + weights)
        if self.seeds * weights > MOST_WEIGHTS or work > MOST_WORK:
            raise InvalidInput("This takes too long: lower the width, the depth, the steps, or the number of networks.")


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(Beside):
    """What is known beforehand, and the networks."""

    spec: Spec


def cost(spec: Spec) -> Cost:
    """Seconds on one core and bytes at the peak."""
    networks = networks_cost(spec.arch, spec.data, steps=spec.steps, networks=spec.seeds)
    return costs.OVERHEAD + guaranteed_cost(spec.arch, spec.data) + networks


def run(spec: Spec, report: Report = silent) -> Result:
    """What is known before the training; then all networks side by side."""
    known = guaranteed(spec.arch, spec.data, c=spec.c, steps=spec.steps, fraction=spec.fraction)
    result = Result(spec=spec, known=known)
    report(0.0, result)
    seeds = [(spec.seed + one) % 2**31 for one in range(spec.seeds)]
    networks = train_networks(spec.arch, known, seeds, lambda fraction, partial=None, /: report(fraction, result))
    result = replace(result, networks=networks)
    report(1.0, result)
    return result


def findings(result: Result) -> tuple[Finding, ...]:
    """The eigenvalues, the steps, and the last loss, each beside what is known beforehand."""
    return tuple(guaranteed_words.findings(result))


def remarks(result: Result) -> tuple[Remark, ...]:
    """Where there is no guarantee, with the floor that follows, and where the networks leave the closed form."""
    return tuple(guaranteed_words.remarks(result))
