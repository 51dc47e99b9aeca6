"""Questions that a lesson asks before it shows an answer: a choice, a number, an order, or a sketched curve.

The right answer is a function of the result, never a constant. Where it is None, the question has no answer at these
settings, and the page says so. `Question.asked` returns what the browser gets; the browser compares guess and answer.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

Words = str | Callable[[Any], str]  # a text, or a function that makes it from a spec or a result


@dataclass(frozen=True, kw_only=True)
class Question(ABC):
    """Base of the four kinds of questions.

    `asks` is the question, a text or a function of the slot's spec; it must be true at all settings. `explains` says
    what happened, from the slot's result, and is displayed after the guess.
    """

    kind: ClassVar[str]

    asks: Words
    explains: Words
    slot: str = "a"  # the slot of the page whose result answers the question

    def asked(self, spec: Any, result: Any | None) -> dict[str, Any]:
        """The question as plain data for the browser, with its answer where there is a result.

        Args:
            spec: the settings that are on the page.
            result: what the experiment found, or None while it runs.
        """
        told: dict[str, Any] = {"kind": self.kind, "asks": words(self.asks, spec)} | self._own(spec)
        if result is not None:
            answer = self._answer(result)
            told |= {"answer": answer, "explains": "" if answer is None else words(self.explains, result)}
        return told

    @abstractmethod
    def _own(self, spec: Any) -> dict[str, Any]:
        """What only this kind of question has, as plain data."""

    @abstractmethod
    def _answer(self, result: Any) -> Any:
        """The right answer as plain data, or None."""


@dataclass(frozen=True, kw_only=True)
class Choice(Question):
    """One of several options."""

    kind = "choice"

    options: tuple[str, ...]
    answer: Callable[[Any], int | None]  # result -> number of the right option, from 0
    replies: Mapping[int, str] = field(default_factory=dict, hash=False)  # wrong option -> what to say

    def _own(self, spec: Any) -> dict[str, Any]:
        return {
            "options": list(self.options),
            "replies": {str(option): text for option, text in self.replies.items()},
        }

    def _answer(self, result: Any) -> int | None:
        return self.answer(result)


@dataclass(frozen=True)
class Beyond:
    """A reply to guesses that are more than `factor` times the answer, or less where `factor` is below 1."""

    factor: float
    text: str


@dataclass(frozen=True)
class Mark:
    """Where the guess of a number is drawn: on an axis of a chart."""

    chart: str
    axis: Literal["x", "y"]


@dataclass(frozen=True, kw_only=True)
class Number(Question):
    """A number on a slider."""

    kind = "number"

    low: float
    high: float
    answer: Callable[[Any], float | None]  # of the result
    unit: str = ""
    log: bool = False  # whether the slider is logarithmic
    was: str = "it was"  # the words before the answer: “it took 139 steps”
    more: str = "too large"  # what a guess above the answer is called: “2.2 times too many”
    less: str = "too small"
    replies: tuple[Beyond, ...] = ()
    mark: Mark | None = None  # where the guess is drawn, if anywhere

    def _own(self, spec: Any) -> dict[str, Any]:
        return {
            "low": self.low,
            "high": self.high,
            "log": self.log,
            "unit": self.unit,
            "was": self.was,
            "more": self.more,
            "less": self.less,
            "replies": [
                {"beyond" if reply.factor > 1 else "below": reply.factor, "text": reply.text} for reply in self.replies
            ],
            "mark": None if self.mark is None else {"chart": self.mark.chart, "axis": self.mark.axis},
        }

    def _answer(self, result: Any) -> float | None:
        answer = self.answer(result)
        return None if answer is None or not np.isfinite(answer) else float(answer)


@dataclass(frozen=True, kw_only=True)
class Order(Question):
    """Things to put in order, such as modes by the time at which they are learned."""

    kind = "order"

    items: Callable[[Any], Sequence[str]]  # of the spec
    answer: Callable[[Any], Sequence[int] | None]  # result -> numbers of the items in the right order
    replies: Mapping[tuple[int, ...], str] = field(default_factory=dict, hash=False)  # wrong order -> what to say

    def _own(self, spec: Any) -> dict[str, Any]:
        return {
            "items": list(self.items(spec)),
            "replies": [{"order": list(order), "text": text} for order, text in self.replies.items()],
        }

    def _answer(self, result: Any) -> list[int] | None:
        answer = self.answer(result)
        return None if answer is None else [int(item) for item in answer]


Curve = tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]  # x and y


@dataclass(frozen=True, kw_only=True)
class Sketch(Question):
    """A curve to be drawn on a chart.

    `near` is the largest mean distance, as a share of the height of the axis, at which a sketch counts as right. A
    reply belongs to a typical wrong curve, and is given where the sketch is nearer to this curve than to the answer.
    """

    kind = "sketch"

    chart: str
    x: Callable[[Any], tuple[float, float]]  # of the spec: where the sketch begins and ends
    y: Callable[[Any], tuple[float, float]]  # of the spec: the lowest and the highest value that can be drawn
    answer: Callable[[Any], Curve | None]  # of the result
    near: float = 0.1
    replies: Callable[[Any], Sequence[tuple[Curve, str]]] = lambda spec: ()  # of the spec

    def _own(self, spec: Any) -> dict[str, Any]:
        return {
            "chart": self.chart,
            "x": list(self.x(spec)),
            "y": list(self.y(spec)),
            "near": self.near,
            "replies": [{"like": _curve(curve), "text": text} for curve, text in self.replies(spec)],
        }

    def _answer(self, result: Any) -> dict[str, list[float]] | None:
        answer = self.answer(result)
        return None if answer is None else _curve(answer)


def words(text: Words, of: Any) -> str:
    """The text itself, or what it makes of a spec or a result where it is a function."""
    return text if isinstance(text, str) else text(of)


def _curve(curve: Curve) -> dict[str, list[float]]:
    x, y = (np.asarray(values, np.float64) for values in curve)
    seen = np.isfinite(x) & np.isfinite(y)
    return {"x": x[seen].tolist(), "y": y[seen].tolist()}
