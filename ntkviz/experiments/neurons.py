r"""A ReLU network of few neurons in the plane, trained at many output scales α, so that each neuron can be watched.

    f(x) = Σ_j a_j relu(w_j·x),    neuron j drawn at |a_j| w_j over its length at the start

A neuron may be scaled by any c > 0, (w_j, a_j) ↦ (c w_j, a_j/c), without a change of f. What counts is its direction
and |a_j| ‖w_j‖. The data come from a teacher, a network of three neurons. At the start each neuron has |a_j| = ‖w_j‖ in
the units of the NTK parameterization, and a twin with the opposite output weight, so that the outputs are zero.

Source: Chizat, Oyallon & Bach 2019 (the picture and the start in pairs).
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache

import jax
import numpy as np
from jax.typing import ArrayLike

from ntkviz import costs, nets
from ntkviz.errors import InvalidInput
from ntkviz.experiments.protocol import Cost, Report, silent
from ntkviz.findings import Finding, Interval, Remark
from ntkviz.kernels.finite import empirical_ntk
from ntkviz.nets import PARAMETERIZATION_NAMES, Architecture, Layer, Params
from ntkviz.scales import CONVERGED, Recipe, Scales, stable_steps
from ntkviz.specs import Spec as BaseSpec
from ntkviz.specs import choice, number
from ntkviz.training import log_steps, train_many
from ntkviz.writing import percent, written

TEACHER = 3  # neurons of the teacher
RECORDS = 14  # recorded steps of a path
FACTOR = 0.5  # c = η λ_max of the lazy runs
STILL = 0.1  # neurons have not turned while their angle stays within this share: a convention


@dataclass(frozen=True, kw_only=True)
class Spec(BaseSpec):
    """The network and the output scales at which it is trained."""

    scales: Scales = field(default_factory=Scales)
    parameterization: str = choice("ntk", PARAMETERIZATION_NAMES, label="Parameterization")
    neurons: int = number(60, 4, 200, step=2, label="Neurons", help="Half of the output weights are positive.")
    points: int = number(40, 4, 200, label="Training points")
    steps: int = number(800, 20, 4000, label="Steps", help="Their number is the same for every α.")
    seed: int = number(0, 0, 10_000, label="Seed", help="Of teacher, data and neurons.")

    def check(self) -> None:
        if self.neurons % 2:
            raise InvalidInput("The neurons start in pairs: choose an even number.")

    @property
    def recipe(self) -> Recipe:
        """How the network is trained at every α."""
        arch = Architecture(width=self.neurons, sigma_b=None, parameterization=self.parameterization)
        return Recipe(arch=arch, scales=self.scales, steps=self.steps, factor=FACTOR)


@dataclass(frozen=True, eq=False)
class Result:
    """What became of each neuron at every α."""

    spec: Spec
    alpha: np.ndarray  # (A,)
    path: np.ndarray  # (A, T, n, 2) where the neurons are at recorded steps; their length is 1 at the start
    sign: np.ndarray  # (n,) of the output weight at the start
    teacher: np.ndarray  # (m, 2) unit directions of the teacher's neurons
    teacher_sign: np.ndarray  # (m,)
    movement: np.ndarray  # (A,) ‖w − w₀‖/‖w₀‖ over all weights
    left: np.ndarray  # (A,) the training error over that at the start

    @property
    def apart(self) -> np.ndarray:
        """(A,) mean angle of a neuron to the nearest direction of the teacher at the end, in degrees."""
        return np.array([mean_angle(path[-1], self.teacher) for path in self.path])

    @property
    def apart_start(self) -> float:
        """The same before training."""
        return mean_angle(self.path[0, 0], self.teacher)


def mean_angle(points: ArrayLike, directions: ArrayLike) -> float:
    """The angle of each point to the nearest direction in degrees, averaged with the points' lengths as weights.

    Args:
        points: (n, 2), of which one at least is not zero.
        directions: (m, 2) unit vectors.

    >>> round(mean_angle([[1.0, 1.0], [0.0, 5.0]], [[1.0, 0.0], [0.0, 1.0]]), 6)
    9.921654
    """
    at = np.asarray(points, np.float64)
    length = np.linalg.norm(at, axis=1)
    cosine = np.max(at @ np.asarray(directions).T, axis=1) / np.maximum(length, 1e-300)
    return float(np.average(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))), weights=length))


def cost(spec: Spec) -> Cost:
    """A training of small networks side by side."""
    arch, lanes = spec.recipe.arch, spec.scales.count
    training = costs.training(arch, 2, spec.points, spec.steps, networks=lanes, frames=RECORDS, weights=True)
    return costs.OVERHEAD + training


def run(spec: Spec, report: Report = silent) -> Result:
    """Train the network at every α."""
    report(0.0)
    result = _trained(spec)
    report(1.0)
    return result


@lru_cache(maxsize=64)  # the lesson on α shows it beside data and widths on which it does not depend
def _trained(spec: Spec) -> Result:
    arch, draw = spec.recipe.arch, np.random.default_rng([spec.seed, spec.neurons])
    teacher, teacher_sign = _teacher(draw)
    x = draw.standard_normal((spec.points, 2))
    y = np.maximum(x @ teacher.T, 0.0) @ teacher_sign
    y /= math.sqrt(float(np.mean(y**2)))
    start, sign = _start(arch, draw)
    top = float(np.linalg.eigvalsh(np.asarray(empirical_ntk(arch, start, x), np.float64))[-1])
    runs = train_many(
        arch,
        start,
        x,
        y,
        eta=stable_steps(spec.recipe, top),
        alpha=spec.scales.alphas,
        steps=spec.steps,
        record=log_steps(spec.steps, RECORDS),
        weights=True,
    )
    length = float(np.linalg.norm(np.asarray(start[0].weight)[:, 0]) * np.abs(np.asarray(start[1].weight)[0, 0]))
    paths = [np.abs(a.weight) * np.swapaxes(w.weight, 1, 2) / length for w, a in (run.weights or () for run in runs)]
    return Result(
        spec=spec,
        alpha=spec.scales.alphas,
        path=np.stack(paths),
        sign=sign,
        teacher=teacher,
        teacher_sign=teacher_sign,
        movement=np.array([run.movement[-1] for run in runs]),
        left=np.array([run.loss[-1] / run.loss[0] for run in runs]),
    )


def _teacher(draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Directions (m, 2) that share the circle, at least a sixth of it between neighbours, and alternating signs."""
    turned = np.arange(TEACHER) + draw.uniform(-0.25, 0.25, TEACHER)
    angle = 2 * np.pi * turned / TEACHER + draw.uniform(0, 6)
    return _unit(angle), np.where(np.arange(TEACHER) % 2 == 0, 1.0, -1.0)


