"""What the benchmarks' tables compute of their measurements; no test asserts a time."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import _race, kernels, training
from ntkviz.kernels.finite import layerwise
from ntkviz.nets import Architecture, Params, apply, init
from scripts import draw_benchmarks

SHAPE = (48, 32, 3, 5)  # points, width, depth, inputs


def network(dtype: object = jnp.float32) -> tuple[Architecture, Params, jax.Array]:
    points, width, depth, inputs = SHAPE
    arch = Architecture(depth=depth, width=width, sigma_b=None)
    return arch, init(arch, inputs, seed=0, dtype=dtype), jnp.ones((points, inputs), dtype)


def multiplications(function: object, *arguments: object) -> int:
    """Twice the multiplications of every matrix product that a program asks for."""
    total = 0
    for equation in jax.make_jaxpr(function)(*arguments).jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            depth = np.prod([equation.invars[0].aval.shape[axis] for axis in contracted])
            total += int(2 * depth * np.prod(equation.outvars[0].aval.shape))
    return total


def test_useful_operations_are_the_products_of_the_program_less_half_of_the_symmetric_ones() -> None:
    arch, params, x = network()
    points, width, depth, inputs = SHAPE
    asked = multiplications(lambda params, x: layerwise(arch, params, x), params, x)
    assert kernels.empirical_operations(*SHAPE) == asked - points**2 * (inputs + 2 * depth * width + 1)


def test_operations_of_a_step_are_the_products_of_the_program() -> None:
    arch, params, x = network()
    gradient = jax.grad(lambda params, x: jnp.sum(apply(arch, params, x) ** 2))
    assert training.step_operations(*SHAPE) == multiplications(gradient, params, x)


def test_what_must_be_held_is_counted_in_bytes() -> None:
    _, params, x = network()
    points, width, *_ = SHAPE
    given = x.nbytes + sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    assert kernels.empirical_bytes(*SHAPE, 4) == given + 4 * (points**2 + points * width)
    assert kernels.jacobian_bytes(*SHAPE, 4) == points * sum(leaf.nbytes for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(("value", "words"), [(5.0, "met, 2 of it"), (2.5, "met, 1 of it"), (1.0, "MISSED, 0.4 of it")])
def test_a_row_says_whether_its_target_is_met_and_by_how_much(value: float, words: str) -> None:
    assert words in _race.Row("case", "faster", "1 ms", "5 ms", value, 2.5).line()


def test_shares_are_written_in_percent() -> None:
    line = _race.Row("case", "share", "a", "b", 0.87, 0.85, "%").line()
    assert " ".join(line.split()).endswith("a b 87 % 85 % met, 1.02 of it")


def test_workers_take_turns_and_report_seconds_and_peak() -> None:
    workers = _race.race([("numpy", {"task": "multiply", "dtype": "float32"})] * 2, 3)
    for worker in workers:
        assert isinstance(worker, _race.Worker)
        assert len(worker.seconds) == 3 and worker.median == sorted(worker.seconds)[1] > 0
        assert worker.peak > 2 * 4 * 2048**2  # the matrix and its product


def test_a_worker_that_fails_is_named_in_one_sentence() -> None:
    (absent,) = _race.race([("numpy", {"task": "multiply", "dtype": "nothing"})], 1)
    assert isinstance(absent, _race.Absent)
    assert "numpy stopped" in str(absent) and "nothing" in str(absent) and "\n" not in str(absent)


def test_an_environment_that_cannot_be_built_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setitem(_race.ENVIRONMENTS, "nobody", ("no name at all",))
    monkeypatch.setattr(_race, "ROOT", tmp_path)
    with pytest.raises(_race.Absent, match="nobody is absent"):
        _race.environment("nobody")


def test_the_drawing_of_the_kernels_table_has_its_numbers() -> None:
    """`python -m scripts.draw_benchmarks` draws it anew."""
    folder = draw_benchmarks.FOLDER
    table = json.loads((folder / "kernels.json").read_text(encoding="utf-8"))
    words = re.findall(r">([^<>]+)</t(?:ext|span)>", (folder / "kernels.svg").read_text(encoding="utf-8"))
    drawn = [word for word in words if word.endswith(" ×")]
    assert drawn == [f"{row['value']:.3g} ×" for row in table["rows"] if row["claim"].startswith("faster")]
    assert len(drawn) > 5 and any(table["environment"]["date"] in word for word in words)


def test_a_table_says_where_it_was_measured() -> None:
    where = _race.surroundings()
    assert where["jax"] == jax.__version__ and where["numpy"] == np.__version__ and where["cores"] >= 1
    assert where["neural_tangents"] == "0.6.5" and where["netket"] == "3.23.0" and where["processor"]
