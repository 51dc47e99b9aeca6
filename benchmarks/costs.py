"""Estimates of the cost model against measured seconds, and the rates refitted to them.

    python -m benchmarks.costs [--quick] [--only training] [--lessons]

Each kind of work is measured over a grid of sizes, compiled and warm. The process keeps to one core and counts its own
seconds of computing, so that other processes on the machine matter little; the least of some turns is taken. The rates
are the nonnegative least squares of estimate/measured − 1, all cases together. Printed are the table of the cases, the
rates in force beside the refitted ones, and the estimates of every lesson. A row is marked where the two differ by more
than a factor of three.
"""

import os

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import argparse
import dataclasses
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import nnls

from ntkviz import costs, experiments
from ntkviz.costs import MACHINE, Cost, Machine
from ntkviz.kernels import empirical_ntk, infinite_kernels
from ntkviz.nets import Architecture, ConvNet, init
from ntkviz.training import log_steps, train_many

FACTOR = 3.0  # an estimate further from the measured seconds is marked
TURN = 0.6  # seconds of repetitions of one case
FEWEST, MOST = 2, 12  # repetitions
RATES = [rate.name for rate in dataclasses.fields(Machine)]


@dataclass(frozen=True)
class Case:
    """One piece of work: what it is, its estimate under any rates, and the work itself."""

    kind: str
    name: str
    estimate: Callable[[Machine], Cost]
    work: Callable[[], object]


def measured(work: Callable[[], object]) -> float:
    """The least of some turns, in seconds of computing, after one that compiles."""
    work()
    turns: list[float] = []
    while len(turns) < MOST and (len(turns) < FEWEST or sum(turns) < TURN):
        began = time.process_time()
        work()
        turns.append(time.process_time() - began)
    return min(turns)


def training(quick: bool) -> Iterator[Case]:
    """Networks of all sizes, few and many points, a kink and none, side by side, images."""
    grid = [
        *((Architecture(width=n, activation=phi, sigma_b=0.3), 2, p, 300, 1, 40, 200)
          for n in (32, 512, 2048) for phi in ("relu", "erf") for p in (16, 128)),
        *((Architecture(width=n, depth=3, activation=phi), 20, p, 60, 1, 20, 500)
          for n in (64, 512) for phi in ("relu", "tanh", "gelu") for p in (64, 512)),
        (Architecture(width=128, sigma_b=0.3), 20, 150, 300, 9, 24, 500),
        (Architecture(width=128, depth=2, activation="gelu"), 20, 150, 100, 9, 24, 500),
        (Architecture(width=16), 2, 16, 500, 8, 24, 64),
        (Architecture(width=2048, depth=2), 64, 128, 20, 1, 10, 64),
        (Architecture(width=512, outputs=10, activation="erf"), 64, 100, 100, 1, 44, 300),
        (ConvNet(width=16, depth=2), 64, 64, 20, 1, 10, 64),
        (ConvNet(width=32, depth=1, activation="tanh"), 64, 100, 20, 1, 10, 64),
    ]  # fmt: skip
    for arch, dim, points, steps, networks, frames, tests in grid[::4] if quick else grid:
        yield Case(
            "training",
            f"{words(arch)}, {points}+{tests} points, {steps} steps × {networks}",
            partial(_training, arch, dim, points, steps, networks, frames, tests),
            _trainer(arch, dim, points, steps, networks, frames, tests),
        )


def _training(
    arch: Architecture, dim: int, points: int, steps: int, networks: int, frames: int, tests: int, machine: Machine
) -> Cost:
    seen = len(log_steps(steps, frames))
    return costs.training(arch, dim, points, steps, networks=networks, frames=seen, test_points=tests, machine=machine)


def _trainer(
    arch: Architecture, dim: int, points: int, steps: int, networks: int, frames: int, tests: int
) -> Callable[[], object]:
    draw = np.random.default_rng(0)
    x, y = unit(draw, points, dim), draw.normal(size=(points, arch.outputs))
    keys = jax.random.split(jax.random.key(0), networks)
    params = jax.vmap(lambda key: init(arch, dim, key=key, dtype=jnp.float32))(keys)
    return partial(
        train_many,
        arch,
        params,
        x,
        y,
        eta=1e-3 / points,
        steps=steps,
        record=log_steps(steps, frames),
        x_test=unit(draw, tests, dim),
        centred=True,
    )