def _start(arch: Architecture, draw: np.random.Generator) -> tuple[Params, np.ndarray]:
    """The weights: random directions in pairs, and the signs of the output weights (n,)."""
    half = _unit(draw.uniform(0, 2 * np.pi, arch.width // 2))
    sign = np.repeat([1.0, -1.0], arch.width // 2)
    first, second = nets.scales(arch, 2)
    hidden = (first.weight_std * np.concatenate([half, half]).T).astype(np.float32)
    readout = (second.weight_std * sign[:, None]).astype(np.float32)
    return tuple(Layer(weight, None) for weight in jax.device_put((hidden, readout))), sign


def _unit(angle: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 2)."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def findings(result: Result) -> tuple[Finding, ...]:
    """How far the weights moved, and whether the neurons turned to the teacher's directions, at both ends of α."""
    moved = "‖w − w₀‖/‖w₀‖ over all weights."
    angle = "Mean angle of a neuron to the nearest direction of the teacher; long neurons count more."
    start = result.apart_start
    still = Interval((1 - STILL) * start, (1 + STILL) * start, "neurons that do not turn")
    found = [Finding("Angle to the teacher, start", start, "degrees", help=angle, answer=False)]
    for end, at in (("smallest α", 0), ("largest α", -1)):
        apart, movement = float(result.apart[at]), float(result.movement[at])
        found += [
            Finding(f"Angle to the teacher, {end}", apart, "degrees", expected=still, claim=16, help=angle),
            Finding(f"Movement of the weights, {end}", movement, claim=16, help=moved),
        ]
    return tuple(found)


def remarks(result: Result) -> tuple[Remark, ...]:
    """Which runs have not converged."""
    slow = ~(result.left <= CONVERGED)
    if not slow.any():
        return ()
    listed = ", ".join(written(alpha) for alpha in result.alpha[slow])
    text = f"The network in the plane has kept more than {percent(CONVERGED)} of its training error at α = {listed}."
    return (Remark(text),)
