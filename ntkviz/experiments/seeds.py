r"""Networks that differ in their random weights alone, trained to the end on the same few points of a circle.

    infinite width, gradient descent:    f_k(x) ~ N(A_k y, Σ_k),    A_k = Θ* Θ⁻¹ (1 − (1 − ηΘ)^k)
    Σ_k = K** + A_k K A_kᵀ − A_k K*ᵀ − K* A_kᵀ

The kernels agree, the functions do not: on the training points the spread goes to zero, between them it stays. A
centred model f − f₀ has none. Beside it stands the posterior of Bayesian regression with the NNGP kernel K, which is
training of the last layer alone. Other optimisers are compared with gradient descent from the same weights. To record
another quantity, give it a field in `Result`.

Sources: Lee, Xiao, Schoenholz et al. 2019 (the ensemble); Lee, Bahri, Novak et al. 2018 (NNGP).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ntkviz import costs
from ntkviz.comparison.ensembles import ADAM_STEP, OPTIMISERS, Training, on_test_points, train_ensemble
from ntkviz.costs import Cost
from ntkviz.data import CirclePoints, Dataset, DataSpec, load
from ntkviz.data.circle import GRID, Circle
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Interval, Reference, Remark
from ntkviz.measures.spread import rms, spread
from ntkviz.nets import Architecture
from ntkviz.prediction import ensemble_of
from ntkviz.specs import Spec as BaseSpec
from ntkviz.specs import choice, flag, number
from ntkviz.training import log_steps
from ntkviz.writing import percent

Floats = NDArray[np.float64]

RECORDS = 14  # recorded steps
MOST_POINTS = 64
CONVERGED = 0.01  # share of the first loss above which a run has not converged
NEAR = 0.2  # relative distance within which measured and predicted spread agree: finite width and few networks


@dataclass(frozen=True, kw_only=True)
class Spec(BaseSpec):
    """The points, the network, how it is trained, and how many networks there are."""

    data: DataSpec = field(default_factory=CirclePoints)
    arch: Architecture = field(default_factory=lambda: Architecture(width=512, sigma_b=0.1))
    c: float = number(
        0.7, 0.05, 1.9, step=0.05, label="Step size c", help="c = η λ_max of the kernel at infinite width."
    )
    steps: int = number(300, 5, 3000, label="Steps", log=True)
    optimiser: str = choice("descent", OPTIMISERS, label="Optimiser", help=f"Adam's step is {ADAM_STEP} c.")
    decay: float = number(0.0, 0.0, 1.0, label="Weight decay δ", help="In the unit of the kernel's eigenvalues.")
    centred: bool = flag(False, label="Centred: f − f₀", help="The outputs at the start are subtracted.")
    networks: int = number(24, 4, 64, label="Networks", help="They differ in the seed of their weights alone.")
    seed: int = number(0, 0, 10_000, label="Seed", help="Of the first network; each further one has the next seed.")

    def check(self) -> None:
        arch = self.arch
        if type(arch) is not Architecture or arch.outputs != 1 or arch.parameterization != "ntk":
            raise InvalidInput(
                "This lesson trains fully connected networks with one output in the NTK parameterization."
            )
        if arch.depth > 3 or arch.width > 2048:
            raise InvalidInput("This lesson trains networks of at most 3 layers of 2048 neurons.")
        if not isinstance(self.data, Circle) or (self.data.n or 0) > MOST_POINTS:
            raise InvalidInput(f"This lesson learns at most {MOST_POINTS} points on a circle.")

    @property
    def plain(self) -> bool:
        """Whether it is gradient descent without decay."""
        return self.optimiser == "descent" and not self.decay


@dataclass(frozen=True, eq=False)
class Result:
    """S networks at T recorded steps, at M angles; theory is that of gradient descent from random weights."""

    spec: Spec
    data: Dataset
    steps: np.ndarray  # (T,)
    f: Floats  # (T, S, M)
    on_data: Floats  # (T, S, N)
    mean: Floats  # (T, M) of theory
    std: Floats  # (T, M) of theory; 0 for a centred model
    posterior: Floats  # (M,) standard deviation of Bayesian regression with the NNGP kernel
    by_descent: Floats  # (S, M) the same networks at the end of gradient descent without decay
    left: float  # the last loss as a share of the first, at most over the networks

    @property
    def predicted(self) -> float:
        """The spread at the end in theory."""
        return rms(self.std[-1])

    @property
    def apart(self) -> float:
        """How far each network ends from where gradient descent takes it, rms, over the spread of gradient descent."""
        return rms(self.f[-1] - self.by_descent) / spread(self.by_descent)[0]


def cost(spec: Spec) -> Cost:
    """The kernels at infinite width, and one training or two."""
    n, m = spec.data.n or MOST_POINTS, GRID
    training = costs.training(spec.arch, 2, n, spec.steps, networks=spec.networks, frames=RECORDS, test_points=m)
    weights = costs.weights(spec.arch, 2, networks=spec.networks)
    theory = costs.infinite_kernel(spec.arch, 2, n + m) + 2 * costs.linearised(n, m, RECORDS)
    return costs.OVERHEAD + theory.dropped + (1 if spec.plain else 2) * (weights + training).dropped


def run(spec: Spec, report: Report = silent) -> Result:
    """Theory first, then all networks side by side; those of gradient descent last, where the settings are others."""
    data, parts = load(spec.data), 1 if spec.plain else 2
    marks = np.union1d([0], log_steps(spec.steps, RECORDS))
    theory, eta = ensemble_of(spec.arch, data, spec.c, marks)
    posterior = ensemble_of(spec.arch, data, spec.c, None, last_layer=True)[0].std[-1]
    seeds = range(spec.seed, spec.seed + spec.networks)
    how = Training(spec.c, marks, spec.optimiser, spec.decay, spec.centred)

    def part(number: int) -> Report:
        return lambda fraction, runs=None, /: report((number + fraction) / parts)

    runs = train_ensemble(spec.arch, data, how, eta, seeds, part(0))
    plain = replace(how, optimiser="descent", decay=0.0)
    other = runs if spec.plain else train_ensemble(spec.arch, data, plain, eta, seeds, part(1))
    count = min(len(one.steps) for one in runs)
    report(1.0)
    return Result(
        spec=spec,
        data=data,
        steps=marks[:count],
        f=np.stack([on_test_points(one)[:count] for one in runs], axis=1),
        on_data=np.stack([one.f_train[:count, :, 0] for one in runs], axis=1).astype(np.float64),
        mean=theory.mean[:count, :, 0],
        std=(0.0 if spec.centred else 1.0) * theory.std[:count],
        posterior=posterior,
        by_descent=np.stack([on_test_points(one)[-1] for one in other]),
        left=max(float(one.loss[-1] / one.loss[0]) for one in runs),
    )


def findings(result: Result) -> tuple[Finding, ...]:
    """The spread on the points and between them, beside theory, and the way to gradient descent's end."""
    measured, error = spread(result.f[-1])
    over, predicted = f"{result.spec.networks} networks", result.predicted
    size = 100 / rms(result.data.y)
    ratio = None if result.spec.centred or not predicted else measured / predicted
    theory = not result.spec.centred and result.spec.plain
    found = [
        Finding(
            "Spread between the points",
            size * measured,
            "% of the targets",
            error=size * error,
            over=over,
            references=(Reference("theory", size * predicted), Reference("NNGP", size * rms(result.posterior))),
            claim=12,
            help="Standard deviation over the networks at the end, over all angles, as a share of the targets.",
        ),
        Finding(
            "Spread on the points",
            size * spread(result.on_data[-1])[0],
            "% of the targets",
            help="The same on the training points.",
        ),
        Finding(
            "Spread, measured over predicted",
            ratio,
            error=None if ratio is None else error / predicted,
            over="" if ratio is None else over,
            expected=Interval(1 - NEAR, 1 + NEAR, "gradient descent at infinite width") if theory else None,
            claim=12,
            help="Between the points, at the end.",
            caveat="" if ratio is not None else "At infinite width a centred model has no spread.",
        ),
    ]
    if not result.spec.plain:
        found.append(
            Finding(
                "Distance to the end of gradient descent",
                100 * result.apart,
                "% of its spread",
                claim=12,
                help="From the same weights at the start: rms over networks and angles.",
            )
        )
    return tuple(found)


def remarks(result: Result) -> tuple[Remark, ...]:
    """What the data warn of, where theory is that of another training, and whether the training has ended."""
    said = [Remark(warning, answer=False) for warning in result.data.warnings]
    if not result.spec.plain:
        said.append(Remark("The band of theory is that of gradient descent without weight decay.", answer=False))
    if result.left > CONVERGED:
        said.append(Remark(f"The training has not ended: the loss is still {percent(result.left)} of the first one."))
    return tuple(said)
