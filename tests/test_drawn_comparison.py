"""What is said of a network beside its prediction: every number and every sentence, by other routes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.comparison import outputs_in_words, rates_in_words, stability_in_words, steps_in_words
from ntkviz.experiments import train
from ntkviz.writing import percent
from tests.drawn import numbers, sentences
from tests.trained import (
    BALL,
    CATAPULT,
    DIVERGED,
    FIRST,
    MOONS,
    SHARED,
    SHORT,
    TABLES,
    WAVES,
    factors,
    found,
    measured_steps,
    step,
    stepwise,
    theory_steps,
    waves_left,
)

pytestmark = pytest.mark.drawn

# Numbers


def test_the_numbers_of_a_run() -> None:
    result = found(FIRST)
    told, theory, network = numbers(train, result), result.theory, result.network
    steps = told["Steps to 1 % of the loss"]
    measured, predicted = measured_steps(FIRST, 0.01), theory_steps(FIRST, 0.01)
    slowest = np.abs(1 - np.linalg.eigvalsh(step(FIRST))).max()
    assert (steps.value, steps.unit) == (pytest.approx(measured, rel=1e-3), "steps")
    assert {reference.name: reference.value for reference in steps.references} == {
        "theory": predicted, "worst case": math.ceil(math.log(100) / (-2 * math.log(slowest)))
    }  # fmt: skip
    off = told["Error of the predicted steps"]
    assert (off.value, off.unit, off.claim) == (pytest.approx(100 * abs(predicted / measured - 1), rel=2e-3), "%", 9)
    y = theory.data.y
    for name, other in (
        ("Gap to its linearisation", network.linearised.f),
        ("Gap to infinite width", stepwise(FIRST)[1]),
    ):
        rms = [math.sqrt(np.mean((f - g) ** 2)) for f, g in zip(network.curves.f, other, strict=True)]
        assert told[name].value == pytest.approx(100 * max(rms) / math.sqrt(np.mean(y**2)), rel=1e-5)
        assert told[name].unit == "%" and told[name].caveat == ""
    drift = told["Drift of the kernel"]
    assert drift.value == pytest.approx(100 * network.drift) and drift.unit == "%"
    assert [reference.value for reference in drift.references] == [0.0, pytest.approx(100 * network.movement)]
    own = told["Step c of this network"]
    assert own.value == pytest.approx(network.lambda_max * theory.eta)
    assert [reference.value for reference in own.references] == [0.5, 2.0]
    assert list(told) == [
        "Steps to 1 % of the loss", "Error of the predicted steps", "Slope of measured against predicted rates",
        "Error of the predicted rates", "Gap to its linearisation", "Gap to infinite width", "Drift of the kernel",
        "Step c of this network",
    ]  # fmt: skip
    assert all(finding.caveat == "" and finding.answer for finding in told.values())


def measured_rates(result: train.Result) -> tuple[np.ndarray, np.ndarray]:
    """Rates of the network's waves by least squares through the start, and −ln|1 − ηλ|, by frequency."""
    steps, left, eta = result.theory.steps, waves_left(result), factors(result.spec)
    rates = []
    for k in WAVES:
        early = np.arange(len(steps)) < np.argmax(np.append(left[:, k] <= 0.1, True))
        (slope,), *_ = np.linalg.lstsq(steps[early, None].astype(float), -np.log(left[early, k]), rcond=None)
        rates.append(slope)
    return np.array(rates), np.array([-math.log(abs(1 - eta[k])) for k in WAVES])


@pytest.mark.parametrize("spec", [FIRST, replace(FIRST, arch=replace(FIRST.arch, width=16))], ids=["512", "16"])
def test_the_rates_of_the_modes(spec: train.Spec) -> None:
    result = found(spec)
    told = numbers(train, result)
    measured, predicted = measured_rates(result)
    u, v = np.log(predicted), np.log(measured)
    line, covariance = np.polyfit(u, v, 1, cov=True)
    slope = told["Slope of measured against predicted rates"]
    assert (slope.value, slope.over, slope.claim) == (pytest.approx(line[0], rel=1e-3), "4 modes", 7)
    assert slope.error == pytest.approx(math.sqrt(covariance[0, 0]), rel=2e-2)
    assert (slope.expected.low, slope.expected.high) == (1.0, 1.0)
    error = told["Error of the predicted rates"]
    median = np.median(np.abs(measured / predicted - 1))
    assert (error.value, error.unit, error.claim) == (pytest.approx(100 * median, rel=1e-2), "%", 7)
    assert rates_in_words(result) == f"The rates of 4 modes differ from theory by {percent(error.value / 100)}."


