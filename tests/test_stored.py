"""Stored results: what is written is read back, and nothing but our own dataclasses is ever built."""

import io
import json
from dataclasses import fields

import numpy as np
import pytest

from ntkviz.data import CircleFunction
from ntkviz.engine.stored import from_bytes, read, to_bytes, write
from ntkviz.errors import InvalidInput
from ntkviz.figures.chart import Scrub
from ntkviz.figures.numbers import in_words
from ntkviz.figures.picture import Picture, draw
from ntkviz.findings import Finding, Interval, Reference, Remark
from ntkviz.lessons import lessons
from ntkviz.nets import Architecture
from ntkviz.nets.operations import Layer
from tests.canned import canned


def test_a_tree_of_dataclasses_comes_back_as_it_was(tmp_path):
    tree = Scrub("step", np.arange(5.0), start=2)
    write(tmp_path / "one.npz", (tree, Architecture(width=64), CircleFunction(n=8), None, "λ", 0.1))
    scrub, arch, data, nothing, word, value = read(tmp_path / "one.npz")
    np.testing.assert_array_equal(scrub.values, tree.values)
    assert (scrub.label, scrub.start) == ("step", 2)
    assert (arch, data, nothing, word, value) == (Architecture(width=64), CircleFunction(n=8), None, "λ", 0.1)
    assert [path.name for path in tmp_path.iterdir()] == ["one.npz"]


def test_findings_and_pictures_come_back_as_they_were(tmp_path):
    finding = Finding(
        "slope",
        np.float64(-0.98),
        unit="decades",
        error=0.01,
        over="8 networks",
        expected=Interval(-1.0, -0.9, "Theorem 2"),
        claim=7,
        references=(Reference("infinite width", None),),
        answer=False,
    )
    picture = Picture(
        spec=Architecture(width=64),
        charts=(("loss", b"\x1f\x8b compressed"), ("gap", b"")),
        scrub=Scrub("step", np.arange(5)),
        columns=2,
        numbers=(in_words(finding),),
        remarks=(Remark("These runs have not converged."),),
    )
    write(tmp_path / "one.npz", (finding, picture))
    found, shown = read(tmp_path / "one.npz")
    assert found == finding
    np.testing.assert_array_equal(shown.scrub.values, picture.scrub.values)
    for field in fields(Picture):
        if field.name != "scrub":
            assert getattr(shown, field.name) == getattr(picture, field.name), field.name


def test_dictionaries_with_text_as_keys_come_back_and_others_are_refused(tmp_path):
    tree = {"class": 1, "array": (2, {"dict": None}), "": "λ"}
    write(tmp_path / "one.npz", tree)
    assert read(tmp_path / "one.npz") == tree
    with pytest.raises(TypeError, match="keys are not text"):
        write(tmp_path / "two.npz", {1: 2})


def test_an_array_of_objects_is_refused(tmp_path):
    with pytest.raises(TypeError, match="Python objects"):
        write(tmp_path / "one.npz", np.array([object()]))


def crafted(path, tree):
    buffer = io.BytesIO()
    np.savez(buffer, tree=np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8))
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    "tree",
    [
        {"class": "os:system", "fields": {"command": "true"}},
        {"class": "ntkviz.engine.engine:Engine", "fields": {}},
        {"class": "ntkviz.ui.syllabus:Entry", "fields": {}},
        {"class": "ntkviz.engine.stored:Path", "fields": {}},
        {"class": "ntkviz.nets:Architecture", "fields": {"width": -1}},
        {"class": "ntkviz.nets:Architecture", "fields": {"secret": 1}},
        {"class": "ntkviz.nowhere:Thing", "fields": {}},
        {"class": "ntkviz.__main__:Thing", "fields": {}},
        {"class": "ntkviz.command.main:Thing", "fields": {}},
        {"class": "ntkviz:Thing", "fields": {}},
        {"array": "missing"},
    ],
)
def test_a_crafted_file_builds_nothing_else(tmp_path, tree):
    crafted(tmp_path / "bad.npz", tree)
    with pytest.raises(InvalidInput, match=r"bad\.npz"):
        read(tmp_path / "bad.npz")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "cut.npz").write_bytes(content)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(tmp_path / "cut.npz")


def test_a_result_cannot_hold_a_function(tmp_path):
    with pytest.raises(TypeError, match="function"):
        write(tmp_path / "x.npz", (lambda: 0,))


def test_a_named_tuple_is_refused_because_it_would_lose_its_names(tmp_path):
    with pytest.raises(TypeError, match="cannot hold a Layer"):
        write(tmp_path / "one.npz", (Layer(np.ones((2, 3)), None),))


@pytest.mark.drawn
@pytest.mark.parametrize("name", lessons())
def test_what_a_lesson_opens_with_can_be_stored_with_its_picture(name):
    lesson = lessons()[name]
    for slot in lesson.slots.values():
        result = canned(slot.experiment, slot.part(lesson.default.spec))
        picture = draw(slot.experiment.__name__, result)
        assert type(from_bytes(to_bytes(result))) is type(result)
        assert from_bytes(to_bytes(picture)).charts == picture.charts
