"""The network in the plane: where its neurons go when it is rich, and that they stay when it is lazy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ntkviz.errors import InvalidInput
from ntkviz.experiments import neurons
from ntkviz.experiments.neurons import Spec, mean_angle
from ntkviz.scales import Scales
from tests.drawn import numbers, sentences

ENDS = Spec(scales=Scales(low=0.01, high=100.0, count=3))


def test_neurons_move_far_when_rich_and_hardly_when_lazy() -> None:
    """Lazy: ‖Δw‖ ~ 1/α. Rich: the outputs need weights of size α^(−1/2), and a small network loses its start."""
    moved = neurons.run(Spec(scales=Scales(low=0.001, high=100.0, count=6))).movement
    assert np.all(np.diff(moved) < 0)
    assert moved[4] / moved[5] == pytest.approx(10, rel=0.1)
    assert moved[0] / moved[1] == pytest.approx(np.sqrt(10), rel=0.15)
    assert moved[1] > 3
    assert moved[5] < 0.003


def test_rich_neurons_gather_and_lazy_ones_stay() -> None:
    """Weighted by length, the mean distance to the nearest teacher falls; uniform directions have about 30 degrees."""
    result = neurons.run(ENDS)
    np.testing.assert_allclose(np.linalg.norm(result.path[:, 0], axis=-1), 1.0, rtol=1e-6)

    def apart(points: np.ndarray) -> float:
        total = weight = 0.0
        for point in points:
            length = float(np.hypot(*point))
            turned = [np.arctan2(point[0] * d[1] - point[1] * d[0], point @ d) for d in result.teacher]
            total, weight = total + length * np.degrees(np.abs(turned).min()), weight + length
        return total / weight

    assert result.apart_start == pytest.approx(apart(result.path[0, 0]), rel=1e-6)
    np.testing.assert_allclose(result.apart, [apart(path[-1]) for path in result.path], rtol=1e-6)
    assert result.apart[0] < 0.5 * result.apart_start
    assert result.apart[-1] == pytest.approx(result.apart_start, rel=0.02)


def test_its_findings_are_of_both_ends() -> None:
    result, found = neurons.run(ENDS), numbers(neurons, neurons.run(ENDS))
    assert [name for name, finding in found.items() if not finding.answer] == ["Angle to the teacher, start"]
    assert found["Angle to the teacher, start"].value == result.apart_start
    for end, at, agrees in (("smallest α", 0, False), ("largest α", -1, True)):
        angle, moved = found[f"Angle to the teacher, {end}"], found[f"Movement of the weights, {end}"]
        assert (angle.value, angle.unit, angle.claim) == (result.apart[at], "degrees", 16)
        assert angle.agrees is agrees
        assert (angle.expected.low, angle.expected.high) == pytest.approx(
            (0.9 * result.apart_start, 1.1 * result.apart_start)
        )
        assert (moved.value, moved.claim) == (result.movement[at], 16)


def test_which_runs_have_not_converged_is_said() -> None:
    result = neurons.run(ENDS)
    assert sentences(neurons, result) == []
    slow = replace(result, left=np.array([0.2, 0.04, 0.06]))
    assert sentences(neurons, slow) == [
        "The network in the plane has kept more than 5 % of its training error at α = 0.01, 100."
    ]


def test_the_outputs_are_zero_at_the_start_and_fit_at_the_end() -> None:
    """Neurons start in pairs of opposite sign on one place; the loss of the first step is that of zero outputs."""
    result = neurons.run(ENDS)
    half = len(result.sign) // 2
    np.testing.assert_array_equal(result.path[0, 0, :half], result.path[0, 0, half:])
    np.testing.assert_array_equal(result.sign, [1.0] * half + [-1.0] * half)
    assert np.all(result.left < 0.01)


def test_the_same_seed_gives_the_same_picture() -> None:
    one, again, other = (neurons.run(replace(ENDS, seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.path, again.path)
    assert not np.array_equal(one.teacher, other.teacher)


@pytest.mark.parametrize("parameterization", ["ntk", "standard", "mup"])
def test_every_neuron_starts_at_length_one(parameterization: str) -> None:
    result = neurons.run(replace(ENDS, parameterization=parameterization))
    np.testing.assert_allclose(np.linalg.norm(result.path[:, 0], axis=-1), 1.0, rtol=1e-5)
    assert np.all(result.movement > 0)


def test_the_teachers_directions_are_apart() -> None:
    for seed in range(5):
        teacher = neurons.run(replace(ENDS, seed=seed)).teacher
        np.testing.assert_allclose(np.linalg.norm(teacher, axis=1), 1.0)
        between = np.degrees(np.arccos(np.clip(teacher @ teacher.T, -1, 1)))[np.triu_indices(3, 1)]
        assert between.min() >= 60 - 1e-6


def test_an_angle_is_weighted_by_length() -> None:
    assert mean_angle([[3.0, 3.0], [0.0, 1.0]], [[1.0, 0.0]]) == pytest.approx(
        (45 * np.sqrt(18) + 90) / (np.sqrt(18) + 1)
    )


def test_cost_grows_with_what_costs() -> None:
    base = neurons.cost(Spec())
    for more in ({"steps": 4000}, {"neurons": 200}, {"points": 200}, {"scales": Scales(count=25)}):
        assert neurons.cost(replace(Spec(), **more)).seconds > base.seconds


@pytest.mark.parametrize("wrong", [{"neurons": 7}, {"neurons": 2}, {"points": 1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Spec(**wrong)
