"""How far networks of several widths are from their closed forms, with fitted slopes.

    f_n − f_∞ = (f_n − f_n^lin)  [its kernel moves: 1/n]  +  (f_n^lin − f_∞)  [its kernel was drawn at random: 1/√n]

Both terms are measured for several seeds at each width. These are laws of wide networks: narrow ones feel higher
orders, and at a kink of the nonlinearity there is no second derivative that could be small.

Sources: Lee, Xiao, Schoenholz et al. 2019 (gap to the linearisation, a bound n^(−1/2)); Dyer & Gur-Ari 2020, Huang &
Yau 2020 (corrections of order 1/n for smooth nonlinearities).
"""

from dataclasses import dataclass, replace

from ntkviz import costs, specs
from ntkviz.activations import activation
from ntkviz.comparison import CONVERGED, Comparison, network_cost, train_beside
from ntkviz.costs import NOTHING, Cost
from ntkviz.experiments.protocol import Report, silent
from ntkviz.experiments.train import Spec as Training
from ntkviz.findings import Finding, Interval, Remark
from ntkviz.nets import Architecture
from ntkviz.prediction import Prediction, predict, prediction_cost
from ntkviz.sweeps import Quantity, Sweep, affordable, sweep
from ntkviz.writing import interval, percent, with_error

WIDTHS = (128, 256, 512, 1024, 2048)
FRAMES = 16  # recorded steps
SECONDS = 1.2  # a network that takes longer is left out
SCALE = (1e-3, 1.0)  # gaps that the chart holds before any is known

TRAIN = Training()
SMOOTH = Interval(-1.0, -1.0, "the law 1/n, Dyer & Gur-Ari 2020, Huang & Yau 2020")
KINKED = Interval(-1.0, -0.5, "from 1/n, the law without kinks, to the bound n^(−1/2), Lee et al. 2019")
RANDOM = Interval(-0.5, -0.5, "a kernel drawn at random, law of large numbers")


@dataclass(frozen=True, kw_only=True)
class Spec(specs.Spec):
    """The training whose gaps are measured, and how many networks of each width."""

    train: Training = TRAIN
    seeds: int = specs.number(2, 1, 8, label="Networks of each width", help="Each has its own random weights.")


@dataclass(frozen=True, eq=False)
class Result:
    """The sweeps so far; None where the closed form diverges, so that there is nothing to measure."""

    spec: Spec
    left: float  # the last predicted loss, as a share of the first
    linearised: Sweep | None = None  # gap to the network's own linearisation
    infinite: Sweep | None = None  # gap to the prediction at infinite width


def shared(spec: Spec) -> Spec:
    """The settings without those that the sweep does not depend on: width, and the loss that is asked for."""
    plain = replace(spec.train.arch, width=Architecture().width)
    return replace(spec, train=replace(spec.train, arch=plain, fraction=TRAIN.fraction))


def cost(spec: Spec) -> Cost:
    """Seconds on one core and bytes at the peak, for all networks that are affordable."""
    widths = () if spec.train.c >= 2 else affordable(WIDTHS, lambda width: _network(spec, width).seconds, SECONDS)
    networks = sum((spec.seeds * _network(spec, width).dropped for width in widths), NOTHING)
    return costs.OVERHEAD + prediction_cost(spec.train.arch, spec.train.data, FRAMES) + networks


def _network(spec: Spec, width: int) -> Cost:
    return network_cost(_at(spec, width), spec.train.data, spec.train.steps, FRAMES)


def _at(spec: Spec, width: int) -> Architecture:
    return replace(spec.train.arch, width=width)


def run(spec: Spec, report: Report = silent) -> Result:
    """Both gaps of every network, the narrow ones first."""
    what = spec.train
    theory = predict(what.arch, what.data, c=what.c, steps=what.steps, frames=FRAMES)
    result = Result(spec, float(theory.curves.loss[-1] / theory.curves.loss[0]))
    if what.c < 2:
        result = _measured(result, theory, report)
    report(1.0, result)
    return result


def _measured(result: Result, theory: Prediction, report: Report) -> Result:
    spec = result.spec
    law = KINKED if activation(spec.train.arch.activation).kinks else SMOOTH

    def measure(width: int, seed: int, watch: Report, /) -> tuple[float | None, float | None]:
        drawn = (spec.train.seed + seed) % 2**31
        return Comparison(theory, train_beside(_at(spec, width), theory, seed=drawn, watch=watch)).gaps

    def told(fraction: float, sweeps: tuple[Sweep, ...]) -> None:
        report(fraction, replace(result, linearised=sweeps[0], infinite=sweeps[1]))

    linearised, infinite = sweep(
        "width",
        WIDTHS,
        spec.seeds,
        measure,
        (Quantity(law=law), Quantity(law=RANDOM)),
        report=told,
        seconds=lambda width: _network(spec, width).seconds,
        limit=SECONDS,
    )
    return replace(result, linearised=linearised, infinite=infinite)


def findings(result: Result) -> tuple[Finding, ...]:
    """The fitted exponents of both gaps."""
    caveat = ""
    if result.left > CONVERGED:
        steps, left = result.spec.train.steps, percent(result.left)
        caveat = f"After {steps} steps the predicted loss is {left} of its first value: these runs have not converged."
    told = (
        ("Gap to the linearisation: exponent", result.linearised, 2, "the network's own linearisation"),
        ("Gap to infinite width: exponent", result.infinite, 18, "the prediction at infinite width"),
    )
    return tuple(
        Finding(name, None, claim=claim, caveat="The closed form diverges at this step: there is no gap to measure.")
        if gap is None
        else gap.finding(
            name,
            claim=claim,
            help=f"How the distance to {other} falls with the width n: gap ∝ n^exponent, fitted to all networks.",
            caveat=caveat,
        )
        for name, gap, claim, other in told
    )


def remarks(result: Result) -> tuple[Remark, ...]:
    """What was left out, and where a fit is not yet at its law."""
    if result.linearised is None:
        return ()
    said = []
    if result.linearised.skipped:
        widths = ", ".join(f"{width:.0f}" for width in result.linearised.skipped)
        said.append(Remark(f"Networks of these widths would take too long and are left out: {widths}.", answer=False))
    for finding in findings(result):
        if finding.agrees is False and finding.value is not None and finding.expected is not None:
            way = "flatter" if finding.value > finding.expected.high else "steeper"
            value = with_error(finding.value, finding.error)
            said.append(
                Remark(
                    f"{finding.name}: {value} is {way} than expected for large n ({interval(finding.expected)}). "
                    "Narrow networks feel higher orders, which the standard error does not contain."
                )
            )
    return tuple(said)
