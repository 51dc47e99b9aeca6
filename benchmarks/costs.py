"""Estimates of the cost model against measured seconds, and the rates refitted to them.

    python -m benchmarks.costs [--quick] [--only training] [--lessons]

Each kind of work is measured over a grid of sizes, after compilation. The process keeps to one core and counts its own
processor time, so that other processes matter little; the least of several turns is taken. The rates are the
nonnegative least-squares fit of estimate/measured − 1 over all cases. The table of the cases, the present and the
refitted rates, and the estimates of every lesson are printed. The speed of this machine is the median of
estimate/measured over the rows; the last line of a table names the rows whose estimate, divided by this speed, differs
from the measurement by more than a factor of three.
"""

import argparse
import dataclasses
import importlib
import os
import pkgutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import nnls

from ntkviz import costs, experiments
from ntkviz.costs import MACHINE, OVERHEAD, Cost, Machine
from ntkviz.kernels import empirical_ntk, infinite_kernels
from ntkviz.lessons import lessons
from ntkviz.nets import Architecture, ConvNet, init, init_many
from ntkviz.training import log_steps, train_many

FACTOR = 3.0  # an estimate further from the measured seconds, at the speed of this machine, is named
TURN = 0.6  # seconds of repetitions of one case
FEWEST, MOST = 2, 12  # repetitions
RATES = [rate.name for rate in dataclasses.fields(Machine)]


class Case(Protocol):
    """One piece of work."""

    kind: str

    def __str__(self) -> str: ...

    def estimate(self, machine: Machine) -> Cost:
        """The estimate at the rates of a machine."""

    def ready(self) -> Callable[[], object]:
        """The work as a function without arguments; its inputs are drawn beforehand."""


