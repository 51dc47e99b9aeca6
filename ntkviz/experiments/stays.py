r"""The tangent kernel of one network while it is trained: does it stay what it was at the start?

    drift ‖Θ_k − Θ₀‖/‖Θ₀‖,    F = ρ(α (f(w) − f(w₀))),    Θ_k(x, x′) = ρ′(F) ρ′(F′) Σ_w ∂_w f(x) ∂_w f(x′)

ρ is the identity, or arsinh for a nonlinear readout. As the width grows, f becomes linear in its weights; but ρ(f) does
not, and its kernel tends to another one than Θ₀, which is known beforehand: at F = y it has the factors ρ′(ρ⁻¹(y)).

Sources: Jacot, Gabriel & Hongler 2018 (the kernel stays); Chizat, Oyallon & Bach 2019 (α); Liu, Zhu & Belkin 2020
(a nonlinear readout); Lewkowycz, Bahri, Dyer et al. 2020 (large steps).
"""

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from ntkviz import costs, nets
from ntkviz.costs import Cost
from ntkviz.data import DataSpec, Digits, Sphere, load
from ntkviz.data.arrangement import Group, Sorting, arranged, groups, sorting
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Reference, Remark
from ntkviz.kernels import empirical_ntk
from ntkviz.measures import drifts
from ntkviz.nets import Architecture, Params
from ntkviz.nets.padding import padded
from ntkviz.specs import Spec as BaseSpec
from ntkviz.specs import choice, number
from ntkviz.training import Run, log_steps, stable_step, train
from ntkviz.training.measured import kernels
from ntkviz.training.readouts import READOUTS
from ntkviz.writing import fixed, percent

RECORDS = 12  # recorded steps
CONVERGED = 0.05  # share of the first loss above which a run has not converged
MOST_POINTS = 128
DEEPEST, WIDEST = 3, 1024


@dataclass(frozen=True, kw_only=True)
class Spec(BaseSpec):
    """The task, the network, how it is trained, and how many networks of each width there are."""

    data: DataSpec = field(default_factory=lambda: Sphere(n=16, dim=10))
    arch: Architecture = field(
        default_factory=lambda: Architecture(width=256, activation="erf", sigma_w=1.5, sigma_b=0.3)
    )
    c: float = number(1.0, 0.05, 3.8, step=0.05, label="Step size c", help="c = η λ_max of the kernel at the start.")
    alpha: float = number(1.0, 0.03, 100.0, label="Output scale α", help="F = α (f(w) − f(w₀)).", log=True)
    readout: str = choice(
        "linear",
        {name: readout.title for name, readout in READOUTS.items()},
        label="Readout",
        help="What is done with the output F of the network.",
    )
    steps: int = number(300, 20, 2000, label="Steps", help="Of gradient descent.", log=True)
    seeds: int = number(3, 2, 10, label="Networks of each width", help="Each has its own random weights.")
    seed: int = number(0, 0, 10_000, label="Seed", help="Of the first network; each further one has the next seed.")

    def check(self) -> None:
        arch = self.arch
        if type(arch) is not Architecture or arch.outputs != 1 or arch.parameterization == "standard":
            raise InvalidInput(
                "This lesson trains fully connected networks with one output, in the NTK or the µP parameterization."
            )
        if arch.depth > DEEPEST or arch.width > WIDEST:
            raise InvalidInput(f"This lesson trains networks of at most {DEEPEST} layers of {WIDEST} neurons.")
        if (self.data.n or 0) > MOST_POINTS:
            raise InvalidInput(f"This lesson compares kernels of at most {MOST_POINTS} points.")
        if isinstance(self.data, Digits) and self.data.question == "classes":
            raise InvalidInput("This lesson trains networks with one output: choose a question with two answers.")


@dataclass(frozen=True, eq=False)
class Result:
    """The kernel at T recorded steps, on H ≤ N sorted points."""

    spec: Spec
    steps: np.ndarray  # (T,)
    kernels: np.ndarray  # (T, H, H)
    drift: np.ndarray  # (T,) on all points
    left: float  # the last loss as a share of the first
    diverged: bool
    level: float | None  # the drift as the width grows without bound, where it is known and not 0
    place: np.ndarray  # (H,) degrees on the circle, otherwise ranks
    sorted_by: Sorting
    groups: tuple[Group, ...]
    warnings: tuple[str, ...] = ()


