"""What is drawn and said of guarantee, prediction and networks, against the result and a loop over the steps."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ntkviz.data import CirclePoints, Digits, load
from ntkviz.experiments import guarantee
from ntkviz.figures import theme
from ntkviz.figures.chart import View
from ntkviz.figures.guarantee import view
from ntkviz.lessons.guarantee import LESSON
from ntkviz.writing import percent
from tests.canned import canned
from tests.drawn import before_guess, chart, drawn, names, numbers, same, sentences
from tests.test_guaranteed import descended, erf_kernel
from tests.trained import ends

pytestmark = pytest.mark.drawn

KEYS = [preset.key for preset in LESSON.presets]
BLUE, ORANGE = theme.THEORY.color, theme.FINITE.color
THEORY = "theory (infinite width)"


def found(key: str) -> guarantee.Result:
    return canned(guarantee, LESSON.preset(key).spec)


@cache
def seen(key: str) -> View:
    return view(found(key))


def first_below(losses: np.ndarray, level: float) -> float:
    return float(np.flatnonzero(losses <= level)[0])


@pytest.mark.parametrize("key", KEYS)
def test_the_slider_and_the_charts(key: str) -> None:
    of, steps = seen(key), found(key).known.steps
    assert [one.name for one in of.charts] == ["data", "loss", "eigenvalues", "modes"] and of.columns == 2
    assert (of.scrub.label, of.scrub.start) == ("step k", len(steps) // 2)
    np.testing.assert_array_equal(of.scrub.values, steps)
    assert steps[0] == 0 and steps[-1] == LESSON.preset(key).spec.steps
    np.testing.assert_allclose(chart(of, "loss").cursor, np.maximum(steps, 0.5))


@pytest.mark.parametrize("key", KEYS)
def test_the_loss_of_each_network_and_of_theory_is_drawn(key: str) -> None:
    of, result = seen(key), found(key)
    at = np.maximum(result.known.steps, 0.5)
    assert result.networks.loss.shape == (4, len(at))
    for row, name in enumerate(["network", "network 2", "network 3", "network 4"]):
        trace = drawn(of, "loss", name)
        np.testing.assert_allclose(trace.x[0], at)
        np.testing.assert_allclose(trace.y[0], np.maximum(result.networks.loss[row], 1e-30), rtol=1e-6)
        assert trace.answer and trace.meaning == "network" and trace.trace.line.color == ORANGE
        assert trace.trace.showlegend is (row == 0)
    theory = drawn(of, "loss", THEORY)
    np.testing.assert_allclose(theory.y[0], np.maximum(result.known.left.sum(axis=1), 1e-30), rtol=1e-5)
    assert theory.answer and (theory.trace.line.color, theory.trace.line.dash) == (BLUE, "dash")
    bound = drawn(of, "loss", "guarantee")
    np.testing.assert_allclose(bound.y[0], np.maximum(result.known.bound, 1e-30), rtol=1e-6)
    assert not bound.answer and (bound.trace.line.color, bound.trace.line.dash) == (theme.INK, "dot")
    np.testing.assert_allclose(bound.x[0], at)
    np.testing.assert_allclose(theory.x[0], at)
    level = drawn(of, "loss", "wanted loss")
    np.testing.assert_allclose(level.y[0], 0.01)
    assert not level.answer


@pytest.mark.parametrize("key", ["twins", "opposite", "start"])
def test_theory_is_the_loop_over_the_steps(key: str) -> None:
    """With the kernel of one hidden erf layer, which the test writes out."""
    result, of = found(key), seen(key)
    data = load(result.spec.data)
    kernel = erf_kernel(data.x)
    residual, losses = descended(kernel, data.y, 1.0, 1000)
    at = result.known.steps.astype(int)
    np.testing.assert_allclose(drawn(of, "loss", THEORY).y[0], np.maximum(losses[at], 1e-30), rtol=1e-3, atol=1e-14)
    values, vectors = np.linalg.eigh(kernel)
    slowest = max(np.abs(1 - values / values[-1]))
    np.testing.assert_allclose(drawn(of, "loss", "guarantee").y[0], np.maximum(slowest ** (2 * at), 1e-30), rtol=1e-4)
    marks = {name: drawn(of, "loss", f"{name}: 1 %") for name in ("network", THEORY, "guarantee")}
    assert marks[THEORY].x[0, 0] == first_below(losses, 0.01)
    assert marks["guarantee"].x[0, 0] == first_below(slowest ** (2 * np.arange(3000)), 0.01)
    log_steps, logs = np.log(np.maximum(at, 0.5)), np.log(np.maximum(result.networks.loss, 1e-30))
    crossed = [math.exp(np.interp(-math.log(0.01), -row, log_steps)) for row in logs]
    assert marks["network"].x[0, 0] == pytest.approx(np.exp(np.mean(np.log(crossed))), rel=1e-3)
    for name, color in (("network", ORANGE), (THEORY, BLUE), ("guarantee", theme.INK)):
        assert marks[name].y[0, 0] == pytest.approx(0.01) and marks[name].answer
        assert marks[name].trace.marker.color == color and not marks[name].trace.showlegend
    points = drawn(of, "eigenvalues", THEORY)
    np.testing.assert_allclose(points.y[0], values[::-1] / values[-1], rtol=1e-5)
    np.testing.assert_allclose(points.x[0], np.arange(1, len(values) + 1))
    assert points.answer and points.trace.marker.color == BLUE
    shares = np.einsum("ni,tnk->ti", vectors, residual[at])[:, ::-1] ** 2 / np.sum(data.y**2)
    if key == "start":  # on the circle the eigenvalues are those of a constant, and of two frequencies with two waves
        spaces = [[0, 1], [2], [3, 4]] if values[-1] - values[-2] < 1e-9 else [[0], [1, 2], [3, 4]]
        for space in spaces:
            shares[:, space] = shares[:, space].mean(axis=1, keepdims=True)
    theory = drawn(of, "modes", THEORY)
    large = shares > 1e-7
    np.testing.assert_allclose(theory.y[large], shares[large], rtol=1e-3)
    assert np.isnan(theory.y[shares < 0.9e-8]).all()
    np.testing.assert_allclose(theory.x[0], np.arange(1, len(values) + 1))


@pytest.mark.parametrize("key", KEYS)
def test_the_modes_of_the_networks_add_up_to_their_loss(key: str) -> None:
    result, of = found(key), seen(key)
    theory, network = (drawn(of, "modes", name) for name in (THEORY, "network"))
    for trace, meaning in ((theory, theme.THEORY), (network, theme.FINITE)):
        assert trace.answer and trace.trace.marker.color == meaning.color and trace.meaning == meaning.name
    assert theory.trace.marker.symbol == "diamond"
    np.testing.assert_allclose(np.nansum(network.y, axis=1), result.networks.loss.mean(axis=0), rtol=1e-3, atol=2e-7)
    np.testing.assert_allclose(network.y[0], theory.y[0], rtol=1e-3)
    assert np.nanmin(network.y) >= 1e-8
    np.testing.assert_allclose(network.x[0], np.arange(1, len(result.known.eigenvalues) + 1))


@pytest.mark.parametrize(("key", "floor", "zero"), [("conflict", 0.25, 8), ("line", None, 14)])
def test_a_floor_is_drawn_where_there_is_one(key: str, floor: float | None, zero: int) -> None:
    result, of = found(key), seen(key)
    level = drawn(of, "loss", "floor")
    expected = floor or result.networks.loss[0, -1]
    np.testing.assert_allclose(level.y[0], expected, rtol=1e-4)
    assert level.answer and level.trace.line.dash == "dashdot"
    np.testing.assert_allclose(level.x[0], [0.5, 1000])
    assert not [name for name in names(of, "loss") if "1 %" in name]
    values = drawn(of, "eigenvalues", THEORY).y[0]
    assert np.isnan(values).sum() == zero and np.isnan(values[-zero:]).all() and values[0] == 1
    assert f"are missing here: {zero}." in chart(of, "eigenvalues").prompt_answer
    assert f"Eigenvalues above zero: {16 - zero} of 16." in chart(of, "eigenvalues").alt_answer
    assert "floor" not in names(seen("twins"), "loss")
    assert chart(seen("twins"), "eigenvalues").alt_answer.endswith("largest. Eigenvalues above zero: 16 of 16.")
    assert chart(seen("twins"), "eigenvalues").prompt_answer.startswith("All eigenvalues are above zero.")


def test_the_axes_do_not_move_between_presets() -> None:
    for key in KEYS:
        of, count = seen(key), len(found(key).known.eigenvalues)
        np.testing.assert_allclose(ends(of, "loss", "xaxis"), [0.5 / 1.3, 1000 * 1.3])
        np.testing.assert_allclose(ends(of, "loss", "yaxis"), [1e-4 / 1.3, 1.3])
        for name in ("eigenvalues", "modes"):
            assert list(chart(of, name).figure.layout.xaxis.range) == [0.3, count + 0.7]
            np.testing.assert_allclose(ends(of, name, "yaxis"), [1e-8 / 1.3, 1.3])
            assert chart(of, name).figure.layout.xaxis.title.text == "mode i"
        assert chart(of, "loss").figure.layout.xaxis.title.text == "step k"


def test_the_data_are_drawn_for_what_they_are() -> None:
    rows = drawn(seen("twins"), "data", "data").z[0]
    np.testing.assert_allclose(rows[:, :10], load(found("twins").spec.data).x, rtol=1e-6)
    assert "Rows 1 and 2 are twins" in chart(seen("twins"), "data").prompt
    line, data = seen("line"), found("line").known.data
    np.testing.assert_allclose(drawn(line, "data", "data").x[0], data.x[:, 0], rtol=1e-6)
    np.testing.assert_allclose(drawn(line, "data", "data").y[0], data.y[:, 0], rtol=1e-6)
    target = drawn(line, "data", "target")
    np.testing.assert_allclose(target.y[0], np.cos(np.pi * target.x[0] / math.sqrt(3)), atol=1e-6)
    assert "16 points" in chart(line, "data").prompt and "Rows 1" not in chart(line, "data").prompt
    circle = drawn(seen("start"), "data", "data")
    assert chart(seen("start"), "data").prompt == "The task: fit the 5 points, which are the black dots."
    np.testing.assert_allclose(circle.x[0], [0, 72, 144, 216, 288])
    digits = view(replace(found("twins"), spec=replace(guarantee.Spec(), data=Digits(question="0-1"))))
    assert "Rows 1" not in chart(digits, "data").prompt


def test_before_networks_are_trained_what_is_known_is_there() -> None:
    whole = found("opposite")
    part = replace(whole, networks=None)
    of = view(part)
    assert names(of, "loss") == ["guarantee", "wanted loss", THEORY, f"{THEORY}: 1 %", "guarantee: 1 %"]
    assert np.isnan(drawn(of, "modes", "network").y).all()
    assert drawn(of, "modes", "network").y.shape == whole.known.left.shape


def test_marks_beyond_the_steps_are_left_out() -> None:
    whole = found("opposite")
    for bounded, there in ((1000, True), (1001, False)):
        of = view(replace(whole, known=replace(whole.known, bounded=bounded)))
        assert ("guarantee: 1 %" in names(of, "loss")) is there


@pytest.mark.parametrize("key", KEYS)
def test_nothing_measured_is_seen_before_the_guess(key: str) -> None:
    """Another loss of the networks, another target and another number of zero eigenvalues change nothing."""
    whole = found(key)
    networks = replace(whole.networks, loss=whole.networks.loss**2 + 1e-3, left=0.5 * whole.networks.left)
    other = replace(whole, networks=networks)
    assert same(before_guess(view(whole)), before_guess(view(other)))
    still = np.broadcast_to(whole.known.left[:1, ::-1], whole.known.left.shape)  # another target, which stays
    values = np.where(np.arange(len(whole.known.eigenvalues)) < 3, whole.known.eigenvalues, 0)
    other = replace(whole, known=replace(whole.known, left=still, reached=3.0, eigenvalues=values))
    assert same(before_guess(view(whole)), before_guess(view(other)))


def test_the_words_of_the_loss_are_those_of_the_result() -> None:
    for key in KEYS:
        result, one = found(key), chart(seen(key), "loss")
        if result.steps is not None:
            assert f"after {result.steps:.3g} steps" in one.alt_answer
        assert "1 %" in one.prompt and "1 %" in one.prompt_answer
        assert "networks came" not in one.alt + one.prompt


@pytest.mark.parametrize("key", KEYS)
def test_the_numbers(key: str) -> None:
    result = found(key)
    told = numbers(guarantee, result)
    last = result.networks.loss[:, -1]
    assert told["Eigenvalues above zero"].value == np.sum(result.known.eigenvalues > 0)
    assert told["Loss at the last step"].value == pytest.approx(100 * np.mean(last))
    steps = told["Steps to 1 % of the loss"]
    if key in ("conflict", "line"):
        assert steps.value is None and told["Last loss over the floor"].agrees is True
        return
    crossed = result.reached
    assert steps.value == pytest.approx(np.exp(np.mean(np.log(crossed))))
    error = np.std(np.log(crossed), ddof=1) / 2
    assert steps.error == pytest.approx(steps.value * error) and steps.over == "4 seeds"
    assert [one.value for one in steps.references] == [result.known.reached, result.known.bounded]
    ratio = told["Guaranteed over measured steps"]
    assert ratio.value == pytest.approx(result.known.bounded / steps.value) and ratio.claim == 8
    assert told["Predicted over measured steps"].value == pytest.approx(result.known.crossed / steps.value)
    assert told["Last loss over the floor"].value is None
    assert [finding.claim for finding in told.values()] == [8, None, 9, 8, 8, 8]


def test_relu_breaks_the_guarantee_and_says_why() -> None:
    told = numbers(guarantee, found("kink"))
    assert told["Guaranteed over measured steps"].value < 0.8
    assert told["Guaranteed over measured steps"].agrees is False
    drift = float(np.exp(np.mean(np.log(found("kink").networks.drift))))
    (said,) = sentences(guarantee, found("kink"))
    assert said.startswith(f"The kernel changed by {percent(drift)} in training, and λ_max is 148 times λ_min.")


def test_no_guarantee_is_said_where_there_is_none() -> None:
    for key, zero, share in (("conflict", 8, "25 %"), ("line", 14, "42 %")):
        (said,) = sentences(guarantee, found(key))
        assert said.startswith("There is no guarantee.") and f"({zero} of 16)" in said and share in said
    assert sentences(guarantee, found("start")) == []
    shared = guarantee.run(replace(guarantee.Spec(), data=CirclePoints(points="0:1, 0:-1, 90:0.5"), seeds=1, steps=10))
    assert "same angle" in sentences(guarantee, shared)[0]
