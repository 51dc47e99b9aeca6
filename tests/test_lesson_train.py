"""The questions of “Train and predict”: their answers by other routes, at their presets and where they have none."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.data import CircleFunction
from ntkviz.experiments import train, widths
from ntkviz.findings import Finding
from ntkviz.lessons.train import ARCH, DISTANCE, FATE, GAP, LESSON, ORDER, PACE, SAME, STEPS
from tests.canned import canned
from tests.drawn import numbers
from tests.trained import BALL, CATAPULT, DIVERGED, FIRST, MOONS, SHORT, found, loss_of, measured_steps, on_circle

pytestmark = pytest.mark.drawn


def asked(question, result):
    return question.asked(result.spec, result)


def of(key: str):
    """The result of the slot that a preset's question is about."""
    preset = LESSON.preset(key)
    slot = LESSON.slots[preset.question.slot]
    return canned(slot.experiment, slot.part(preset.spec))


def test_the_number_of_steps() -> None:
    told = asked(STEPS, found(FIRST))
    assert told["answer"] == pytest.approx(measured_steps(FIRST, 0.01), rel=1e-3)
    assert told["asks"] == "After how many steps will the network's loss have fallen to 1 % of its first value?"
    assert "10 %" in STEPS.asked(replace(FIRST, fraction=0.1), None)["asks"]
    assert told["mark"] == {"chart": "loss", "axis": "x"} and told["log"]
    assert asked(STEPS, found(SHORT))["answer"] is None, "it is not reached within the steps"
    assert asked(STEPS, found(DIVERGED))["answer"] is None


def test_the_order_of_the_waves_is_that_in_which_half_of_each_is_learned() -> None:
    result = of("wide")
    told = asked(ORDER, result)
    left = np.abs(np.fft.rfft(on_circle(result.network.curves.f) - result.theory.data.y[:, 0], axis=1))
    halved = {k: int(np.argmax(left[:, k] <= 0.5 * left[0, k])) for k in (1, 2, 3, 5)}
    assert len(set(halved.values())) == 4
    assert [told["items"][i] for i in told["answer"]] == [f"frequency {k}" for k in sorted(halved, key=halved.get)]
    assert told["asks"] == "The target is a sum of 4 waves. In which order will they be learned?"
    assert told["explains"].endswith("largest on: frequency 1, frequency 3, frequency 2, frequency 5.")
    assert told["explains"].startswith("Half of each wave was learned: frequency 1 after ")
    late = [
        float(part.split("after ")[1].split(" step")[0]) for part in told["explains"].split(".  ")[0].split(", ")[:4]
    ]
    assert late == sorted(late)


def test_an_order_needs_waves_that_are_all_learned() -> None:
    assert asked(ORDER, found(MOONS)) | {} == {
        "kind": "order", "items": [], "answer": None, "explains": "",
        "asks": "In which order are the waves of a target learned? Choose the function on a circle to see waves.",
        "replies": asked(ORDER, found(FIRST))["replies"],
    }  # fmt: skip
    result = found(FIRST)
    slow = result.network.curves.modes.copy()
    slow[:, 1] = 0.6
    slow = replace(result, network=replace(result.network, curves=replace(result.network.curves, modes=slow)))
    assert asked(ORDER, slow)["answer"] is None
    more = replace(result, spec=replace(FIRST, data=CircleFunction(n=16, terms="1:1, 2:.5, 3:.5, 5:.3, 7:1")))
    assert asked(ORDER, more)["answer"] is None, "a wave that is not followed"
    none = CircleFunction(n=16, terms="1:1, 2:0, 3:0.5, 3:0.2:90")
    assert ORDER.asked(replace(FIRST, data=none), None)["items"] == ["frequency 1", "frequency 3"]


