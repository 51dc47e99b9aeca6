"""Links: stable names, bounds that are said, and links of older versions."""

import pytest

from ntkviz.specs import Setting
from ntkviz.ui.link import parameters, read

DECLARED = {
    "width": Setting("integer", "Width", low=16, high=4096, log=True),
    "c": Setting("real", "Step c", low=0.05, high=4.5, step=0.05),
    "sigma_w": Setting("real", "σ_w", options=(0.5, 1.0, 2**0.5)),
    "data": Setting("choice", "Data", options=("circle", "moons"), names={"circle": "Circle", "moons": "Two moons"}),
    "shown": Setting("flag", "Shown"),
    "terms": Setting("text", "Terms", length=8),
}


def test_settings_are_read() -> None:
    query = {"width": "64", "c": "0.9", "data": "moons", "shown": "false", "terms": "1:1", "frame": "3", "other": "x"}
    assert read(query, DECLARED) == ({"width": 64, "c": 0.9, "data": "moons", "shown": False, "terms": "1:1"}, [])


def test_links_of_older_versions_still_open() -> None:
    assert read({"data": "Two moons", "sigma_w": "1.41", "shown": "True"}, DECLARED) == (
        {"data": "moons", "sigma_w": 2**0.5, "shown": True},
        [],
    )


@pytest.mark.parametrize(
    ("key", "word", "value", "sentence"),
    [
        ("c", "99", 4.5, "Step c goes from 0.05 to 4.5: 4.5 is set in place of 99."),
        ("c", "-1", 0.05, "Step c goes from 0.05 to 4.5: 0.05 is set in place of -1."),
        ("c", "inf", 4.5, "Step c goes from 0.05 to 4.5: 4.5 is set in place of inf."),
        ("width", "1e9", 4096, "Width goes from 16 to 4096: 4096 is set in place of 1e+09."),
        ("width", "100", 128, "Width cannot be 100 here: the nearest value, 128, is set."),
        ("sigma_w", "1.015", 1.0, "σ_w cannot be 1.015 here: the nearest value, 1, is set."),
        ("terms", "1:1, 2:0.5", "1:1, 2:0", "Terms in the link was too long."),
    ],
)
def test_a_value_out_of_bounds_is_set_to_the_nearest_and_said_so(key, word, value, sentence) -> None:
    assert read({key: word}, DECLARED) == ({key: value}, [sentence])


@pytest.mark.parametrize(
    ("key", "word", "sentence"),
    [
        ("c", "nan", "Step c “nan”, which is not a number"),
        ("c", "x" * 99, "…”, which is not a number"),
        ("data", "../../etc/passwd", "Data “../../etc/passwd”, which does not exist"),
        ("shown", "perhaps", "Shown “perhaps”, which is neither true nor false"),
    ],
)
def test_what_is_no_value_is_left_out_and_said_so(key, word, sentence) -> None:
    found, (note,) = read({key: word}, DECLARED)
    assert found == {}
    assert sentence in note


def test_a_link_holds_the_preset_and_what_differs_from_it() -> None:
    initial = {"width": 512, "c": 0.5, "data": "circle", "moons_n": 20, "shown": True}
    page = {"width": 64, "c": 0.5, "data": "moons", "moons_n": 20, "shown": False, "sigma_w": 2**0.5}
    assert parameters(page, initial, "narrow", is_default=False) == {
        "preset": "narrow",
        "width": "64",
        "data": "moons",
        "shown": "false",
        "sigma_w": "1.41421",
    }
    assert parameters(initial, initial, "wide", is_default=True) == {}


def test_what_is_written_is_read_again() -> None:
    page = {"width": 64, "c": 0.95, "sigma_w": 2**0.5, "data": "moons", "shown": False, "terms": "1:1"}
    assert read(parameters(page, {}, "p", is_default=True), DECLARED) == (page, [])
