"""When the loss is guaranteed to fall, when it is predicted to, and when it does.

`comparison.guaranteed` has what the spectrum of the kernel says beforehand. Networks of several seeds are trained
beside it, on the clock of infinite width; they start at zero, because their outputs at the start are subtracted.

Sources: Du, Zhai, Poczos & Singh 2019 (λ_min > 0 if no two inputs are parallel); Jacot, Gabriel & Hongler 2018.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ntkviz import costs, specs
from ntkviz.comparison.guaranteed import Guaranteed, guaranteed, guaranteed_cost
from ntkviz.costs import Cost
from ntkviz.data import DataSpec, Twins
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Interval, Reference, Remark
from ntkviz.measures import crossing
from ntkviz.measures.seeds import mean_and_error, over_seeds
from ntkviz.nets import Architecture, init_many
from ntkviz.prediction import loaded
from ntkviz.training import Run, train_many
from ntkviz.writing import counted, percent, written

Floats = NDArray[np.float64]

ARCHITECTURE = Architecture(width=512, activation="erf", sigma_w=1.5, sigma_b=0.3)
FRAMES = 41  # recorded steps
POINTS = 256  # most training points
MOVED = 1.0  # condition number × drift of the kernel from which the closed form is in doubt
TOLD = 1e-6  # the smallest floor that is told


@dataclass(frozen=True, kw_only=True)
class Spec(specs.Spec):
    """What is trained on what, how fast, for how long, and how many networks."""

    arch: Architecture = ARCHITECTURE
    data: DataSpec = Twins()
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


@dataclass(frozen=True, eq=False)
class Result:
    """What is known beforehand, and S networks at T recorded steps. Losses are shares of the first loss."""

    spec: Spec
    known: Guaranteed
    loss: Floats  # (S, T) of each network, NaN after it diverged; no rows before they are trained
    left: Floats  # (T, N) the loss in each mode of theory, mean over the networks
    drift: Floats  # (S,) ‖Θ_T − Θ₀‖/‖Θ₀‖ of each network's kernel

    @property
    def reached(self) -> Floats:
        """(S,) the step at which each network had the wanted loss; NaN where it had not."""
        found = [crossing(self.known.steps, loss, self.known.fraction) for loss in self.loss]
        return np.array([math.nan if step is None else step for step in found], np.float64)

    @property
    def steps(self) -> float | None:
        """The mean of these steps over the networks; None unless all had the wanted loss."""
        reached = self.reached
        return mean_and_error(reached)[0] if reached.size and np.isfinite(reached).all() else None


def cost(spec: Spec) -> Cost:
    """Seconds on one core and bytes at the peak."""
    data = loaded(spec.data)
    n, dim = data.x.shape
    arch = replace(spec.arch, outputs=data.y.shape[1])
    trained = costs.training(arch, dim, n, spec.steps, networks=spec.seeds, frames=FRAMES)
    kernels = FRAMES * costs.empirical_kernel(arch, dim, n, networks=spec.seeds).dropped
    drawn = costs.weights(arch, dim, networks=spec.seeds)
    return costs.OVERHEAD + guaranteed_cost(arch, spec.data, FRAMES) + drawn + trained + kernels


def run(spec: Spec, report: Report = silent) -> Result:
    """What is known before the training; then all networks side by side."""
    known = guaranteed(spec.arch, spec.data, c=spec.c, steps=spec.steps, fraction=spec.fraction, frames=FRAMES)
    empty = np.empty((0, len(known.steps)))
    result = Result(spec, known, empty, np.full(known.left.shape, math.nan), np.empty(0))
    report(0.0, result)
    data, seeds = known.data, [(spec.seed + one) % 2**31 for one in range(spec.seeds)]
    arch = replace(spec.arch, outputs=data.y.shape[1])
    runs = train_many(
        *(arch, init_many(arch, data.x.shape[1], seeds, dtype=np.float32), data.x, data.y),
        eta=known.eta,
        steps=spec.steps,
        record=known.steps.astype(int),
        centred=True,
        kernel=True,
        allow_divergence=True,
        report=lambda fraction, partial=None, /: report(fraction, result),
    )
    result = _measured(result, runs)
    report(1.0, result)
    return result


def _measured(result: Result, runs: tuple[Run, ...]) -> Result:
    known = result.known
    loss = np.full((len(runs), len(known.steps)), math.nan)
    left = np.full((len(runs), *known.left.shape), math.nan)
    for one, each in enumerate(runs):
        loss[one, : len(each.loss)] = np.asarray(each.loss, np.float64) / known.first
        left[one, : len(each.loss)] = known.in_modes(each.f_train)
    drift = np.array([math.nan if each.drift is None else float(each.drift[-1]) for each in runs])
    return replace(result, loss=loss, left=left.mean(axis=0), drift=drift)


def findings(result: Result) -> tuple[Finding, ...]:
    """The smallest eigenvalue, the steps, and the last loss, each beside what is known beforehand."""
    known, fraction = result.known, percent(result.known.fraction)
    missing = "" if result.steps is not None else f"Not all networks came to {fraction} of the first loss."
    reached = result.reached if not missing else np.empty(0)
    predicted, bounded = known.reached, known.bounded
    none = "The prediction never comes to the wanted loss." if predicted is None else ""
    void = "λ_min is zero: nothing is guaranteed." if bounded is None else ""
    last = 100 * result.loss[:, -1]
    return (
        Finding(
            "Eigenvalues above zero",
            float(known.positive),
            f"of {len(known.eigenvalues)}",
            claim=8,
            help="The eigenvalues of the kernel at infinite width that are larger than rounding errors. There is a "
            "guarantee if all of them are.",
            references=(Reference("λ_min/λ_max", 1 / known.condition),),
        ),
        over_seeds(
            f"Steps to {fraction} of the loss",
            reached,
            unit="steps",
            references=(Reference("predicted", predicted), Reference("guaranteed", bounded)),
            help="After how many steps the training loss has fallen to this share of its first value. The prediction "
            "uses all eigenvalues and the target; the guarantee uses only the slowest factor, max |1 − ηλ_i|.",
            caveat=missing,
        ),
        over_seeds(
            "Predicted over measured steps",
            (predicted or math.nan) / reached,
            expected=Interval(1.0, 1.0, "infinite width, Jacot et al. 2018"),
            claim=9,
            help="1 means that the time of this training was known from the kernel and the target.",
            caveat=missing or none,
        ),
        over_seeds(
            "Guaranteed over measured steps",
            (bounded or math.nan) / reached,
            expected=Interval(1.0, math.inf, "a guarantee holds for every target"),
            claim=8,
            help="How many times longer than needed the guarantee is. Below 1 the networks break it: it is one of "
            "infinite width.",
            caveat=missing or void,
        ),
        over_seeds(
            "Loss at the last step",
            last,
            unit="%",
            references=(Reference("predicted", 100 * float(known.loss[-1])),),
            claim=8,
            help="The share of the first loss that is left after the last step.",
        ),
        over_seeds(
            "Last loss over the floor",
            last / (100 * known.floor) if known.floor > TOLD else np.empty(0),
            expected=Interval(1.0, 1.0, "the part of the target in modes whose eigenvalue is zero"),
            claim=8,
            help="The floor is the share of the target in modes whose eigenvalue is zero: they are never learned.",
            caveat="" if known.floor > TOLD else "The floor is zero: every mode that the target needs can be learned.",
        ),
    )


def steps_in_words(result: Result) -> str:
    """After how many steps the networks reached the wanted loss, beside prediction and guarantee."""
    known, fraction = result.known, percent(result.known.fraction)
    told = "Nothing was guaranteed" if known.bounded is None else f"{counted(known.bounded, 'step')} were guaranteed"
    told += (
        ", and no number of steps was predicted."
        if known.reached is None
        else (f", and {counted(known.reached, 'step')} predicted.")
    )
    if result.steps is None:
        return (
            f"Not all networks came to {fraction} of the first loss within {counted(known.steps[-1], 'step')}. {told}"
        )
    return f"The networks came to {fraction} of the first loss after {counted(result.steps, 'step')}. {told}"


def remarks(result: Result) -> tuple[Remark, ...]:
    """Where there is no guarantee, with the floor that follows, and where the networks leave the closed form."""
    known = result.known
    said = [Remark(warning, answer=False) for warning in known.data.warnings]
    zero = len(known.eigenvalues) - known.positive
    if zero:
        said.append(
            Remark(
                f"There is no guarantee: {counted(zero, 'eigenvalue')} of {len(known.eigenvalues)} cannot be told from "
                f"zero. The target has {percent(known.floor)} of its square in these modes, which stay as they are."
            )
        )
    drift = mean_and_error(result.drift)[0]
    moved = math.nan if drift is None else known.condition * drift
    if math.isfinite(moved) and moved > MOVED:
        said.append(
            Remark(
                f"The kernel changed by {percent(drift)} in training, and λ_max is {written(known.condition)} times "
                "λ_min. Such a change can be larger than λ_min itself: the closed form is in doubt for the slow modes."
            )
        )
    return tuple(said)
