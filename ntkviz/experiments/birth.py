r"""One entry of the kernel before training, neuron by neuron, and over many networks of three widths.

    Θ_n(x, x′) = Σ_j T_j + (bias of the output),    T_j = O(1/n)

x and x′ are the two points of the data for which Θ_∞(x, x′) is largest. By the law of large numbers the sum over the
neurons becomes Θ_∞(x, x′), which does not depend on the random weights; its standard deviation over networks falls like
1/√n. To add a number, add a line to `findings`.

Source: Jacot, Gabriel & Hongler 2018 (the limit).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from ntkviz import costs, nets
from ntkviz.costs import NOTHING, Cost
from ntkviz.data import DataSpec, Sphere, load
from ntkviz.errors import InvalidInput
from ntkviz.experiments.concentration import LAW, plain
from ntkviz.experiments.concentration import Spec as Concentration
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Reference, Remark
from ntkviz.kernels import infinite_ntk
from ntkviz.kernels.neurons import neuron_terms
from ntkviz.kernels.sweeps import seeds_ntk
from ntkviz.measures.seeds import over_seeds
from ntkviz.nets import Architecture
from ntkviz.specs import Spec as BaseSpec
from ntkviz.specs import number
from ntkviz.sweeps import Sweep

SHOWN = 3  # networks whose neurons are drawn
DRAWN = (16, 48, 144)  # widths of which one entry is drawn many times
NETWORKS = 400  # of each of these widths
DRAW = 1e-4  # seconds that a network takes beside its weights
GROUPS = 4  # of these networks, whose spreads give the error of the exponent


@dataclass(frozen=True, kw_only=True)
class Spec(BaseSpec):
    """The points, the network, and how many networks of each width are drawn."""

    data: DataSpec = field(default_factory=lambda: Sphere(n=16, dim=10))
    arch: Architecture = field(default_factory=lambda: Architecture(width=256, sigma_b=0.1))
    seeds: int = number(10, 3, 40, label="Networks of each width", help="Each has its own random weights.")
    seed: int = number(0, 0, 10_000, label="Seed", help="Of the first network; each further one has the next seed.")

    def check(self) -> None:
        plain(self.arch)
        if self.data.n == 1:
            raise InvalidInput("An entry of the kernel needs two points: choose more points.")

    @property
    def concentration(self) -> Concentration:
        """The sweep over widths, which does not depend on the width of the page."""
        arch = replace(self.arch, width=Architecture().width)
        return Concentration(data=self.data, arch=arch, seeds=self.seeds, seed=self.seed)


@dataclass(frozen=True, eq=False)
class Result:
    """The entry, and the networks."""

    spec: Spec
    theory: float  # Θ_∞(x, x′)
    terms: np.ndarray  # (SHOWN, n) n times the terms of the neurons of a network, summed over its layers
    bias: np.ndarray  # (SHOWN,) what the bias of the output adds
    drawn: np.ndarray  # (len(DRAWN), NETWORKS) the entry of networks of three widths

    @property
    def running(self) -> np.ndarray:
        """(SHOWN, n) the entry that the mean of the first 1, 2, …, n neurons of each network gives."""
        return np.asarray(np.cumsum(self.terms, axis=1) / np.arange(1, self.terms.shape[1] + 1) + self.bias[:, None])

    @property
    def spread(self) -> Sweep:
        """The standard deviation of the entry over the networks of a group, over the width."""
        groups = self.drawn.reshape(len(DRAWN), GROUPS, -1)
        return Sweep("width", np.array(DRAWN, np.float64), groups.std(axis=2, ddof=1), law=LAW)


def cost(spec: Spec) -> Cost:
    """The neurons of a few networks, and one entry of many."""
    points, dim = load(spec.data).x.shape
    entries = [
        costs.weights(one, dim, networks=NETWORKS) + costs.empirical_kernel(one, dim, 2, networks=NETWORKS)
        for one in (replace(spec.arch, width=width) for width in DRAWN)
    ]
    shown = SHOWN * (costs.weights(spec.arch, dim) + costs.empirical_kernel(spec.arch, dim, 2)).dropped
    generators = Cost(DRAW * len(DRAWN) * NETWORKS, 0.0)
    return (
        costs.OVERHEAD
        + generators
        + costs.infinite_kernel(spec.arch, dim, points)
        + shown
        + sum(entries, NOTHING).dropped
    )


def run(spec: Spec, report: Report = silent) -> Result:
    """The terms of the neurons of the first networks, and the entry of many."""
    x = load(spec.data).x
    limit = np.asarray(infinite_ntk(spec.arch, x))
    one, other = np.unravel_index(np.argmax(np.where(np.eye(len(x)), -np.inf, limit)), limit.shape)
    pair, theory = x[[one, other]], float(limit[one, other])
    report(0.1)
    networks = [nets.init(spec.arch, pair.shape[1], seed=spec.seed + seed) for seed in range(SHOWN)]
    found = [neuron_terms(spec.arch, params, *pair) for params in networks]
    report(0.3)
    drawn = []
    for place, width in enumerate(DRAWN):
        drawn.append(_entries(replace(spec.arch, width=width), pair, spec.seed))
        report(0.3 + 0.7 * (place + 1) / len(DRAWN))
    return Result(
        spec=spec,
        theory=theory,
        terms=np.array([spec.arch.width * terms.sum(axis=0) for terms, _ in found]),
        bias=np.array([bias for _, bias in found]),
        drawn=np.array(drawn),
    )


def _entries(arch: Architecture, pair: np.ndarray, seed: int) -> np.ndarray:
    """(NETWORKS,) the entry of networks of one width."""
    kernels = seeds_ntk(arch, pair.astype(np.float32), range(seed, seed + NETWORKS))
    return np.asarray(kernels, np.float64)[:, 0, 1]


def findings(result: Result) -> tuple[Finding, ...]:
    """The entry of the network on the page and of theory, and how its spread falls."""
    entries, theory = result.running[:, -1], result.theory
    off = 100 * np.abs(entries / theory - 1) if theory else np.full(SHOWN, np.nan)
    width = result.spec.arch.width
    spreads = tuple(
        over_seeds(
            f"Standard deviation of the entry, {each} neurons",
            result.spread.values[place],
            help=f"Over {NETWORKS} networks; its error is over {GROUPS} groups of them.",
        )
        for place, each in ((0, DRAWN[0]), (-1, DRAWN[-1]))
    )
    return (
        over_seeds(
            f"Entry of {SHOWN} networks of {width} neurons",
            entries,
            ratio=False,
            references=(Reference("theory", theory),),
            help="Θ(x, x′) of the two points of the data for which theory is largest, before training.",
        ),
        over_seeds(
            "Its distance to theory",
            off,
            unit="%",
            ratio=False,
            caveat="" if theory else "In theory this entry is zero, so that a share of it has no meaning.",
        ),
        *spreads,
        result.spread.finding(
            "Spread of the entry: exponent",
            claim=5,
            help="How the standard deviation over networks falls with the width n: ∝ n^exponent.",
        ),
    )


def remarks(result: Result) -> tuple[Remark, ...]:
    """What the term of a neuron is in a deep network."""
    if result.spec.arch.depth == 1:
        return ()
    text = "In a network of several hidden layers, the dot j adds up the terms of neuron j of each layer."
    return (Remark(f"{text} These terms are not independent of each other.", answer=False),)
