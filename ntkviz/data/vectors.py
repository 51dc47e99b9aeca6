"""Targets that depend on a few of many directions, where learning features helps, and two controls where it does not.

The coordinates of inputs are standard normal or ±1, so that |x|²/d is about 1. Numbers to predict have mean 0 and
variance 1 over the distribution of the inputs. To add a data set, derive `Vectors` and define `target`, and `draw` for
other inputs.
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ntkviz.data.base import MOST_POINTS, SIGN_NAMES, TEST_POINTS, Dataset, DataSpec, Floats, Task, rng
from ntkviz.data.sphere import direction, on_sphere
from ntkviz.errors import InvalidInput
from ntkviz.specs import choice, number


def gaussian(n: int, dim: int, generator: np.random.Generator) -> Floats:
    """Standard normal inputs (n, dim).

    Args:
        n: the number of points.
        dim: d.
        generator: of the random numbers.
    """
    return generator.standard_normal((n, dim))


def signs(n: int, dim: int, generator: np.random.Generator) -> Floats:
    """Inputs (n, dim) whose coordinates are −1 or 1, independent and with equal probability.

    Args:
        n: the number of points.
        dim: d.
        generator: of the random numbers.
    """
    return np.where(generator.random((n, dim)) < 0.5, -1.0, 1.0)


INPUTS: dict[str, Callable[[int, int, np.random.Generator], Floats]] = {
    "gaussian": gaussian,
    "signs": signs,
    "sphere": on_sphere,
}
INPUT_NAMES = {"gaussian": "Gaussian", "signs": "±1", "sphere": "on a sphere"}

Target = Callable[[Floats], Floats]  # takes inputs (N, d) to targets (N,)


@dataclass(frozen=True, kw_only=True)
class Vectors(DataSpec):
    """Base of the synthetic data sets in many dimensions."""

    task: ClassVar[Task] = "regression"

    dim: int = number(30, 2, 64, label="Dimension", help="d, the number of inputs; |x|²/d is about 1.")

    def draw(self, n: int, generator: np.random.Generator) -> Floats:
        """Random inputs (n, d)."""
        return gaussian(n, self.dim, generator)

    @abstractmethod
    def target(self, generator: np.random.Generator) -> Target:
        """The function to learn; its random part is drawn once for a seed."""

    def clean(self) -> Dataset:
        function = self.target(rng(self.seed, "target"))
        x, x_test = self.draw(self.n, rng(self.seed, "train")), self.draw(TEST_POINTS, rng(self.seed, "test"))
        return Dataset(
            x=x,
            y=function(x)[:, None],
            x_test=x_test,
            y_test=function(x_test)[:, None],
            kind="vector",
            task=self.task,
            classes=SIGN_NAMES if self.task == "binary" else (),
        )


@dataclass(frozen=True, kw_only=True)
class Parity(Vectors):
    """The product of the first k of d signs; for a fully connected network any other k signs are as hard."""

    title = "Sparse parity"
    sentence = "The label is the product of a few of many ±1 inputs. A kernel needs very many points for it."
    task = "binary"

    n: int = number(
        300,
        2,
        MOST_POINTS,
        reach=4000,
        label="Training points",
        help="N, the number of points. The kernel is an N × N matrix.",
    )
    order: int = number(3, 1, 8, label="Order", help="k, the number of inputs that decide the label.")

    def check(self) -> None:
        if self.order > self.dim:
            raise InvalidInput(f"A parity of {self.order} inputs needs a dimension of at least {self.order}.")

    def draw(self, n: int, generator: np.random.Generator) -> Floats:
        return signs(n, self.dim, generator)

    def target(self, generator: np.random.Generator) -> Target:
        return lambda x: np.prod(x[:, : self.order], axis=1)


@dataclass(frozen=True, kw_only=True)
class Xor(Vectors):
    """The sign of the product of the first two coordinates."""

    title = "XOR"
    sentence = "The label says whether the first two of many inputs have the same sign. One input alone says nothing."
    task = "binary"

    n: int = number(
        300,
        2,
        MOST_POINTS,
        reach=1000,
        label="Training points",
        help="N, the number of points. The kernel is an N × N matrix.",
    )
    inputs: str = choice("signs", {key: INPUT_NAMES[key] for key in ("signs", "gaussian")}, label="Inputs")

    def draw(self, n: int, generator: np.random.Generator) -> Floats:
        return INPUTS[self.inputs](n, self.dim, generator)

    def target(self, generator: np.random.Generator) -> Target:
        return lambda x: np.where(x[:, 0] * x[:, 1] > 0, 1.0, -1.0)


LINKS: dict[str, Callable[[Floats], Floats]] = {  # values have mean 0 and variance 1 for a standard normal argument
    "abs": lambda u: (np.abs(u) - math.sqrt(2 / math.pi)) / math.sqrt(1 - 2 / math.pi),
    "square": lambda u: (u**2 - 1) / math.sqrt(2),
    "cubic": lambda u: (u**3 - 3 * u) / math.sqrt(6),
}
LINK_NAMES = {"abs": "|u|", "square": "u² − 1", "cubic": "u³ − 3u"}


@dataclass(frozen=True, kw_only=True)
class SingleIndex(Vectors):
    """A function of the number u = w·x with a random direction w, |w| = 1."""

    title = "Single index"
    sentence = "The target depends on one hidden direction. A network that finds it needs far fewer points."

    n: int = number(
        300,
        2,
        MOST_POINTS,
        reach=1000,
        label="Training points",
        help="N, the number of points. The kernel is an N × N matrix.",
    )
    link: str = choice(
        "abs", LINK_NAMES, label="Function of u = w·x", help="The function is scaled to mean 0 and variance 1."
    )

    def target(self, generator: np.random.Generator) -> Target:
        along = direction(self.dim, generator)
        return lambda x: LINKS[self.link](x @ along)


@dataclass(frozen=True, kw_only=True)
class Teacher(Vectors):
    """The function Σ_j a_j relu(w_j·x) with random unit w_j and alternating a_j = ±1, with mean 0 and variance 1."""

    title = "ReLU teacher"
    sentence = "The target is a small ReLU network. A network that learns features can find its neurons."

    n: int = number(
        300,
        2,
        MOST_POINTS,
        reach=1000,
        label="Training points",
        help="N, the number of points. The kernel is an N × N matrix.",
    )
    neurons: int = number(
        3,
        1,
        16,
        label="Neurons of the teacher",
        help="m, the number of neurons; their output weights are +1, −1, +1, …",
    )

    def target(self, generator: np.random.Generator) -> Target:
        w = np.stack([direction(self.dim, generator) for _ in range(self.neurons)])
        a = np.where(np.arange(self.neurons) % 2 == 0, 1.0, -1.0)
        mean = a.sum() / math.sqrt(2 * math.pi)  # E relu(u) = 1/√(2π)
        spread = math.sqrt(a @ relu_moments(w @ w.T) @ a - mean**2)
        return lambda x: (np.maximum(x @ w.T, 0.0) @ a - mean) / spread


def relu_moments(correlation: Floats) -> Floats:
    """The moments E[relu(u) relu(v)] of standard normal u, v with given correlations (Cho & Saul 2009, degree 1)."""
    rho = np.clip(correlation, -1.0, 1.0)
    return (np.sqrt(1 - rho**2) + (np.pi - np.arccos(rho)) * rho) / (2 * np.pi)


@dataclass(frozen=True, kw_only=True)
class Linear(Vectors):
    """The linear function w·x with a random direction w, |w| = 1."""

    title = "Linear target"
    sentence = "The target is linear. It serves as a control: kernel and network do about equally well."

    n: int = number(
        300,
        2,
        MOST_POINTS,
        reach=1000,
        label="Training points",
        help="N, the number of points. The kernel is an N × N matrix.",
    )

    def target(self, generator: np.random.Generator) -> Target:
        along = direction(self.dim, generator)
        return lambda x: x @ along


@dataclass(frozen=True, kw_only=True)
class RandomLabels(DataSpec):
    """Labels that are independent of the inputs, on the test points too: a network can only memorise them."""

    title = "Random labels"
    sentence = "The labels are random. A wide network fits them too, and learns nothing about new points."

    dim: int = number(10, 2, 64, label="Dimension", help="d, the number of inputs; |x|²/d is about 1.")
    inputs: str = choice("sphere", {key: INPUT_NAMES[key] for key in ("sphere", "gaussian")}, label="Inputs")

    def clean(self) -> Dataset:
        draw = INPUTS[self.inputs]
        coins, coins_test = rng(self.seed, "target").spawn(2)
        return Dataset(
            x=draw(self.n, self.dim, rng(self.seed, "train")),
            y=signs(self.n, 1, coins),
            x_test=draw(TEST_POINTS, self.dim, rng(self.seed, "test")),
            y_test=signs(TEST_POINTS, 1, coins_test),
            kind="vector",
            task="binary",
            classes=SIGN_NAMES,
        )
