r"""The spectrum of the tangent kernel: a network of finite width beside the theory, mode by mode.

    Θ = Σ_i λ_i u_i u_iᵀ,    share of the target in mode i: (u_iᵀ y)²/‖y‖²,    λ_k ~ k^{−2} on the circle

At equal steps round the circle Θ is circulant: one FFT of a row gives the spectrum of the theory, and a finer grid
that of the integral operator. To compare something new, add an entry to `COMPARED`.

Sources: Jacot, Gabriel & Hongler 2018 (the kernel); Basri et al. 2019 (frequencies on the circle); Bietti & Mairal 2019
and Bietti & Bach 2021 (decay on the sphere, the same at every depth). Nyström 1930 (modes between the points).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import jax
import numpy as np
from numpy.typing import NDArray

from ntkviz.activations import activation
from ntkviz.data import CircleFunction, Dataset, DataSpec, Digits, Sphere, SphereMix, load, on_circle
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Cost, Report, silent
from ntkviz.kernels.decay import Kernel, decay_exponent
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.kernels.infinite import infinite_kernels, kernel_error
from ntkviz.kernels.sweeps import maskable, widths_ntk
from ntkviz.kernels.work import activation_numbers, duals, empirical_operations, pair_seconds, tile_bytes
from ntkviz.nets import Architecture, Params, init, parameter_count
from ntkviz.specs import Spec as Settings
from ntkviz.specs import choice, number
from ntkviz.spectra import (
    DecayFit,
    Spectrum,
    circle_spectrum,
    fit_decay,
    relative_distance,
    rounding_floor,
    spectrum,
    target_power,
)

Floats = NDArray[np.float64]

MODES = 40  # that can be selected
HEAT = 96  # rows of a kernel that are drawn, at most
DRAWN = 256  # points at which a mode is drawn, at most
PLANE = 28  # pixels a side of a mode in the plane
CHEAP = 0.2  # seconds that the estimate of an error may take
DEEPEST = 32  # the network's program grows with its depth

FINE = 4096  # steps round the circle for the integral operator: aliases are below (k/(4096 − k))², .3 % at k = 200
SMOOTH = 512  # the same for smooth nonlinearities, whose eigenvalues reach the floor long before k = 256
POWER_LAW = (20.0, 200.0)  # frequencies of the fit: from 20 on depths up to 10 are within .02 of their law
SAMPLE = 800  # points of each data set where data sets are compared: with fewer, blocks of one degree hide the slope

COMPARED = {
    "depth": "depths",
    "activation": "activations",
    "kernel": "NTK and NNGP",
    "width": "widths of the network",
    "data": "data sets",
    "none": "nothing",
}
DEPTHS = (1, 2, 3, 5, 10)
WIDTHS = (16, 64, 256, 1024)
NONLINEARITIES = ("relu", "abs", "gelu", "tanh", "erf")


@dataclass(frozen=True, kw_only=True)
class Spec(Settings):
    """Which network on which data, and what its spectrum is compared with."""

    arch: Architecture = field(default_factory=lambda: Architecture(depth=2, width=512, sigma_b=0.3))
    data: DataSpec = field(default_factory=lambda: CircleFunction(n=256))
    seed: int = number(0, 0, 2**31 - 1, label="Network seed", help="The same seed draws the same weights.")
    compare: str = choice("depth", COMPARED, label="Compare", help="Infinitely wide networks, but for the widths.")

    def check(self) -> None:
        if self.arch.depth > DEEPEST:
            raise InvalidInput(f"This lesson goes to {DEEPEST} hidden layers, not {self.arch.depth}.")


@dataclass(frozen=True, eq=False)
class Modes:
    """Eigensystem of one kernel: all eigenvalues, and the first M ≤ 40 modes as they are drawn."""

    eigenvalues: Floats  # (N,) descending
    floor: float  # eigenvalues below it are rounding
    dtype: str  # what the kernel was computed in
    shares: Floats  # (N,) of the target, summing to 1
    pictures: Floats  # (M, P): unit mean square at P points, or unit maximum in P pixels
    condition_number: float  # infinite below the floor
    effective_rank: float


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum for comparison."""

    label: str
    at: Floats  # (P,) frequencies or mode numbers
    eigenvalues: Floats  # (P,) in shares of the trace
    floor: float
    fit: DecayFit | None  # None too where no power law is to be expected: smooth on the circle, finite width
    law: float | None  # the exponent that theory gives, where one is known
    factor: float | None  # of decay a frequency, for smooth nonlinearities on the circle
    finite: bool = False  # a network, not the theory


