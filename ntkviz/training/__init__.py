"""Training of real networks.

`train` runs a training and `recorder` keeps what is observed of it. `losses` and `optimisers` hold what a training
takes as values, `descent` the compiled parts. `sharpness` is the largest eigenvalue of the loss's Hessian.
"""

from ntkviz.training.losses import CROSS_ENTROPY, HINGE, LOSSES, SQUARED, Loss
from ntkviz.training.optimisers import (
    GRADIENT_DESCENT,
    OPTIMISERS,
    Adam,
    GradientDescent,
    Momentum,
    Optimiser,
)
from ntkviz.training.recorder import Recording, Run, log_steps
from ntkviz.training.sharpness import Sharpness, sharpness
from ntkviz.training.train import Report, silent, stable_step, step_seconds, train, train_many

__all__ = [
    "CROSS_ENTROPY",
    "GRADIENT_DESCENT",
    "HINGE",
    "LOSSES",
    "OPTIMISERS",
    "SQUARED",
    "Adam",
    "GradientDescent",
    "Loss",
    "Momentum",
    "Optimiser",
    "Recording",
    "Report",
    "Run",
    "Sharpness",
    "log_steps",
    "sharpness",
    "silent",
    "stable_step",
    "step_seconds",
    "train",
    "train_many",
]
