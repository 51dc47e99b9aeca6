"""One input: points at random between −√3 and √3, so that x² is 1 on average, with a cosine as the target.

y(x) = cos(π k x / √3)
"""

import math
from dataclasses import dataclass

import numpy as np

from ntkviz.data.base import TEST_POINTS, Dataset, DataSpec, Floats, rng
from ntkviz.specs import number

END = math.sqrt(3)


@dataclass(frozen=True, kw_only=True)
class Line(DataSpec):
    """A cosine on a line."""

    title = "Cosine on a line"
    sentence = "The input is a single number. The target is a cosine of it."

    n: int = number(16, 2, 1000, label="Training points", help="N, the number of points on the line.")
    waves: float = number(1.0, 0.5, 16.0, step=0.5, label="Waves", help="k, the full waves between the two ends.")

    def clean(self) -> Dataset:
        x = rng(self.seed, "train").uniform(-END, END, (self.n, 1))
        x_test = np.linspace(-END, END, TEST_POINTS)[:, None]
        return Dataset(
            x=x, y=self.target(x), x_test=x_test, y_test=self.target(x_test), kind="vector", task="regression"
        )

    def target(self, x: Floats) -> Floats:
        """The cosine without noise, (N, 1), at points (N, 1)."""
        y: Floats = np.cos(math.pi * self.waves / END * x)
        return y
