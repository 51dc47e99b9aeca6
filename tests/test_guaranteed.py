"""What the spectrum says beforehand, against a loop over the steps of gradient descent on a kernel written out here."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.comparison import guaranteed_words as words
from ntkviz.comparison.guaranteed import Beside, Guaranteed, Networks, guaranteed
from ntkviz.costs import Cost
from ntkviz.data import CirclePoints, Digits, Line, Twins, load
from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture

ERF = Architecture(activation="erf", sigma_w=1.5, sigma_b=0.3)
RELU = Architecture(activation="relu", sigma_b=0.0)


def erf_kernel(x: np.ndarray, sigma_w: float = 1.5, sigma_b: float = 0.3) -> np.ndarray:
    """The NTK of one hidden erf layer: σ_w² E[φφ] + σ_b² + σ_w² E[φ′φ′] K."""
    k = sigma_w**2 * x @ x.T / x.shape[1] + sigma_b**2
    one = 1 + 2 * np.diag(k)
    both = np.sqrt(np.outer(one, one))
    phi = 2 / np.pi * np.arcsin(np.clip(2 * k / both, -1, 1))
    slope = 4 / np.pi / np.sqrt(both**2 - 4 * k**2)
    return sigma_w**2 * (phi + slope * k) + sigma_b**2


def descended(kernel: np.ndarray, y: np.ndarray, c: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The residuals (T, N, K) of gradient descent on the kernel, and their losses over the first."""
    rows = [-y]
    eta = c / np.linalg.norm(kernel, 2)
    for _ in range(steps):
        rows.append(rows[-1] - eta * kernel @ rows[-1])
    residual = np.stack(rows)
    return residual, np.sum(residual**2, axis=(1, 2)) / np.sum(y**2)