def keep_to_one_core() -> None:
    """Give the process one core and XLA one thread; to be called before the first program is compiled."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def measured(work: Callable[[], object]) -> float:
    """The least processor time of several turns in seconds, after one turn that compiles."""
    work()
    turns: list[float] = []
    while len(turns) < MOST and (len(turns) < FEWEST or sum(turns) < TURN):
        began = time.process_time()
        work()
        turns.append(time.process_time() - began)
    return min(turns)


@dataclass(frozen=True)
class Training:
    """Networks side by side."""

    arch: Architecture
    dim: int
    points: int
    steps: int
    networks: int
    frames: int
    tests: int
    kind = "training"

    def __str__(self) -> str:
        return f"{words(self.arch)}, {self.points}+{self.tests} points, {self.steps} steps × {self.networks}"

    @property
    def recorded(self) -> np.ndarray:
        return log_steps(self.steps, self.frames)

    def estimate(self, machine: Machine) -> Cost:
        sizes = {"networks": self.networks, "frames": len(self.recorded), "test_points": self.tests}
        return costs.training(self.arch, self.dim, self.points, self.steps, **sizes, machine=machine)

    def ready(self) -> Callable[[], object]:
        x, x_test = unit(self.points, self.dim), unit(self.tests, self.dim)
        params = init_many(self.arch, self.dim, range(self.networks), dtype=jnp.float32)
        settings = {"eta": 1e-3 / self.points, "steps": self.steps, "record": self.recorded, "centred": True}
        y = np.random.default_rng(1).normal(size=(self.points, self.arch.outputs))
        return lambda: train_many(self.arch, params, x, y, x_test=x_test, **settings)


@dataclass(frozen=True)
class Empirical:
    """The kernel of a finite network."""

    arch: Architecture
    dim: int
    rows: int
    columns: int | None
    outputs: Literal["trace", "full"]
    dtype: costs.Precision
    kind = "empirical"

    def __str__(self) -> str:
        return f"{words(self.arch)}, {self.rows} × {self.columns or self.rows}, {self.outputs}, {self.dtype}"

    def estimate(self, machine: Machine) -> Cost:
        sizes = self.arch, self.dim, self.rows, self.columns
        return costs.empirical_kernel(*sizes, outputs=self.outputs, dtype=self.dtype, machine=machine)

    def ready(self) -> Callable[[], object]:
        params = init(self.arch, self.dim, seed=0, dtype=self.dtype)
        x1 = unit(self.rows, self.dim).astype(self.dtype)
        x2 = None if self.columns is None else unit(self.columns, self.dim).astype(self.dtype)
        return lambda: np.asarray(empirical_ntk(self.arch, params, x1, x2, outputs=self.outputs))


@dataclass(frozen=True)
class Infinite:
    """Both kernels at infinite width."""

    arch: Architecture
    dim: int
    rows: int
    columns: int | None
    kind = "infinite"

    def __str__(self) -> str:
        return f"{words(self.arch)}, {self.rows} × {self.columns or self.rows}"

    def estimate(self, machine: Machine) -> Cost:
        return costs.infinite_kernel(self.arch, self.dim, self.rows, self.columns, machine=machine)

    def ready(self) -> Callable[[], object]:
        x1, x2 = unit(self.rows, self.dim), None if self.columns is None else unit(self.columns, self.dim)
        return lambda: [np.asarray(kernel) for kernel in infinite_kernels(self.arch, x1, x2)]


@dataclass(frozen=True)
class Decomposition:
    """An eigensystem, or eigenvalues alone."""

    rows: int
    vectors: bool
    kind = "eigen"

    def __str__(self) -> str:
        return f"{self.rows} rows, {'eigensystem' if self.vectors else 'eigenvalues'}"

    def estimate(self, machine: Machine) -> Cost:
        return costs.eigensystem(self.rows, vectors=self.vectors, machine=machine)

    def ready(self) -> Callable[[], object]:
        kernel = np.exp(-np.square(np.subtract.outer(*[np.linspace(0, 3, self.rows)] * 2)))
        return partial(np.linalg.eigh if self.vectors else np.linalg.eigvalsh, kernel)


@dataclass(frozen=True)
class Draw:
    """The weights of a network."""

    arch: Architecture
    dim: int
    dtype: costs.Precision
    kind = "weights"

    def __str__(self) -> str:
        return f"{words(self.arch)}, {self.dtype}"

    def estimate(self, machine: Machine) -> Cost:
        return costs.weights(self.arch, self.dim, dtype=self.dtype, machine=machine)

    def ready(self) -> Callable[[], object]:
        return lambda: jax.block_until_ready(init(self.arch, self.dim, seed=0, dtype=self.dtype))


PRECISIONS: tuple[costs.Precision, ...] = ("float32", "float64")
CASES: tuple[Case, ...] = (
    *(Training(Architecture(width=n, activation=phi, sigma_b=0.3), 2, points, 300, 1, 40, 200)
      for n in (32, 512, 2048) for phi in ("relu", "erf") for points in (16, 128)),
    *(Training(Architecture(width=n, depth=3, activation=phi), 20, points, 60, 1, 20, 500)
      for n in (64, 512) for phi in ("relu", "tanh", "gelu") for points in (64, 512)),
    Training(Architecture(width=128, sigma_b=0.3), 20, 150, 300, 9, 24, 500),
    Training(Architecture(width=128, depth=2, activation="gelu"), 20, 150, 100, 9, 24, 500),
    Training(Architecture(width=16), 2, 16, 500, 8, 24, 64),
    Training(Architecture(width=2048, depth=2), 64, 128, 20, 1, 10, 64),
    Training(Architecture(width=512, outputs=10, activation="erf"), 64, 100, 100, 1, 44, 300),
    Training(ConvNet(width=16, depth=2), 64, 64, 20, 1, 10, 64),
    Training(ConvNet(width=32, depth=1, activation="tanh"), 64, 100, 20, 1, 10, 64),
    *(Empirical(Architecture(width=n, depth=2, activation=phi), 2, rows, None, "trace", dtype)
      for n in (64, 512, 2048) for phi in ("relu", "erf") for rows in (64, 256, 800) for dtype in PRECISIONS),
    *(Empirical(Architecture(width=512, activation=phi), 20, 500, 150, "trace", "float64")
      for phi in ("relu", "gelu", "tanh")),
    Empirical(Architecture(width=512, outputs=10), 64, 100, 300, "full", "float32"),
    Empirical(Architecture(width=512, outputs=10), 64, 100, None, "full", "float32"),
    Empirical(Architecture(width=256, depth=10), 20, 256, None, "trace", "float64"),
    Empirical(ConvNet(width=16, depth=2), 64, 100, None, "trace", "float64"),
    Empirical(ConvNet(width=64, depth=1), 64, 100, None, "trace", "float32"),
    *(Infinite(Architecture(depth=depth, activation=phi, sigma_b=0.3), 2, rows, None)
      for depth in (1, 5) for phi in ("relu", "erf", "gelu", "tanh", "elu") for rows in (64, 256, 800)),
    *(Infinite(Architecture(depth=2, activation=phi), 2, 1, 2049) for phi in ("relu", "tanh", "elu")),
    *(Infinite(Architecture(depth=1, activation=phi), 64, 500, 150) for phi in ("relu", "erf")),
    Infinite(ConvNet(width=16, depth=2), 64, 100, None),
    Infinite(ConvNet(width=16, depth=2, head="gap"), 64, 20, None),
    *(Decomposition(rows, vectors) for rows in (16, 64, 150, 256, 500, 800, 1500) for vectors in (True, False)),
    *(Draw(Architecture(width=n, depth=2), 20, dtype) for n in (64, 512, 2048) for dtype in PRECISIONS),
)  # fmt: skip
KINDS = tuple(dict.fromkeys(case.kind for case in CASES))


def unit(points: int, dim: int) -> np.ndarray:
    """Points on the unit sphere."""
    x = np.random.default_rng(0).normal(size=(points, dim))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def words(arch: Architecture) -> str:
    """A short description of an architecture."""
    return f"{type(arch).__name__} {arch.activation} {arch.depth} × {arch.width}" + (
        f" → {arch.outputs}" if arch.outputs > 1 else ""
    )


def refitted(cases: Sequence[Case], seconds: np.ndarray) -> Machine:
    """Nonnegative rates that bring estimate/measured as near to 1 as possible; rates that no case uses stay."""
    nothing = Machine(**dict.fromkeys(RATES, 0.0))
    work = np.array([[case.estimate(replace(nothing, **{rate: 1.0})).seconds for rate in RATES] for case in cases])
    found, _ = nnls(work / seconds[:, None], np.ones(len(cases)), maxiter=10_000)
    used = work.any(axis=0)
    return replace(MACHINE, **{rate: float(v) for rate, v, u in zip(RATES, found, used, strict=True) if u})


@dataclass(frozen=True)
class Row:
    """A row of the table: an estimate beside the seconds that were measured."""

    kind: str
    name: str
    estimate: float
    measured: float

    @property
    def ratio(self) -> float:
        """Estimate over measurement; a run shorter than what every run is expected to take counts as that."""
        return self.estimate / (max(self.measured, OVERHEAD.seconds) if self.kind == "lesson" else self.measured)

    def __str__(self) -> str:
        times = f"{1e3 * self.estimate:10.2f} {1e3 * self.measured:10.2f}"
        return f"{self.kind:10} {self.name:58} {times} {self.ratio:6.2f}"


def summary(rows: Sequence[Row]) -> str:
    """How fast this machine is beside the rates in force, and which estimates do not fit it."""
    speed = float(np.median([row.ratio for row in rows]))
    beyond = [row for row in rows if not 1 / FACTOR <= row.ratio / speed <= FACTOR]
    named = "".join(f"\n    {row}" for row in beyond)
    within = f"{len(rows) - len(beyond)} of {len(rows)} estimates are within a factor of {FACTOR:g}"
    return f"This machine has {speed:.2f} times the speed of the rates in force; at this speed {within}.{named}"


def specs() -> Iterator[tuple[str, Any, Any]]:
    """Name, experiment and spec of every preset of every lesson; the experiments' defaults where no lesson is there."""
    for name, lesson in lessons().items():
        for preset in lesson.presets:
            for slot, place in lesson.slots.items():
                yield f"{name}/{preset.key}, slot {slot}", place.experiment, place.part(preset.spec)
    if not lessons():
        for module in modules():
            if hasattr(module, "run"):
                yield module.__name__.rpartition(".")[2], module, module.Spec()


