r"""The spectrum of the tangent kernel: a network of finite width beside the theory, mode by mode.

    Θ = Σ_i λ_i u_i u_iᵀ,    share of the target in an eigenspace G: Σ_{i ∈ G} (u_iᵀ y)²/‖y‖²

At equal steps round the circle Θ depends on the angle alone, and one FFT of a row gives the spectrum of the theory.

Sources: Jacot, Gabriel & Hongler 2018 (the kernel); Basri et al. 2019 (frequencies on the circle).
"""

from dataclasses import dataclass, field

import jax
import numpy as np
from numpy.typing import NDArray

from ntkviz.data import CircleFunction, Dataset, DataSpec, load
from ntkviz.data.arrangement import Group, Sorting, arranged, groups, sorting
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Cost, Report, silent
from ntkviz.findings import Finding, Interval, Reference, Remark
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.kernels.infinite import infinite_ntk, kernel_error
from ntkviz.kernels.work import activation_numbers, duals, empirical_operations, pair_seconds, tile_bytes
from ntkviz.measures import TopShare, top_share
from ntkviz.measures.frequencies import Frequencies, decomposed, never_learned, unlearned
from ntkviz.measures.target_modes import Modes, lost_from, whole_spaces, with_shares
from ntkviz.measures.pictures import Pictures, mode_pictures, second
from ntkviz.nets import Architecture, init, parameter_count
from ntkviz.specs import Spec as Settings
from ntkviz.specs import number
from ntkviz.spectra import nearest_basis, relative_distance, rounding_floor, spectrum

Floats = NDArray[np.float64]

MODES = 40  # that can be selected, at most
HEAT = 96  # rows of a kernel that are drawn, at most
CHEAP = 0.2  # seconds that the estimate of an error may take
DEEPEST = 32  # the network's program grows with its depth
FIRST = 10  # modes whose share of the target is counted


@dataclass(frozen=True, kw_only=True)
class Spec(Settings):
    """Which network on which data."""

    arch: Architecture = field(default_factory=lambda: Architecture(depth=2, width=512, sigma_b=0.3))
    data: DataSpec = field(default_factory=lambda: CircleFunction(n=256))
    seed: int = number(0, 0, 2**31 - 1, label="Network seed", help="The same seed draws the same weights.")

    def check(self) -> None:
        if self.arch.depth > DEEPEST:
            raise InvalidInput(f"This lesson goes to {DEEPEST} hidden layers, not {self.arch.depth}.")


@dataclass(frozen=True, eq=False)
class Heat:
    """Both kernels on H ≤ 96 points, sorted."""

    theory: Floats  # (H, H)
    network: Floats  # (H, H)
    place: Floats  # (H,) degrees on the circle, otherwise ranks
    sorted_by: Sorting
    groups: tuple[Group, ...]  # the ranks of each class


@dataclass(frozen=True, eq=False)
class Result:
    """Theory and network on the same N points."""

    spec: Spec
    theory: Modes
    network: Modes
    pictures: Pictures  # of the first M ≤ 40 modes
    frequencies: Frequencies | None  # of the theory's modes, at equal steps round the circle
    heat: Heat
    constant: float  # share of the constant function in the theory's first mode
    distance: float  # ‖Θ_n − Θ_∞‖/‖Θ_∞‖
    exact: float | None  # largest error of an entry of Θ_∞ over the largest entry, where that is cheap to estimate
    warnings: tuple[str, ...]

    @property
    def modes(self) -> int:
        """M, the modes that can be selected."""
        return len(self.pictures.theory)

    @property
    def spaces(self) -> tuple[NDArray[np.int64], ...]:
        """The numbers, from 0, of the M modes in each eigenspace of the theory."""
        return whole_spaces(self.theory, MODES)

    @property
    def top(self) -> TopShare:
        """The target's share in the eigenspaces with the ten largest eigenvalues of the theory, and their modes."""
        return top_share(self.theory.eigenvalues, self.theory.shares, FIRST, floor=self.theory.floor)

    @property
    def lost_from(self) -> int | None:
        """The mode from which on the network's eigenvalues are below half of the theory's; None where there is none."""
        return lost_from(self.theory, self.network)


