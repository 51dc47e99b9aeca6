"""Pairs of near-duplicates on the sphere, and a cosine on a line."""

import math

import numpy as np
import pytest

from ntkviz.data import Line, Twins, load


@pytest.mark.parametrize("angle", [0.0, 0.01, 3.0, 90.0])
def test_twins_are_at_their_angle_on_the_sphere_and_others_are_not(angle: float) -> None:
    data = load(Twins(n=12, dim=7, angle=angle, seed=3))
    np.testing.assert_allclose(np.sum(data.x**2, axis=1), 7, rtol=1e-12)
    first, second = data.x[::2], data.x[1::2]
    apart = np.degrees(2 * np.arcsin(np.linalg.norm(first - second, axis=1) / (2 * math.sqrt(7))))
    np.testing.assert_allclose(apart, angle, rtol=1e-6, atol=1e-9)
    between = first @ first.T / 7
    assert np.degrees(np.arccos(between[np.triu_indices(6, 1)].max())) > 15


def test_at_the_angle_zero_both_inputs_are_equal_to_the_last_bit() -> None:
    data = load(Twins(angle=0.0))
    assert np.array_equal(data.x[::2], data.x[1::2])


def test_the_first_pairs_have_opposite_labels_and_the_others_equal_ones() -> None:
    data = load(Twins(n=16, opposite=3))
    first, second = data.y[::2, 0], data.y[1::2, 0]
    assert np.array_equal(second, np.where(np.arange(8) < 3, -first, first))
    assert set(first) == {-1.0, 1.0}
    plain = load(Twins(n=16))
    assert np.array_equal(plain.y[::2, 0], first) and np.array_equal(plain.x, data.x)
    assert np.all(load(Twins(n=4, opposite=500)).y[::2] == -load(Twins(n=4, opposite=500)).y[1::2])


def test_labels_are_the_sides_of_a_plane_on_the_test_points_too() -> None:
    data = load(Twins(n=400, dim=3, angle=0.0))
    best = np.linalg.lstsq(np.concatenate([data.x, data.x_test]), np.concatenate([data.y, data.y_test]), rcond=None)[0]
    assert np.mean(np.sign(data.x @ best) == data.y) > 0.95
    assert np.mean(np.sign(data.x_test @ best) == data.y_test) > 0.95


def test_an_odd_number_of_points_leaves_the_last_one_alone() -> None:
    odd, even = load(Twins(n=7)), load(Twins(n=8))
    assert np.array_equal(odd.x, even.x[:7])
    assert np.array_equal(odd.y, even.y[:7])


def test_the_line_has_a_cosine_of_so_many_waves() -> None:
    data = load(Line(n=30, waves=2.0))
    assert data.x.shape == (30, 1) and np.abs(data.x).max() < math.sqrt(3)
    for x, y in ((data.x, data.y), (data.x_test, data.y_test)):
        np.testing.assert_allclose(y, np.cos(2 * np.pi * x / math.sqrt(3)), atol=1e-12)
    ends = data.x_test[[0, -1], 0]
    np.testing.assert_allclose(ends, [-math.sqrt(3), math.sqrt(3)])
    slopes = np.diff(data.y_test[:, 0])
    turns = np.sum(np.diff(np.sign(slopes[np.abs(slopes) > 1e-12])) != 0)
    assert turns == 3  # two waves between the ends: two minima and the maximum between them


def test_the_points_of_the_line_have_variance_one() -> None:
    assert np.mean(load(Line(n=1000)).x ** 2) == pytest.approx(1, abs=0.1)
