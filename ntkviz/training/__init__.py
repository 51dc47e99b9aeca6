"""Training of real networks.

`train` runs and records a training, `descent` holds its compiled pieces, and `sharpness` measures the largest
eigenvalue of the loss's Hessian.
"""

from ntkviz.training.sharpness import Sharpness, sharpness
from ntkviz.training.train import (
    Recording,
    Report,
    Run,
    log_steps,
    silent,
    stable_step,
    step_seconds,
    train,
    train_many,
)

__all__ = [
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