def empirical(quick: bool) -> Iterator[Case]:
    """Kernels of finite networks."""
    grid: list[tuple[Architecture, int, int, int | None, Any, Any]] = [
        *((Architecture(width=n, depth=2, activation=phi), 2, p, None, "trace", dtype)
          for n in (64, 512, 2048) for phi in ("relu", "erf") for p in (64, 256, 800)
          for dtype in ("float32", "float64")),
        *((Architecture(width=512, activation=phi), 20, 500, 150, "trace", "float64")
          for phi in ("relu", "gelu", "tanh")),
        (Architecture(width=512, outputs=10), 64, 100, 300, "full", "float32"),
        (Architecture(width=512, outputs=10), 64, 100, None, "full", "float32"),
        (Architecture(width=256, depth=10), 20, 256, None, "trace", "float64"),
        (ConvNet(width=16, depth=2), 64, 100, None, "trace", "float64"),
        (ConvNet(width=64, depth=1), 64, 100, None, "trace", "float32"),
    ]  # fmt: skip
    for arch, dim, rows, columns, outputs, dtype in grid[::4] if quick else grid:
        draw = np.random.default_rng(0)
        params = init(arch, dim, key=jax.random.key(0), dtype=dtype)
        x1, x2 = unit(draw, rows, dim), None if columns is None else unit(draw, columns, dim)
        if dtype == "float32":
            x1, x2 = x1.astype(np.float32), None if x2 is None else x2.astype(np.float32)
        yield Case(
            "empirical",
            f"{words(arch)}, {rows} × {columns or rows}, {outputs}, {dtype}",
            lambda machine, a=arch, d=dim, r=rows, c=columns, o=outputs, t=dtype: costs.empirical_kernel(
                a, d, r, c, outputs=o, dtype=t, machine=machine
            ),
            lambda a=arch, p=params, x1=x1, x2=x2, o=outputs: np.asarray(empirical_ntk(a, p, x1, x2, outputs=o)),
        )


def infinite(quick: bool) -> Iterator[Case]:
    """Kernels at infinite width: closed forms, series, images."""
    grid: list[tuple[Architecture, int, int, int | None]] = [
        *((Architecture(depth=depth, activation=phi, sigma_b=0.3), 2, n, None)
          for depth in (1, 5) for phi in ("relu", "erf", "gelu", "tanh", "elu") for n in (64, 256, 800)),
        *((Architecture(depth=2, activation=phi), 2, 1, 2049) for phi in ("relu", "tanh", "elu")),
        *((Architecture(depth=1, activation=phi), 64, 500, 150) for phi in ("relu", "erf")),
        (ConvNet(width=16, depth=2), 64, 100, None),
        (ConvNet(width=16, depth=2, head="gap"), 64, 20, None),
    ]  # fmt: skip
    for arch, dim, rows, columns in grid[::4] if quick else grid:
        draw = np.random.default_rng(0)
        x1, x2 = unit(draw, rows, dim), None if columns is None else unit(draw, columns, dim)
        yield Case(
            "infinite",
            f"{words(arch)}, {rows} × {columns or rows}",
            lambda machine, a=arch, d=dim, r=rows, c=columns: costs.infinite_kernel(a, d, r, c, machine=machine),
            lambda a=arch, x1=x1, x2=x2: [np.asarray(kernel) for kernel in infinite_kernels(a, x1, x2)],
        )


def decompositions(quick: bool) -> Iterator[Case]:
    """Eigensystems and eigenvalues."""
    for n in (64, 256, 1000) if quick else (16, 64, 150, 256, 500, 800, 1500):
        kernel = np.exp(-np.square(np.subtract.outer(*[np.linspace(0, 3, n)] * 2)))
        for vectors, routine in ((True, np.linalg.eigh), (False, np.linalg.eigvalsh)):
            yield Case(
                "eigen",
                f"{n} rows, {'eigensystem' if vectors else 'eigenvalues'}",
                lambda machine, n=n, v=vectors: costs.eigensystem(n, vectors=v, machine=machine),
                partial(routine, kernel),
            )


def draws(quick: bool) -> Iterator[Case]:
    """Weights."""
    for width in (64, 512, 2048):
        arch = Architecture(width=width, depth=2)
        for dtype in ("float32", "float64"):
            yield Case(
                "weights",
                f"{words(arch)}, {dtype}",
                lambda machine, a=arch, t=dtype: costs.weights(a, 20, dtype=t, machine=machine),
                lambda a=arch, t=dtype: jax.block_until_ready(init(a, 20, key=jax.random.key(0), dtype=t)),
            )