def test_the_narrow_network_is_slower_than_predicted() -> None:
    """It needed 248 to 327 steps with eight seeds at widths 16 and 64, and 131 were predicted."""
    result = of("narrow")
    assert asked(PACE, result)["answer"] == 1
    assert result.reached > 1.5 * result.predicted
    assert "16 neurons a layer" in asked(PACE, result)["asks"]
    assert asked(PACE, of("wide"))["answer"] == 0

    def with_theory(steps: float) -> int | None:
        return asked(PACE, replace(result, theory=replace(result.theory, reached=steps)))["answer"]

    steps = result.reached
    assert [with_theory(steps * ratio) for ratio in (0.89, 0.92, 1.1, 1.13)] == [1, 0, 0, 2]
    assert with_theory(math.inf) is None
    assert asked(PACE, found(SHORT))["answer"] == 1, "predicted, and not reached"
    assert asked(PACE, found(DIVERGED))["answer"] is None


def test_what_becomes_of_the_loss() -> None:
    assert [asked(FATE, result)["answer"] for result in (found(DIVERGED), found(FIRST), found(CATAPULT))] == [0, 1, 2]
    assert asked(FATE, of("step"))["answer"] == 2
    told = asked(FATE, found(CATAPULT))
    assert told["asks"] == "At c = 3.00 the closed form diverges. What will the loss of the network do?"
    assert asked(FATE, found(FIRST))["asks"].startswith("At c = 0.50 the closed form converges.")
    assert "catapult" in told["explains"] and "diverged" in asked(FATE, found(DIVERGED))["explains"]
    first = 0.5 * np.mean(found(FIRST).theory.data.y ** 2)
    left = loss_of(on_circle(found(FIRST).network.curves.f), found(FIRST).theory.data.y[:, 0])[-1] / first
    ending = float(asked(FATE, found(FIRST))["explains"].removeprefix("The loss ends at ").split(" %")[0])
    assert ending == pytest.approx(100 * left, rel=0.05)
    network = found(CATAPULT).network
    up = np.array([1.0, 3.0, 2.0]) * found(CATAPULT).theory.curves.loss[0]
    still = replace(found(CATAPULT), network=replace(network, curves=replace(network.curves, loss=up)))
    assert asked(FATE, still)["answer"] is None


def test_nothing_is_answered_before_a_network_is_there() -> None:
    for question in (STEPS, ORDER, PACE, FATE, DISTANCE, SAME):
        assert asked(question, replace(found(FIRST), network=None))["answer"] is None


@pytest.mark.parametrize("preset", LESSON.presets, ids=lambda preset: preset.key)
def test_replies_are_to_guesses_that_can_be_made(preset) -> None:
    told = asked(preset.question, of(preset.key))
    if told["kind"] == "choice":
        assert set(told["replies"]) == {str(i) for i in range(len(told["options"]))} - {str(told["answer"])}
    elif told["kind"] == "order":
        assert [sorted(reply["order"]) for reply in told["replies"]] == [list(range(len(told["items"])))]
    elif told["kind"] == "number":
        factors = [reply.get("beyond", reply.get("below")) for reply in told["replies"]]
        assert all(told["low"] <= told["answer"] * factor <= told["high"] for factor in factors)
    else:
        for reply in told["replies"]:
            assert reply["like"]["x"] == [128, 2048]
            assert all(1e-3 <= y <= 1 for y in reply["like"]["y"])
        assert told["replies"][1]["like"]["y"][0] == 16 * told["replies"][1]["like"]["y"][1], "1/n"


def test_the_curve_of_the_gap_is_the_mean_over_the_seeds() -> None:
    result = of("relu")
    told = asked(GAP, result)
    np.testing.assert_allclose(told["answer"]["x"], [128, 256, 512, 1024, 2048])
    np.testing.assert_allclose(told["answer"]["y"], np.exp(np.log(result.linearised.values).mean(axis=1)))
    slope = numbers(widths, result)["Gap to the linearisation: exponent"].value
    assert told["explains"].endswith(f"four times the width makes the gap {4**-slope:.2g} times smaller.")
    assert (told["chart"], told["x"], told["y"]) == ("gap", [128, 2048], [1e-3, 1.0])
    up = replace(result, linearised=replace(result.linearised, values=result.linearised.values[::-1]))
    assert f"{4**-slope:.2g} times larger" in asked(GAP, up)["explains"]
    few = replace(result.linearised, at=result.linearised.at[:2], values=result.linearised.values[:2])
    for none in (replace(result, linearised=None), replace(result, linearised=few)):
        assert asked(GAP, none)["answer"] is None


