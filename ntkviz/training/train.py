r"""Training real networks by gradient descent, in compiled chunks between recorded steps.

    w ← w - η ∇_w L/α²,    L = ½ Σ_i ‖F(x_i) - y_i‖²,    F = α f(w)    or, centred,    F = α (f(w) - f(w₀))

With Θ the kernel of the network f itself, ∇_w L/α² = ∇f (F - y)/α and so dF = -η Θ (F - y) for every α: the step
c = η λ_max(Θ) and the time t = ηk mean the same at every output scale, and at α = 1 this is plain training. A batch
of B of the N points has its loss multiplied by N/B, so that its expectation is L.

To record another thing, give it a field in `Run` and a line in `_Recorder`.

Sources: Chizat, Oyallon & Bach 2019 (α).
"""

import math
import time
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ntkviz.errors import Diverged, InvalidInput
from ntkviz.nets import Architecture, Layer, Params, parameter_count
from ntkviz.training import descent
from ntkviz.training.sharpness import first_direction

CHUNK_SECONDS = 0.1  # a chunk of compiled steps aims at this, so that a cancel is noticed at once
KEPT_NUMBERS = 50_000_000  # the most outputs and weights that a run records


class Report(Protocol):
    """What a long run calls now and then: the fraction done and, where there is one, the result so far."""

    def __call__(self, fraction: float, partial: Any = None, /) -> None: ...


def silent(fraction: float, partial: Any = None, /) -> None:
    """The `Report` that does nothing."""


class Recording(TypedDict, total=False):
    """The settings that `train` and `train_many` share."""

    record: ArrayLike | None  # steps to record, beside the first and the last; 60 in powers unless said
    centred: bool  # subtract the outputs at the start
    batch: int | None  # points a step, drawn without replacement in each epoch; None is all
    key: Array | None  # of the batches' order
    x_test: ArrayLike | None  # (M, d)
    y_test: ArrayLike | None  # (M,) or (M, K)
    kernel: bool  # record the empirical kernel's drift, and the kernel at both ends
    weights: bool  # keep the weights at every recorded step
    sharpness: int  # Hessian products a recorded step for the sharpness; 0 is not to record it
    allow_divergence: bool  # return a diverged run, cut off, in place of raising `Diverged`
    dtype: Any  # float32 unless said


@dataclass(frozen=True, eq=False)
class Run:
    """One training run at T recorded steps; arrays of NumPy."""

    steps: np.ndarray  # (T,) steps taken when recorded, from 0
    eta: float
    alpha: float
    f_train: np.ndarray  # (T, N, K) outputs F of the model
    f_test: np.ndarray | None  # (T, M, K)
    loss: np.ndarray  # (T,) ½ Σ ‖F - y‖², not divided by α²
    test_loss: np.ndarray | None  # (T,) the same over the test data
    movement: np.ndarray  # (T,) ‖w - w₀‖/‖w₀‖
    layer_movement: np.ndarray  # (T, depth + 1)
    drift: np.ndarray | None  # (T,) ‖Θ - Θ₀‖/‖Θ₀‖ of the network's kernel on the training data, Frobenius
    kernel_start: np.ndarray | None  # (N, N)
    kernel_end: np.ndarray | None  # (N, N) at the last recorded step
    sharpness: np.ndarray | None  # (T,) top Hessian eigenvalue of L/α²; gradient descent is stable below 2/η
    weights: tuple[Layer, ...] | None  # each layer's weights with a leading T
    params: Params = field(repr=False)  # the weights at the last recorded step
    diverged_at: int | None = None  # the step by which the loss was not finite or over 10⁶ times the first

    @property
    def time(self) -> np.ndarray:
        """(T,) t = ηk."""
        return np.asarray(self.eta * self.steps)


def log_steps(steps: int, count: int = 60) -> np.ndarray:
    """At most `count` whole numbers from 0 to `steps`, in equal ratios as far as whole numbers can."""
    if steps < 1 or count < 2:
        raise InvalidInput(f"Recording needs at least one step and two records, not {steps} and {count}.")
    return np.unique(np.concatenate([[0], np.rint(np.geomspace(1, steps, count - 1)).astype(int)]))


def stable_step(alpha: float, width: int, lambda_max: float) -> float:
    """A step η that trains at any output scale α: c = ηλ_max = ½ min(1, α √(n/16)).

    λ_max is that of the network's kernel at the start. The richer the run (α√n small) the more its kernel grows, so
    the smaller the first step must be; that drift collapses on α√n is from Geiger et al. 2020, the 16 was measured.
    """
    if not (alpha > 0 and width > 0 and lambda_max > 0):
        raise InvalidInput("The output scale, the width and the kernel's largest eigenvalue must be positive.")
    return 0.5 / lambda_max * min(1.0, alpha * math.sqrt(width / 16))


