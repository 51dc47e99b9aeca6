"""The questions on guaranteed convergence: their answers by other routes, and where they have none."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.data import Twins
from ntkviz.experiments import guarantee, smallest, unseen
from ntkviz.findings import Finding
from ntkviz.lessons.guarantee import BASE, FATE, FLOOR, KEPT, LAW, LESSON, RANK, STEPS
from tests.canned import canned

pytestmark = pytest.mark.drawn


def asked(question, result):
    return question.asked(result.spec, result)


def of(key: str, slot: str = ""):
    """The result of the slot that a preset's question is about, or of another."""
    preset = LESSON.preset(key)
    place = LESSON.slots[slot or preset.question.slot]
    return canned(place.experiment, place.part(preset.spec))


def with_losses(result: guarantee.Result, *losses: np.ndarray) -> guarantee.Result:
    return replace(result, networks=replace(result.networks, loss=np.stack(losses)))


@pytest.mark.parametrize("key", ["twins", "opposite"])
def test_the_steps_are_the_mean_over_the_networks(key: str) -> None:
    result = of(key)
    told = asked(STEPS, result)
    steps = np.log(np.maximum(result.known.steps, 0.5))
    crossed = [math.exp(np.interp(-math.log(0.01), -np.log(loss), steps)) for loss in result.networks.loss]
    assert told["answer"] == pytest.approx(np.exp(np.mean(np.log(crossed))), rel=1e-3)
    assert told["asks"] == "After how many steps will the loss of the networks have fallen to 1 % of its first value?"
    assert "10 %" in STEPS.asked(replace(BASE, fraction=0.1), None)["asks"]
    assert told["mark"] == {"chart": "loss", "axis": "x"} and told["log"]
    assert asked(STEPS, of("conflict"))["answer"] is None


def test_the_guarantee_is_a_usual_wrong_answer_to_the_first_question() -> None:
    """Who answers with the guaranteed step gets the reply about the slowest mode."""
    result = of("twins")
    told = asked(STEPS, result)
    assert result.known.bounded / told["answer"] > told["replies"][0]["beyond"] == 3
    assert "slowest mode" in told["replies"][0]["text"]
    other = asked(STEPS, of("opposite"))
    assert of("twins").steps / other["answer"] < other["replies"][1]["below"]


def test_the_floor_is_the_share_of_pairs_in_conflict() -> None:
    told = asked(FLOOR, of("conflict"))
    assert told["answer"] == pytest.approx(25, rel=1e-3)
    assert "has 512 neurons" in told["asks"]
    assert "hold 25 % of the target's square" in told["explains"]
    assert asked(FLOOR, of("twins"))["answer"] is None, "there is no floor"
    assert asked(FLOOR, of("line"))["answer"] == pytest.approx(100 * of("line").known.floor, rel=1e-3)


def test_the_fate_of_the_guarantee() -> None:
    result = of("kink")
    assert asked(FATE, result)["answer"] == 3
    assert "networks with 512 neurons" in asked(FATE, result)["asks"]
    assert asked(FATE, of("opposite"))["answer"] == 0
    known = result.known

    def at(times: float) -> int | None:
        slow = np.exp(np.interp(known.steps / times, known.steps, np.log(known.loss)))
        return asked(FATE, with_losses(result, slow, slow))["answer"]

    assert [at(0.5), at(0.85), at(1.15), at(1.5), at(2.5)] == [1, 0, 0, 2, 3]
    assert known.bounded / known.crossed == pytest.approx(1.8, abs=0.1)
    assert asked(FATE, of("conflict"))["answer"] is None


def test_the_law_of_the_angle() -> None:
    result = of("angle")
    told = asked(LAW, result)
    u, v = np.log(np.repeat(result.theory.at, 4)), np.log(result.theory.values.ravel())
    assert told["answer"] == pytest.approx(10 ** np.polyfit(u, v, 1)[0], rel=1e-6)
    assert told["answer"] == pytest.approx(10, rel=0.05)
    smooth = asked(LAW, of("twins", "b"))
    assert smooth["answer"] == pytest.approx(100, rel=0.05)
    assert smooth["answer"] / told["answer"] > told["replies"][0]["beyond"], "ε² is the usual wrong answer"
    linear = smallest.run(smallest.Spec(arch=replace(BASE.arch, activation="linear"), seeds=1))
    assert asked(LAW, linear)["answer"] is None


def test_the_number_of_positive_eigenvalues() -> None:
    told = asked(RANK, of("line"))
    assert told["answer"] == np.linalg.matrix_rank(np.diag(of("line").known.eigenvalues)) == 2
    assert told["asks"] == "The kernel has 16 eigenvalues. How many of them are above zero?"
    assert told["explains"].startswith("2 eigenvalues of 16 can be told from zero.")
    assert asked(RANK, of("twins"))["answer"] == 16
    assert "The networks came to 1 %" in asked(RANK, of("twins"))["explains"]


def test_what_is_left_of_the_shift() -> None:
    result = of("start")
    told = asked(KEPT, result)
    assert told["answer"] == pytest.approx(100 * np.mean(result.network[:, 3, 77] - result.network[:, 2, 77]))
    assert told["answer"] == pytest.approx(98.8, abs=1)
    assert told["explains"] == unseen.kept_in_words(result)


def test_the_other_slots_do_not_depend_on_width_and_data() -> None:
    wide = replace(BASE, arch=replace(BASE.arch, width=2048), data=Twins(opposite=2), steps=50, c=0.5)
    for slot in ("b", "c"):
        part = LESSON.slots[slot].part
        assert part(wide) == part(BASE)
        assert part(replace(BASE, seed=5)) != part(BASE) != part(replace(BASE, seeds=2))
        assert part(replace(BASE, arch=replace(BASE.arch, depth=2))).arch.depth == 2
        assert part(replace(BASE, seed=5)).seed == 5 and part(replace(BASE, seeds=2)).seeds == 2


def test_what_presets_show_is_computed() -> None:
    told = {preset.key: preset.shows for preset in LESSON.presets}
    assert "λ_max is 148 times λ_min" in told["kink"](of("kink"))
    assert told["angle"](of("angle")).startswith(
        "The exponent of networks with 512 neurons is 2.39 ± 0.06, and that of"
    )
    assert "The points see 5 directions of their weights, of 8193." in told["start"](of("start"))
    assert told["kink"](replace(of("kink"), networks=None)) == "The networks follow the closed form."


def test_the_claims() -> None:
    found = {}
    for preset in LESSON.presets:
        for slot in LESSON.slots.values():
            for finding in slot.experiment.findings(canned(slot.experiment, slot.part(preset.spec))):
                found[preset.key, finding.name] = finding
    verdicts = {rule.claim: rule.verdict(found) for rule in LESSON.rules}
    assert verdicts == {8: "conditional", 9: "limit only", 26: "conditional"}

    def changed(claim: int, key: str, name: str, value: float) -> str:
        other = dict(found)
        old = found[key, name]
        other[key, name] = Finding(name, value, expected=old.expected)
        return {rule.claim: rule.verdict(other) for rule in LESSON.rules}[claim]

    ratio = "Predicted over measured steps", "Guaranteed over measured steps"
    assert changed(8, "twins", ratio[1], 0.5) == "not supported"
    assert changed(8, "conflict", "Loss at the last step", 0.01) == "holds"
    assert changed(8, "conflict", "Last loss over the floor", 1.5) == "open"
    assert changed(9, "kink", ratio[0], 1.0) == "holds"
    assert changed(9, "twins", ratio[0], 3.0) == "not supported"
    assert changed(26, "start", "Shift at x* that is left", 3.0) == "holds"