@dataclass(frozen=True, eq=False)
class Result:
    """Theory and network on the same points; H ≤ 96 of them in the heatmaps, sorted by angle, class or target."""

    spec: Spec
    kind: str  # circle, plane, image or vector
    theory_kernel: Floats  # (H, H)
    network_kernel: Floats  # (H, H)
    sorted_by: str
    position: Floats  # (H,) degrees on the circle, otherwise rank
    groups: tuple[tuple[str, float, float], ...]  # class, first and last rank
    theory: Modes
    network: Modes
    frequency: NDArray[np.int64] | None  # (N,) of the theory's modes, at equal steps round the circle
    place: Floats  # (P,) degrees or ranks, (2, side) axes of the plane or (2,) shape of the image
    points: Floats  # (P, 2) of the data in a plane, otherwise (0, 2)
    decay: Curve  # the theory's own, over frequencies of the integral operator or over mode numbers
    curves: tuple[Curve, ...]
    by_frequency: bool  # what the curves run over
    distance: float  # ‖Θ_n − Θ_∞‖/‖Θ_∞‖
    exact: float | None  # largest error of an entry of Θ_∞ over the largest entry, where that is cheap to estimate
    warnings: tuple[str, ...]

    @property
    def modes(self) -> int:
        """M, the modes that can be selected."""
        return len(self.theory.pictures)

    @property
    def smooth(self) -> bool:
        """A nonlinearity without a kink, whose kernel's eigenvalues fall faster than any power."""
        return not activation(self.spec.arch.activation).kinks

    @property
    def unseen(self) -> float:
        """Share of the target in modes whose eigenvalue is zero but for rounding."""
        return float(self.theory.shares[self.theory.eigenvalues <= self.theory.floor].sum())


def cost(spec: Spec) -> Cost:
    """Measured on one core: 40 Gflop/s, 30 M normals a second, eigensystems 2e-10 N³ s, theory by `pair_seconds`."""
    n, arch = spec.data.n, spec.arch
    dim = 64 if arch.input_dim is None else load(spec.data).x.shape[1]  # images that do not fit are refused here
    pair, layers = pair_seconds(arch), duals(arch, dim)
    swept = [max(WIDTHS)] * len(WIDTHS) if maskable(arch) else WIDTHS  # masked, hence full
    widths = (arch.width, *swept) if spec.compare == "width" else (arch.width,)
    seconds = n**2 * layers * pair + 4e-10 * n**3 + 0.04
    for one in (replace(arch, width=width) for width in widths):
        seconds += parameter_count(one, dim) / 3e7 + empirical_operations(one, dim, n) / 4e10
    compared = SAMPLE if spec.compare == "data" else 0 if _circulant(spec.data) else n
    times = {"depth": sum(DEPTHS) / arch.depth, "data": 5, "kernel": 1, "activation": 2}.get(spec.compare, 0)
    slow = 1.6e-7 if spec.compare == "activation" else pair
    spectra = {"none": 0, "kernel": 1, "width": len(WIDTHS)}.get(spec.compare, 5)
    seconds += times * layers * slow * (compared**2 or FINE / 2) + spectra * 2e-10 * compared**3
    largest = replace(arch, width=max(widths))
    held = 16.0 * parameter_count(largest, dim) + 24.0 * n * activation_numbers(largest, dim)
    return Cost(seconds, held + tile_bytes(arch, dim) + 90.0 * max(n, compared) ** 2 + 2e7)