@pytest.mark.parametrize(("opposite", "c"), [(0, 1.0), (2, 1.0), (3, 1.9), (0, 0.3)])
def test_prediction_and_guarantee_are_those_of_the_loop(opposite: int, c: float) -> None:
    spec = Twins(n=12, dim=5, angle=20.0, opposite=opposite)
    data = load(spec)
    known = guaranteed(ERF, spec, c=c, steps=400, fraction=0.05)
    kernel = erf_kernel(data.x)
    residual, losses = descended(kernel, data.y, c, 400)
    at = known.steps.astype(int)
    np.testing.assert_allclose(known.loss, losses[at], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(known.loss, known.left.sum(axis=1))
    assert known.reached == np.flatnonzero(losses <= 0.05)[0]
    assert known.crossed == pytest.approx(known.reached, rel=0.15)
    values, vectors = np.linalg.eigh(kernel)
    np.testing.assert_allclose(known.eigenvalues, values[::-1], rtol=1e-7)
    assert known.condition == pytest.approx(values[-1] / values[0])
    slowest = max(np.abs(1 - c * values / values[-1]))
    np.testing.assert_allclose(known.bound, slowest ** (2 * at), rtol=1e-6)
    assert known.bounded == math.ceil(math.log(0.05) / (2 * math.log(slowest)))
    assert np.all(known.loss <= known.bound * (1 + 1e-9))
    np.testing.assert_allclose(known.shares, ((vectors.T @ data.y)[::-1, 0] ** 2) / np.sum(data.y**2), atol=1e-8)
    assert known.floor == 0 and known.positive == 12
    np.testing.assert_allclose(known.in_modes(residual[at] + data.y), known.left, atol=1e-9)
    assert known.first == pytest.approx(0.5 * np.sum(data.y**2))


def test_a_target_in_the_slowest_mode_takes_as_long_as_is_guaranteed() -> None:
    """The guarantee is the best one that holds for every target."""
    known = guaranteed(ERF, Twins(n=2, opposite=1, angle=5.0), c=1.0, steps=1000, fraction=0.01)
    assert known.shares[-1] == pytest.approx(1, abs=1e-6)
    assert known.reached == known.bounded > 100


@pytest.mark.parametrize("arch", [ERF, RELU], ids=["smooth", "kink"])
@pytest.mark.parametrize("opposite", [1, 2, 8])
def test_the_floor_is_the_share_of_pairs_in_conflict(arch: Architecture, opposite: int) -> None:
    """Of a pair with labels ±1 at one input, the best output is 0: its whole loss is left."""
    known = guaranteed(arch, Twins(angle=0.0, opposite=opposite), c=1.0, steps=2000, fraction=0.01)
    assert known.floor == pytest.approx(opposite / 8, rel=1e-9)
    assert known.loss[-1] == pytest.approx(opposite / 8, rel=1e-4)
    assert (known.positive, known.bounded, known.reached, known.crossed) == (8, None, None, None)
    assert known.condition == math.inf and np.all(known.bound == 1)


def test_repeated_inputs_with_equal_labels_have_no_floor_and_no_guarantee() -> None:
    known = guaranteed(ERF, Twins(angle=0.0), c=1.0, steps=500, fraction=0.01)
    assert known.floor == pytest.approx(0, abs=1e-12)
    assert known.bounded is None and known.reached is not None


@pytest.mark.parametrize("depth", [1, 3])
def test_without_biases_one_input_leaves_two_modes(depth: int) -> None:
    """The functions are a x for x > 0 and b x for x < 0, at every depth."""
    data = load(Line())
    known = guaranteed(replace(RELU, depth=depth), Line(), c=1.0, steps=500, fraction=0.01)
    assert known.positive == 2
    pieces = np.concatenate([np.maximum(data.x, 0), np.minimum(data.x, 0)], axis=1)
    rest = data.y - pieces @ np.linalg.lstsq(pieces, data.y, rcond=None)[0]
    assert known.floor == pytest.approx(np.sum(rest**2) / np.sum(data.y**2), rel=1e-6)
    assert guaranteed(replace(RELU, sigma_b=1.0), Line(), c=1.0, steps=10, fraction=0.01).positive == 16


def test_the_width_has_no_part_in_it() -> None:
    one, other = (guaranteed(replace(ERF, width=width), Twins(), c=1.0, steps=50, fraction=0.1) for width in (8, 4096))
    assert one is other


def test_several_outputs_share_the_kernel() -> None:
    spec = Digits(question="classes", n=40)
    known, data = guaranteed(ERF, spec, c=1.0, steps=60, fraction=0.1), load(spec)
    _, losses = descended(erf_kernel(data.x), data.y, 1.0, 60)
    np.testing.assert_allclose(known.loss, losses[known.steps.astype(int)], rtol=1e-5)


def test_a_kernel_that_is_zero_is_refused() -> None:
    with pytest.raises(InvalidInput, match="kernel is zero"):
        guaranteed(replace(RELU, sigma_b=0.0), ZERO, c=1.0, steps=10, fraction=0.1)


ZERO = Twins(n=2, opposite=1, angle=0.0, scale="centre")  # both points at the centre


def made(known: Guaranteed, loss: np.ndarray, drift: float = 0.0) -> Beside:
    return Beside(known=known, networks=Networks(loss, known.left, np.full(len(loss), drift)))


KNOWN = guaranteed(ERF, Twins(opposite=2), c=1.0, steps=1000, fraction=0.01)
FLOORED = guaranteed(ERF, Twins(opposite=2, angle=0.0), c=1.0, steps=1000, fraction=0.01)


def slower(known: Guaranteed, times: float) -> np.ndarray:
    """The predicted loss, as it is at a share of the steps."""
    return np.exp(np.interp(known.steps / times, known.steps, np.log(known.loss)))


def test_the_steps_of_networks_are_read_from_their_losses() -> None:
    pair = made(KNOWN, np.stack([KNOWN.loss, slower(KNOWN, 1.5), slower(KNOWN, 2.0)]))
    np.testing.assert_allclose(pair.reached, np.array([1, 1.5, 2]) * KNOWN.crossed, rtol=0.03)
    assert pair.steps == pytest.approx(np.prod(pair.reached) ** (1 / 3))
    late = made(KNOWN, np.stack([KNOWN.loss, np.ones_like(KNOWN.loss)]))
    assert late.steps is None and np.isnan(late.reached[1])
    assert Beside(known=KNOWN).steps is None and Beside(known=KNOWN).reached.size == 0


def test_findings_before_and_after_the_training() -> None:
    before = {finding.name: finding for finding in words.findings(Beside(known=KNOWN))}
    assert before["Eigenvalues above zero"].value == 16
    assert all(before[name].value is None for name in before if name != "Eigenvalues above zero")
    pair = made(KNOWN, np.stack([slower(KNOWN, 1.9), slower(KNOWN, 2.1)]))
    told = {finding.name: finding for finding in words.findings(pair)}
    assert told["Predicted over measured steps"].value == pytest.approx(0.5, rel=0.03)
    assert told["Predicted over measured steps"].agrees is False
    assert told["Guaranteed over measured steps"].value == pytest.approx(KNOWN.bounded / pair.steps)
    assert told["Guaranteed over measured steps"].agrees is False
    assert told["Steps to 1 % of the loss"].value == pytest.approx(pair.steps)
    assert told["Loss at the last step"].value == pytest.approx(100 * np.mean(pair.networks.loss[:, -1]))


def test_a_floor_is_compared_with_the_last_loss() -> None:
    for level, agrees in ((1.0, True), (1.02, False), (0.98, False)):
        pair = made(FLOORED, level * np.stack([FLOORED.loss, FLOORED.loss]))
        told = {finding.name: finding for finding in words.findings(pair)}
        finding = told["Last loss over the floor"]
        assert finding.value == pytest.approx(level, rel=1e-6) and finding.agrees is agrees
        assert told["Guaranteed over measured steps"].caveat == "Not all networks came to 1 % of the first loss."
    unfinished = guaranteed(ERF, Twins(opposite=2, angle=0.0), c=1.0, steps=10, fraction=0.01)
    told = {one.name: one for one in words.findings(made(unfinished, np.stack([unfinished.loss, unfinished.loss])))}
    finding = told["Last loss over the floor"]
    assert finding.value > 1.005 and finding.agrees


def test_errors_below_single_precision_are_not_told() -> None:
    for spread, told in ((1e-7, False), (1e-4, True)):
        pair = made(FLOORED, np.stack([FLOORED.loss, (1 + spread) * FLOORED.loss]))
        found = {finding.name: finding for finding in words.findings(pair)}
        for name in ("Loss at the last step", "Last loss over the floor"):
            assert (found[name].error is not None) is told
            assert bool(found[name].over) is told


def test_void_guarantees_and_predictions_say_why() -> None:
    equal = guaranteed(ERF, Twins(angle=0.0), c=1.0, steps=1000, fraction=0.01)
    told = {finding.name: finding for finding in words.findings(made(equal, np.stack([equal.loss, equal.loss])))}
    assert told["Guaranteed over measured steps"].value is None
    assert told["Guaranteed over measured steps"].caveat == "λ_min is zero: nothing is guaranteed."
    assert told["Predicted over measured steps"].value == pytest.approx(1)
    assert told["Last loss over the floor"].caveat.startswith("The floor is zero")
    reached = made(FLOORED, np.stack([KNOWN.loss, KNOWN.loss]))
    told = {finding.name: finding for finding in words.findings(reached)}
    assert told["Predicted over measured steps"].caveat == "The prediction never comes to the wanted loss."


def test_sentences_are_those_of_the_result() -> None:
    pair = made(KNOWN, np.stack([KNOWN.loss, KNOWN.loss]))
    assert words.steps_in_words(pair) == (
        f"The networks came to 1 % of the first loss after {pair.steps:.0f} steps. The guarantee was {KNOWN.bounded} "
        f"steps, and the prediction {KNOWN.reached:.0f} steps."
    )
    floored = made(FLOORED, np.stack([FLOORED.loss, FLOORED.loss]))
    assert words.steps_in_words(floored) == (
        "Not all networks came to 1 % of the first loss within 1000 steps. Nothing was guaranteed, and theory never "
        "comes there."
    )
    assert words.floor_in_words(floored) == (
        "The modes whose eigenvalue cannot be told from zero (8 of 16) hold 25 % of the target's square, and so the "
        "loss cannot fall below this share of its first value. The networks end at 25 %."
    )
    assert words.floor_in_words(Beside(known=FLOORED)).endswith("The networks end at –.")


def test_remarks_say_where_there_is_no_guarantee_and_where_the_kernel_moves() -> None:
    void = [one.text for one in words.remarks(made(FLOORED, np.stack([FLOORED.loss, FLOORED.loss]), drift=9.0))]
    assert void == [
        "There is no guarantee. The modes whose eigenvalue cannot be told from zero (8 of 16) hold 25 % of the "
        "target's square, and training leaves them as they are."
    ]
    limit = 1 / KNOWN.condition
    assert list(words.remarks(made(KNOWN, np.ones((2, 41)), drift=0.99 * limit))) == []
    (said,) = words.remarks(made(KNOWN, np.ones((2, 41)), drift=1.01 * limit))
    assert "is 259 times λ_min" in said.text and said.text.startswith("The kernel changed by 0.39 %") and said.answer
    warned = guaranteed(ERF, CirclePoints(points="0:1, 0:-1, 90:0.5"), c=1.0, steps=10, fraction=0.1)
    first, second = words.remarks(Beside(known=warned))
    assert not first.answer and "same angle" in first.text and second.text.startswith("There is no guarantee.")


def test_costs_are_costs() -> None:
    from ntkviz.comparison.guaranteed import guaranteed_cost, networks_cost

    few, many = (networks_cost(ERF, Twins(), steps=500, networks=count) for count in (1, 8))
    assert isinstance(guaranteed_cost(ERF, Twins()), Cost)
    assert 2 * few.seconds < many.seconds < 9 * few.seconds
