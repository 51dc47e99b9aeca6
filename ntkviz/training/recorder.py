"""What a training run keeps: outputs, losses and measures of the network at recorded steps.

To record another quantity, give it a field in `Run`, a name in `SERIES` and a line in
`Recorder.record`.
"""

from dataclasses import dataclass, field
from typing import Any, TypedDict

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture, Layer, Params, parameter_count, shapes
from ntkviz.nets.widening import emptied
from ntkviz.training import descent, measured
from ntkviz.training.sharpness import first_direction

KEPT_NUMBERS = 50_000_000  # the most outputs and weights that a run records
# Fields of `Run` with an entry for each recorded step; `Recorder.record` makes those that are asked for.
SERIES = ("f_train", "f_test", "loss", "test_loss", "movement", "layer_movement", "drift", "sharpness", "weights")


class Recording(TypedDict, total=False):
    """Settings that `train` and `train_many` share: what is recorded, batches, test data and precision."""

    record: ArrayLike | None  # steps to record, beside the first and the last; None: about 60 in equal ratios
    centred: bool  # subtract the outputs at the start
    batch: int | None  # points in a step, drawn without replacement in each epoch; None is all of them
    key: Array | None  # decides the order of the points in the batches
    x_test: ArrayLike | None  # (M, d)
    y_test: ArrayLike | None  # (M,) or (M, K)
    kernel: bool  # record the drift of the empirical kernel, and the kernel at both ends
    weights: bool  # keep the weights at every recorded step
    sharpness: int  # Hessian products for the sharpness at each recorded step; 0 records no sharpness
    allow_divergence: bool  # return a run that diverged, cut off before it did, in place of raising `Diverged`
    dtype: Any  # precision of the computation; float32 by default


@dataclass(frozen=True, eq=False)
class Run:
    """A training run at T recorded steps, in NumPy arrays. N training points, M test points, K outputs."""

    steps: np.ndarray  # (T,), the steps taken when recorded, from 0
    eta: float
    alpha: float
    f_train: np.ndarray  # (T, N, K), the outputs F of the model
    f_test: np.ndarray | None  # (T, M, K)
    loss: np.ndarray  # (T,), L: the sum over the training points with their weights; without decay, not divided by α²
    test_loss: np.ndarray | None  # (T,), the sum over the test points
    movement: np.ndarray  # (T,), ‖w − w₀‖/‖w₀‖
    layer_movement: np.ndarray  # (T, layers), the same for each layer
    drift: np.ndarray | None  # (T,), ‖Θ − Θ₀‖/‖Θ₀‖ of the network's kernel on the training data, Frobenius norm
    kernel_start: np.ndarray | None  # (N, N)
    kernel_end: np.ndarray | None  # (N, N), at the last recorded step
    sharpness: np.ndarray | None  # (T,), largest Hessian eigenvalue of L/α²; gradient descent is stable below 2/η
    weights: tuple[Layer, ...] | None  # the weights of each layer with a leading axis T
    params: Params = field(repr=False)  # the weights at the last recorded step
    diverged_at: int | None = None  # the step by which the loss was not finite, or 10⁶ times the first or more

    @property
    def time(self) -> np.ndarray:
        """(T,), the time t = ηk of gradient flow after k steps of plain gradient descent."""
        return np.asarray(self.eta * self.steps)


def log_steps(steps: int, count: int = 60) -> np.ndarray:
    """Whole numbers from 0 to `steps`, as close to equal ratios as whole numbers can be.

    Args:
        steps: the last number.
        count: how many numbers at most. Equal ones are removed, so that there may be fewer.

    Raises:
        InvalidInput: where `steps` is less than 1 or `count` less than 2.

    Example:
        >>> log_steps(100, 6)
        array([  0,   1,   3,  10,  32, 100])
    """
    if steps < 1 or count < 2:
        raise InvalidInput(f"Recording needs at least one step and two records, not {steps} and {count}.")
    return np.unique(np.concatenate([[0], np.rint(np.geomspace(1, steps, count - 1)).astype(int)]))


def recorded_steps(record: ArrayLike | None, steps: int) -> np.ndarray:
    """The steps to record, ascending: those given or `log_steps`, with 0 and `steps` among them."""
    given = log_steps(steps) if record is None else np.asarray(record)
    if steps < 1 or given.ndim != 1 or np.any(given != np.rint(given)) or np.any((given < 0) | (given > steps)):
        raise InvalidInput(f"Recorded steps must be whole numbers between 0 and {steps}.")
    return np.union1d(given, [0, steps]).astype(int)