def run(spec: Spec, report: Report = silent) -> Result:
    """Both kernels, their eigensystems, the decay of the theory, and the spectra to compare it with."""
    data = load(spec.data)
    params = init(spec.arch, data.x.shape[1], key=jax.random.key(spec.seed))
    report(0.1)
    network = np.asarray(empirical_ntk(spec.arch, params, data.x), np.float64)
    theory = np.asarray(infinite_kernels(spec.arch, data.x).ntk)
    report(0.4)
    theory_modes, frequency = _theory(theory, data, _circulant(spec.data))
    network_modes = spectrum(network)
    theory_modes = _matched(theory_modes, network_modes, frequency)
    report(0.6)
    order, sorted_by = _order(data, theory_modes)
    rows = order[:: math.ceil(len(order) / HEAT)]
    place, pictures = _pictures(spec, data, params, order, theory_modes, network_modes)
    report(0.7)
    if _circulant(spec.data):
        decay = _population("theory", spec.arch, "ntk")
    else:
        decay = _indexed("theory", theory_modes.eigenvalues, theory_modes.floor, law(spec.arch, spec.data))
    by_frequency = _circulant(spec.data) and spec.compare in ("depth", "activation", "kernel")
    curves = []
    for done, curve in enumerate(_curves(spec, data, theory_modes)):
        curves.append(curve)
        report(0.75 + 0.04 * done)
    return Result(
        spec=spec,
        kind=data.kind,
        theory_kernel=theory[np.ix_(rows, rows)],
        network_kernel=network[np.ix_(rows, rows)],
        sorted_by=sorted_by,
        position=_position(data, order, rows),
        groups=_groups(data, order),
        theory=_modes(theory_modes, data, pictures[0]),
        network=_modes(network_modes, data, pictures[1]),
        frequency=frequency,
        place=place,
        points=data.x[:DRAWN] if data.kind == "plane" else np.zeros((0, 2)),
        decay=decay,
        curves=tuple(curves),
        by_frequency=by_frequency,
        distance=relative_distance(network, theory),
        exact=_error(spec.arch, data),
        warnings=data.warnings,
    )


def _error(arch: Architecture, data: Dataset) -> float | None:
    """What the theory's kernel is worth; None where the estimate would be felt."""
    seconds = 8 * len(data.x) ** 2 * duals(arch, data.x.shape[1]) * pair_seconds(arch)
    return kernel_error(arch, data.x).ntk if seconds < CHEAP else None


def _modes(modes: Spectrum, data: Dataset, pictures: Floats) -> Modes:
    shares = target_power(modes, data.y) if data.y.any() else np.zeros(len(data.x))
    sizes = modes.condition_number, modes.effective_rank
    return Modes(modes.eigenvalues, modes.floor, modes.dtype, shares, pictures, *sizes)


def _circulant(data: DataSpec) -> bool:
    return isinstance(data, CircleFunction) and data.placing == "equispaced"


def _theory(kernel: Floats, data: Dataset, circulant: bool) -> tuple[Spectrum, NDArray[np.int64] | None]:
    """The theory's eigensystem; at equal steps round the circle it is cosines and sines, with their frequencies."""
    if not circulant or data.angle is None:
        return spectrum(kernel), None
    circle = circle_spectrum(kernel[0])
    frequency = np.repeat(np.arange(len(circle.frequencies)), circle.multiplicities)
    sine = np.r_[False, frequency[1:] == frequency[:-1]]
    waves = np.cos(np.outer(data.angle, frequency) - np.where(sine, np.pi / 2, 0.0))
    values = np.repeat(circle.eigenvalues, circle.multiplicities)
    order = np.argsort(-values, kind="stable")  # keeps the two waves of a frequency together
    vectors = waves / np.linalg.norm(waves, axis=0)
    return Spectrum(values[order], vectors[:, order], circle.floor, circle.dtype), frequency[order]


