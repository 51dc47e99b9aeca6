"""What the server computes before anybody asks."""

import re
from functools import cache

import numpy as np

from ntkviz.activations import ACTIVATIONS
from ntkviz.command import warm
from ntkviz.command.main import main
from ntkviz.engine import Engine
from ntkviz.engine.programs import cache_folder
from ntkviz.experiments import lazy, train
from ntkviz.lessons import lessons
from ntkviz.ui import ahead

RUNS = list(ahead.further_runs())
FIRST = lessons()["train"].default.spec.train


def specs(experiment):
    return [spec for found, spec in RUNS if found is experiment]


def test_every_setting_that_compiles_is_moved_and_everything_else_stays():
    widths = {spec.arch.width for spec in specs(train)}
    assert widths >= {32, 64, 128, 256, 512, 1024, 2048}
    assert {spec.arch.depth for spec in specs(train)} == {1, 2, 3, 4, 5}
    assert {spec.arch.activation for spec in specs(train)} == {
        name for name, entry in ACTIVATIONS.items() if entry.trains
    }
    assert {type(spec.data).__name__ for spec in specs(train)} >= {"Moons", "Digits", "CircleFunction", "Sphere"}
    for spec in specs(train):
        assert (spec.c, spec.steps, spec.seed) == (FIRST.c, FIRST.steps, FIRST.seed)
        moved = [spec.arch.width != FIRST.arch.width, spec.arch.depth != FIRST.arch.depth]
        moved += [spec.arch.activation != FIRST.arch.activation, spec.data != FIRST.data]
        assert sum(moved) <= 1


def test_the_nearest_moves_come_first():
    widths = [spec.arch.width for spec in specs(train) if spec.arch.width != FIRST.arch.width]
    apart = np.abs(np.log2(np.array(widths) / FIRST.arch.width))
    assert list(apart) == sorted(apart)
    assert {experiment for experiment, _ in RUNS[:15]} >= {train, lazy}


def test_nothing_is_computed_twice_and_nothing_that_takes_long():
    assert len({(experiment.__name__, repr(spec)) for experiment, spec in RUNS}) == len(RUNS)
    assert all(experiment.cost(spec).seconds <= ahead.LONGEST for experiment, spec in RUNS)


def test_the_command_computes_the_first_ones_and_says_where_they_are(capsys, monkeypatch):
    computed = []
    monkeypatch.setattr(ahead, "compute", lambda engine, experiment, spec: computed.append((experiment, spec)))
    monkeypatch.setattr(warm, "engine", cache(Engine))
    assert main(["warm", "--most", "4"]) == 0
    assert computed == list(ahead.first_runs())[:4]
    out, err = capsys.readouterr()
    assert out == f"4 runs are ready in {cache_folder()}.\n"
    assert re.findall(r"(\d+) %", err)[-1] == "100"
