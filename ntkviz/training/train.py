r"""Training real networks, in compiled chunks of steps between the recorded ones.

    w ← w − η ∇_w L/α²,    L = Σ_i m_i ℓ(F(x_i), y_i),    F = α f(w)    or, centred,    F = α (f(w) − f(w₀))

The loss ℓ is ½ ‖F − y‖² and the step is that of gradient descent, unless another `Loss` or `Optimiser` is given. The
weights m_i of the points are 1 by default.

With Θ the kernel of the network f itself, ∇_w L/α² = ∇f ∂L/∂F/α and so dF = −η Θ ∂L/∂F for every α. The step
c = η λ_max(Θ) and the time t = ηk therefore mean the same at every output scale; α = 1 is ordinary training. The loss
of a batch of B of the N points is multiplied by N/B, so that its expectation is L.

Source: Chizat, Oyallon & Bach 2019 (the output scale α).
"""

import math
import time
from functools import partial
from typing import Any, Protocol, Unpack

import jax
import numpy as np
from jax.typing import ArrayLike

from ntkviz.errors import Diverged, InvalidInput
from ntkviz.nets import Architecture, Params, shapes
from ntkviz.nets.widening import with_room
from ntkviz.training import descent
from ntkviz.training.losses import SQUARED, Loss
from ntkviz.training.optimisers import GRADIENT_DESCENT, Optimiser
from ntkviz.training.recorder import Recorder, Recording, Run, recorded_steps

SPARE = 0.02  # seconds by which a training may be longer for the sake of a program that many widths share
CHUNK_SECONDS = 0.1  # the time that a chunk of compiled steps aims at; a run can be cancelled between two chunks


class Report(Protocol):
    """A function that a long run calls every now and then; what it raises ends the run."""

    def __call__(self, fraction: float, partial: Any = None, /) -> None:
        """Take the fraction done, from 0 to 1, and the result so far where there is one."""


def silent(fraction: float, partial: Any = None, /) -> None:
    """Do nothing: the `Report` of a run that nobody follows."""


def stable_step(alpha: float, width: int, lambda_max: float) -> float:
    """A step η with which gradient descent is stable at any output scale: η λ_max = ½ min(1, α √(n/16)).

    The smaller α √n, the more the network's kernel grows in training, and the smaller the first step must be. That the
    growth depends on α √n alone is from Geiger et al. 2020; the constant 16 was measured.

    Args:
        alpha: the output scale α.
        width: the width n.
        lambda_max: the largest eigenvalue of the network's kernel at the start.

    Raises:
        InvalidInput: where one of them is not positive.

    Example:
        A lazy network (α = 10) can take the full step, a rich one (α = 0.01) cannot:

        >>> stable_step(10.0, 64, lambda_max=5.0)
        0.1
        >>> stable_step(0.01, 64, lambda_max=5.0)
        0.002
    """
    if not (alpha > 0 and width > 0 and lambda_max > 0):
        raise InvalidInput("The output scale, the width and the kernel's largest eigenvalue must be positive.")
    return 0.5 / lambda_max * min(1.0, alpha * math.sqrt(width / 16))


def step_seconds(arch: Architecture, input_dim: int, points: int) -> float:
    """Rough estimate of the seconds of a float32 step on two shared cores: 30 µs and 10¹¹ operations a second.

    Measured at depth 2 with 128 points: on an idle machine the widths 64, 256, 512 and 2048 take 0.06, 0.5, 1.2 and
    15 ms, and twice as long on a busy one.

    Args:
        arch: the architecture.
        input_dim: d, the numbers in an input.
        points: the number of points in a step.
    """
    return 3e-5 + descent.operations(arch, input_dim, points) / 1e11


def _seconds(arch: Architecture, *, steps: int, inputs: tuple[int, ...]) -> float:
    """Rough estimate of a training of a small network, most of whose time the nonlinearity takes."""
    points, dim = inputs
    values = points * sum(fan_out for _, fan_out in shapes(arch, dim))
    return steps * (4e-6 + 2e-9 * values + descent.operations(arch, dim, points) / 1e11)


def train(
    arch: Architecture,
    params: Params,
    x: ArrayLike,
    y: ArrayLike,
    *,
    eta: float,
    steps: int,
    alpha: float = 1.0,
    loss: Loss = SQUARED,
    optimiser: Optimiser = GRADIENT_DESCENT,
    point_weights: ArrayLike | None = None,
    report: Report = silent,
    **recording: Unpack[Recording],
) -> Run:
    """Train one network.

    Args:
        arch: the architecture.
        params: the weights at the start.
        x: (N, d), the inputs.
        y: (N,) or (N, K), the targets.
        eta: the step η.
        steps: the number of steps.
        alpha: the output scale α.
        loss: the loss function ℓ.
        optimiser: what a step does with the gradient.
        point_weights: (N,), the weight of each point in the loss. A point of weight 0 is masked: training does not see
            its target, and the record shows its outputs. None is 1 for each point.
        report: is called with the fraction done and the run so far.
        **recording: what to record, batches, test data and precision; see `Recording`.

    Raises:
        InvalidInput: where the data do not fit the network, or a setting is out of range.
        Diverged: where the loss explodes, unless `allow_divergence` is set.
        Exception: whatever `report` raises.
    """

    def report_first(fraction: float, partial: Any = None, /) -> None:
        report(fraction, None if partial is None else partial[0])

    stacked = jax.tree.map(lambda a: np.asarray(a)[None], params)
    runs = train_many(
        arch,
        stacked,
        x,
        y,
        eta=eta,
        steps=steps,
        alpha=alpha,
        loss=loss,
        optimiser=optimiser,
        point_weights=point_weights,
        report=report_first,
        **recording,
    )
    return runs[0]


