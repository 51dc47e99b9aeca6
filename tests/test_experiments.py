"""Every file in `experiments/` keeps the same promise; what ships with the package is what the code computes."""

import importlib
import pkgutil

import numpy as np
import pytest

from ntkviz import experiments
from ntkviz.engine.limits import Limits, admit
from ntkviz.engine.stored import read, shipped, write
from ntkviz.errors import Cancelled
from ntkviz.lessons import lessons
from ntkviz.specs import Spec
from scripts.store_results import STORED

NAMES = [module.name for module in pkgutil.iter_modules(experiments.__path__) if module.name != "protocol"]


def experiment(name):
    return importlib.import_module(f"ntkviz.experiments.{name}")


def leaves(value, path=""):
    """Every array, number and word of a result, with the way to it."""
    if hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from leaves(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{path}[{name!r}]")
    elif isinstance(value, tuple | list):
        for i, item in enumerate(value):
            yield from leaves(item, f"{path}[{i}]")
    else:
        yield path, value


def assert_same(one, other, rtol):
    left, right = dict(leaves(one)), dict(leaves(other))
    assert left.keys() == right.keys()
    for path, value in left.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
            if ".bases[" in path:  # of equal eigenvalues: it may turn with rounding, its projector may not
                value, right[path] = value @ value.T, right[path] @ right[path].T
            size = np.nanmax(np.abs(value), initial=0.0)
            np.testing.assert_allclose(right[path], value, rtol=rtol, atol=rtol * size, err_msg=path)
        elif isinstance(value, float):
            assert right[path] == pytest.approx(value, rel=rtol, nan_ok=True), path
        else:
            assert np.all(right[path] == value), path


def test_every_experiment_has_its_figures_and_the_lessons_use_them():
    for name in NAMES:
        assert callable(importlib.import_module(f"ntkviz.figures.{name}").view)
    used = {
        slot.experiment.__name__.rpartition(".")[2] for lesson in lessons().values() for slot in lesson.slots.values()
    }
    assert used <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_a_spec_with_an_exact_key_and_an_admitted_cost(name):
    module = experiment(name)
    spec = module.Spec()
    assert isinstance(spec, Spec)
    assert repr(spec) == repr(module.Spec())
    assert hash(spec) == hash(module.Spec())
    cost = module.cost(spec)
    assert cost.seconds > 0
    assert cost.bytes > 0
    admit(cost, Limits())


@pytest.mark.parametrize("name", NAMES)
def test_a_run_reports_growing_fractions_and_ends_when_told_to(name):
    module = experiment(name)
    fractions = []
    module.run(module.Spec(), lambda fraction, partial=None: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1

    def refuse(fraction, partial=None):
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        module.run(module.Spec(), refuse)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_survives_being_written_and_read(name, tmp_path):
    module = experiment(name)
    result = module.run(module.Spec())
    assert isinstance(result, module.Result)
    assert result.spec == module.Spec()
    write(tmp_path / "result.npz", result)
    assert_same(read(tmp_path / "result.npz"), result, rtol=0)


@pytest.mark.parametrize("name", list(STORED))
def test_the_shipped_result_is_what_the_code_computes(name):
    module = STORED[name]
    fresh = module.run(module.Spec())
    assert shipped(name).spec == fresh.spec
    assert_same(shipped(name).theory, fresh.theory, rtol=1e-6)
    # A network in float32 on another processor: other sums, and 500 steps to carry the difference.
    assert_same(shipped(name).network.curves, fresh.network.curves, rtol=5e-3)
