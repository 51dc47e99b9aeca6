"""Networks that differ in the seed of their weights alone, trained side by side by one of several optimisers."""

from dataclasses import dataclass

import numpy as np

from ntkviz import nets
from ntkviz.data import Dataset
from ntkviz.nets import Architecture
from ntkviz.training import Report, Run, silent, train_many
from ntkviz.training.optimisers import Adam, GradientDescent, Momentum

MOMENTUM, ADAM_STEP = 0.9, 0.01  # of the optimisers; Adam's step at c = 1
OPTIMISERS = {"descent": "gradient descent", "momentum": "momentum", "adam": "Adam"}


@dataclass(frozen=True)
class Training:
    """How the networks of an ensemble are trained."""

    c: float  # the step ηλ_max of gradient descent
    marks: np.ndarray  # the steps to record, ascending; the training ends with the last one
    optimiser: str = "descent"
    decay: float = 0.0
    centred: bool = False


def train_ensemble(
    arch: Architecture, data: Dataset, how: Training, eta: float, seeds: range, report: Report = silent
) -> tuple[Run, ...]:
    """A run for each seed, with the outputs on the test points.

    Args:
        arch: the architecture.
        data: the training points and the test points.
        how: they are trained.
        eta: the step of gradient descent. Momentum takes one that is as fast in the long run, and Adam its own.
        seeds: of the weights.
        report: is called with the fraction done.
    """
    optimiser, step = {
        "descent": (GradientDescent(decay=how.decay), eta),
        "momentum": (Momentum(momentum=MOMENTUM, decay=how.decay), eta * (1 - MOMENTUM)),
        "adam": (Adam(decay=how.decay), ADAM_STEP * how.c),
    }[how.optimiser]
    return train_many(
        arch,
        nets.init_many(arch, data.x.shape[1], seeds, dtype=np.float32),
        data.x,
        data.y,
        eta=step,
        steps=int(how.marks[-1]),
        optimiser=optimiser,
        report=report,
        record=how.marks,
        centred=how.centred,
        x_test=data.x_test,
        allow_divergence=True,
    )


def on_test_points(run: Run) -> np.ndarray:
    """The one output of a network on the test points at its recorded steps, (T, M), in float64."""
    return np.asarray(run.f_test, np.float64)[:, :, 0]