def step_seconds(arch: Architecture, input_dim: int, points: int) -> float:
    """Rough estimate of a float32 step's time on two shared cores: 30 µs and 10¹¹ operations a second.

    Measured at depth 2, 128 points: widths 64, 256, 512, 2048 take 0.06, 0.5, 1.2 and 15 ms idle, twice that busy.
    """
    return 3e-5 + descent.operations(arch, input_dim, points) / 1e11


def train(
    arch: Architecture,
    params: Params,
    x: ArrayLike,
    y: ArrayLike,
    *,
    eta: float,
    steps: int,
    alpha: float = 1.0,
    report: Report = silent,
    **recording: Unpack[Recording],
) -> Run:
    """Train one network on x (N, d), y (N,) or (N, K) by `steps` steps of gradient descent; see `Recording`.

    Raises `Diverged` when the loss explodes (but see `allow_divergence`), and whatever `report` raises.
    """

    def one(fraction: float, partial: Any = None, /) -> None:
        report(fraction, None if partial is None else partial[0])

    stacked = jax.tree.map(lambda a: jnp.asarray(a)[None], params)
    return train_many(arch, stacked, x, y, eta=eta, steps=steps, alpha=alpha, report=one, **recording)[0]


def train_many(
    arch: Architecture,
    params: Params,
    x: ArrayLike,
    y: ArrayLike,
    *,
    eta: ArrayLike,
    steps: int,
    alpha: ArrayLike = 1.0,
    report: Report = silent,
    **recording: Unpack[Recording],
) -> tuple[Run, ...]:
    """Train S networks side by side in one compiled program: a sweep over α, η or seeds.

    `eta` and `alpha` are numbers or (S,); `params` are one network's, used by all, or have a leading axis S (as
    `jax.vmap` of `init` over keys gives). `report` gets the tuple of runs so far. All see the same batches.
    """
    marks = _marks(recording.get("record"), steps)
    problem = descent.problem(
        arch,
        params,
        x,
        y,
        eta,
        alpha,
        centred=recording.get("centred", False),
        x_test=recording.get("x_test"),
        y_test=recording.get("y_test"),
        dtype=jnp.dtype(recording.get("dtype", jnp.float32)),
    )
    batch = _batch(recording.get("batch"), len(problem.x))
    recorder = _Recorder(arch, problem, recording, len(marks), eta, alpha)
    state = descent.start(problem, recording.get("key"))
    recorder.see(state)
    report(0.0)
    said = time.perf_counter()
    chunk = max(1, int(1e8 / descent.operations(arch, *problem.x.shape[::-1]) / len(problem.eta)))
    while (done := int(state.step)) < steps and recorder.going.any():
        mark = int(marks[np.searchsorted(marks, done, side="right")])
        began = time.perf_counter()
        state = descent.advance(arch, batch, problem, state, min(mark, done + chunk))
        taken = int(state.step) - done  # waits for the chunk
        chunk = max(1, min(4 * chunk, int(taken * CHUNK_SECONDS / (time.perf_counter() - began))))
        recorder.drop(np.asarray(state.fell))
        if int(state.step) == mark:
            recorder.see(state)
        if time.perf_counter() - said > CHUNK_SECONDS:
            report(int(state.step) / steps, recorder.runs())
            said = time.perf_counter()
    runs = recorder.runs()
    for run in runs:
        if run.diverged_at is not None and not recording.get("allow_divergence", False):
            raise Diverged(f"Training diverged by step {run.diverged_at}. Try a smaller step.")
    report(1.0, runs)
    return runs


def _marks(record: ArrayLike | None, steps: int) -> np.ndarray:
    marks = log_steps(steps) if record is None else np.asarray(record)
    if steps < 1 or marks.ndim != 1 or np.any(marks != np.rint(marks)) or np.any((marks < 0) | (marks > steps)):
        raise InvalidInput(f"Recorded steps must be whole numbers between 0 and {steps}.")
    return np.union1d(marks, [0, steps]).astype(int)


def _batch(batch: int | None, points: int) -> int | None:
    if batch is not None and not 1 <= batch <= points:
        raise InvalidInput(f"A batch must hold between 1 and {points} points, not {batch}.")
    return batch