KINDS = {
    "training": training,
    "empirical": empirical,
    "infinite": infinite,
    "eigen": decompositions,
    "weights": draws,
}


def unit(draw: np.random.Generator, points: int, dim: int) -> np.ndarray:
    """Points on the unit sphere."""
    x = draw.normal(size=(points, dim))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def words(arch: Architecture) -> str:
    """An architecture in a few words."""
    return f"{type(arch).__name__} {arch.activation} {arch.depth} × {arch.width}" + (
        f" → {arch.outputs}" if arch.outputs > 1 else ""
    )


def refitted(cases: list[Case], seconds: np.ndarray) -> Machine:
    """Rates that make estimate/measured as near to 1 as they can, none negative; those of no case stay as they are."""
    nothing = Machine(**dict.fromkeys(RATES, 0.0))
    work = np.array([[case.estimate(replace(nothing, **{rate: 1.0})).seconds for rate in RATES] for case in cases])
    found, _ = nnls(work / seconds[:, None], np.ones(len(cases)), maxiter=10_000)
    used = work.any(axis=0)
    return replace(MACHINE, **{rate: float(v) for rate, v, u in zip(RATES, found, used, strict=True) if u})


def line(kind: str, name: str, estimate: float, actual: float) -> str:
    """A row of the table."""
    ratio = estimate / actual
    mark = "" if 1 / FACTOR <= ratio <= FACTOR else f"   beyond a factor of {FACTOR:g}"
    return f"{kind:10} {name:58} {1e3 * estimate:10.2f} {1e3 * actual:10.2f} {ratio:6.2f}{mark}"


def specs() -> Iterator[tuple[str, Any, Any]]:
    """Name, experiment and spec of every lesson's default and presets; the experiments' defaults without lessons."""
    for found in pkgutil.iter_modules(experiments.__path__):
        module = importlib.import_module(f"ntkviz.experiments.{found.name}")
        if hasattr(module, "run") and hasattr(module, "Spec"):
            yield found.name, module, module.Spec()
    try:
        lessons = importlib.import_module("ntkviz.lessons")
    except ImportError:
        return
    for found in pkgutil.iter_modules(lessons.__path__):
        lesson = getattr(importlib.import_module(f"ntkviz.lessons.{found.name}"), "LESSON", None)
        for preset in getattr(lesson, "presets", ()):
            for module in lesson.slots.values() if isinstance(lesson.slots, dict) else lesson.slots:
                if isinstance(preset.spec, module.Spec):
                    yield f"{found.name}/{preset.key}", module, preset.spec


def forget() -> None:
    """Empty the caches in which experiments keep what they computed, so that a run computes again."""
    for found in pkgutil.iter_modules(experiments.__path__):
        for value in vars(importlib.import_module(f"ntkviz.experiments.{found.name}")).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a quarter of the cases")
    options.add_argument("--only", choices=sorted(KINDS), help="one kind of work, and no lessons")
    options.add_argument("--lessons", action="store_true", help="the lessons alone")
    asked = options.parse_args()
    print(f"{'':10} {'':58} {'estimate':>10} {'measured':>10}  ratio   (ms of one core)")
    if not asked.lessons:
        kinds = [KINDS[asked.only]] if asked.only else list(KINDS.values())
        cases = [case for kind in kinds for case in kind(asked.quick)]
        seconds = np.empty(len(cases))
        for i, case in enumerate(cases):
            seconds[i] = measured(case.work)
            print(line(case.kind, case.name, case.estimate(MACHINE).seconds, seconds[i]), flush=True)
        better = refitted(cases, seconds)
        for label, machine in (("in force", MACHINE), ("refitted", better)):
            ratios = np.array([case.estimate(machine).seconds for case in cases]) / seconds
            within = np.mean(np.maximum(ratios, 1 / np.maximum(ratios, 1e-12)) <= FACTOR)
            print(f"rates {label}: {within:.0%} of {len(cases)} cases within a factor of {FACTOR:g}, worst "
                  f"{ratios.min():.2f} and {ratios.max():.2f}")  # fmt: skip
        for rate in RATES:
            print(f"    {rate}={getattr(better, rate):.2g},  # {getattr(MACHINE, rate):.2g} in force")
    if not asked.only:
        for name, module, spec in specs():

            def work(module: Any = module, spec: Any = spec) -> None:
                forget()
                module.run(spec)

            print(line("lesson", name, module.cost(spec).seconds, measured(work)), flush=True)


if __name__ == "__main__":
    main()
