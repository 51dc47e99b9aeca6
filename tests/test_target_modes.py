"""The target in eigenspaces of a kernel, theory and network side by side, and points in their order."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.data import CircleFunction, Digits, Wine, load
from ntkviz.data.arrangement import arranged, groups, sorting
from ntkviz.kernels.degrees import Degrees
from ntkviz.modes.frequencies import Frequencies, never_learned, unlearned
from ntkviz.modes.target_modes import Modes, Pair, drawn_spaces, with_shares
from ntkviz.nets import Architecture
from ntkviz.spectra import Spectrum, spectrum


def modes(*values: float, shares: tuple[float, ...] = (), floor: float = 1e-12) -> Modes:
    count = len(values)
    part = np.array(shares or [1 / count] * count)
    return Modes(np.array(values, float), np.zeros((count, 0)), floor, "float64", part)


def test_spaces_are_whole_and_at_most_forty_modes():
    pairs = np.repeat(2.0 ** -np.arange(30), 2)
    spaces = drawn_spaces(modes(1.5, *pairs))
    assert [len(space) for space in spaces] == [1] + [2] * 19  # 39 modes: the next pair would end at 41
    assert drawn_spaces(modes(*np.ones(50)))[0].tolist() == list(range(40))  # one large space is cut
    assert [space.tolist() for space in drawn_spaces(modes(1, 0.5, 1e-15, 0))] == [[0], [1]]
    assert [space.tolist() for space in drawn_spaces(modes(0, 0, floor=1.0))] == [[0]]


def test_theory_and_network_are_compared_mode_by_mode():
    theory = modes(4, 2, 2, 1, 0.5, shares=(0.1, 0.2, 0.4, 0.3, 0))
    network = modes(5, 2.2, 1.5, 0.4, 0.3, shares=(0.2, 0.3, 0.2, 0.2, 0.1))
    pair = Pair(theory, network)
    np.testing.assert_allclose(pair.relative, [[1, 0.5, 0.5, 0.25, 0.125], [1.25, 0.55, 0.375, 0.1, 0.075]])
    np.testing.assert_allclose(pair.shares, [[0.1, 0.6, 0.3, 0], [0.2, 0.5, 0.2, 0.1]])
    assert pair.strongest == 1
    assert pair.top == (pytest.approx(1.0), 5)
    assert pair.lost_from is None  # mode 4 has .4 of it, mode 5 .6
    assert Pair(theory, modes(5, 2.2, 1.5, 0.4, 0.2)).lost_from == 4
    assert Pair(theory, modes(1, 0.2, 0.2, 0.1, 0.1)).lost_from == 1
    assert pair.floor is None
    assert pair.width == pytest.approx(1.1 * 8)
    assert sorted(pair.visible) == [0, 0.075, 0.125, 1, 1.25]


def test_floors():
    theory, network = modes(4, 1, 1e-14, floor=1e-10), modes(5, 1e-9, -1e-9, floor=1e-8)
    pair = Pair(theory, network)
    assert pair.floor == pytest.approx(1e-8 / 4)
    assert (theory.last, network.last) == (2, 1)
    assert sorted(pair.visible) == pytest.approx([2.5e-9, 0.25, 1, 1.25, 1.25])
    assert theory.condition == pytest.approx(4e10)
    assert modes(4, 2, 1).condition == 4
    assert Pair(theory, modes(1, 1, 1)).lost_from is None  # the third mode of the theory is rounding


def test_shares_of_the_target():
    kernel = np.diag([3.0, 2.0, 1.0])
    found = with_shares(spectrum(kernel), np.array([[1.0], [0.0], [2.0]]))
    np.testing.assert_allclose(found.shares, [0.2, 0, 0.8])
    assert found.eigenvectors.shape == (3, 0)
    np.testing.assert_array_equal(with_shares(spectrum(kernel), np.zeros((3, 1))).shares, np.zeros(3))
    turned = np.eye(3) + 1e-14 * np.ones((3, 3))
    noisy = with_shares(Spectrum(np.array([3.0, 2, 1]), turned, 0.0, "float64"), np.array([[0.0], [1.0], [0.0]]))
    assert noisy.shares[0] == noisy.shares[2] == 0


def test_what_is_never_learned():
    arch = Architecture(depth=1, sigma_b=None)
    frequencies = Frequencies(np.array([0, 1, 1, 2, 3]), Degrees(math.inf, 1), np.array([False] * 4 + [True]))
    said = modes(4, 2, 2, 1, 0, shares=(0.1, 0.2, 0.2, 0.25, 0.25))
    assert never_learned(said, frequencies) == 0.25
    assert never_learned(said, None) == 0
    (lost,) = unlearned(arch, said, frequencies)
    assert "25 % of the target" in lost.text and lost.answer
    unseen = replace(said, shares=np.array([0.5, 0.5, 0, 0, 0]))
    assert "The target has no part there." in unlearned(arch, unseen, frequencies)[0].text
    faint = replace(said, eigenvalues=np.array([4, 2, 2, 1e-13, 0]), shares=np.array([0.1, 0.2, 0.2, 0.5, 0]))
    zero, small = (remark.text for remark in unlearned(arch, faint, frequencies))
    assert "no part" in zero
    assert "50 % of the target lies in a mode whose eigenvalue is positive but too small" in small
    assert "below 2.5 × 10⁻¹³ of the largest" in small
    (unknown,) = unlearned(arch, said, None)
    assert "25 % of the target lies in a mode whose eigenvalue is zero, or too small" in unknown.text
    assert unlearned(arch, unseen, None) == ()


def test_points_are_sorted_and_thinned():
    circle = load(CircleFunction(n=10, placing="random"))
    found = arranged(circle, np.zeros(10), 4)
    np.testing.assert_array_equal(found.rows, np.argsort(circle.angle)[::3])
    np.testing.assert_allclose(found.place, np.sort(np.rad2deg(circle.angle))[::3])
    wine = load(Wine(n=30))
    within = np.arange(30.0)[::-1]
    found = arranged(wine, within, 100)
    label = wine.label[found.rows]
    assert np.all(np.diff(label) >= 0)
    assert np.all(np.diff(within[found.rows])[np.diff(label) == 0] > 0)
    np.testing.assert_array_equal(found.place, np.arange(1, 31))
    assert [group.name for group in groups(wine)] == list(wine.classes)
    assert [(group.first, group.last) for group in groups(wine)] == [
        (np.flatnonzero(label == one)[0] + 1, np.flatnonzero(label == one)[-1] + 1) for one in range(3)
    ]
    assert (sorting(circle), sorting(wine), groups(circle)) == ("angle", "class", ())
    assert [group.name for group in groups(load(Digits(n=20)))] == list(load(Digits(n=20)).classes)
