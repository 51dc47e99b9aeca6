"""What the stage sends: the visitor's own line, then charts that are written once for everybody."""

import gzip
import json
from dataclasses import dataclass
from importlib import import_module
from unittest.mock import Mock

import numpy as np
import pytest

from ntkviz.figures import theme
from ntkviz.figures.axes import linear
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Scrub
from ntkviz.figures.numbers import WrittenFinding
from ntkviz.figures.picture import Picture, packed
from ntkviz.findings import Remark
from ntkviz.specs import Spec, number
from ntkviz.ui.stage import HIDING, files, hiding, stage


@dataclass(frozen=True, kw_only=True)
class Shown(Spec):
    depth: int = number(1, 1, 10, label="Depth")


SCRUB = Scrub("step", np.array([0, 10]), start=-1)


def chart(name, y):
    canvas = Canvas(name, linear("x", answer=(0, 9)), alt=name, alt_answer="More.", scrub=SCRUB)
    canvas.line(theme.THEORY, range(3), y)
    canvas.line(theme.FINITE, range(3), frames={"y": np.arange(6.0).reshape(2, 3)}, answer=True)
    return canvas.chart(cursor=[0, 1])


def sent(monkeypatch, charts, *, spec=None, scrub=None, columns=0, numbers=(), remarks=(), **options):
    component = Mock()
    monkeypatch.setattr(import_module("ntkviz.ui.stage.stage"), "_component", lambda: component)
    contents = tuple((chart.name, packed(chart)) for chart in charts)
    stage(Picture(spec or Shown(), contents, scrub, columns, numbers, remarks), key="k", **options)
    assert set(component.call_args.kwargs) == {"key", "data"}, "the frame is the browser's own: nothing comes back"
    return component.call_args.kwargs["data"]


def read(data):
    """The line and the charts, as unpack.js takes them apart."""
    line, rest = data.split(b"\n", 1)
    own, charts = json.loads(line), {}
    for name, length in own["charts"]:
        charts[name] = json.loads(gzip.decompress(rest[:length]))
        rest = rest[length:]
    assert not rest
    return own, charts


def test_a_picture_arrives_whole(monkeypatch):
    one, other = chart("one", [1, 2, 3]), chart("other", [4, 5, 6])
    own, charts = read(sent(monkeypatch, [one, other], scrub=SCRUB, spec=Shown(depth=3), title="T\nwo lines"))
    assert own["settings"] == {"depth": "3"}
    assert own["title"] == "T\nwo lines"
    assert own["scrub"] == {"label": "step", "values": ["0", "10"], "start": 1, "play": True}
    assert list(charts) == ["one", "other"]
    assert charts["other"]["figure"] == other.figure.to_json()
    assert charts["one"]["frames"][theme.FINITE.name]["y"]["shape"] == [2, 3]
    assert charts["one"]["answers"] == [theme.FINITE.name]
    assert charts["one"]["layout_answer"] == {"xaxis": {"range": [0, 9]}}
    assert (charts["one"]["alt"], charts["one"]["alt_answer"]) == ("one", "More.")


def test_numbers_and_sentences_say_whether_they_give_the_answer_away(monkeypatch):
    numbers = (
        WrittenFinding("Drift", "3 %", "expected: 0", "‖Θ − Θ₀‖", "Not converged.", agrees=False),
        WrittenFinding("n", "4", answer=False),
    )
    remarks = (Remark("Two networks diverged."), Remark("The kernel was thinned.", answer=False))
    own, _ = read(sent(monkeypatch, [chart("one", [1, 2, 3])], numbers=numbers, remarks=remarks))
    assert own["numbers"] == [
        {
            "label": "Drift",
            "value": "3 %",
            "expected": "expected: 0",
            "help": "‖Θ − Θ₀‖",
            "caveat": "Not converged.",
            "answer": True,
            "agrees": False,
        },
        {"label": "n", "value": "4", "expected": "", "help": "", "caveat": "", "answer": False, "agrees": None},
    ]
    assert own["remarks"] == [
        {"text": "Two networks diverged.", "answer": True},
        {"text": "The kernel was thinned.", "answer": False},
    ]


def test_the_question_and_the_place_in_the_link_arrive(monkeypatch):
    asked = {"kind": "choice", "key": "toy/one", "asks": "Which?", "options": ["a", "b"], "answer": 0, "replies": {}}
    options = {"preset": "toy/one", "ask": "auto", "question": asked, "slot": "b", "frame": "frame_b", "stale": "Old."}
    own, _ = read(sent(monkeypatch, [chart("one", [1, 2, 3])], **options))
    assert {name: own[name] for name in options} == options
    plain, _ = read(sent(monkeypatch, [chart("one", [1, 2, 3])]))
    assert (plain["ask"], plain["question"], plain["frame"], plain["stale"]) == ("none", None, "frame", "")


def test_a_number_that_json_does_not_have_is_no_answer(monkeypatch):
    with pytest.raises(ValueError, match="JSON"):
        sent(monkeypatch, [chart("one", [1, 2, 3])], question={"answer": float("nan")})


def test_a_part_of_a_picture_is_its_charts_without_the_numbers(monkeypatch):
    charts = [chart("one", [1, 2, 3]), chart("other", [2, 3, 4])]
    numbers, remarks = (WrittenFinding("Drift", "3 %"),), (Remark("Two networks diverged."),)
    own, seen = read(sent(monkeypatch, charts, only=("other",), numbers=numbers, remarks=remarks, columns=2))
    assert (list(seen), own["numbers"], own["remarks"], own["columns"]) == (["other"], [], [], 1)


def test_visitors_with_settings_of_their_own_share_the_charts(monkeypatch):
    made = chart("one", [1, 2, 3])
    mine, yours = (sent(monkeypatch, [made], spec=Shown(depth=depth)) for depth in (1, 2))
    assert mine != yours
    assert mine.split(b"\n", 1)[1] == yours.split(b"\n", 1)[1]


def test_the_style_that_hides_the_answer_names_its_preset():
    assert HIDING in hiding("train/narrow")
    assert ':not([data-ntkviz-open~="train/narrow"]) [class*="st-key-answer"]' in hiding("train/narrow")
    for wrong in ("", "two words", 'a"]', "a} body {"):
        with pytest.raises(ValueError, match="letters"):
            hiding(wrong)


def test_the_modules_share_a_folder_whose_name_changes_with_each_of_them(tmp_path):
    folders = {files.address(module).rsplit("/", 1)[0] for module in files.MODULES}
    assert len(folders) == 1
    assert files.address(files.PLOTLY).rsplit("/", 1)[0] not in folders
    one, other = tmp_path / "one.js", tmp_path / "other.js"
    one.write_text("1")
    other.write_text("2")
    before = files.fingerprint(one, other)
    other.write_text("3")
    files.fingerprint.cache_clear()
    assert files.fingerprint(one, other) != before
