"""The form of a page: a spec taken apart into controls and put together again, within the bounds of the page."""

from dataclasses import dataclass, field, replace

import pytest

from ntkviz.data import DATASETS, CircleFunction, DataSpec, Digits, Moons, UploadedTable, parse_csv
from ntkviz.errors import InvalidInput
from ntkviz.nets import ARCHITECTURES, Architecture, ResidualMLP
from ntkviz.specs import Setting, Spec, flag, number
from ntkviz.ui.form import (
    UPLOADED,
    Offer,
    Reach,
    assembled,
    choices,
    controls_of,
    fitted,
    initial_values,
    name_of,
    nearest,
    own_settings,
    powers,
    values,
)


@dataclass(frozen=True, kw_only=True)
class Inner(Spec):
    arch: Architecture = field(default_factory=lambda: Architecture(width=64, activation="erf"))
    data: DataSpec = field(default_factory=lambda: CircleFunction(n=16))
    c: float = number(0.5, 0.1, 4.0, label="Step", step=0.1)


@dataclass(frozen=True, kw_only=True)
class Outer(Spec):
    inner: Inner = field(default_factory=Inner)
    seeds: int = number(2, 1, 5, label="Seeds")
    shown: bool = flag(True, label="Shown")


OFFER = Offer(data=(CircleFunction(n=16), Moons(n=20), Digits(question="0-1"), UPLOADED))


def test_a_spec_becomes_one_value_for_each_control() -> None:
    found = values(Outer())
    assert (found["width"], found["activation"], found["architecture"]) == (64, "erf", "mlp")
    assert (found["data"], found["circle_n"], found["c"], found["seeds"], found["shown"]) == (
        "circle",
        16,
        0.5,
        2,
        True,
    )
    assert not {"inner", "arch", "n"} & found.keys()


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("kind", ["mlp", "residual"])
def test_a_spec_is_put_together_again_from_its_values(name: str, kind: str) -> None:
    data = replace(DATASETS[name](), seed=3)
    arch = ARCHITECTURES[kind](depth=3, activation="tanh", sigma_b=0.2)
    spec = Outer(inner=Inner(arch=arch, data=data, c=1.5), seeds=4, shown=False)
    assert assembled(Outer(), values(spec), Offer(data=(data,))) == spec


def test_what_has_no_control_comes_from_where_it_began() -> None:
    start = Outer(inner=Inner(arch=Architecture(width=64, depth=3), data=CircleFunction(n=16, seed=9)))
    made = assembled(start, {"width": 128, "circle_n": 20}, OFFER)
    assert made.inner.arch == Architecture(width=128, depth=3)
    assert made.inner.data == CircleFunction(n=20, seed=9)
    assert made.seeds == start.seeds


def test_another_data_set_begins_as_the_page_offers_it() -> None:
    assert assembled(Outer(), {"data": "moons"}, OFFER).inner.data == Moons(n=20)
    assert assembled(Outer(), {"data": "moons", "moons_n": 40}, OFFER).inner.data == Moons(n=40)
    assert own_settings("data", "digits", Outer(), OFFER)["digits_question"] == "0-1"
    assert own_settings("data", "circle", Outer(), OFFER)["circle_n"] == 16
    assert initial_values(Outer(), OFFER)["moons_n"] == 20


def test_another_architecture_keeps_the_settings_that_all_share() -> None:
    made = assembled(Outer(), {"architecture": "residual", "residual_branch": 0.5}, OFFER)
    assert made.inner.arch == ResidualMLP(width=64, activation="erf", branch=0.5)
    assert own_settings("architecture", "residual", Outer(), OFFER).keys() == {"residual_branch", "residual_layers"}


def test_a_table_is_a_data_set_of_the_visitors_own() -> None:
    table = parse_csv(b"a,b,y\n" + b"\n".join(b"%d,%d,%d" % (i, i * i, 3 * i) for i in range(20)), name="t.csv")
    made = assembled(Outer(), {"data": UPLOADED, "uploaded": table, "target": "y", "table_n": 10}, OFFER)
    assert made.inner.data == UploadedTable(table=table, target="y", n=10)
    assert name_of(made.inner.data) == UPLOADED
    assert own_settings("data", UPLOADED, Outer(), OFFER)["table_scale"] == "standardise"
    assert "table_target" not in controls_of(Outer(), OFFER)  # it has a control of its own beside the table


def test_controls_are_within_the_bounds_of_the_page() -> None:
    offer = replace(OFFER, narrow={"width": Reach(16, 256), "c": Reach(options=(0.5, 1.0))}, hidden=("scale",))
    found = controls_of(Outer(), offer)
    assert (found["width"].low, found["width"].high) == (16, 256)
    assert found["c"].options == (0.5, 1.0)
    assert found["data"].options == ("circle", "moons", "digits", "table")
    assert found["moons_n"].high == 1000  # where a control ends, which is below the bound
    assert (found["moons_spread"].low, found["moons_spread"].high) == (0.0, 1.0)
    assert "digits_scale" not in found
    assert {"erf", "relu"} <= set(found["activation"].options)
    assert "sign" not in found["activation"].options
    assert "sign" in controls_of(Outer(), replace(offer, trained=False))["activation"].options


def test_a_value_is_fitted_to_its_control() -> None:
    whole, real = Setting("integer", "N", low=2, high=9), Setting("real", "c", low=0.1, high=4.0)
    assert [fitted(whole, value) for value in (1, 3.4, 99)] == [2, 3, 9]
    assert [fitted(real, value) for value in (0, 1.25, 99)] == [0.1, 1.25, 4.0]
    assert fitted(Setting("integer", "n", low=16, high=256, log=True), 90) == 64
    assert fitted(Setting("choice", "x", options=("a", "b")), "c") == "a"
    assert nearest((0.1, 1.0, 10.0), 4.0) == 10.0  # in ratio
    assert nearest((0.0, 1.0, 10.0), 4.0) == 1.0  # by distance, where there is a zero
    assert powers(3, 70) == [4, 8, 16, 32, 64]


def test_options_are_written_as_their_control_shows_them() -> None:
    names = {"a": "The first", "b": "The second"}
    options, shown = choices(Setting("choice", "x", options=("a", "b", "c"), names=names))
    assert (options, [shown(option) for option in options]) == (["a", "b", "c"], ["The first", "The second", "c"])
    options, shown = choices(Setting("real", "σ", low=0.5, high=2.0, options=(1, 2**0.5)))
    assert (options, [shown(option) for option in options]) == ([1.0, 2**0.5], ["1", "1.41"])
    assert all(type(option) is float for option in options)
    options, shown = choices(Setting("integer", "n", low=3, high=9, log=True))
    assert (options, [shown(option) for option in options]) == ([4, 8], ["4", "8"])
    assert powers(1, 5) == [1, 2, 4]
    assert choices(Setting("integer", "n", log=True, options=(10, 20)))[0] == [10, 20]
    assert choices(Setting("integer", "n", low=1, high=5))[0] == []
    assert choices(Setting("flag", "shown"))[0] == []


def test_data_sets_are_described_where_one_is_chosen() -> None:
    help = controls_of(Outer(), OFFER)["data"].help
    assert help.split("**")[1::2] == [f"{entry.title}." for entry in (CircleFunction, Moons, Digits, UploadedTable)]
    assert all(entry.sentence in help for entry in (CircleFunction, Moons, Digits, UploadedTable))


def test_a_spec_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidInput, match="neither a data set nor an architecture"):
        name_of(Inner())