def test_numbers_that_are_void_say_why() -> None:
    told = numbers(train, found(CATAPULT))
    step = found(CATAPULT).network.lambda_max * found(CATAPULT).theory.eta
    assert step > 2
    for name, why in {
        "Error of the predicted steps": "The closed form never gets there.",
        "Slope of measured against predicted rates": "A slope needs at least three modes whose rates can be measured.",
        "Error of the predicted rates": "No mode decays at a rate that can be measured.",
        "Gap to its linearisation": f"The linearisation diverges: its step is {step:.2f}.",
        "Gap to infinite width": "The closed form diverges.",
    }.items():
        assert (told[name].value, told[name].caveat) == (None, why)
    assert [reference.value for reference in told["Steps to 1 % of the loss"].references] == [None, None]
    assert rates_in_words(found(CATAPULT)) == ""
    own = replace(found(CATAPULT).network, lambda_max=1.9 / found(CATAPULT).theory.eta)
    assert rates_in_words(replace(found(CATAPULT), network=own)) == "", "its own step is below the limit"


def test_a_number_of_a_run_that_has_not_converged_says_so() -> None:
    """60 steps, where 1 % takes more than twice as many; nothing is said of a run with 1 % of its loss left."""
    result = found(SHORT)
    told = numbers(train, result)
    left = result.network.curves.loss[-1] / (0.5 * np.mean(result.theory.data.y**2))
    words = f"After 60 steps the network's loss is {100 * left:.2g} % of its first value: it has not converged."
    assert left > 0.01
    for name in ("Gap to its linearisation", "Gap to infinite width", "Drift of the kernel"):
        assert told[name].value is not None and told[name].caveat == words
    steps = told["Steps to 1 % of the loss"]
    assert (steps.value, steps.caveat) == (
        None,
        "The network's loss did not fall to 1 % of its first value within 60 steps.",
    )
    assert told["Error of the predicted steps"].caveat == steps.caveat
    for last, said in ((0.0101, True), (0.0099, False)):
        loss = result.network.curves.loss.copy()
        loss[-1] = last * result.theory.curves.loss[0]
        other = replace(result, network=replace(result.network, curves=replace(result.network.curves, loss=loss)))
        assert bool(other.unfinished) == said


def test_a_run_that_goes_on_or_diverged_says_so() -> None:
    running = replace(found(FIRST), network=replace(found(FIRST).network, drift=None, lambda_end=None))
    for result, words in (
        (running, "The network is still training."),
        (replace(running, network=None), "The network is still training."),
        (found(DIVERGED), f"The network diverged by step {found(DIVERGED).network.diverged_at}."),
    ):
        told = numbers(train, result)
        assert told["Drift of the kernel"].caveat == told["Gap to its linearisation"].caveat == words
        assert told["Gap to infinite width"].caveat == words
    assert numbers(train, replace(running, network=None))["Step c of this network"].value is None
    short = replace(found(SHORT), network=replace(found(SHORT).network, drift=None))
    assert numbers(train, short)["Steps to 1 % of the loss"].caveat == "The network is still training."
    assert (
        numbers(train, replace(running, network=None))["Steps to 1 % of the loss"].caveat
        == "The network is still training."
    )
    assert numbers(train, found(DIVERGED))["Gap to infinite width"].value is None


def test_classes_are_counted() -> None:
    result = found(MOONS)
    told, theory = numbers(train, result), result.theory
    truth = theory.data.y_test[:, 0] > 0
    ends = stepwise(MOONS)[1][-1, :, 0] > 0, result.network.curves.f[-1, :, 0] > 0
    right = [100 * np.mean(end[1296:] == truth) for end in ends]
    assert told["Right on the test"].value == pytest.approx(right[1])
    assert [reference.value for reference in told["Right on the test"].references] == [pytest.approx(right[0])]
    same = told["Same class as theory"]
    assert (same.value, same.unit) == (pytest.approx(100 * np.mean(ends[0][:1296] == ends[1][:1296])), "%")
    assert "Step c of this network" not in told
    assert [(reference.name, reference.value) for reference in same.references] == [("infinite width", 100.0)]
    assert right[0] != right[1] and same.value < 100
    for name in ("Right on the test", "Same class as theory"):
        assert told[name].caveat == result.unfinished != ""
    three = numbers(train, found(TABLES[3, "three"]))
    data = found(TABLES[3, "three"]).theory.data
    network = np.argmax(found(TABLES[3, "three"]).network.curves.f[-1], axis=1)
    assert three["Right on the test"].value == pytest.approx(100 * np.mean(network == np.argmax(data.y_test, axis=1)))
    for spec in (CATAPULT, BALL, replace(MOONS, c=2.5)):
        assert found(spec).accuracy is None and found(spec).agreement is None
    fell = replace(result, network=replace(result.network, diverged_at=30))
    assert fell.accuracy is None


# Sentences


