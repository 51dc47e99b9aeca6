"""Many weights solve the regression: what training keeps of a change that the data do not see.

Five points on a circle. Before training, the weights are changed so that the function moves by h at x*, between two of
the points, and does not move at the points (`measures.solutions`). Networks are then trained from these starts. The
linear model keeps the whole change.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ntkviz import costs, specs
from ntkviz.comparison.starts import train_shifted
from ntkviz.costs import Cost
from ntkviz.data import CirclePoints
from ntkviz.dynamics import linearise
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Report, silent
from ntkviz.findings import Finding, Interval, Reference, Remark
from ntkviz.kernels import infinite_ntk
from ntkviz.measures.seeds import over_seeds
from ntkviz.measures.solutions import solutions
from ntkviz.nets import Architecture, parameter_count
from ntkviz.writing import counted, percent, written

Floats = NDArray[np.float64]

WIDTH, DEEP = 2048, 256  # neurons of networks with one hidden layer, and with more
ARCHITECTURE = Architecture(width=WIDTH, activation="erf", sigma_w=1.5, sigma_b=0.3)
POINTS = CirclePoints()
AT = 77  # the place of x* among the 256 angles of the picture, half-way between two of the points
STAR = 360 * AT / 256  # degrees
SHIFTS = (-2.0, -1.0, 0.0, 1.0, 2.0)
UNMOVED, ONE = SHIFTS.index(0.0), SHIFTS.index(1.0)
TIMES = 10.0  # steps of size 1/λ_max over the condition number: the slowest mode falls by e⁻¹⁰
MOST = 1000  # steps
RESOLVED = 1e-9  # share of the kernel's diagonal above which a function value is free to move
NEAR = 5.0  # %, by which less of a shift may be left without a sentence about it
FITTED = 1e-3  # share of the first loss at which the points are fitted


@dataclass(frozen=True, kw_only=True)
class Spec(specs.Spec):
    """The networks, which have a width of their own."""

    arch: Architecture = ARCHITECTURE
    seed: int = specs.number(0, 0, 2**31 - 1, label="Network seed", help="The first of the seeds of the weights.")
    seeds: int = specs.number(4, 1, 8, label="Networks", help="Each has its own random weights.")

    def check(self) -> None:
        if self.arch.parameterization != "ntk" or self.arch.input_dim is not None:
            raise InvalidInput("This lesson needs a network without images, in the NTK parameterization.")


@dataclass(frozen=True, eq=False)
class Result:
    """Functions on the circle and movements of the weights, for H shifts and S networks; f₀ is subtracted."""

    spec: Spec
    condition: float  # λ_max/λ_min of the kernel of the points
    seen: int  # the number of eigenvalues above zero
    steps: int
    theory: Floats  # (H, M) at the M angles of `POINTS`
    theory_movement: Floats  # (H,) ‖w − w₀‖
    before: Floats  # (S, H) the function at x* before training
    network: Floats  # (S, H, M) after training
    movement: Floats  # (S, H) ‖w − w₀‖ after training, from the weights w₀ without a shift
    left: Floats  # (S, H) the last loss, over that of the function 0

    @property
    def arch(self) -> Architecture:
        """The networks that were trained."""
        return _wide(self.spec)

    @property
    def kept(self) -> Floats:
        """(S, H) the share of the shift at x* that is left after training; NaN without a shift."""
        moved = self.network[:, :, AT] - self.network[:, UNMOVED, AT][:, None]
        shifts = np.array(SHIFTS)
        return np.asarray(np.divide(moved, shifts, out=np.full_like(moved, math.nan), where=shifts != 0))


def _wide(spec: Spec) -> Architecture:
    return replace(spec.arch, width=WIDTH if spec.arch.depth == 1 else DEEP, outputs=1)


def cost(spec: Spec) -> Cost:
    """Seconds on one core and bytes at the peak."""
    arch, data = _wide(spec), POINTS.load()
    points, seen = len(data.x) + 1, len(data.x_test)
    kernel = costs.infinite_kernel(arch, 2, points + seen, points)
    trained = costs.training(arch, 2, points, 300, networks=len(SHIFTS), frames=2, test_points=seen)
    drawn = 4 * costs.weights(arch, 2) + 2 * costs.empirical_kernel(arch, 2, points)
    return costs.OVERHEAD + kernel + spec.seeds * (trained + drawn).dropped


def run(spec: Spec, report: Report = silent) -> Result:
    """Theory first; then the networks of one seed after the other, all shifts side by side."""
    arch, data = _wide(spec), POINTS.load()
    points = np.concatenate([data.x, data.x_test[AT : AT + 1]])
    kernel = np.asarray(infinite_ntk(arch, np.concatenate([points, data.x_test]), points), np.float64)
    model = linearise(kernel[: len(data.x), : len(data.x)], data.y)
    theory = solutions(kernel, data.y[:, 0])
    if model.eigenvalues[-1] <= 0 or theory.steepness <= RESOLVED * kernel[0, 0]:
        raise InvalidInput("This network cannot move between the points without moving at them: choose another φ.")
    condition = float(model.eigenvalues[0] / model.eigenvalues[-1])
    steps = int(min(MOST, math.ceil(TIMES * condition)))
    eta = 1.0 / float(model.eigenvalues[0])
    report(0.0)
    nets = []
    for one in range(spec.seeds):
        seed = (spec.seed + one) % 2**31
        nets.append(train_shifted(arch, data, points[-1:], np.array(SHIFTS), seed=seed, eta=eta, steps=steps))
        report((one + 1) / spec.seeds)
    return Result(
        spec=spec,
        condition=condition,
        seen=int(np.sum(model.eigenvalues > 0)),
        steps=steps,
        theory=np.stack([theory.at(shift)[len(points) :] for shift in SHIFTS]),
        theory_movement=np.array([theory.movement(shift) for shift in SHIFTS]),
        before=np.stack([net.before[:, AT] for net in nets]),
        network=np.stack([net.after for net in nets]),
        movement=np.stack([net.movement for net in nets]),
        left=np.stack([net.left for net in nets]),
    )


def findings(result: Result) -> tuple[Finding, ...]:
    """What is left of a shift, how far the weights moved, and how many of their directions the points see."""
    fitted = _unfitted(result)
    return (
        over_seeds(
            "Shift at x* that is left",
            100 * result.kept[:, ONE],
            ratio=False,
            unit="%",
            references=(Reference("linear model", 100.0),),
            claim=26,
            help="Before training, the function is moved by 1 at x* and by nothing at the points. This share of the "
            "move is left when the points are fitted.",
            caveat=fitted,
        ),
        Finding(
            "Directions of the weights that the points see",
            float(result.seen),
            f"of {parameter_count(result.arch, 2)}",
            claim=26,
            help="The number of eigenvalues of the kernel above zero. A step in any direction that is orthogonal to "
            "these changes the function at no point, to first order.",
        ),
        over_seeds(
            "Extra movement of the weights, over theory",
            np.sqrt(np.maximum(result.movement[:, ONE] ** 2 - result.movement[:, UNMOVED] ** 2, 0.0))
            / math.sqrt(float(result.theory_movement[ONE] ** 2 - result.theory_movement[UNMOVED] ** 2)),
            expected=Interval(0.9, 1.1, "infinite width, with 10 % for the width of these networks"),
            claim=26,
            help="‖w − w₀‖² is smallest for the start without a shift. A shift h adds h²/s to it: this is the root of "
            "what a shift of 1 adds, over 1/√s at infinite width.",
            caveat=fitted,
        ),
    )


def _unfitted(result: Result) -> str:
    worst = float(result.left.max())
    return "" if worst <= FITTED else f"Some networks have not fitted the points: {percent(worst)} of the loss is left."


def kept_in_words(result: Result) -> str:
    """How much of the shift is left, and at which loss."""
    kept = findings(result)[0].value
    lost = f"The loss is at most {written(float(result.left.max()), 2)} of its first value"
    return f"After {counted(result.steps, 'step')}, {written(kept)} % of the shift at x* are left. {lost}."


def remarks(result: Result) -> tuple[Remark, ...]:
    """Where the networks leave the linear model."""
    kept = findings(result)[0].value
    if kept is None or abs(kept - 100) <= NEAR:
        return ()
    networks = f"These networks with {result.arch.width} neurons a layer keep {written(kept)} %"
    return (
        Remark(f"A linear model would keep 100 % of the shift. {networks}, because their kernel changes in training."),
    )
