r"""What moves in training, over the width: the kernel, and the weights of each layer in three norms.

    drift ‖Θ − Θ₀‖/‖Θ₀‖,    ‖ΔW‖_F/‖W₀‖_F,    ‖ΔW‖₂/‖W₀‖₂,    max |ΔW_ij|/rms(W₀)

In the NTK parameterization the weights of the first and of the last layer move by 1/√n of their size, and those of a
hidden matrix by 1/n, of which its largest singular direction has 1/√n. The kernel of a smooth network then moves by
1/n. Where the step is large, the readout nonlinear, or the parameterization µP, the kernel moves at every width.

Sources: Lee, Xiao, Schoenholz et al. 2019; Dyer & Gur-Ari 2020, Huang & Yau 2020 (1/n); Liu, Zhu & Belkin 2020 (the
readout); Yang & Hu 2021 (µP); Lewkowycz, Bahri, Dyer et al. 2020 (large steps).
"""

from dataclasses import dataclass, replace

import numpy as np

from ntkviz import costs, nets
from ntkviz.activations import activation
from ntkviz.costs import NOTHING, Cost
from ntkviz.data import load
from ntkviz.experiments import stays
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Interval, Remark
from ntkviz.kernels import infinite_ntk
from ntkviz.measures import drifts
from ntkviz.measures.seeds import over_seeds
from ntkviz.nets import Architecture, Params
from ntkviz.sweeps import Quantity, Sweep, affordable, sweep
from ntkviz.training.readouts import READOUTS
from ntkviz.writing import interval, with_error

Spec = stays.Spec  # the width of the network has no part in the sweep
WIDTHS = (64, 128, 256, 512, 1024, 2048)
SECONDS = 0.4  # a network that takes longer is left out
SCALE = (1e-3, 2.0)  # drifts that the chart holds before any is known
NORMS = ("all weights (Frobenius norm)", "strongest direction (spectral norm)", "largest single weight")
LAYERS = {"first": "first layer", "hidden": "hidden layers", "last": "last layer"}

SMOOTH = Interval(-1.0, -1.0, "the law 1/n, Dyer & Gur-Ari 2020, Huang & Yau 2020")
KINKED = Interval(-1.0, -0.5, "from 1/n, the law without kinks, to the bound n^(−1/2), Lee et al. 2019")
STANDS = 0.1  # an exponent this near to 0 is that of a quantity that does not fall


@dataclass(frozen=True, eq=False)
class Result:
    """The sweeps so far."""

    spec: Spec
    drift: Sweep
    moved: dict[str, tuple[Sweep, ...]]  # layer -> one sweep for each of `NORMS`
    level: float | None  # the drift as the width grows without bound, where it is known and not 0


def shared(spec: Spec) -> Spec:
    """The settings without the width of the network, which has no part in the sweep."""
    return replace(spec, arch=replace(spec.arch, width=Spec().arch.width))


def layers(arch: Architecture) -> tuple[str, ...]:
    """The groups of layers of a network."""
    return tuple(name for name in LAYERS if arch.depth > 1 or name != "hidden")


def laws(spec: Spec) -> tuple[Interval | None, dict[str, tuple[Interval | None, ...]]]:
    """The exponents in the width that theory expects: of the drift, and of the layers in each norm.

    For single weights, and for weights at a large step, no law is known to us.
    """

    def law(exponent: float, source: str) -> Interval:
        return Interval(exponent - STANDS, exponent + STANDS, source)

    mup = spec.arch.parameterization == "mup"
    if spec.c >= 2:
        return law(0.0, "a large step, Lewkowycz et al. 2020"), dict.fromkeys(layers(spec.arch), (None,) * 3)
    if mup:
        drift, source, ends = law(0.0, "µP, Yang & Hu 2021"), "µP, Yang & Hu 2021", 0.0
    else:
        smooth = SMOOTH if not activation(spec.arch.activation).kinks else KINKED
        drift = smooth if spec.readout == "linear" else law(0.0, "a nonlinear readout, Liu, Zhu & Belkin 2020")
        source, ends = "the NTK parameterization, Lee et al. 2019", -0.5
    edge = (law(ends, source), law(ends, source), None)
    middle = (law(ends - 0.5, source), law(ends, source), None)
    return drift, {name: middle if name == "hidden" else edge for name in layers(spec.arch)}


def cost(spec: Spec) -> Cost:
    """A training and two kernels for each network that is affordable."""
    widths = affordable(WIDTHS, lambda width: _network(spec, width).seconds, SECONDS)
    return costs.OVERHEAD + sum((spec.seeds * _network(spec, width) for width in widths), NOTHING)


def _network(spec: Spec, width: int) -> Cost:
    points, dim = load(spec.data).x.shape
    shapes = (replace(spec.arch, width=width), dim, points)
    training = costs.training(*shapes, spec.steps, frames=2)
    return (costs.weights(*shapes[:2]) + training + costs.empirical_kernel(*shapes, networks=3)).dropped


