"""The smallest eigenvalue of the kernel: how it falls with the angle of near-duplicates, and with the number of points.

    λ_min ∝ ε      for an infinitely wide network whose φ has a kink: Θ(x, x) − Θ(x, x′) ∝ ε at a small angle ε
    λ_min ∝ ε²     for a smooth φ, and for a network of finite width once no neuron switches between the twins
    N^(−2/(d−1))   the smallest angle of N random points on the sphere in d dimensions

Both sweeps are over data seeds. The points of all numbers and dimensions are parts of one array, so that one program
makes their kernels: on the sphere the kernel depends on the angles alone.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ntkviz import costs, specs
from ntkviz.activations import activation
from ntkviz.costs import Cost
from ntkviz.data.sphere import on_sphere
from ntkviz.data.twins import twins
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Interval, Reference, Remark
from ntkviz.kernels import empirical_ntk, infinite_ntk
from ntkviz.nets import Architecture, init
from ntkviz.spectra import rounding_floor
from ntkviz.sweeps import Sweep
from ntkviz.writing import with_error

Floats = NDArray[np.float64]

WIDTH = 512
ARCHITECTURE = Architecture(width=WIDTH, activation="erf", sigma_w=1.5, sigma_b=0.3)
DEGREES = (0.03, 0.1, 0.3, 1.0, 3.0)  # angles of the twins
PAIRS, DIM = 8, 10
COUNTS = (8, 16, 32, 64, 128)  # numbers of random points
DIMS = (3, 5, 10)
STEEPER = 0.2  # more than theory's exponent, at which networks have left its law
CUSP = Interval(0.95, 1.05, "the law ε of a kernel with a cusp at equal inputs, with 5 % for angles that are not small")
SMOOTH = Interval(1.95, 2.05, "the law ε² of a smooth kernel, with 2.5 % for angles that are not small")


@dataclass(frozen=True, kw_only=True)
class Spec(specs.Spec):
    """The network, and how many draws of the points."""

    arch: Architecture = ARCHITECTURE
    seed: int = specs.number(0, 0, 2**31 - 1, label="Network seed", help="The first of the seeds.")
    seeds: int = specs.number(4, 1, 8, label="Networks", help="Each has its own random weights and points.")

    def check(self) -> None:
        if self.arch.parameterization != "ntk" or self.arch.input_dim is not None:
            raise InvalidInput("This lesson needs a network without images, in the NTK parameterization.")


@dataclass(frozen=True, eq=False)
class Result:
    """λ_min over the mean of the diagonal; NaN where it cannot be told from zero."""

    spec: Spec
    theory: Sweep  # over the angle, in degrees
    network: Sweep  # the same of networks at their start
    counts: tuple[Sweep, ...]  # over the number of points, for each of `DIMS`

    @property
    def kinked(self) -> bool:
        """Whether φ has a kink."""
        return bool(activation(self.spec.arch.activation).kinks)


def cost(spec: Spec) -> Cost:
    """Seconds on one core and bytes at the peak."""
    arch, points = replace(spec.arch, width=WIDTH), 2 * PAIRS
    twin = costs.infinite_kernel(arch, DIM, points) + costs.empirical_kernel(arch, DIM, points, dtype="float64")
    many = costs.infinite_kernel(arch, DIM, COUNTS[-1]) + len(COUNTS) * costs.eigensystem(COUNTS[-1], vectors=False)
    drawn = costs.weights(arch, DIM, dtype="float64")
    return costs.OVERHEAD + spec.seeds * (len(DEGREES) * twin + len(DIMS) * many + drawn).dropped


def run(spec: Spec, report: Report = silent) -> Result:
    """Both sweeps, one seed after the other."""
    arch = replace(spec.arch, width=WIDTH, outputs=1)
    rows = []
    for one in range(spec.seeds):
        report(one / spec.seeds)
        rows.append(_draw(arch, (spec.seed + one) % 2**31))
    angled, counted = (np.stack(each, axis=-1) for each in zip(*rows, strict=True))  # (2, A, S) and (D, W, S)
    kinked = bool(activation(arch.activation).kinks)
    at, numbers = np.array(DEGREES), np.array(COUNTS, np.float64)
    report(1.0)
    return Result(
        spec=spec,
        theory=Sweep("angle", at, angled[0], law=CUSP if kinked else SMOOTH),
        network=Sweep("angle", at, angled[1]),
        counts=tuple(Sweep("number of points", numbers, rows) for rows in counted),
    )


def _draw(arch: Architecture, seed: int) -> tuple[Floats, Floats]:
    """λ_min for one draw of points and weights: over the angles (2, A), and over the numbers of points (D, W)."""
    params = init(arch, DIM, seed=seed)
    pairs = [np.concatenate(twins(PAIRS, DIM, math.radians(degrees), seed)) for degrees in DEGREES]
    theory = [smallest(infinite_ntk(arch, x)) for x in pairs]
    network = [smallest(empirical_ntk(arch, params, x)) for x in pairs]
    return np.array([theory, network]), np.array([list(_over_counts(arch, dim, seed)) for dim in DIMS])


def _over_counts(arch: Architecture, dim: int, seed: int) -> Iterator[float]:
    """λ_min of the first N of many random points on the sphere, for each of `COUNTS`."""
    x = on_sphere(COUNTS[-1], dim, np.random.default_rng([seed, dim]))
    filled = np.concatenate([x, np.zeros((len(x), DIM - dim))], axis=1) * math.sqrt(DIM / dim)
    kernel = np.asarray(infinite_ntk(arch, filled), np.float64)
    for count in COUNTS:
        yield smallest(kernel[:count, :count])


def smallest(kernel: object) -> float:
    """λ_min over the mean of the diagonal; NaN where rounding hides it.

    >>> smallest([[2.0, 1.0], [1.0, 2.0]])
    0.5
    """
    matrix = np.asarray(kernel, np.float64)
    eigenvalues = np.asarray(np.linalg.eigvalsh(matrix), np.float64)
    seen = eigenvalues[0] > rounding_floor(eigenvalues, np.float64)
    return float(eigenvalues[0] / np.mean(np.diag(matrix))) if seen else math.nan


def findings(result: Result) -> tuple[Finding, ...]:
    """The exponents over the angle, for theory and networks, and over the number of points."""
    help = "λ_min ∝ ε^exponent for twins at an angle ε, at infinite width."
    theory = result.theory.finding("λ_min over the angle: exponent", claim=8, help=help)
    help = f"The kernels of networks of {WIDTH} neurons with random weights, on the same points."
    network = result.network.finding("λ_min of networks over the angle: exponent", claim=8, help=help)
    found = [theory, network]
    help = (
        "λ_min ∝ N^exponent for N random points on the sphere in d dimensions, at infinite width. The smallest angle "
        "of N random points falls like N^(−2/(d−1))."
    )
    for dim, sweep in zip(DIMS, result.counts, strict=True):
        name = f"λ_min over the number of points, d = {dim}: exponent"
        closest = Reference("if the closest pair alone decided", _closest(result, dim))
        found.append(replace(sweep.finding(name, claim=8, help=help), references=(closest,)))
    return tuple(replace(one, over=one.over.replace("networks", "draws of the points")) for one in found)


def _closest(result: Result, dim: int) -> float:
    """The exponent over the number of points if the closest pair alone decided."""
    return -(1.0 if result.kinked else 2.0) * 2 / (dim - 1)


def law_in_words(result: Result) -> str:
    """By which factor λ_min falls when the angle of twins is ten times smaller."""
    fit = result.theory.fit
    if fit is None:
        return "No exponent can be fitted to these eigenvalues."
    factor, exponent = 10.0**fit.exponent, with_error(fit.exponent, fit.error)
    return f"The fitted exponent is {exponent}: ten times less angle makes λ_min {factor:.3g} times smaller."


def networks_in_words(result: Result) -> str:
    """The exponent of networks beside that of infinite width."""
    theory, network = result.theory.fit, result.network.fit
    if theory is None or network is None:
        return "No exponent can be fitted to these eigenvalues."
    return (
        f"The exponent of networks with {WIDTH} neurons is {with_error(network.exponent, network.error)}, and that of "
        f"infinite width {with_error(theory.exponent, theory.error)}."
    )


def remarks(result: Result) -> tuple[Remark, ...]:
    """Where eigenvalues cannot be told from zero, and where networks leave the law of infinite width."""
    said = []
    theory, network = result.theory.fit, result.network.fit
    if not np.isfinite(np.stack([sweep.values for sweep in result.counts])).all():
        said.append(Remark("Some eigenvalues cannot be told from zero in double precision, and are not drawn."))
    if result.kinked and theory is not None and network is not None and network.exponent > theory.exponent + STEEPER:
        said.append(
            Remark(
                f"At infinite width there is a neuron whose kink lies between any two twins. Of {WIDTH} neurons in a "
                f"layer, about {WIDTH} ε/π have their kink there: fewer than one at ε < {180 / WIDTH:.2f}°. There the "
                "network is smooth, and λ_min falls like ε²."
            )
        )
    return tuple(said)
