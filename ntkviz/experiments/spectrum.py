r"""The spectrum of the tangent kernel: a network of finite width beside the theory, mode by mode.

    Θ = Σ_i λ_i u_i u_iᵀ,    share of the target in an eigenspace G: Σ_{i ∈ G} (u_iᵀ y)²/‖y‖²

At equal steps round the circle Θ depends on the angle alone, and one FFT of a row gives the spectrum of the theory.

Sources: Jacot, Gabriel & Hongler 2018 (the kernel); Basri et al. 2019 (frequencies on the circle).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ntkviz import costs
from ntkviz.activations import activation
from ntkviz.data import CircleFunction, Dataset, DataSpec, load
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Cost, Report, silent
from ntkviz.findings import Finding, Interval, Reference, Remark
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.kernels.infinite import infinite_ntk, kernel_error
from ntkviz.modes.frequencies import Frequencies, decomposed, never_learned, unlearned
from ntkviz.modes.pictures import Heat, Pictures, heat, mode_pictures
from ntkviz.modes.target_modes import FIRST, Pair, drawn_spaces, with_shares
from ntkviz.nets import Architecture, init
from ntkviz.specs import Spec as Settings
from ntkviz.specs import number
from ntkviz.spectra import nearest_basis, relative_distance, rounding_floor, spectrum

Floats = NDArray[np.float64]

CHEAP = 0.03  # seconds of a kernel whose error is estimated, which takes several times as long
DEEPEST = 32  # the network's program grows with its depth


@dataclass(frozen=True, kw_only=True)
class Spec(Settings):
    """Which network on which data."""

    arch: Architecture = field(default_factory=lambda: Architecture(depth=2, width=512, sigma_b=0.3))
    data: DataSpec = field(default_factory=lambda: CircleFunction(n=256))
    seed: int = number(0, 0, 2**31 - 1, label="Network seed", help="The same seed draws the same weights.")

    def check(self) -> None:
        if self.arch.depth > DEEPEST:
            raise InvalidInput(f"This lesson goes to {DEEPEST} hidden layers, not {self.arch.depth}.")

    @property
    def smooth(self) -> bool:
        """A nonlinearity without a kink: eigenvalues fall faster than any power."""
        return not activation(self.arch.activation).kinks

    @property
    def points(self) -> int:
        """N: fewer than were asked for where the data have no more."""
        return len(load(self.data).x)

    @property
    def window(self) -> tuple[float, float]:
        """The eigenvalues, over the largest, between which a curve is sketched."""
        return (1e-16 if self.smooth else 1e-8), 1.0


@dataclass(frozen=True, eq=False)
class Result:
    """Theory and network on the same N points."""

    spec: Spec
    pair: Pair  # the modes of both kernels
    pictures: Pictures  # of the first M ≤ 40 of them
    frequencies: Frequencies | None  # of the theory's modes, at equal steps round the circle
    heat: Heat
    constant: float  # share of the constant function in the theory's first mode
    distance: float  # ‖Θ_n − Θ_∞‖/‖Θ_∞‖
    exact: float | None  # largest error of an entry of Θ_∞ over the largest entry, where that is cheap to estimate
    warnings: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The numbers of the drawn modes, from 1, with their frequencies where they are waves."""
        numbers = [str(mode + 1) for space in self.pair.spaces for mode in space]
        if self.frequencies is None:
            return tuple(numbers)
        waves = self.frequencies.of_modes[: len(numbers)]
        return tuple(f"{mode} (frequency {k})" for mode, k in zip(numbers, waves, strict=True))


def cost(spec: Spec) -> Cost:
    """Two kernels and their eigensystems."""
    n, arch = spec.data.n, spec.arch
    dim = 64 if arch.input_dim is None else load(spec.data).x.shape[1]  # images that do not fit are refused here
    network = costs.weights(arch, dim, dtype="float64") + costs.empirical_kernel(arch, dim, n, dtype="float64")
    theory = costs.infinite_kernel(arch, dim, n)
    return costs.OVERHEAD + network + (3 if theory.seconds < CHEAP else 1) * theory + 2 * costs.eigensystem(n)


