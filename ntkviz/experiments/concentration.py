r"""How far the kernel of a network before training is from that of the infinitely wide network, over the width.

    ‖Θ_n − Θ_∞‖/‖Θ_∞‖ ~ √(L/n)

Each entry of Θ_n is a sum over neurons, so that its spread falls like 1/√n. In a deeper network the randomness of the
layers adds up: a network of L layers needs about L times the width. Both are laws of wide networks.

Sources: Jacot, Gabriel & Hongler 2018 (the limit); Arora, Du, Hu, Li, Salakhutdinov & Wang 2019 (a rate);
Hanin & Nica 2020 (depth over width, for ReLU).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ntkviz import costs, nets
from ntkviz.costs import NOTHING, Cost
from ntkviz.data import DataSpec, Sphere, load
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Interval, Remark
from ntkviz.kernels import empirical_ntk, infinite_ntk
from ntkviz.measures.seeds import over_seeds
from ntkviz.nets import Architecture
from ntkviz.specs import Spec as BaseSpec
from ntkviz.specs import number
from ntkviz.spectra import relative_distance
from ntkviz.sweeps import Quantity, Sweep, sweep
from ntkviz.writing import counted, interval, percent, with_error

WIDTHS = (32, 64, 128, 256, 512, 1024)
DEEPEST = 8  # hidden layers
MOST_POINTS = 200
WIDE = 128  # neurons from which widths of two depths are compared
NEAR = 0.1  # the distance for which a width is asked
FLAT = -0.1  # exponents above it tell no width at which the distance is small
SCALE = (0.02, 2.0)  # distances that the chart holds before any is known
LAW = Interval(-0.5, -0.5, "law of large numbers: the mean of n terms")


@dataclass(frozen=True, kw_only=True)
class Spec(BaseSpec):
    """The points, the network, and how many networks of each width are drawn."""

    data: DataSpec = field(default_factory=lambda: Sphere(n=16, dim=10))
    arch: Architecture = field(default_factory=lambda: Architecture(sigma_b=0.1))
    seeds: int = number(10, 3, 40, label="Networks of each width", help="Each has its own random weights.")
    seed: int = number(0, 0, 10_000, label="Seed", help="Of the first network; each further one has the next seed.")

    def check(self) -> None:
        plain(self.arch)
        if self.data.n and self.data.n > MOST_POINTS:
            raise InvalidInput(f"This lesson compares kernels of at most {MOST_POINTS} points.")


def plain(arch: Architecture) -> None:
    """Raise `InvalidInput` unless the network is one whose widths this lesson compares."""
    if type(arch) is not Architecture or arch.outputs != 1 or arch.parameterization != "ntk":
        raise InvalidInput("This lesson compares fully connected networks with one output in the NTK parameterization.")
    if arch.depth > DEEPEST or arch.width > WIDTHS[-1]:
        raise InvalidInput(f"This lesson draws networks of at most {DEEPEST} layers of {WIDTHS[-1]} neurons.")


@dataclass(frozen=True, eq=False)
class Result:
    """The networks so far."""

    spec: Spec
    distance: Sweep  # ‖Θ_n − Θ_∞‖/‖Θ_∞‖ over the width
    shallow: Sweep | None = None  # the same with one hidden layer, where the network has more

    @property
    def deeper(self) -> tuple[float, float] | None:
        """How many times as wide a network must be as one with one hidden layer, for the same distance; its error.

        The distance squared falls like 1/width, so that it is the ratio of the squares, at widths from `WIDE` on. The
        mean over widths is geometric. The error is one standard error over the networks.
        """
        if self.shallow is None or not (self.distance.finished and self.shallow.finished):
            return None
        wide = self.distance.at >= WIDE
        logs = [2 * np.log(sweep.values[wide]) for sweep in (self.distance, self.shallow)]
        mean = math.exp(float(np.mean(logs[0]) - np.mean(logs[1])))
        spreads = [log.var(axis=1, ddof=1).sum() / log.shape[1] for log in logs]
        return mean, mean * math.sqrt(float(sum(spreads))) / int(wide.sum())

    @property
    def needed(self) -> float | None:
        """The width at which the fitted power law reaches the distance `NEAR`."""
        fit = self.distance.fit
        return None if fit is None or fit.exponent > FLAT else (NEAR / fit.prefactor) ** (1 / fit.exponent)


def cost(spec: Spec) -> Cost:
    """A kernel for each network, and those of the infinitely wide ones."""
    depths = {spec.arch.depth, 1}
    networks = [replace(spec.arch, width=n, depth=depth) for n in WIDTHS for depth in depths]
    points, dim = load(spec.data).x.shape
    theory = sum((costs.infinite_kernel(replace(spec.arch, depth=depth), dim, points) for depth in depths), NOTHING)
    return costs.OVERHEAD + theory + spec.seeds * sum((_one(arch, dim, points) for arch in networks), NOTHING)


def _one(arch: Architecture, dim: int, points: int) -> Cost:
    return (costs.weights(arch, dim) + costs.empirical_kernel(arch, dim, points)).dropped


def run(spec: Spec, report: Report = silent) -> Result:
    """The distances of all networks, the narrow ones first; those of one hidden layer come last."""
    x = load(spec.data).x
    parts = 1 if spec.arch.depth == 1 else 2

    def swept(arch: Architecture, told: Callable[[float, Sweep], None]) -> Sweep:
        limit, dim = np.asarray(infinite_ntk(arch, x)), x.shape[1]

        def measure(width: int, seed: int, watch: Report, /) -> tuple[float]:
            network = replace(arch, width=width)
            params = nets.init(network, dim, seed=spec.seed + seed, dtype=np.float32)
            return (relative_distance(np.asarray(empirical_ntk(network, params, x), np.float64), limit),)

        return sweep(
            "width",
            WIDTHS,
            spec.seeds,
            measure,
            (Quantity(law=LAW),),
            report=lambda fraction, sweeps: told(fraction, sweeps[0]),
            seconds=lambda width: _one(replace(arch, width=width), dim, len(x)).seconds,
        )[0]

    distance = swept(spec.arch, lambda fraction, part: report(fraction / parts, Result(spec, part)))
    shallow = None
    if parts == 2:
        one = replace(spec.arch, depth=1)
        shallow = swept(one, lambda fraction, part: report((1 + fraction) / 2, Result(spec, distance, part)))
    result = Result(spec, distance, shallow)
    report(1.0, result)
    return result


def findings(result: Result) -> tuple[Finding, ...]:
    """The exponent, the distance of narrow and of wide networks, and the widths that are needed."""
    distance, depth = result.distance, result.spec.arch.depth
    ends = tuple(
        over_seeds(
            f"Distance at {width} neurons",
            100 * distance.values[place],
            unit="%",
            claim=5,
            help="‖Θ_n − Θ_∞‖/‖Θ_∞‖ over all pairs of points, before training.",
        )
        for width, place in ((WIDTHS[0], 0), (WIDTHS[-1], -1))
    )
    deeper, needed, beside = result.deeper, result.needed, list[Finding]()
    if depth > 1:
        beside += [
            Finding(
                "Width needed, over that of one hidden layer",
                None if deeper is None else deeper[0],
                "times",
                error=None if deeper is None else deeper[1],
                over="" if deeper is None else f"{distance.networks} networks",
                expected=Interval(depth / 2, 2 * depth, "about the depth L, Hanin & Nica 2020"),
                claim=5,
                help=f"For the same distance, measured at widths from {WIDE} on.",
                caveat="" if deeper else "The networks are still being drawn.",
            )
        ]
    return (
        distance.finding(
            "Distance to infinite width: exponent",
            claim=5,
            help="How the distance falls with the width n: distance ∝ n^exponent, fitted to all networks.",
        ),
        *ends,
        Finding(
            f"Width for a distance of {percent(NEAR)}",
            needed,
            "neurons",
            help="Where the fitted line reaches this distance.",
            caveat="" if needed else "There is no line yet that falls.",
        ),
        *beside,
    )


def remarks(result: Result) -> tuple[Remark, ...]:
    """Where the fit is not at its law."""
    found = findings(result)[0]
    if found.agrees is not False or not result.distance.finished:
        return ()
    way = "flatter" if (found.value or 0.0) > LAW.high else "steeper"
    depth = counted(result.spec.arch.depth, "hidden layer")
    return (
        Remark(
            f"The exponent {with_error(found.value, found.error)} is {way} than {interval(LAW)}. The law is one of "
            f"wide networks: with {depth}, the narrow ones among these are not wide."
        ),
    )