def trained(spec: Spec, arch: Architecture, params: Params, watch: Report = silent, **recording: Any) -> Run:
    """A network trained as the settings say.

    Args:
        spec: the settings, of which the width has no part in it.
        arch: the network.
        params: its weights at the start, in float32.
        watch: is called with the fraction done.
        recording: of `training.train`.
    """
    data = load(spec.data)
    largest = float(np.linalg.eigvalsh(np.asarray(empirical_ntk(arch, params, data.x), np.float64))[-1])
    if not largest > 0:
        raise InvalidInput("The kernel is zero: nothing can be learned without larger inputs or biases.")
    scale = 1 / math.sqrt(arch.width) if arch.parameterization == "mup" else 1.0
    return train(
        arch,
        params,
        data.x,
        data.y,
        eta=2 * spec.c * stable_step(spec.alpha * scale, arch.width, largest),
        steps=spec.steps,
        alpha=spec.alpha,
        loss=READOUTS[spec.readout].loss,
        centred=True,
        allow_divergence=True,
        report=lambda fraction, partial=None: watch(fraction),
        **recording,
    )


def cost(spec: Spec) -> Cost:
    """A training whose weights are kept, and a kernel at each recorded step."""
    points, dim = load(spec.data).x.shape
    shapes = (spec.arch, dim, points)
    training = costs.training(*shapes, spec.steps, frames=RECORDS, weights=True)
    return (
        costs.OVERHEAD
        + costs.weights(spec.arch, dim)
        + training
        + costs.empirical_kernel(*shapes, networks=RECORDS + 1)
    )


def run(spec: Spec, report: Report = silent) -> Result:
    """Train the network, and compute its kernel at each recorded step."""
    data, readout = load(spec.data), READOUTS[spec.readout]
    start = nets.init(spec.arch, data.x.shape[1], seed=spec.seed, dtype=np.float32)
    ran = trained(
        spec,
        spec.arch,
        start,
        lambda fraction, partial=None: report(0.9 * fraction),
        record=log_steps(spec.steps, RECORDS),
        weights=True,
    )
    stacked: Params = jax.device_put(ran.weights)
    n = len(data.x)
    own = np.asarray(kernels(spec.arch, stacked, padded(data.x.astype(np.float32))), np.float64)[:, :n, :n]
    found = readout.kernel(own, ran.f_train[:, :, 0])
    shown = arranged(data, data.y[:, 0], MOST_POINTS)
    limit = readout.kernel(found[0], readout.inverse(data.y[:, 0]))
    report(1.0)
    return Result(
        spec=spec,
        steps=ran.steps,
        kernels=found[:, shown.rows[:, None], shown.rows],
        drift=drifts(found, found[0]),
        left=float(ran.loss[-1] / ran.loss[0]),
        diverged=ran.diverged_at is not None,
        level=None if spec.readout == "linear" else float(drifts(limit[None], found[0])[0]),
        place=shown.place,
        sorted_by=sorting(data),
        groups=groups(data),
        warnings=data.warnings,
    )


def findings(result: Result) -> tuple[Finding, ...]:
    """How far the kernel of this network moved."""
    level = result.level
    return (
        Finding(
            f"Drift of the kernel, {result.spec.arch.width} neurons",
            None if result.diverged else 100 * float(result.drift[-1]),
            "%",
            help="‖Θ − Θ₀‖/‖Θ₀‖ of this network at the end of its training, over all pairs of points.",
            caveat="The training diverged." if result.diverged else "",
            references=() if level is None else (Reference("at infinite width", 100 * level),),
        ),
        Finding("Loss at the end", None if result.diverged else 100 * result.left, "% of the first"),
    )


def remarks(result: Result) -> tuple[Remark, ...]:
    """What the data warn of, and whether the training converged."""
    said = [Remark(warning, answer=False) for warning in result.warnings]
    if result.diverged:
        said.append(Remark(f"The training diverged at c = {fixed(result.spec.c, 2)}. Choose a smaller step."))
    elif result.left > CONVERGED:
        said.append(
            Remark(
                f"The training has not converged: its loss is still {percent(result.left)} of the first one. The "
                "kernel would move further. Choose more steps."
            )
        )
    return tuple(said)
