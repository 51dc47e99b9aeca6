r"""Networks of three widths beside their own linearisations: the first-order Taylor expansion in the weights.

    f_lin(x; w) = f(x; w₀) + ∇_w f(x; w₀) · (w − w₀),    trained by the same steps as f from the same weights

The linearised model has a convex loss, and its training a closed form with the network's own kernel at the start. The
gap between the two is followed over the steps. The gap over the width is the experiment `widths`. To record another
quantity, give it a field in `Result`.

Source: Lee, Xiao, Schoenholz et al. 2019 (the linearised network, a bound of its gap).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ntkviz import costs
from ntkviz.comparison import CONVERGED, Network, network_cost, train_beside
from ntkviz.costs import NOTHING, Cost
from ntkviz.data import DataSpec
from ntkviz.data.circle import Circle
from ntkviz.errors import InvalidInput
from ntkviz.experiments import train, widths
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Remark
from ntkviz.nets import Architecture
from ntkviz.prediction import Prediction, predict, prediction_cost
from ntkviz.specs import Spec as BaseSpec
from ntkviz.specs import number
from ntkviz.writing import fixed, listed, percent

Floats = NDArray[np.float64]

WIDTHS = (16, 128, 1024)
FRAMES = 24  # recorded steps
MOST_POINTS = 64


@dataclass(frozen=True, kw_only=True)
class Spec(BaseSpec):
    """What is learned, and how; the widths are fixed."""

    data: DataSpec = field(default_factory=lambda: train.DATA)
    arch: Architecture = field(default_factory=lambda: train.ARCHITECTURE)
    c: float = number(0.5, 0.05, 4.5, step=0.05, label="Step size c", help="c = η λ_max at infinite width.")
    steps: int = number(500, 10, 5000, label="Steps", help="Of gradient descent.", log=True)
    seeds: int = number(2, 1, 8, label="Networks of each width", help="In the picture over the width.")
    seed: int = number(0, 0, 10_000, label="Seed", help="Of the first network; each further one has the next seed.")

    def check(self) -> None:
        arch = self.arch
        if type(arch) is not Architecture or arch.outputs != 1 or arch.parameterization != "ntk":
            raise InvalidInput(
                "This lesson trains fully connected networks with one output in the NTK parameterization."
            )
        if arch.depth > 3:
            raise InvalidInput("This lesson trains networks of at most three hidden layers.")
        if not isinstance(self.data, Circle) or (self.data.n or 0) > MOST_POINTS:
            raise InvalidInput(f"This lesson learns at most {MOST_POINTS} points on a circle.")

    @property
    def widths(self) -> widths.Spec:
        """The sweep over widths at these settings."""
        plain = train.Spec(arch=self.arch, data=self.data, c=self.c, steps=self.steps, seed=self.seed)
        return widths.shared(widths.Spec(train=plain, seeds=self.seeds))


@dataclass(frozen=True, eq=False)
class Result:
    """The networks so far; None where one is still to be trained."""

    spec: Spec
    theory: Prediction  # the clock, the data, and the points where outputs are recorded
    networks: tuple[Network | None, ...]  # one for each of `WIDTHS`

    @property
    def size(self) -> float:
        """The root mean square of the targets."""
        return float(np.sqrt(np.mean(self.theory.data.y**2)))

    def gaps(self, place: int) -> Floats:
        """(T,) the gap at each recorded step, rms over the angles, as a share of the targets; NaN where there is none.

        Args:
            place: of the width.
        """
        found = np.full(len(self.theory.steps), np.nan)
        network = self.networks[place]
        if network is not None:
            f, linear = network.curves.f, network.linearised.f
            both = min(len(f), len(linear))
            found[:both] = np.sqrt(np.mean((f[:both] - linear[:both]) ** 2, axis=(1, 2))) / self.size
        return found

    def stable(self, place: int) -> bool:
        """Whether the linearised network of a width converges: ηλ_max of its own kernel is below 2."""
        network = self.networks[place]
        return network is not None and self.theory.eta * network.lambda_max < 2


def cost(spec: Spec) -> Cost:
    """A training of each width."""
    return costs.OVERHEAD + prediction_cost(spec.arch, spec.data, FRAMES) + sum(_networks(spec), NOTHING)


def _networks(spec: Spec) -> list[Cost]:
    """What each width takes."""
    archs = (replace(spec.arch, width=width) for width in WIDTHS)
    return [network_cost(arch, spec.data, spec.steps, FRAMES).dropped for arch in archs]


def run(spec: Spec, report: Report = silent) -> Result:
    """Train the networks, the narrow one first."""
    theory = predict(spec.arch, spec.data, c=spec.c, steps=spec.steps, frames=FRAMES)
    work = np.cumsum([0.0, *(each.seconds for each in _networks(spec))])
    trained: list[Network] = []

    def so_far(growing: Network | None = None) -> Result:
        shown = [*trained, *([growing] if growing is not None else [])]
        return Result(spec, theory, (*shown, *[None] * (len(WIDTHS) - len(shown))))

    for place, width in enumerate(WIDTHS):

        def watch(fraction: float, network: Network | None = None, /, at: int = place) -> None:
            done = (work[at] + fraction * (work[at + 1] - work[at])) / work[-1]
            report(float(done), None if network is None else so_far(network))

        arch = replace(spec.arch, width=width)
        trained.append(train_beside(arch, theory, seed=spec.seed, watch=watch))
    result = so_far()
    report(1.0, result)
    return result


def findings(result: Result) -> tuple[Finding, ...]:
    """The largest gap of each width, and when it was reached."""
    found = []
    for place, width in enumerate(WIDTHS):
        gaps, network = result.gaps(place), result.networks[place]
        caveat = ""
        if network is None or not network.finished:
            caveat = "The network is still training."
        elif not result.stable(place):
            caveat = "Its linearisation diverges at this step."
        elif network.diverged_at is not None:
            caveat = f"The network diverged by step {network.diverged_at}."
        found.append(
            Finding(
                f"Largest gap, {width} neurons",
                None if caveat else 100 * float(np.nanmax(gaps)),
                "% of the targets",
                claim=2,
                help="The largest distance between network and linearisation over the steps: rms over all angles.",
                caveat=caveat,
            )
        )
    return tuple(found)


def remarks(result: Result) -> tuple[Remark, ...]:
    """What the data warn of, and what happens past the limit of stability."""
    said = [Remark(warning, answer=False) for warning in result.theory.data.warnings]
    lost = [
        width for place, width in enumerate(WIDTHS) if result.networks[place] is not None and not result.stable(place)
    ]
    if lost:
        words = listed([f"{width}" for width in lost])
        said.append(
            Remark(
                f"At c = {fixed(result.spec.c, 2)} the linearised networks with {words} neurons diverge: ηλ_max of "
                "their kernels is above 2. Where a network converges all the same, it is because its kernel changes."
            )
        )
    slow = [
        f"{width} neurons ({percent(float(network.curves.loss[-1] / result.theory.curves.loss[0]))})"
        for width, network in zip(WIDTHS, result.networks, strict=True)
        if network is not None
        and network.diverged_at is None
        and network.finished
        and network.curves.loss[-1] > CONVERGED * result.theory.curves.loss[0]
    ]
    if slow:
        said.append(Remark(f"These networks have not converged; what is left of their loss: {', '.join(slow)}."))
    return tuple(said)