def train_many(
    arch: Architecture,
    params: Params,
    x: ArrayLike,
    y: ArrayLike,
    *,
    eta: ArrayLike,
    steps: int,
    alpha: ArrayLike = 1.0,
    loss: Loss = SQUARED,
    optimiser: Optimiser = GRADIENT_DESCENT,
    point_weights: ArrayLike | None = None,
    report: Report = silent,
    **recording: Unpack[Recording],
) -> tuple[Run, ...]:
    """Train S networks side by side in one compiled program: a sweep over seeds or over numbers of the training.

    All networks see the same data and the same batches. Whatever may have an axis S is used for all of them where it
    has none. Arguments are those of `train`, but for:

    Args:
        arch: the architecture.
        params: the weights at the start, of one network or with a leading axis S (as `jax.vmap` of `init` makes).
        x: (N, d), the inputs.
        y: (N,) or (N, K), the targets.
        eta: the step, one number or (S,).
        steps: the number of steps.
        alpha: the output scale, one number or (S,).
        loss: the loss function ℓ.
        optimiser: its hyperparameters are single numbers or have shape (S,).
        point_weights: (N,) or (S, N). Leaving out one point in each of N networks is `1 - np.eye(N)`.
        report: is called with the fraction done and the tuple of runs so far.
        **recording: see `Recording`.

    Raises:
        InvalidInput: where the data do not fit the networks, or a setting is out of range.
        Diverged: where the loss of a network explodes, unless `allow_divergence` is set.
        Exception: whatever `report` raises.
    """
    marks, batch = recorded_steps(recording.get("record"), steps), recording.get("batch")
    room, start = arch, params
    if not recording.get("sharpness"):  # its search starts in a random direction of all weights
        networks = max(np.size(eta), np.size(alpha), *np.shape(params[0][0])[:-2])
        seconds = partial(_seconds, steps=steps * networks, inputs=np.shape(x))
        room, start = with_room(arch, params, np.shape(x), seconds, SPARE)
    problem = descent.problem(
        room,
        start,
        x,
        y,
        eta,
        alpha,
        loss=loss,
        optimiser=optimiser,
        point_weights=point_weights,
        batch=batch,
        centred=recording.get("centred", False),
        x_test=recording.get("x_test"),
        y_test=recording.get("y_test"),
        dtype=np.dtype(recording.get("dtype", np.float32)),
    )
    recorder = Recorder(arch, room, problem, recording, len(marks), len(np.asarray(x)), eta, alpha)
    _run(room, problem, recorder, marks, batch, report)
    runs = recorder.runs()
    for run in runs:
        if run.diverged_at is not None and not recording.get("allow_divergence", False):
            raise Diverged(f"Training diverged by step {run.diverged_at}. Try a smaller step.")
    report(1.0, runs)
    return runs


def _run(
    arch: Architecture,
    problem: descent.Problem,
    recorder: Recorder,
    marks: np.ndarray,
    batch: int | None,
    report: Report,
) -> None:
    """Train until the last of the `marks`, the steps to record, in chunks whose length follows the time they take."""
    state, seen = descent.advance(
        arch, batch, problem, descent.start(problem, batch, recorder.recording.get("key")), 0, True
    )
    recorder.record(state, seen)
    report(0.0)
    reported = time.perf_counter()
    chunk = max(1, int(1e8 / descent.operations(arch, *problem.x.shape[::-1]) / len(problem.eta)))
    while (done := int(state.step)) < marks[-1] and recorder.training.any():
        mark = int(marks[np.searchsorted(marks, done, side="right")])
        began = time.perf_counter()
        end = min(mark, done + chunk)
        state, seen = descent.advance(arch, batch, problem, state, end, end == mark)
        taken = int(state.step) - done  # waits for the chunk
        chunk = max(1, min(4 * chunk, int(taken * CHUNK_SECONDS / (time.perf_counter() - began))))
        recorder.mark_diverged(np.asarray(state.diverged_at))
        if int(state.step) == mark:
            recorder.record(state, seen)
        if time.perf_counter() - reported > CHUNK_SECONDS:
            report(int(state.step) / marks[-1], recorder.runs())
            reported = time.perf_counter()