def run(spec: Spec, report: Report = silent) -> Result:
    """Train every network, the narrow ones first."""
    data, groups = load(spec.data), layers(spec.arch)
    drift_law, layer_laws = laws(spec)
    quantities = [drift_law, *(law for name in groups for law in layer_laws[name])]

    def measure(width: int, seed: int, watch: Report, /) -> tuple[float, ...]:
        arch = replace(spec.arch, width=width)
        start = nets.init(arch, data.x.shape[1], seed=spec.seed + seed, dtype=np.float32)
        ran = stays.trained(spec, arch, start, watch, record=[0, spec.steps], kernel=True)
        if ran.diverged_at is not None or ran.kernel_start is None or ran.kernel_end is None:
            return (np.nan,) * len(quantities)
        ends = zip((ran.kernel_start, ran.kernel_end), ran.f_train[..., 0], strict=True)
        before, after = (READOUTS[spec.readout].kernel(kernel, f) for kernel, f in ends)
        return float(drifts(after[None], before)[0]), *_moved(start, ran.params)

    def gathered(sweeps: tuple[Sweep, ...]) -> Result:
        drift, *rest = sweeps
        moved = {name: tuple(rest[3 * place : 3 * place + 3]) for place, name in enumerate(groups)}
        return Result(spec, drift, moved, _level(spec, data.y[:, 0]))

    return gathered(
        sweep(
            "width",
            WIDTHS,
            spec.seeds,
            measure,
            [Quantity(law=law) for law in quantities],
            report=lambda fraction, sweeps: report(fraction, gathered(sweeps)),
            seconds=lambda width: _network(spec, width).seconds,
            limit=SECONDS,
        )
    )


def _moved(start: Params, end: Params) -> list[float]:
    """The movement of the layers in each norm; that of several hidden layers is their geometric mean."""
    each = []
    for before, after in zip(start, end, strict=True):
        first = np.asarray(before.weight, np.float64)
        change = np.asarray(after.weight, np.float64) - first
        size = float(np.sqrt(np.mean(first**2)))
        frobenius, spectral = (np.linalg.norm(change, norm) / np.linalg.norm(first, norm) for norm in ("fro", 2))
        each.append([frobenius, spectral, np.abs(change).max() / size])
    groups = [each[:1], each[1:-1], each[-1:]]
    return [float(number) for group in groups if group for number in np.exp(np.log(group).mean(axis=0))]


def _level(spec: Spec, y: np.ndarray) -> float | None:
    """The drift of the infinitely wide network, where a nonlinear readout makes it known and not 0."""
    if spec.readout == "linear" or spec.arch.parameterization == "mup" or spec.c >= 2:
        return None
    readout, limit = READOUTS[spec.readout], np.asarray(infinite_ntk(spec.arch, load(spec.data).x))
    return float(drifts(readout.kernel(limit, readout.inverse(y))[None], limit)[0])


def findings(result: Result) -> tuple[Finding, ...]:
    """How the drift and the movement of the layers fall with the width."""
    drift, level = result.drift, result.level
    caveat = "Large steps diverged at some widths." if drift.finished and np.isnan(drift.values).any() else ""
    ends = tuple(
        over_seeds(
            f"Drift at {drift.at[place]:.0f} neurons",
            100 * drift.values[place],
            unit="%",
            claim=6,
            expected=None if level is None or not place else Interval(90 * level, 110 * level, "infinite width"),
            help="‖Θ − Θ₀‖/‖Θ₀‖ at the end of the training, over all pairs of points.",
        )
        for place in ((0, -1) if len(drift.at) else ())
    )
    weights = tuple(
        sweep.finding(
            f"{LAYERS[name].capitalize()}, {norm.split(' (')[0]}: exponent",
            claim=3,
            help=f"How the movement of these weights over their size falls with the width n, by {norm}.",
        )
        for name, sweeps in result.moved.items()
        for norm, sweep in zip(NORMS, sweeps, strict=True)
        if name != "last" or norm != NORMS[1]  # the last layer is a vector, whose two norms are one
    )
    words = "How the drift falls with the width n: drift ∝ n^exponent, fitted to all networks."
    return (drift.finding("Drift of the kernel: exponent", claim=6, help=words, caveat=caveat), *ends, *weights)


def remarks(result: Result) -> tuple[Remark, ...]:
    """What was left out, and where a fit is not at its law."""
    said = []
    if result.drift.skipped:
        widths = ", ".join(f"{width:.0f}" for width in result.drift.skipped)
        said.append(Remark(f"Networks of these widths would take too long and are left out: {widths}.", answer=False))
    found = findings(result)[0]
    if result.drift.finished and found.agrees is False and found.expected is not None:
        way = "flatter" if (found.value or 0.0) > found.expected.high else "steeper"
        said.append(
            Remark(
                f"The drift falls with the exponent {with_error(found.value, found.error)}, which is {way} than "
                f"expected for large n ({interval(found.expected)}): the narrow networks are not near the limit."
            )
        )
    return tuple(said)