def cost(spec: Spec) -> Cost:
    """Measured on one core: 40 Gflop/s, 30 M normals a second, eigensystems 2e-10 N³ s, theory by `pair_seconds`."""
    n, arch = spec.data.n, spec.arch
    dim = 64 if arch.input_dim is None else load(spec.data).x.shape[1]  # images that do not fit are refused here
    seconds = n**2 * duals(arch, dim) * pair_seconds(arch) + 4e-10 * n**3 + 0.04
    seconds += parameter_count(arch, dim) / 3e7 + empirical_operations(arch, dim, n) / 4e10
    held = 16.0 * parameter_count(arch, dim) + 24.0 * n * activation_numbers(arch, dim)
    return Cost(seconds, held + tile_bytes(arch, dim) + 90.0 * n**2 + 2e7)


def run(spec: Spec, report: Report = silent) -> Result:
    """Both kernels, their eigensystems, and the target in them."""
    data = load(spec.data)
    params = init(spec.arch, data.x.shape[1], key=jax.random.key(spec.seed))
    report(0.1)
    kernel = np.asarray(empirical_ntk(spec.arch, params, data.x), np.float64)
    limit = np.asarray(infinite_ntk(spec.arch, data.x))
    report(0.5)
    network = spectrum(kernel)
    theory, frequencies = decomposed(spec.arch, spec.data, data, limit)
    spaces = whole_spaces(theory, MODES)
    theory = nearest_basis(theory, spaces, network.eigenvectors)
    report(0.8)
    heat = arranged(data, second(theory), HEAT)
    rows = np.ix_(heat.rows, heat.rows)
    return Result(
        spec=spec,
        theory=with_shares(theory, data.y),
        network=with_shares(network, data.y),
        pictures=mode_pictures(spec.arch, params, data, theory, network, int(spaces[-1][-1]) + 1),
        frequencies=frequencies,
        heat=Heat(limit[rows], kernel[rows], heat.place, sorting(data), groups(data)),
        constant=float(theory.eigenvectors[:, 0].sum() ** 2 / len(limit)),
        distance=relative_distance(kernel, limit),
        exact=_error(spec.arch, data),
        warnings=data.warnings,
    )


def _error(arch: Architecture, data: Dataset) -> float | None:
    """The error of the theory's kernel; None where estimating it takes long."""
    seconds = 8 * len(data.x) ** 2 * duals(arch, data.x.shape[1]) * pair_seconds(arch)
    return kernel_error(arch, data.x).ntk if seconds < CHEAP else None


def findings(result: Result) -> tuple[Finding, ...]:
    """What the network's spectrum is, beside the theory's, and the target in it."""
    theory, network = result.theory, result.network
    share, count = result.top
    rounding = rounding_floor(network.eigenvalues[:1], network.dtype) / network.eigenvalues[0]
    lowest, never = float(network.eigenvalues[-1] / network.eigenvalues[0]), never_learned(theory, result.frequencies)
    return (
        Finding(
            "Condition number",
            _condition(network),
            references=(Reference("theory", _condition(theory)),),
            help="λ_max/λ_min: how many times longer the slowest mode takes than the fastest.",
            caveat="The smallest eigenvalue is below the rounding floor: this is a lower bound."
            if network.below
            else "",
        ),
        Finding(
            "Effective rank",
            network.effective_rank,
            f"of {len(network.eigenvalues)} modes",
            references=(Reference("theory", theory.effective_rank),),
            help="exp of the entropy of the eigenvalues' shares in the trace: how many modes count.",
        ),
        Finding(
            "Largest eigenvalue",
            100 * float(network.cumulative_power[0]),
            "% of the trace",
            references=(Reference("theory", 100 * float(theory.cumulative_power[0])),),
            help="The trace is the sum of all eigenvalues.",
        ),
        Finding(
            "Smallest eigenvalue",
            lowest,
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
            references=(Reference("theory", 100 * share),),
            help=f"Share of ‖y‖² in the first {count} modes: whole eigenspaces of the theory with {FIRST} modes or more.",
        ),
        Finding(
            "Target never learned",
            100 * never,
            "%",
            help="Share of ‖y‖² in modes whose eigenvalue at infinite width is exactly zero.",
        ),
    )


def _condition(modes: Modes) -> float:
    """λ_max/λ_min, with the rounding floor for an eigenvalue below it."""
    return float(modes.eigenvalues[0] / max(modes.eigenvalues[-1], modes.floor))


def remarks(result: Result) -> tuple[Remark, ...]:
    """What the data need to be read with, and what this kernel never learns."""
    said = tuple(Remark(sentence, answer=False) for sentence in result.warnings)
    return said + unlearned(result.spec.arch, result.theory, result.frequencies)