def _matched(theory: Spectrum, network: Spectrum, frequency: NDArray[np.int64] | None) -> Spectrum:
    """The theory's modes with what theory leaves open chosen as in the network: signs, and the phase of a frequency.

    Any rotation of a cosine and a sine of one frequency is a pair of eigenvectors. The one nearest to the network's
    modes of the same rank is the orthogonal factor of their inner products (the Procrustes problem).
    """
    vectors = theory.eigenvectors.copy()
    groups = np.arange(len(vectors)) if frequency is None else frequency
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    for first, last in zip(starts, np.r_[starts[1:], len(groups)], strict=True):
        if first > MODES:
            break
        left, _, right = np.linalg.svd(vectors[:, first:last].T @ network.eigenvectors[:, first:last])
        vectors[:, first:last] = vectors[:, first:last] @ left @ right
    return replace(theory, eigenvectors=vectors)


def _order(data: Dataset, modes: Spectrum) -> tuple[NDArray[np.int64], str]:
    """The points in an order in which a kernel shows its structure."""
    if data.angle is not None:
        return np.argsort(data.angle, kind="stable"), "angle"
    if data.task == "regression":
        return np.argsort(data.y[:, 0], kind="stable"), "target"
    second = modes.eigenvectors[:, min(1, len(data.x) - 1)]  # the first is nearly constant
    return np.lexsort((second, data.label)), "class"


def _position(data: Dataset, order: NDArray[np.int64], rows: NDArray[np.int64]) -> Floats:
    """Degrees on the circle, otherwise ranks in the order."""
    if data.angle is not None:
        degrees: Floats = np.rad2deg(data.angle[rows])
        return degrees
    return np.flatnonzero(np.isin(order, rows)).astype(np.float64) + 1


def _groups(data: Dataset, order: NDArray[np.int64]) -> tuple[tuple[str, float, float], ...]:
    if data.task == "regression":
        return ()
    label = data.label[order]
    ranks = {int(one): np.flatnonzero(label == one) + 1.0 for one in np.unique(label)}
    return tuple((data.classes[one], float(r[0]), float(r[-1])) for one, r in ranks.items())


def _pictures(
    spec: Spec, data: Dataset, params: Params, order: NDArray[np.int64], theory: Spectrum, network: Spectrum
) -> tuple[Floats, tuple[Floats, Floats]]:
    """Where modes are drawn, and what they look like there: (M, P) for theory and network."""
    count = min(MODES, max(theory.resolved, 1))
    both = theory.eigenvectors[:, :count], network.eigenvectors[:, :count]
    if data.kind == "image" and data.image_shape:
        images = [(modes.T @ data.x) for modes in both]
        scaled = [image / np.maximum(np.abs(image).max(axis=1, keepdims=True), 1e-300) for image in images]
        return np.array(data.image_shape, np.float64), (scaled[0], scaled[1])
    if data.kind == "plane" and data.window:
        grid, root = data.grid(PLANE), math.sqrt(len(data.x))
        kernels = infinite_kernels(spec.arch, grid, data.x).ntk, empirical_ntk(spec.arch, params, grid, data.x)
        values = [
            root * (np.asarray(kernel) @ vectors / np.maximum(modes.eigenvalues[:count], modes.floor)).T
            for kernel, vectors, modes in zip(kernels, both, (theory, network), strict=True)
        ]
        return np.stack([grid[:PLANE, 0], grid[::PLANE, 1]]), (values[0], values[1])
    shown = order[:: math.ceil(len(order) / DRAWN)]
    root = math.sqrt(len(data.x))
    return _position(data, order, shown), (root * both[0][shown].T, root * both[1][shown].T)


def _decay(label: str, arch: Architecture, spec: DataSpec, data: Dataset, kernel: Kernel = "ntk") -> Curve:
    """The decay at infinite width: of the matrix, or at equal steps round the circle of the integral operator."""
    if _circulant(spec):
        return _population(label, arch, kernel)
    values, floor = _eigenvalues(np.asarray(getattr(infinite_kernels(arch, data.x), kernel)))
    return _indexed(label, values, floor, law(arch, spec, kernel))