class _Recorder:
    """Keeps what is seen at each recorded step, until a network has diverged."""

    def __init__(
        self,
        arch: Architecture,
        problem: descent.Problem,
        recording: Recording,
        marks: int,
        eta: ArrayLike,
        alpha: ArrayLike,
    ) -> None:
        self.arch, self.problem, self.recording = arch, problem, recording
        lanes = len(problem.eta)
        self.eta, self.alpha = (np.broadcast_to(np.ravel(value), lanes) for value in (eta, alpha))  # as given
        points = len(problem.x) + (0 if problem.x_test is None else len(problem.x_test))
        weights = parameter_count(arch, problem.x.shape[1]) if recording.get("weights", False) else 0
        numbers = marks * lanes * (points * arch.outputs + weights)
        if numbers > KEPT_NUMBERS:
            raise InvalidInput(f"Recording would keep {numbers:.0e} numbers; record less often, or fewer networks.")
        self.marks, self.count = marks, 0
        self.fell = np.full(lanes, -1)
        self.steps = np.empty(marks, np.int64)
        self.kept: dict[str, Any] = {}  # name -> arrays (marks, S, …)
        self.last: list[tuple[Params, np.ndarray | None]] = [(problem.start, None)] * lanes
        self.first_kernels = np.empty(0)  # (S, N, N) once seen
        self.directions: Array | None = None

    @property
    def going(self) -> np.ndarray:
        """(S,): which have not diverged."""
        return self.fell < 0

    def drop(self, fell: np.ndarray) -> None:
        """Marks the networks that diverged by the steps `fell` (S,), -1 for those that did not."""
        self.fell = np.where(self.going, fell, self.fell)

    def see(self, state: descent.State) -> None:
        """Records everything that was asked for at the present step."""
        self.steps[self.count] = state.step
        seen = descent.observe(self.arch, self.problem, state.params)._asdict()
        loss = descent.squared_loss(seen["f_train"], self.problem.y)
        self.drop(np.where(loss < np.asarray(self.problem.limit), -1, int(state.step)))
        seen["loss"] = loss
        if self.problem.y_test is not None:
            seen["test_loss"] = descent.squared_loss(seen["f_test"], self.problem.y_test)
        if self.recording.get("weights", False):
            seen["weights"] = state.params
        if products := self.recording.get("sharpness", 0):
            seen["sharpness"] = self._sharpness(state, products)
        kernels = None
        if self.recording.get("kernel", False):
            kernels = np.asarray(descent.kernels(self.arch, state.params, self.problem.x))
            self.first_kernels = kernels if self.count == 0 else self.first_kernels
            seen["drift"] = _relative_distance(kernels, self.first_kernels)
        for name, value in seen.items():
            self._keep(name, value)
        for lane in np.flatnonzero(self.going):
            self.last[lane] = (state.params, None if kernels is None else kernels[lane])
        self.count += 1

    def _sharpness(self, state: descent.State, products: int) -> Array:
        """(S,), from where the last one was found."""
        if self.directions is None:
            self.directions = jnp.stack([first_direction(self.arch, self.problem.x)] * len(self.fell))
        found = descent.sharpnesses(self.arch, products, self.problem, state.params, self.directions)
        self.directions = found.direction
        return found.value

    def _keep(self, name: str, value: Any) -> None:
        if name not in self.kept:
            self.kept[name] = jax.tree.map(lambda a: np.empty((self.marks, *a.shape), a.dtype), value)
        for kept, now in zip(jax.tree.leaves(self.kept[name]), jax.tree.leaves(value), strict=True):
            kept[self.count] = now

    def runs(self) -> tuple[Run, ...]:
        """What was seen of each network, cut off before it diverged; views, not copies."""
        return tuple(self._run(lane) for lane in range(len(self.fell)))

    def _run(self, lane: int) -> Run:
        fell = int(self.fell[lane])
        count = self.count if fell < 0 else int(np.searchsorted(self.steps[: self.count], fell))
        names = (
            "f_train",
            "f_test",
            "loss",
            "test_loss",
            "movement",
            "layer_movement",
            "drift",
            "sharpness",
            "weights",
        )
        kept = {name: jax.tree.map(lambda a: a[:count, lane], self.kept.get(name)) for name in names}
        params, kernel = self.last[lane]
        return Run(
            steps=self.steps[:count],
            eta=float(self.eta[lane]),
            alpha=float(self.alpha[lane]),
            kernel_start=None if kernel is None else self.first_kernels[lane],
            kernel_end=kernel,
            params=jax.tree.map(lambda a: a[lane], params),
            diverged_at=None if fell < 0 else fell,
            **kept,
        )


def _relative_distance(kernels: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(S,): ‖Θ - Θ₀‖/‖Θ₀‖ in float64, which holds the squares of a kernel that is about to overflow."""
    change = np.linalg.norm(kernels.astype(np.float64) - first, axis=(1, 2))
    return np.asarray(change / np.linalg.norm(first.astype(np.float64), axis=(1, 2)))
