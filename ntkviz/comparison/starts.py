"""Networks that are trained from starts which the training points cannot tell apart (`measures.solutions`)."""

from dataclasses import dataclass

import numpy as np
from jax import device_put
from numpy.typing import NDArray

from ntkviz.data import Dataset
from ntkviz.measures.solutions import distance, shifted, unseen_direction
from ntkviz.nets import Architecture, init
from ntkviz.training import train_many

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shifted:
    """Networks with the weights w₀ of one seed, each shifted by h at x*. f₀ of w₀ itself is subtracted."""

    before: Floats  # (H, M) outputs at the M test points before training
    after: Floats  # (H, M) and after it
    movement: Floats  # (H,) ‖w − w₀‖ after training
    left: Floats  # (H,) the last loss, over ½ ‖y‖²


def train_shifted(
    arch: Architecture, data: Dataset, star: Floats, shifts: Floats, *, seed: int, eta: float, steps: int
) -> Shifted:
    """Train networks from the shifted starts, to targets that are y for f − f₀.

    Args:
        arch: the architecture, with one output.
        data: the training points and the test points.
        star: (1, d), x*.
        shifts: (H,), of which one is 0.
        seed: of w₀.
        eta: the step.
        steps: of gradient descent.
    """
    start, n = init(arch, data.x.shape[1], seed=seed, dtype=np.float32), len(data.x)
    direction, f0 = unseen_direction(arch, start, np.concatenate([data.x, star]))
    runs = train_many(
        *(arch, device_put(shifted(start, direction, shifts)), data.x, data.y + f0[:n, None]),
        eta=eta,
        steps=steps,
        record=np.array([steps]),
        x_test=data.x_test,
    )
    f = np.stack([np.asarray(run.f_test, np.float64)[..., 0] for run in runs])  # (H, 2, M)
    unmoved = f[int(np.argmin(np.abs(shifts))), 0]
    first = 0.5 * float(np.sum(data.y**2))
    return Shifted(
        before=f[:, 0] - unmoved,
        after=f[:, -1] - unmoved,
        movement=np.array([distance(run.params, start) for run in runs]),
        left=np.array([float(run.loss[-1]) / first for run in runs]),
    )