def test_the_steps_in_words() -> None:
    result = found(FIRST)
    measured, predicted = result.reached, theory_steps(FIRST, 0.01)
    assert steps_in_words(result) == (
        f"The network's loss fell to 1 % of its first value after {measured:.0f} steps. "
        f"Theory predicted {predicted} steps ({100 * (1 - predicted / measured):.2g} % fewer)."
    )
    late = replace(result, theory=replace(result.theory, reached=2 * measured))
    assert steps_in_words(late).endswith(f"Theory predicted {2 * measured:.0f} steps (100 % more).")
    for reached, words in ((1.009, "less than 1 % off"), (0.991, "less than 1 % off"), (1.011, "1.1 % more")):
        near = replace(result, theory=replace(result.theory, reached=reached * measured))
        assert steps_in_words(near).endswith(f"({words}).")
    never = "The closed form never gets there."
    assert steps_in_words(replace(result, theory=replace(result.theory, reached=math.inf))).endswith(f"steps. {never}")
    assert steps_in_words(found(CATAPULT)).endswith(never)
    assert steps_in_words(found(SHORT)) == (
        "The network's loss did not fall to 1 % of its first value within 60 steps. "
        f"Theory predicted {predicted} steps."
    )
    assert steps_in_words(replace(result, network=None)).startswith("The network is still training. Theory predicted ")
    assert steps_in_words(found(DIVERGED)).startswith("The network diverged by step ")


def test_the_outputs_in_words() -> None:
    result, moons = found(FIRST), found(MOONS)
    gap = numbers(train, result)["Gap to infinite width"].value
    assert outputs_in_words(result) == f"Over all steps, the network is at most {gap:.2g} % of rms(y) away from theory."
    same = numbers(train, moons)["Same class as theory"].value
    assert outputs_in_words(moons).startswith(moons.unfinished + " Over all steps")
    assert outputs_in_words(moons).endswith(f"Both give the same class to {same:.1f} % of the points in the picture.")
    assert outputs_in_words(found(CATAPULT)) == "The closed form diverges."
    assert outputs_in_words(replace(result, network=None)) == "The network is still training."


def test_what_happens_past_the_limit_in_words() -> None:
    """Each sentence with the numbers of its run, and none where every step is below the limit."""
    result, past = found(CATAPULT), found(FIRST)
    network, eta = result.network, result.theory.eta
    peak = network.curves.loss.max() / (0.5 * np.mean(result.theory.data.y**2))
    change = f"Its ηλ_max goes from {eta * network.lambda_max:.2f} to {eta * network.lambda_end:.2f}."
    assert stability_in_words(result) == (
        f"The network's loss rises to {peak:.3g} times its first value, and then falls (catapult). {change} "
        "The kernel of a linear model is constant, and cannot do this."
    )

    def with_loss(*ends: float) -> train.Result:
        loss = np.array([1.0, *ends]) * result.theory.curves.loss[0]
        return replace(result, network=replace(network, curves=replace(network.curves, loss=loss)))

    assert stability_in_words(with_loss(3.0, 2.0)) == (
        f"The network's loss rises to 3 times its first value, and is not below it at the last step. {change}"
    )
    assert "1.5 times its first value, and is not below" in stability_in_words(with_loss(1.5, 1.2))
    assert (
        stability_in_words(with_loss(0.9, 0.5)) == f"The network's loss does not rise above its first value. {change}"
    )
    below = replace(result, network=replace(network, lambda_max=1.9 / eta))
    assert (
        stability_in_words(below) == "This network's own λ_max is smaller: its step ηλ_max is 1.90, below the limit 2."
    )
    assert stability_in_words(past) == ""
    large = replace(past, network=replace(past.network, lambda_max=2.1 / past.theory.eta))
    assert stability_in_words(large) == (
        "At this width, the network's own λ_max is larger than that of infinite width. Its step ηλ_max is 2.10, past "
        "the limit 2: choose a smaller step c or a larger width."
    )
    fell = found(DIVERGED).network.diverged_at
    assert stability_in_words(found(DIVERGED)) == f"The network diverged by step {fell}. Choose a smaller step c."
    assert stability_in_words(replace(result, network=None)) == ""
    assert stability_in_words(replace(result, network=replace(network, lambda_end=None))) == ""


def test_the_remarks_say_what_is_void() -> None:
    assert sentences(train, found(FIRST)) == []
    limit, happened = train.remarks(found(CATAPULT))
    assert limit.text == (
        "The step c = 3.00 is not below the limit 2. In the closed form, each step multiplies the mode with the "
        "largest eigenvalue by −2.00: it does not converge."
    )
    assert not limit.answer and happened.answer
    assert happened.text == stability_in_words(found(CATAPULT))
    theory = found(FIRST).theory
    blind = replace(theory.modes, eigenvalues=np.where(theory.modes.frequencies == 2, 0.0, theory.modes.eigenvalues))
    (unseen,) = train.remarks(replace(found(FIRST), theory=replace(theory, modes=blind)))
    assert (
        unseen.text == "The kernel's eigenvalue is zero for frequency 2: theory never learns this part."
        and unseen.answer
    )
    warned = train.remarks(found(SHARED))
    assert (warned[0].text, warned[0].answer) == (found(SHARED).theory.data.warnings[0], False)