def run(spec: Spec, report: Report = silent) -> Result:
    """Both kernels, their eigensystems, and the target in them."""
    data = load(spec.data)
    params = init(spec.arch, data.x.shape[1], seed=spec.seed)
    report(0.1)
    kernel = np.asarray(empirical_ntk(spec.arch, params, data.x), np.float64)
    limit = np.asarray(infinite_ntk(spec.arch, data.x))
    report(0.5)
    network = spectrum(kernel)
    theory, frequencies = decomposed(spec.arch, spec.data, data, limit)
    spaces = drawn_spaces(theory)
    theory = nearest_basis(theory, spaces, network.eigenvectors)
    report(0.8)
    return Result(
        spec=spec,
        pair=Pair(with_shares(theory, data.y), with_shares(network, data.y)),
        pictures=mode_pictures(spec.arch, params, data, theory, network, int(spaces[-1][-1]) + 1),
        frequencies=frequencies,
        heat=heat(data, limit, kernel, theory),
        constant=float(theory.eigenvectors[:, 0].sum() ** 2 / len(limit)),
        distance=relative_distance(kernel, limit),
        exact=_error(spec.arch, data),
        warnings=data.warnings,
    )


def _error(arch: Architecture, data: Dataset) -> float | None:
    """The error of the theory's kernel; None where estimating it takes long."""
    cheap = costs.infinite_kernel(arch, data.x.shape[1], len(data.x)).seconds < CHEAP
    return kernel_error(arch, data.x).ntk if cheap else None


def findings(result: Result) -> tuple[Finding, ...]:
    """What the network's spectrum is, beside the theory's, and the target in it."""
    theory, network, (share, count) = result.pair.theory, result.pair.network, result.pair.top
    largest = float(network.eigenvalues[0])
    rounding = rounding_floor(np.maximum(network.eigenvalues, 0.0), network.dtype) / largest
    bound = "The smallest eigenvalue is below the rounding floor: this is a lower bound." if network.below else ""

    def beside(value: float) -> tuple[Reference, ...]:
        return (Reference("theory", value),)

    return (
        Finding(
            "Condition number",
            network.condition,
            references=beside(theory.condition),
            help="λ_max/λ_min: how many times longer the slowest mode takes than the fastest.",
            caveat=bound,
        ),
        Finding(
            "Effective rank",
            network.effective_rank,
            f"of {len(network.eigenvalues)} modes",
            references=beside(theory.effective_rank),
            help="exp of the entropy of the eigenvalues' shares in the trace: how many modes count.",
        ),
        Finding(
            "Largest eigenvalue",
            100 * float(network.cumulative_power[0]),
            "% of the trace",
            references=beside(100 * float(theory.cumulative_power[0])),
            help="The trace is the sum of all eigenvalues.",
        ),
        Finding(
            "Smallest eigenvalue",
            float(network.eigenvalues[-1]) / largest,
            "of the largest",
            expected=Interval(-rounding, 1.0, "positive semi-definite"),
            claim=4,
            help="A kernel has no negative eigenvalue, but for rounding.",
        ),
        Finding(
            "Distance from theory",
            100 * result.distance,
            "%",
            help="‖Θ_n − Θ_∞‖/‖Θ_∞‖ in the Frobenius norm. It falls like 1/√n with the width n.",
        ),
        Finding(
            "Target in the first modes",
            100 * float(network.shares[:count].sum()),
            "%",
            references=beside(100 * share),
            help=f"Share of ‖y‖² in the first {count} modes, which are whole eigenspaces with at least {FIRST} modes.",
        ),
        Finding(
            "Target never learned",
            100 * never_learned(theory, result.frequencies),
            "%",
            help="Share of ‖y‖² in modes whose eigenvalue at infinite width is known to be exactly zero.",
        ),
    )


def remarks(result: Result) -> tuple[Remark, ...]:
    """What the data must be read with, and what this kernel never learns."""
    said = tuple(Remark(sentence, answer=False) for sentence in result.warnings)
    return said + unlearned(result.spec.arch, result.pair.theory, result.frequencies)
