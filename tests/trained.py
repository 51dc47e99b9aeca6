"""Runs of “Train and predict” for tests, and the same numbers by other routes.

The kernel of the infinitely wide erf network is written out here, so that theory is computed without the library: by a
loop over the steps of gradient descent on the kernel. Points at equal steps around a circle make the kernel circulant,
so that its modes are those of the FFT.
"""

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from ntkviz.data import CirclePoints, Moons, Sphere, UploadedTable, Wine, parse_csv
from ntkviz.experiments import train
from ntkviz.figures.chart import View
from ntkviz.figures.train import view
from tests.canned import canned
from tests.drawn import chart

Floats = np.ndarray

FIRST = train.Spec()
WAVES = (1, 2, 3, 5)  # of its target
N = 16  # its training points, every 16th of the 256 test points


def narrow(width: int = 64, **changes: Any) -> train.Spec:
    """Fewer neurons and fewer steps."""
    return replace(FIRST, **({"arch": replace(FIRST.arch, width=width), "steps": 60} | changes))


def table(columns: int, target: str) -> UploadedTable:
    """A table of 40 rows with so many inputs, and a target that is a number or one of two or three words."""
    x = np.random.default_rng(5).normal(size=(40, columns)).round(3)
    value = x.sum(axis=1) + 0.5 * x[:, 0] ** 2
    kinds = {"two": ["no", "yes"], "three": ["red", "green", "blue"]}
    if target == "numbers":
        cells = [f"{number:.3f}" for number in value]
    else:
        kind = kinds[target]
        cells = [kind[i] for i in np.searchsorted(np.quantile(value, np.arange(1, len(kind)) / len(kind)), value)]
    lines = [",".join([f"x{i}" for i in range(columns)] + ["y"])]
    lines += [",".join([*(f"{cell:g}" for cell in row), cell]) for row, cell in zip(x, cells, strict=True)]
    return UploadedTable(table=parse_csv("\n".join(lines).encode(), name=f"{target}.csv"), target="y", n=24)


SHORT = narrow()
POINTS = narrow(data=CirclePoints(points="0:1, 100:-1, 370:0.5"))
SHARED = narrow(data=CirclePoints(points="0:1, 0:-1, 90:0.5"))
CATAPULT = replace(FIRST, c=3.0, steps=200)
DIVERGED = replace(FIRST, c=4.5, steps=200)
MOONS = narrow(data=Moons(n=24), c=1.2, steps=40)
BALL = narrow(data=Sphere(n=24, dim=4))
WINES = narrow(data=Wine(n=30), steps=40)
TABLES = {
    (columns, target): narrow(32, data=table(columns, target), steps=20, c=1.0)
    for columns in (1, 2, 3)
    for target in ("numbers", "two", "three")
}


def found(spec: train.Spec) -> train.Result:
    """The result of a run, made once."""
    return canned(train, spec)


@cache
def seen(spec: train.Spec) -> View:
    """What is drawn of it."""
    return view(found(spec))


def kernel(spec: train.Spec, x: Floats, other: Floats) -> Floats:
    """The tangent kernel of one hidden layer of infinitely many erf neurons, (M, N) (Williams 1997 for both means)."""
    arch, dim = spec.arch, x.shape[1]
    assert (arch.activation, arch.depth) == ("erf", 1)

    def inner(a: Floats, b: Floats) -> Floats:
        return arch.sigma_w**2 / dim * a @ b.T + arch.sigma_b**2

    cross, left, right = inner(x, other), np.diag(inner(x, x)), np.diag(inner(other, other))
    sizes = np.outer(1 + 2 * left, 1 + 2 * right)
    outputs = 2 / np.pi * np.arcsin(np.clip(2 * cross / np.sqrt(sizes), -1, 1))
    slopes = 4 / np.pi / np.sqrt(sizes - 4 * cross**2)
    return arch.sigma_w**2 * (outputs + cross * slopes) + arch.sigma_b**2


@cache
def step(spec: train.Spec) -> Floats:
    """ηΘ on the training points, (N, N)."""
    x = found(spec).theory.data.x
    theta = kernel(spec, x, x)
    return spec.c / np.linalg.eigvalsh(theta)[-1] * theta


@cache
def stepwise(spec: train.Spec) -> tuple[Floats, Floats]:
    """Theory at the recorded steps by gradient descent on the kernel: f on the training points and on all points."""
    theory = found(spec).theory
    data = theory.data
    on_train = step(spec)
    across = kernel(spec, theory.points, data.x) * (on_train[0, 0] / kernel(spec, data.x[:1], data.x[:1])[0, 0])
    f_train, f, kept = np.zeros_like(data.y), np.zeros((len(theory.points), data.y.shape[1])), []
    for k in range(spec.steps + 1):
        if k in theory.steps:
            kept.append((f_train, f))
        residual = f_train - data.y
        f_train, f = f_train - on_train @ residual, f - across @ residual
    return np.array([one for one, _ in kept]), np.array([other for _, other in kept])


def factors(spec: train.Spec) -> Floats:
    """ηλ of each frequency on the circle, from the FFT of a row of the kernel."""
    return np.fft.rfft(step(spec)[0]).real


def on_circle(f: Floats) -> Floats:
    """Outputs (T, 256, 1) at the training points, (T, N)."""
    return f[:, :: 256 // N, 0]


def loss_of(f: Floats, y: Floats) -> Floats:
    """The loss at each step, (T,), from outputs (T, N) and targets (N,)."""
    return 0.5 * np.mean((f - y) ** 2, axis=1)


def first_loss(spec: train.Spec) -> float:
    """The loss where all outputs are zero."""
    return 0.5 * float(np.sum(found(spec).theory.data.y ** 2, axis=1).mean())


def waves_left(result: train.Result) -> Floats:
    """What is left of each frequency of the network's error, (T, N/2 + 1)."""
    y = result.theory.data.y[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.abs(np.fft.rfft(on_circle(result.network.curves.f) - y, axis=1)) / np.abs(np.fft.rfft(y))
    return left


def crossing(steps: Floats, loss: Floats, level: float) -> float:
    """Where straight lines between the records, in both logarithms, come down to a level."""
    at = int(np.argmax(loss <= level))
    (k0, k1), (l0, l1) = np.log(steps[at - 1 : at + 1]), np.log(loss[at - 1 : at + 1])
    return math.exp(k0 + (math.log(level) - l0) / (l1 - l0) * (k1 - k0))


def measured_steps(spec: train.Spec, fraction: float) -> float:
    """The step at which the network's loss is at a fraction of its start."""
    result = found(spec)
    loss = loss_of(on_circle(result.network.curves.f), result.theory.data.y[:, 0])
    return crossing(result.theory.steps, loss, fraction * first_loss(spec))


def theory_steps(spec: train.Spec, fraction: float) -> int:
    """The first step at which theory's loss is at most a fraction of its start, by going step by step."""
    y = found(spec).theory.data.y
    residual, k = y.copy(), 0
    while np.sum(residual**2) > fraction * np.sum(y**2):
        residual, k = residual - step(spec) @ residual, k + 1
    return k


def axis(of: View, name: str, which: str) -> Any:
    """An axis of a chart."""
    return getattr(chart(of, name).figure.layout, which)


def ends(of: View, name: str, which: str, *, after: bool = False) -> Floats:
    """The two ends of a logarithmic axis, in its unit; `after` the answer is shown, where they are others."""
    if after:
        return 10.0 ** np.array(chart(of, name).layout_answer[which]["range"])
    return 10.0 ** np.array(axis(of, name, which).range)
