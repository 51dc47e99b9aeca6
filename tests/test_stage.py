"""What the stage sends: the visitor's own line, then charts that are written once for everybody."""

import gzip
import json
from dataclasses import dataclass
from unittest.mock import Mock

import numpy as np
import plotly.graph_objects as go

from ntkviz.figures.chart import Chart, Number, Scrub
from ntkviz.figures.picture import Picture, written
from ntkviz.specs import Spec, number
from ntkviz.ui import stage


@dataclass(frozen=True, kw_only=True)
class Shown(Spec):
    depth: int = number(1, 1, 10, label="Depth")


def chart(name, y):
    figure = go.Figure(go.Scatter(y=np.asarray(y, dtype=float)))
    return Chart(name, figure, alt=name, frames={0: {"y": np.arange(6.0).reshape(2, 3)}}, cursor=np.arange(2.0))


def sent(monkeypatch, charts, **options):
    component = Mock(return_value=Mock(frame=None))
    monkeypatch.setattr(stage, "_component", lambda: component)
    contents = tuple((chart.name, written(chart)) for chart in charts)
    parts = {"spec": Shown(), "scrub": None, "columns": 0, "numbers": (), "warnings": ()}
    picture = Picture(charts=contents, **parts | {name: options.pop(name) for name in parts if name in options})
    stage.stage(picture, key="k", **options)
    return component.call_args.kwargs["data"]


def read(data):
    """The line and the charts, as stage.js takes them apart."""
    line, rest = data.split(b"\n", 1)
    own, charts = json.loads(line), {}
    for name, length in own["charts"]:
        charts[name] = json.loads(gzip.decompress(rest[:length]))
        rest = rest[length:]
    assert not rest
    return own, charts


def test_a_picture_arrives_whole(monkeypatch):
    one, other = chart("one", [1, 2, 3]), chart("other", [4, 5, 6])
    scrub = Scrub("step", np.array([0, 10]), start=-1)
    own, charts = read(sent(monkeypatch, [one, other], scrub=scrub, spec=Shown(depth=3), title="T\nwo lines"))
    assert own["settings"] == {"depth": "3"}
    assert own["title"] == "T\nwo lines"
    assert own["scrub"] == {"label": "step", "values": ["0", "10"], "start": 1, "play": True}
    assert list(charts) == ["one", "other"]
    assert charts["other"]["figure"] == other.figure.to_json()
    assert charts["one"]["frames"]["0"]["y"]["shape"] == [2, 3]


def test_numbers_and_the_first_frame_arrive(monkeypatch):
    numbers, scrub = (Number("Drift", "3 %", "theory: 0", "‖Θ − Θ₀‖"), Number("Rank", "4")), Scrub("step", np.arange(9))
    own, _ = read(sent(monkeypatch, [chart("one", [1])], numbers=numbers, scrub=scrub, start=4))
    assert own["scrub"]["start"] == 4
    assert own["numbers"] == [
        {"label": "Drift", "value": "3 %", "expected": "theory: 0", "help": "‖Θ − Θ₀‖"},
        {"label": "Rank", "value": "4", "expected": "", "help": ""},
    ]


def test_a_part_of_a_picture_is_its_charts_without_the_numbers(monkeypatch):
    charts = [chart("one", [1]), chart("other", [2])]
    own, seen = read(sent(monkeypatch, charts, only=("other",), numbers=(Number("Drift", "3 %"),), columns=2))
    assert (list(seen), own["numbers"], own["columns"]) == (["other"], [], 1)


def test_visitors_with_settings_of_their_own_share_the_charts(monkeypatch):
    made = chart("one", [1, 2, 3])
    mine, yours = (sent(monkeypatch, [made], spec=Shown(depth=depth)) for depth in (1, 2))
    assert mine != yours
    assert mine.split(b"\n", 1)[1] == yours.split(b"\n", 1)[1]