class Recorder:
    """Keeps what is observed of S networks at each recorded step, of each network until it diverges."""

    def __init__(
        self,
        arch: Architecture,
        room: Architecture,
        problem: descent.Problem,
        recording: Recording,
        records: int,
        points: int,
        eta: ArrayLike,
        alpha: ArrayLike,
    ) -> None:
        """Prepare to record.

        Args:
            arch: the architecture.
            room: the same with the arrays of the problem, which may have room for more neurons.
            problem: what is trained.
            recording: what to record.
            records: how many steps will be recorded.
            points: N; those of the problem may be padded.
            eta: the step as it was given, in full precision: one number or (S,).
            alpha: the output scale as it was given: one number or (S,).

        Raises:
            InvalidInput: where more than `KEPT_NUMBERS` numbers would be kept.
        """
        self.arch, self.problem, self.recording = room, problem, recording
        self.sizes = shapes(arch, problem.x.shape[1])
        networks = len(problem.eta)
        self.eta, self.alpha = (np.broadcast_to(np.ravel(value), networks) for value in (eta, alpha))
        test = recording.get("x_test")
        self.points, self.tested = points, 0 if test is None else len(np.asarray(test))
        weights = parameter_count(arch, problem.x.shape[1]) if recording.get("weights", False) else 0
        numbers = records * networks * ((points + self.tested) * arch.outputs + weights)
        if numbers > KEPT_NUMBERS:
            raise InvalidInput(f"Recording would keep {numbers:.0e} numbers; record less often, or fewer networks.")
        self.records, self.count = records, 0
        self.diverged_at = np.full(networks, -1)
        self.steps = np.empty(records, np.int64)
        self.kept: dict[str, Any] = {}  # name of a field of `Run` -> arrays (records, S, …)
        self.last: list[tuple[Params, np.ndarray | None]] = [(problem.start, None)] * networks
        self.first_kernels = np.empty(0)  # (S, N, N) after the first record
        self.directions: np.ndarray | None = None  # (S, P), where the next search for the sharpness starts

    @property
    def training(self) -> np.ndarray:
        """(S,), which networks have not diverged."""
        return self.diverged_at < 0

    def mark_diverged(self, steps: np.ndarray) -> None:
        """Enter the steps (S,) by which networks diverged, −1 for those that did not."""
        self.diverged_at = np.where(self.training, steps, self.diverged_at)

    def record(self, state: descent.State, seen: descent.Observation) -> None:
        """Record all that was asked for at the present step, of which `seen` was observed."""
        self.steps[self.count] = state.step
        observed = seen._asdict()
        observed["f_train"] = np.asarray(seen.f_train)[:, : self.points]
        observed["f_test"] = None if seen.f_test is None else np.asarray(seen.f_test)[:, : self.tested]
        self.mark_diverged(np.where(np.asarray(observed["loss"]) < np.asarray(self.problem.limit), -1, int(state.step)))
        if self.recording.get("weights", False):
            observed["weights"] = emptied(state.params, self.sizes)
        if products := self.recording.get("sharpness", 0):
            observed["sharpness"] = self._sharpness(state, products)
        kernels = None
        if self.recording.get("kernel", False):
            kernels = np.asarray(measured.kernels(self.arch, state.params, self.problem.x))
            kernels = kernels[:, : self.points, : self.points]
            self.first_kernels = kernels if self.count == 0 else self.first_kernels
            observed["drift"] = _relative_distances(kernels, self.first_kernels)
        for name, value in observed.items():
            self._keep(name, value)
        for network in np.flatnonzero(self.training):
            self.last[network] = (state.params, None if kernels is None else kernels[network])
        self.count += 1

    def _sharpness(self, state: descent.State, products: int) -> Array:
        """(S,), the sharpness. The search starts near the direction that was found at the record before.

        A small random part is added to it, because a start within a subspace that the Hessian maps to itself would
        keep the search there. It changes the sharpness by a millionth of the spectrum's range at most.
        """
        random = first_direction(self.arch, self.problem.x)
        if self.directions is None:
            self.directions = np.stack([random] * len(self.diverged_at))
        found = measured.sharpnesses(self.arch, products, self.problem, state.params, self.directions)
        self.directions = np.asarray(found.direction) + (1e-3 / np.linalg.norm(random)) * random
        return found.value

    def _keep(self, name: str, value: Any) -> None:
        if name not in self.kept:
            self.kept[name] = jax.tree.map(lambda a: np.empty((self.records, *a.shape), a.dtype), value)
        for kept, now in zip(jax.tree.leaves(self.kept[name]), jax.tree.leaves(value), strict=True):
            kept[self.count] = now

    def runs(self) -> tuple[Run, ...]:
        """The runs so far, each cut off before it diverged; their arrays are views, not copies."""
        return tuple(self._run(network) for network in range(len(self.diverged_at)))

    def _run(self, network: int) -> Run:
        diverged_at = int(self.diverged_at[network])
        count = self.count if diverged_at < 0 else int(np.searchsorted(self.steps[: self.count], diverged_at))
        kept = {name: jax.tree.map(lambda a: a[:count, network], self.kept.get(name)) for name in SERIES}
        params, kernel = self.last[network]
        return Run(
            steps=self.steps[:count],
            eta=float(self.eta[network]),
            alpha=float(self.alpha[network]),
            kernel_start=None if kernel is None else self.first_kernels[network],
            kernel_end=kernel,
            params=jax.tree.map(lambda a: a[network], emptied(params, self.sizes)),
            diverged_at=None if diverged_at < 0 else diverged_at,
            **kept,
        )


def _relative_distances(kernels: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(S,), ‖Θ − Θ₀‖/‖Θ₀‖ in float64, which holds the squares of a float32 kernel that is about to overflow."""
    change = np.linalg.norm(kernels.astype(np.float64) - first, axis=(1, 2))
    return np.asarray(change / np.linalg.norm(first.astype(np.float64), axis=(1, 2)))
