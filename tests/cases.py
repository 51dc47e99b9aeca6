"""An experiment for tests of the engine: it does what its settings say, in this process or in a worker's."""

import os
import time
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from ntkviz.errors import Diverged
from ntkviz.experiments.protocol import Cost, Report, silent
from ntkviz.findings import Finding, Remark
from ntkviz.specs import Spec as Settings
from ntkviz.specs import choice, number

DEEDS = ("steps", "long call", "compile", "grow", "die", "die once", "user error", "bug")


@dataclass(frozen=True, kw_only=True)
class Spec(Settings):
    deed: str = choice("steps", DEEDS, label="What it does")
    seconds: float = number(0.2, 0.0, 600.0, label="For so long")
    cost: float = number(1.0, 0.0, 1000.0, label="What it says beforehand")
    value: int = number(1, 0, 1000, label="What it returns")
    mark: str = ""  # a file that remembers earlier attempts


Result = tuple  # the process that ran it, and three numbers


def cost(spec: Spec) -> Cost:
    return Cost(spec.cost, 1e6)


def findings(result: tuple[int, np.ndarray]) -> tuple[Finding, ...]:
    return ()


def remarks(result: tuple[int, np.ndarray]) -> tuple[Remark, ...]:
    return ()


def draw(experiment: str, result: tuple[int, np.ndarray]) -> tuple[str, int, float]:
    """Who drew it, and the sum of what was drawn."""
    return experiment, os.getpid(), float(result[1].sum())


def slowly_compiled(x: jax.Array) -> jax.Array:
    for _ in range(60):  # about four seconds
        x = jax.scipy.special.betainc(jnp.abs(x) + 1, 2.0, jnp.abs(jnp.tanh(x @ x)))
    return x


def wrote(mark: str, words: str) -> None:
    with open(mark, "a") as file:
        file.write(words)


def run(spec: Spec, report: Report = silent) -> tuple[int, np.ndarray]:
    if spec.deed == "user error":
        raise Diverged("Training diverged by step 40. Try a smaller step.")
    if spec.deed == "bug":
        raise ZeroDivisionError("secret")
    if spec.deed == "die" or (spec.deed == "die once" and not os.path.exists(spec.mark)):
        if spec.mark:
            wrote(spec.mark, "x")
        time.sleep(0.1)
        os.kill(os.getpid(), 9)
    if spec.deed == "grow":
        held = []
        while True:
            held.append(np.ones(1_000_000))  # 8 MB
            report(0.5)
            time.sleep(0.01)
    if spec.deed == "compile":
        wrote(spec.mark, "begins ")
        jax.jit(slowly_compiled)(np.ones((8, 8)))
        wrote(spec.mark, "ends")
    until = time.monotonic() + spec.seconds
    if spec.deed == "long call":  # hears of nothing until it ends, like a compiled call
        while time.monotonic() < until:
            np.linalg.eigvalsh(np.ones((200, 200)))
    while (left := until - time.monotonic()) > 0:
        np.linalg.eigvalsh(np.ones((100, 100)))
        report(1 - left / spec.seconds, (os.getpid(), np.zeros(3)))
    return os.getpid(), np.full(3, float(spec.value))
