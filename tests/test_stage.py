"""What the stage sends: the visitor's own line, then charts that are written once for everybody."""

import gzip
import json
from unittest.mock import Mock

import numpy as np
import plotly.graph_objects as go

from ntkviz.figures.chart import Chart, Scrub
from ntkviz.ui import stage


def chart(name, y):
    figure = go.Figure(go.Scatter(y=np.asarray(y, dtype=float)))
    return Chart(name, figure, alt=name, frames={0: {"y": np.arange(6.0).reshape(2, 3)}}, cursor=np.arange(2.0))


def sent(monkeypatch, charts, **options):
    component = Mock(return_value=Mock(frame=None))
    monkeypatch.setattr(stage, "_component", lambda: component)
    stage.stage(charts, key="k", **options)
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
    own, charts = read(sent(monkeypatch, [one, other], scrub=scrub, settings={"arch.depth": 3}, title="T\nwo lines"))
    assert own["settings"] == {"arch.depth": "3"}
    assert own["title"] == "T\nwo lines"
    assert own["scrub"] == {"label": "step", "values": ["0", "10"], "start": 1, "play": True}
    assert list(charts) == ["one", "other"]
    assert charts["other"]["figure"] == other.figure.to_json()
    assert charts["one"]["frames"]["0"]["y"]["shape"] == [2, 3]


def test_a_chart_is_written_once_and_no_longer_than_it_lives(monkeypatch):
    made = chart("one", [1, 2, 3])
    first = stage.written(made)
    assert stage.written(made) is first
    assert stage.written(chart("one", [1, 2, 4])) != first
    held = len(stage._WRITTEN)
    del made
    assert len(stage._WRITTEN) == held - 1


def test_visitors_with_settings_of_their_own_share_the_charts(monkeypatch):
    made = chart("one", [1, 2, 3])
    mine, yours = (sent(monkeypatch, [made], settings={"seed": seed}) for seed in (1, 2))
    assert mine != yours
    assert mine.split(b"\n", 1)[1] == yours.split(b"\n", 1)[1]