def _eigenvalues(kernel: Floats) -> tuple[Floats, float]:
    """Eigenvalues alone, descending, with their floor: a quarter of the time of `spectrum`."""
    values: Floats = np.linalg.eigvalsh(kernel).astype(np.float64)[::-1]
    return values, rounding_floor(values, kernel.dtype)


def _indexed(label: str, values: Floats, floor: float, exponent: float | None, *, finite: bool = False) -> Curve:
    shares, least = values / values.sum(), floor / float(values.sum())
    fit = None if finite else fit_decay(shares, floor=10 * least)  # a narrow network's tail bends: no power law
    return Curve(label, np.arange(1.0, len(values) + 1), shares, least, fit, exponent, None, finite)


def _population(label: str, arch: Architecture, kernel: Kernel) -> Curve:
    """Eigenvalues by frequency of the integral operator on the circle, from half a row: the kernel is even."""
    kinked = bool(activation(arch.activation).kinks)
    steps = FINE if kinked else SMOOTH
    half = on_circle(2 * np.pi * np.arange(steps // 2 + 1) / steps)
    row = np.asarray(getattr(infinite_kernels(arch, half[:1], half), kernel))[0]
    circle = circle_spectrum(np.concatenate([row, row[-2:0:-1]]))
    trace = float(steps * row[0])
    at, values, floor = circle.frequencies, circle.eigenvalues / trace, circle.floor / trace
    exponent = law(arch, CircleFunction(), kernel)
    if kinked:
        first, last = POWER_LAW
        fit = fit_decay(values, at=at, floor=10 * floor, first=first, last=last)
        kept = slice(0, SMOOTH // 2 + 1)
        return Curve(label, at[kept], values[kept], floor, fit, exponent, None)
    # log λ over k = log e^k is a line for an exponential: its slope is the exponent of a power of e^k.
    line = fit_decay(values, at=np.exp(np.minimum(at, 500.0)), floor=100 * floor, first=math.exp(2), last=math.exp(500))
    return Curve(label, at, values, floor, None, None, None if line is None else math.exp(line.exponent))


def law(arch: Architecture, data: DataSpec, kernel: Kernel = "ntk") -> float | None:
    """`decay_exponent` for uniform data on a sphere; None for other data."""
    if isinstance(data, Sphere | SphereMix) and data.scale == "none":
        return decay_exponent(arch, data.dim, kernel)
    return decay_exponent(arch, 2, kernel) if data.kind == "circle" else None


def _curves(spec: Spec, data: Dataset, theory: Spectrum) -> Iterator[Curve]:
    """The spectra that stand side by side."""
    arch = spec.arch
    match spec.compare:
        case "depth":
            for deep in _depths(arch):
                yield _decay(f"L = {deep.depth}", deep, spec.data, data)
        case "activation":
            for name in NONLINEARITIES:
                yield _decay(activation(name).label, replace(arch, activation=name), spec.data, data)
        case "kernel":
            yield _decay("NTK", arch, spec.data, data)
            yield _decay("NNGP", arch, spec.data, data, "nngp")
        case "width":
            yield _indexed("n = ∞", theory.eigenvalues, theory.floor, law(arch, spec.data))
            widest = replace(arch, width=max(WIDTHS))
            params = init(widest, data.x.shape[1], key=jax.random.key(spec.seed))
            for width, kernel in zip(WIDTHS, np.asarray(widths_ntk(widest, params, data.x, WIDTHS)), strict=True):
                yield _indexed(f"n = {width}", *_eigenvalues(kernel), None, finite=True)
        case "data":
            for label, other in _samples(spec.data.seed):
                yield _decay(label, arch, other, load(other))


def _depths(arch: Architecture) -> Iterator[Architecture]:
    """The architecture at each depth, until its image has shrunk to nothing."""
    for depth in DEPTHS:
        try:
            yield replace(arch, depth=depth)
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