def modules() -> list[Any]:
    """The names of all experiments."""
    return [
        importlib.import_module(f"{experiments.__name__}.{each.name}")
        for each in pkgutil.iter_modules(experiments.__path__)
    ]


def forget() -> None:
    """Empty the caches in which experiments keep what they computed, so that a run computes again."""
    for module in modules():
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def primitives(cases: Sequence[Case]) -> None:
    """Print the table of the cases, and the rates in force beside the refitted ones."""
    seconds, rows = np.empty(len(cases)), list[Row]()
    for i, case in enumerate(cases):
        seconds[i] = measured(case.ready())
        rows.append(Row(case.kind, str(case), case.estimate(MACHINE).seconds, seconds[i]))
        print(rows[-1], flush=True)
    print(summary(rows))
    better = refitted(cases, seconds)
    for label, machine in (("in force", MACHINE), ("refitted", better)):
        ratios = np.array([case.estimate(machine).seconds for case in cases]) / seconds
        within = np.mean((ratios <= FACTOR) & (ratios >= 1 / FACTOR))
        span = f"from {ratios.min():.2f} to {ratios.max():.2f}"
        print(f"rates {label}: {within:.0%} of {len(cases)} cases within a factor of {FACTOR:g}, {span}")
    for rate in RATES:
        print(f"    {rate}={getattr(better, rate):.2g},  # {getattr(MACHINE, rate):.2g} in force")


def runs() -> None:
    """Print the estimates of the lessons beside their runs."""
    rows = []
    for name, experiment, spec in specs():

        def work(experiment: Any = experiment, spec: Any = spec) -> None:
            forget()
            experiment.run(spec)

        rows.append(Row("lesson", name, experiment.cost(spec).seconds, measured(work)))
        print(rows[-1], flush=True)
    print(summary(rows))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a quarter of the cases")
    options.add_argument("--only", choices=KINDS, help="one kind of work, and no lessons")
    options.add_argument("--lessons", action="store_true", help="the lessons alone")
    asked = options.parse_args()
    keep_to_one_core()
    print(f"{'':10} {'':58} {'estimate':>10} {'measured':>10}  ratio   (ms of one core)")
    if not asked.lessons:
        primitives([case for case in CASES if asked.only in (None, case.kind)][:: 4 if asked.quick else 1])
    if not asked.only:
        runs()


if __name__ == "__main__":
    main()
