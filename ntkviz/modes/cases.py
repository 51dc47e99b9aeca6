"""Networks and data sets whose spectra are compared: what differs, the curve of each, and what it takes.

To compare something new, add an entry to `COMPARED` and its cases to `cases`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ntkviz import costs
from ntkviz.activations import activation
from ntkviz.data import CircleFunction, DataSpec, Digits, Sphere, load
from ntkviz.errors import InvalidInput
from ntkviz.kernels.decay import Kernel
from ntkviz.kernels.infinite import infinite_kernels
from ntkviz.kernels.sweeps import maskable, widths_ntk
from ntkviz.modes.curves import Curve, law, matrix_curve, operator_curve
from ntkviz.modes.frequencies import circulant
from ntkviz.nets import ARCHITECTURES, Architecture, init
from ntkviz.spectra.population import steps

COMPARED = {
    "depth": "depths",
    "activation": "activations",
    "kernel": "NTK and NNGP",
    "architecture": "architectures",
    "width": "widths of the network",
    "data": "data sets",
}
BY_FREQUENCY = ("depth", "activation", "kernel", "architecture")  # at equal steps round the circle
DEPTHS = (1, 2, 3, 5, 10)
WIDTHS = (16, 64, 256, 1024)
NONLINEARITIES = ("relu", "abs", "gelu", "tanh", "erf")
SAMPLE = 800  # points of each data set where data sets are compared: with fewer, blocks of one degree hide the slope


@dataclass(frozen=True)
class Case:
    """One spectrum at infinite width, or those of networks of several widths that share their neurons."""

    label: str
    arch: Architecture
    data: DataSpec
    kernel: Kernel = "ntk"
    widths: tuple[int, ...] = ()
    matrix: bool = False  # whether the matrix on the points is meant, even at equal steps round the circle

    @property
    def by_frequency(self) -> bool:
        """Whether its curve runs over frequencies of the integral operator."""
        return circulant(self.data) and not self.matrix and not self.widths

    def same_as(self, other: "Case") -> bool:
        """Whether both have the same curve."""
        named = replace(self, label=other.label, matrix=other.matrix)
        return named == other and self.by_frequency == other.by_frequency


def curves_of(case: Case, seed: int) -> tuple[Curve, ...]:
    """The spectrum of a case, or one for each of its widths.

    Args:
        case: what is computed.
        seed: of the networks of finite width.
    """
    if case.by_frequency:
        return (operator_curve(case.label, case.arch, case.kernel),)
    x = load(case.data).x
    if not case.widths:
        kernel = np.asarray(getattr(infinite_kernels(case.arch, x), case.kernel))
        return (matrix_curve(case.label, kernel, law(case.arch, case.data, case.kernel)),)
    params = init(case.arch, x.shape[1], seed=seed)
    networks = np.asarray(widths_ntk(case.arch, params, x, case.widths), np.float64)
    return tuple(
        matrix_curve(f"n = {width}", kernel, finite=True) for width, kernel in zip(case.widths, networks, strict=True)
    )


def cost_of(case: Case) -> costs.Cost:
    """What the curves of a case take."""
    dim, n = load(case.data).x.shape[1], case.data.n
    if case.by_frequency:
        return costs.infinite_kernel(case.arch, dim, 1, steps(case.arch) // 2 + 1).dropped
    values = costs.eigensystem(n, vectors=False)
    if not case.widths:
        return (costs.infinite_kernel(case.arch, dim, n) + values).dropped
    masked = [max(case.widths)] * len(case.widths) if maskable(case.arch) else case.widths
    made = costs.weights(case.arch, dim, dtype="float64")
    for width in masked:  # of the full width where one program serves all
        made += costs.empirical_kernel(replace(case.arch, width=width), dim, n, dtype="float64") + values
    return made.dropped


def cases(compare: str, arch: Architecture, data: DataSpec) -> tuple[Case, ...]:
    """The cases of a comparison; the widths of a network are one.

    Args:
        compare: a key of `COMPARED`.
        arch: the network from which the others differ.
        data: the points, unless data sets are compared.
    """
    return tuple(_cases(compare, arch, data))


def without_width(arch: Architecture) -> Architecture:
    """The network at the default width of its kind, unless its kernel at infinite width depends on the width."""
    return arch if arch.parameterization == "standard" else replace(arch, width=type(arch)().width)


def _cases(compare: str, arch: Architecture, data: DataSpec) -> Iterator[Case]:
    match compare:
        case "depth":
            for depth in sorted({*DEPTHS, arch.depth}):
                for deep in _possible(arch, depth=depth):
                    yield Case(f"L = {depth}", deep, data)
        case "activation":
            for name in dict.fromkeys((*NONLINEARITIES, arch.activation)):
                yield Case(activation(name).label, replace(arch, activation=name), data)
        case "kernel":
            yield Case("NTK", arch, data)
            yield Case("NNGP", arch, data, "nngp")
        case "architecture":
            for kind in ARCHITECTURES.values():
                for other in [arch] if type(arch) is kind else _possible(arch, kind):
                    if other.input_dim is None or data.kind == "image":
                        yield Case(kind.title, other, data)
        case "width":
            yield Case("n = ∞", arch, data, matrix=True)
            yield Case("widths", replace(arch, width=max(WIDTHS)), data, widths=WIDTHS)
        case "data":
            for label, sample in _samples(data.seed):
                if arch.input_dim is None or sample.kind == "image":
                    yield Case(label, arch, sample)


def _possible(arch: Architecture, kind: type[Architecture] | None = None, **changes: Any) -> Iterator[Architecture]:
    """The network with changes, or with its settings as one of another kind; nothing where an image is too small."""
    shared = {name: getattr(arch, name) for name in (one.name for one in fields(Architecture))}
    try:
        yield replace(arch, **changes) if kind is None else kind(**(shared | changes))
    except InvalidInput:
        return


def _samples(seed: int) -> tuple[tuple[str, DataSpec], ...]:
    return (
        ("circle", CircleFunction(n=SAMPLE, seed=seed, placing="random")),
        ("sphere, d = 3", Sphere(n=SAMPLE, seed=seed, dim=3)),
        ("sphere, d = 4", Sphere(n=SAMPLE, seed=seed, dim=4)),
        ("digits, centred", Digits(n=SAMPLE, seed=seed, scale="unit")),
        ("digits, raw", Digits(n=SAMPLE, seed=seed, scale="none")),
    )
