"""Families of runs over α for tests: small ones that are trained once, made ones, and their numbers by plain loops."""

import math
from dataclasses import replace

import numpy as np

from ntkviz.data import Xor
from ntkviz.experiments.lazy import QUARTER, Spec
from ntkviz.nets import Architecture
from ntkviz.scales import Families, Family, Scales

SPEC = Spec(
    data=Xor(n=40, dim=6),
    arch=Architecture(width=32, sigma_b=0.3),
    scales=Scales(low=0.1, high=1000.0, count=5),
    narrower=QUARTER,
    steps=150,
    seeds=3,
)
SMOOTH = replace(SPEC, arch=replace(SPEC.arch, activation="gelu"), narrower=1, seeds=2)
ALPHA = [0.1, 1.0, 10.0, 100.0, 1000.0]


def rows(runs: Families, name: str) -> list[list[float]]:
    """A number of each seed at each α."""
    return [[float(getattr(family, name)[at]) for family in runs.members] for at in range(len(runs.alpha))]


def geometric(values: list[float]) -> float:
    return math.prod(values) ** (1 / len(values))


def error_of(values: list[float]) -> float:
    """The standard error of a geometric mean, from the spread of the logarithms."""
    logs = [math.log(value) for value in values]
    mean = sum(logs) / len(logs)
    spread = math.sqrt(sum((one - mean) ** 2 for one in logs) / (len(logs) - 1))
    return geometric(values) * spread / math.sqrt(len(logs))


def band_of(values: list[float]) -> tuple[float, float, float]:
    """The geometric mean, and one standard deviation of the seeds below and above."""
    ratio = math.exp(error_of(values) / geometric(values) * math.sqrt(len(values)))
    return geometric(values), geometric(values) / ratio, geometric(values) * ratio


def scaled(runs: Families, name: str, factor) -> Families:
    """The families with one of their measured fields multiplied."""
    return replace(runs, members=tuple(replace(one, **{name: getattr(one, name) * factor}) for one in runs.members))


def made(left: list[float], *, half: float = 2.0, diverged: int | None = None) -> Family:
    """A family whose runs end with these shares of their first error.

    At half the steps they had `half` times as much.
    """
    start, share = 0.8, np.array(left)
    curve = start * np.stack([np.ones_like(share), half * share, share], axis=1)
    lost = np.zeros(len(left), dtype=bool)
    if diverged is not None:
        lost[diverged] = True
    nothing = np.full(len(left), np.nan)
    return Family(
        eta=np.ones(len(left)),
        steps=np.array([0, 50, 100]),
        train_curve=curve,
        test_curve=curve,
        linear_curve=curve,
        movement=nothing,
        drift=nothing,
        aligned=nothing,
        aligned_start=0.1,
        kernel_error=0.3,
        linear_error=0.5,
        linear_end=0.4,
        constant_error=1.0,
        first_order=1.0,
        diverged=lost,
    )


def families(*members: Family, pending: int = 0) -> Families:
    return Families(SPEC.recipe(), members, pending)
