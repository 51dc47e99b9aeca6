r"""The spread of trained networks over their seeds, against the width: of the networks, and of centred models.

    f_n = f₀ + (what was learned):    the part that depends on f₀ stays as n → ∞, the rest falls like 1/√n

For each width several groups of networks are trained, so that the spread of a group has an error. A centred model
f − f₀ starts at zero; what is left of its spread comes from a kernel that was drawn at random.

Sources: Lee, Xiao, Schoenholz et al. 2019 (the ensemble at infinite width); the law of large numbers.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ntkviz import costs
from ntkviz.comparison.ensembles import Training, on_test_points, train_ensemble
from ntkviz.costs import NOTHING, Cost
from ntkviz.data import load
from ntkviz.data.circle import GRID
from ntkviz.experiments import seeds
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Interval, Remark
from ntkviz.measures.seeds import over_seeds
from ntkviz.measures.spread import rms
from ntkviz.prediction import ensemble_of
from ntkviz.sweeps import Quantity, Sweep, affordable, sweep
from ntkviz.writing import interval, with_error

Spec = seeds.Spec  # width, optimiser, decay and the number of networks have no part in the sweep
WIDTHS = (32, 64, 128, 256, 512, 1024)
GROUPS, NETWORKS = 3, 8  # groups of networks at each width, and networks of a group
SECONDS = 0.4  # a group that takes longer is left out
SCALE = (0.01, 1.0)  # spreads, as shares of the targets, that the chart holds before any is known
STAYS = Interval(-0.1, 0.1, "the ensemble at infinite width, Lee et al. 2019")
FALLS = Interval(-0.5, -0.5, "a kernel drawn at random, law of large numbers")


@dataclass(frozen=True, eq=False)
class Result:
    """The sweeps so far: standard deviation over networks, rms over angles, as a share of the targets."""

    spec: Spec
    plain: Sweep
    centred: Sweep
    level: float  # of the infinitely wide networks


def shared(spec: Spec) -> Spec:
    """The settings without those that the sweep does not depend on."""
    other = Spec()
    arch = replace(spec.arch, width=other.arch.width)
    return replace(spec, arch=arch, optimiser=other.optimiser, decay=0.0, centred=False, networks=other.networks)


def cost(spec: Spec) -> Cost:
    """Two trainings for each group that is affordable."""
    widths = affordable(WIDTHS, lambda width: _group(spec, width).seconds, SECONDS)
    theory = costs.infinite_kernel(spec.arch, 2, _points(spec) + GRID)
    return costs.OVERHEAD + theory + sum((GROUPS * _group(spec, width) for width in widths), NOTHING)


def _points(spec: Spec) -> int:
    return spec.data.n or seeds.MOST_POINTS


def _group(spec: Spec, width: int) -> Cost:
    arch = replace(spec.arch, width=width)
    training = costs.training(arch, 2, _points(spec), spec.steps, networks=NETWORKS, frames=2, test_points=GRID)
    return 2 * (costs.weights(arch, 2, networks=NETWORKS) + training).dropped


def run(spec: Spec, report: Report = silent) -> Result:
    """Every group of networks, the narrow ones first."""
    data = load(spec.data)
    marks = np.array([0, spec.steps])
    theory, eta = ensemble_of(spec.arch, data, spec.c, marks)
    size = rms(data.y)

    def measure(width: int, group: int, watch: Report, /) -> list[float]:
        first = spec.seed + NETWORKS * group
        arch, found = replace(spec.arch, width=width), []
        for part, centred in enumerate((False, True)):
            how = Training(spec.c, marks, centred=centred)

            def half(fraction: float, runs: object = None, /, part: int = part) -> None:
                watch((part + fraction) / 2)

            runs = train_ensemble(arch, data, how, eta, range(first, first + NETWORKS), half)
            ends = np.stack([on_test_points(one)[-1] for one in runs])
            found.append(rms(ends.std(axis=0, ddof=1)) / size)
        return found

    def gathered(sweeps: tuple[Sweep, ...]) -> Result:
        plain, centred = sweeps
        return Result(spec, plain, centred, rms(theory.std[-1]) / size)

    return gathered(
        sweep(
            "width",
            WIDTHS,
            GROUPS,
            measure,
            (Quantity(law=STAYS), Quantity(law=FALLS)),
            report=lambda fraction, sweeps: report(fraction, gathered(sweeps)),
            seconds=lambda width: _group(spec, width).seconds,
            limit=SECONDS,
        )
    )


def findings(result: Result) -> tuple[Finding, ...]:
    """The exponents, and the spread of the widest networks beside theory."""
    widest = result.plain.at[-1] if len(result.plain.at) else 0
    level = 100 * result.level
    words = f"Standard deviation over {NETWORKS} networks, over all angles, as a share of the targets."
    return (
        result.plain.finding("Spread of the networks: exponent", claim=12, help=f"{words} ∝ n^exponent."),
        result.centred.finding("Spread of centred models: exponent", claim=12, help=f"{words} ∝ n^exponent."),
        _over_groups(
            f"Spread at {widest:.0f} neurons",
            result.plain,
            claim=12,
            expected=Interval((1 - seeds.NEAR) * level, (1 + seeds.NEAR) * level, "infinite width"),
            help=words,
        ),
        _over_groups(f"Spread of centred models at {widest:.0f} neurons", result.centred, help=words),
    )


def _over_groups(name: str, swept: Sweep, **rest: Any) -> Finding:
    """The spread of the widest networks, over the groups of them."""
    found = over_seeds(name, 100 * swept.values[-1:], unit="%", **rest)
    return found if found.error is None else replace(found, over=f"{GROUPS} groups of {NETWORKS} networks")


def remarks(result: Result) -> tuple[Remark, ...]:
    """What was left out, and where a fit is not at its law."""
    said = []
    if result.plain.skipped:
        widths = ", ".join(f"{width:.0f}" for width in result.plain.skipped)
        said.append(Remark(f"Networks of these widths would take too long and are left out: {widths}.", answer=False))
    for found in findings(result)[:2]:
        if found.agrees is False and found.expected is not None and result.plain.finished:
            way = "flatter" if (found.value or 0.0) > found.expected.high else "steeper"
            value = with_error(found.value, found.error)
            text = f"{found.name}: {value} is {way} than expected for large n ({interval(found.expected)})."
            said.append(Remark(f"{text} The narrow networks among these are not near the limit."))
    return tuple(said)
