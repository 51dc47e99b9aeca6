"""What travels to the browser: every chart with its frames as bytes, and numbers and sentences in their order."""

import base64
import gzip
import json
import sys
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ntkviz.figures import theme
from ntkviz.figures.axes import linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.figures.numbers import WrittenFinding
from ntkviz.figures.picture import Picture, array, draw, packed
from ntkviz.findings import Finding, Interval, Remark
from ntkviz.specs import Spec, number

pytestmark = pytest.mark.drawn

SCRUB = Scrub("step k", np.array([0, 5, 25]), start=1)
ROWS = np.array([[1.5, np.nan], [2.5, 1e-12], [3.5, -7.0]])
IMAGES = np.arange(24.0).reshape(3, 2, 4)


def chart(name: str = "loss") -> Chart:
    """A chart in which every field has a value of its own."""
    canvas = Canvas(
        name,
        linear("x", (0, 1), answer=(0, 9)),
        linear("y"),
        alt="Loss over the steps.",
        prompt="Follow the curve.",
        alt_answer="The loss falls.",
        prompt_answer="Does it stay on the dashes?",
        scrub=SCRUB,
        span=2,
    )
    canvas.line(theme.THEORY, [0, 1], [1, 2])
    canvas.line(theme.FINITE, frames={"x": ROWS, "y": 2 * ROWS}, answer=True)
    canvas.points(theme.DATA, [0, 1], frames={"y": ROWS[:, ::-1]}, answer=True)
    return canvas.chart(cursor=[0.5, 2, 3])


def decoded(packed_array: dict[str, Any]) -> np.ndarray:
    """An array as the browser reads it: little-endian float32, row by row."""
    values = np.frombuffer(base64.b64decode(packed_array["float32"]), dtype="<f4")
    return values.reshape(packed_array["shape"])


@pytest.mark.parametrize(
    "values",
    [ROWS, IMAGES, IMAGES.transpose(2, 0, 1), ROWS[:, ::-1], np.arange(3), np.zeros((3, 0)), ROWS.astype(">f8")],
    ids=["rows", "images", "transposed", "reversed", "integers", "empty", "big-endian"],
)
def test_an_array_comes_back_with_its_shape(values: np.ndarray) -> None:
    told = json.loads(json.dumps(array(values)))
    assert set(told) == {"shape", "float32"}
    assert tuple(told["shape"]) == values.shape
    np.testing.assert_array_equal(decoded(told), values.astype(np.float32))


def test_every_field_of_a_chart_travels() -> None:
    made = chart()
    told = json.loads(gzip.decompress(packed(made)))
    assert set(told) == {field.name for field in fields(Chart)}
    figure, frames = json.loads(told.pop("figure")), told.pop("frames")
    assert told == {
        "name": "loss",
        "alt": "Loss over the steps.",
        "prompt": "Follow the curve.",
        "alt_answer": "The loss falls.",
        "prompt_answer": "Does it stay on the dashes?",
        "layout_answer": {"xaxis": {"range": [0, 9]}},
        "answers": [theme.FINITE.name, theme.DATA.name],
        "cursor": [0.5, 2.0, 3.0],
        "span": 2,
    }
    assert figure == json.loads(made.figure.to_json())
    assert [trace["name"] for trace in figure["data"]] == [theme.THEORY.name, theme.FINITE.name, theme.DATA.name]
    assert {trace: set(updates) for trace, updates in frames.items()} == {
        theme.FINITE.name: {"x", "y"},
        theme.DATA.name: {"y"},
    }
    np.testing.assert_array_equal(decoded(frames[theme.FINITE.name]["x"]), ROWS.astype(np.float32))
    np.testing.assert_array_equal(decoded(frames[theme.FINITE.name]["y"]), (2 * ROWS).astype(np.float32))
    np.testing.assert_array_equal(decoded(frames[theme.DATA.name]["y"]), ROWS[:, ::-1].astype(np.float32))


def test_a_chart_without_a_cursor_says_so() -> None:
    told = json.loads(gzip.decompress(packed(Canvas("map", alt="").chart())))
    assert (told["cursor"], told["frames"], told["answers"], told["span"]) == (None, {}, [], 1)


@dataclass(frozen=True, kw_only=True)
class Shown(Spec):
    depth: int = number(1, 1, 10, label="Depth")


@dataclass(frozen=True)
class Result:
    spec: Shown
    slope: float


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> str:
    """An experiment and its figures that are in no file."""
    experiment, figures = ModuleType("ntkviz.experiments.toy"), ModuleType("ntkviz.figures.toy")
    experiment.findings = lambda result: (  # type: ignore[attr-defined]
        Finding("Slope", result.slope, expected=Interval(-1.1, -0.9, "theory")),
        Finding("Depth", result.spec.depth, answer=False),
    )
    experiment.remarks = lambda result: [  # type: ignore[attr-defined]
        Remark(f"The slope is {result.slope}."),
        Remark("Read the axis first.", answer=False),
    ]
    figures.view = lambda result: View((chart(), chart("gap")), SCRUB, result.spec.depth)  # type: ignore[attr-defined]
    for module in (experiment, figures):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return experiment.__name__


def test_a_picture_is_drawn_from_a_result(toy: str) -> None:
    spec = Shown(depth=2)
    picture = draw(toy, Result(spec, -2.0))
    assert picture == Picture(
        spec=spec,
        charts=(("loss", packed(chart())), ("gap", packed(chart("gap")))),
        scrub=SCRUB,
        columns=2,
        numbers=(
            WrittenFinding("Slope", "−2", "expected: −1.1 to −0.9 (theory)", agrees=False),
            WrittenFinding("Depth", "2", answer=False),
        ),
        remarks=(Remark("The slope is -2.0."), Remark("Read the axis first.", answer=False)),
    )
