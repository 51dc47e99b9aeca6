r"""One network trained at many output scales α: from learning features to keeping its kernel.

    F = α (f(w) − f(w₀))            small α: rich, features are learned            large α: lazy, the kernel stays

For each seed the family of runs of `scales` is trained. A second family of a network a quarter as wide may be trained
on the same data, to see what the width does. Beside them stands a small network in the plane (`neurons`). To add a
number, add a line to `findings`.

Sources: Chizat, Oyallon & Bach 2019; Geiger, Spigler, Jacot & Wyart 2020; Yang & Hu 2021 (µP).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product

from ntkviz import costs
from ntkviz.data import CirclePoints, Dataset, DataSpec, Digits, Xor, load
from ntkviz.data.base import TEST_POINTS
from ntkviz.errors import InvalidInput
from ntkviz.experiments import neurons
from ntkviz.experiments.protocol import Cost, Report, silent
from ntkviz.findings import Finding, Remark
from ntkviz.nets import Architecture
from ntkviz.scales import Families, Family, Recipe, Scales, family_cost, train_family
from ntkviz.scales.findings import drifts, errors, features, width_exponent
from ntkviz.scales.words import gap_in_words
from ntkviz.specs import Spec as BaseSpec
from ntkviz.specs import choice, number

QUARTER = 4  # how many times narrower the second network is


@dataclass(frozen=True, kw_only=True)
class Spec(BaseSpec):
    """The task, the network, and the output scales at which it is trained."""

    data: DataSpec = field(default_factory=lambda: Xor(n=150, dim=20))
    arch: Architecture = field(default_factory=lambda: Architecture(width=128, sigma_b=0.3))
    scales: Scales = field(default_factory=Scales)
    narrower: int = choice(
        1,
        {1: "no other width", QUARTER: "a network a quarter as wide"},
        label="Compare with",
        help="A second width, on the same data.",
    )
    steps: int = number(
        600, 20, 10_000, label="Steps", help="The number of steps of gradient descent, the same for every α."
    )
    factor: float = number(
        0.5,
        0.05,
        1.9,
        step=0.05,
        label="Step size c",
        help="c = η λ_max of the lazy runs. At small α the kernel grows, so that c · min(1, α√(n/16)) is used instead.",
    )
    seed: int = number(0, 0, 10_000, label="Seed", help="The seed of the weights; each further run has the next seed.")
    seeds: int = number(3, 1, 5, label="Seeds averaged", help="Each has its own data and its own weights.")

    def check(self) -> None:
        if self.arch.outputs != 1 or (isinstance(self.data, Digits) and self.data.question == "classes"):
            raise InvalidInput("This lesson trains networks with one output: choose a question with two answers.")
        if isinstance(self.data, CirclePoints):
            raise InvalidInput("This lesson needs a test error: choose data whose target is known between the points.")
        if self.arch.depth > 3:
            raise InvalidInput("The step rule of this lesson is known to be stable up to three hidden layers.")

    def recipe(self, narrower: int = 1) -> Recipe:
        """How the networks are trained; those of the second family are `narrower` times as narrow."""
        arch = replace(self.arch, width=max(1, self.arch.width // narrower))
        return Recipe(arch=arch, scales=self.scales, steps=self.steps, factor=self.factor)

    @property
    def neurons(self) -> neurons.Spec:
        """The small network in the plane, at the same output scales."""
        return neurons.Spec(scales=self.scales, parameterization=self.arch.parameterization, seed=self.seed)


@dataclass(frozen=True, eq=False)
class Result:
    """The families of the seeds so far, and the neurons."""

    spec: Spec
    data: Dataset  # of the first seed
    families: Families
    narrow: Families  # of the network a quarter as wide; without members where it was not trained
    neurons: neurons.Result


def cost(spec: Spec) -> Cost:
    """The families of every seed, and the neurons."""
    points, dim = spec.data.n or 64, getattr(spec.data, "dim", 64)
    families = [family_cost(spec.recipe(narrower), dim, points, TEST_POINTS) for narrower in {1, spec.narrower}]
    return costs.OVERHEAD + neurons.cost(spec.neurons) + spec.seeds * sum(families, costs.NOTHING)


def run(spec: Spec, report: Report = silent) -> Result:
    """Train the network in the plane and the families of every seed; the first one is reported as it grows."""
    data, plane = load(spec.data), neurons.run(spec.neurons)
    widths = tuple(sorted({1, spec.narrower}))
    trained: dict[int, list[Family]] = {1: [], QUARTER: []}

    def result(growing: Family | None = None) -> Result:
        shown = trained[1] or ([] if growing is None else [growing])
        wide = Families(spec.recipe(), tuple(shown), spec.seeds - len(trained[1]))
        pending = spec.seeds - len(trained[QUARTER]) if QUARTER in widths else 0
        return Result(spec, data, wide, Families(spec.recipe(QUARTER), tuple(trained[QUARTER]), pending), plane)

    def watch(cell: int) -> Callable[[float, Family | None], None]:
        return lambda fraction, growing: report((cell + fraction) / (spec.seeds * len(widths)), result(growing))

    for cell, (seed, narrower) in enumerate(product(range(spec.seeds), widths)):
        points = load(replace(spec.data, seed=spec.data.seed + seed))
        trained[narrower].append(train_family(spec.recipe(narrower), points, spec.seed + seed, watch(cell)))
    report(1.0)
    return result()


def findings(result: Result) -> tuple[Finding, ...]:
    """What the two ends of α reach, how the drift falls, and whether the hidden layer turned to the target."""
    runs, narrow = result.families, result.narrow
    width = (width_exponent(runs, narrow),) if result.spec.narrower > 1 else ()
    return (*errors(runs), *drifts(runs), *width, *features(runs))


def remarks(result: Result) -> tuple[Remark, ...]:
    """What the data set warns of, which runs have not converged, and where the linearised network's error is from."""
    runs, gap = result.families, gap_in_words(result.families)
    data = tuple(Remark(text, answer=False) for text in result.data.warnings)
    return (*data, *runs.remarks(), *((Remark(gap),) if gap else ()), *neurons.remarks(result.neurons))