def test_distances_and_shares_are_percentages() -> None:
    told = numbers(train, found(MOONS))
    assert asked(DISTANCE, found(MOONS))["answer"] == told["Gap to infinite width"].value
    assert asked(SAME, found(MOONS))["answer"] == told["Same class as theory"].value
    assert asked(SAME, found(BALL))["answer"] is None and asked(DISTANCE, found(CATAPULT))["answer"] is None


def test_what_the_presets_show_follows_from_their_runs() -> None:
    shown = {key: LESSON.preset(key).shows(of(key)) for key in ("narrow", "spirals", "digits", "relu", "step")}
    assert shown["narrow"].startswith(f"The kernel of this network changed by {100 * of('narrow').network.drift:.0f} %")
    for key in ("spirals", "digits"):
        theory, network = (100 * share for share in of(key).accuracy)
        assert shown[key] == (
            f"Theory classifies {theory:.1f} % of the test points rightly, and the network {network:.1f} %."
        )
    assert LESSON.preset("spirals").shows(found(FIRST)).startswith("Over all steps")
    assert "flatter" in shown["relu"] and "catapult" in shown["step"]
    smooth = canned(widths, widths.Spec())
    gap = smooth.linearised
    turned = gap.values * (gap.at[:, None] / 512) ** (-1 - gap.fit.exponent)  # to the law 1/n
    smooth = replace(smooth, linearised=replace(gap, values=turned), infinite=None)
    assert LESSON.preset("relu").shows(smooth).startswith("The fitted exponent is −1.00")


def test_what_is_set_up_is_what_the_spec_says() -> None:
    first = LESSON.default
    assert f"{ARCH.width} neurons" in first.setup and "16 points" in first.setup and "500 steps" in first.setup
    for key, width in (("wide", 4096), ("narrow", 16)):
        spec = LESSON.preset(key).spec.train
        assert replace(spec, arch=replace(spec.arch, width=512)) == first.spec.train and spec.arch.width == width
    assert "eight times" in LESSON.preset("wide").setup and "only 16" in LESSON.preset("narrow").setup
    assert "c = 2.5" in LESSON.preset("step").setup and LESSON.preset("step").spec.train.c == 2.5
    relu, spirals = LESSON.preset("relu"), LESSON.preset("spirals")
    assert "2000 steps" in relu.setup and relu.spec.train.steps == 2000 and relu.spec.train.arch.activation == "relu"
    assert (spirals.spec.train.arch.width, spirals.spec.train.steps, spirals.spec.train.c) == (1024, 2000, 1.0)
    assert "1024 neurons, 2000 steps, c = 1" in spirals.setup
    assert LESSON.preset("residual").spec.train.arch.depth == 3 and "three blocks" in LESSON.preset("residual").setup
    assert LESSON.preset("digits").spec.train.arch.activation == "relu" and "ReLU" in LESSON.preset("digits").setup


def test_both_claims_hold_in_the_limit_only() -> None:
    found_there = {(key, finding.name): finding for key in ("wide", "narrow") for finding in train.findings(of(key))}
    for rule in LESSON.rules:
        assert rule.verdict(found_there) == "limit only"
        swapped = {({"wide": "narrow", "narrow": "wide"}[key], name): one for (key, name), one in found_there.items()}
        assert rule.verdict(swapped) == "not supported"
        same = {(key, name): found_there["wide", name] for key, name in found_there}
        assert rule.verdict(same) == "holds"
    assert [rule.claim for rule in LESSON.rules] == [7, 9]


@pytest.mark.parametrize(
    ("wide", "narrow", "verdict"),
    [
        (9.9, 20.1, "limit only"),
        (9.9, 19.9, "open"),
        (9.9, 9.9, "holds"),
        (9.9, 10.1, "open"),
        (10.1, 20.1, "open"),
        (20.1, 9.9, "not supported"),
    ],
)
def test_a_prediction_is_near_within_10_percent_and_far_beyond_20(wide: float, narrow: float, verdict: str) -> None:
    for rule in LESSON.rules:
        name = rule.cases[0].conditions[0].finding
        made = {("wide", name): Finding(name, wide, "%"), ("narrow", name): Finding(name, narrow, "%")}
        assert rule.verdict(made) == verdict
