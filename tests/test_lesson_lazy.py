"""The questions of the lesson on output scales, their answers, and what its findings decide about the claims."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ntkviz.experiments import lazy
from ntkviz.experiments.lazy import QUARTER, Result
from ntkviz.findings import Finding, Interval
from ntkviz.lessons.lazy import DECADE, ERROR_CURVE, FITTING, GAIN, LESSON, RANKING, WIDER, WINNER
from ntkviz.lessons.questions import words
from ntkviz.scales import Families
from ntkviz.scales.words import convergence_in_words, errors_in_words, features_in_words, order_in_words
from tests.canned import canned
from tests.families import SPEC, families, made

pytestmark = pytest.mark.drawn

PRESETS = {preset.key: preset for preset in LESSON.presets}
FIT = [0.01] * 5


@pytest.fixture(scope="module")
def base() -> Result:
    return canned(lazy, SPEC)


def with_errors(errors: list[float], left: list[float] = FIT, **more):
    """A family with these test errors at the end."""
    curve = np.repeat(np.array(errors)[:, None], 3, axis=1)
    return replace(made(left), test_curve=curve, **more)


def of(base: Result, *members, pending: int = 0, **more) -> Result:
    return replace(base, families=families(*members, pending=pending), **more)


def answer(question, result: Result):
    return question.asked(result.spec, result)["answer"]


def explained(question, result: Result) -> str:
    return question.asked(result.spec, result)["explains"]


# ---- every question on results that are made


def test_the_ratio_is_lazy_over_rich_of_converged_runs(base):
    assert answer(GAIN, of(base, with_errors([0.1, 9, 9, 9, 0.8]), with_errors([0.2, 9, 9, 9, 0.4]))) == pytest.approx(
        4.0
    )
    assert answer(GAIN, of(base, with_errors([0.1, 9, 9, 9, 0.8], [0.01, 0.01, 0.01, 0.01, 0.2]))) is None
    assert answer(GAIN, of(base, with_errors([0.1, 9, 9, 9, 0.8]), pending=1)) is None
    unlike = replace(of(base, with_errors([0.1, 9, 9, 9, 0.8])), narrow=base.narrow)
    assert explained(GAIN, unlike) == errors_in_words(unlike.families)
    asked = GAIN.asked(base.spec, None)
    assert [(one.get("beyond"), one.get("below")) for one in asked["replies"]] == [(4, None), (None, 0.25)]
    assert "α = 0.1 and the lazy one at α = 1000" in asked["asks"]
    assert (asked["low"], asked["high"], asked["log"], asked["unit"]) == (0.01, 10_000, True, "times")


def test_the_sketch_is_the_test_error_over_alpha(base):
    result = of(base, with_errors([0.1, 0.2, 0.3, 0.4, 0.5]), with_errors([0.4, 0.2, 0.3, 0.4, 0.5]))
    curve = answer(ERROR_CURVE, result)
    assert curve["x"] == pytest.approx([0.1, 1, 10, 100, 1000])
    assert curve["y"] == pytest.approx([0.2, 0.2, 0.3, 0.4, 0.5])
    assert answer(ERROR_CURVE, of(base, with_errors([0.1] * 5, [0.01, 0.01, 0.3, 0.01, 0.01]))) is None
    asked = ERROR_CURVE.asked(base.spec, None)
    assert (asked["chart"], asked["x"], asked["y"]) == ("test-error", [0.1, 1000.0], [1e-3, 3.0])
    flat, falling = asked["replies"]
    assert flat["like"]["y"][0] == flat["like"]["y"][1]
    assert falling["like"]["y"][0] > falling["like"]["y"][1]


def test_the_ranking_goes_from_the_smallest_error_on(base):
    result = of(base, with_errors([0.2, 9, 9, 9, 1.5], kernel_error=0.9, constant_error=1.0))
    assert answer(RANKING, result) == [0, 2, 3, 1]
    assert explained(RANKING, result).endswith("The mean of the training targets has 1.")
    other = of(base, with_errors([1.2, 9, 9, 9, 0.3], kernel_error=0.2, constant_error=1.0))
    assert answer(RANKING, other) == [2, 1, 3, 0]
    near = of(base, with_errors([0.2, 9, 9, 9, 1.01], kernel_error=0.9, constant_error=1.0))
    assert answer(RANKING, near) is None
    slow = of(base, with_errors([0.2, 9, 9, 9, 1.5], [0.01, 0.01, 0.01, 0.01, 0.1], kernel_error=0.9))
    assert answer(RANKING, slow) is None
    assert RANKING.asked(base.spec, None)["items"][:2] == ["the network at α = 0.1", "the network at α = 1000"]


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [([4.0, 5.0], 0), ([8.0, 10.1], 0), ([4.0, 1.0], 2), ([0.2, 0.25], 1), ([0.5, 2.1], 2), ([3.0], None)],
)
def test_an_end_wins_where_the_ratio_is_off_one_by_two_standard_errors(base, ratios, expected):
    result = of(base, *(with_errors([0.1, 9, 9, 9, 0.1 * ratio]) for ratio in ratios))
    assert answer(WINNER, result) == expected


@pytest.mark.parametrize(
    ("rich", "lazy_left", "expected"), [(0.01, 0.01, 0), (0.3, 0.01, 1), (0.01, 0.3, 2), (0.3, 0.3, 3)]
)
def test_which_ends_fit(base, rich, lazy_left, expected):
    result = of(base, made([rich, 0.01, 0.01, 0.01, lazy_left]))
    assert answer(FITTING, result) == expected
    assert explained(FITTING, result) == " ".join(remark.text for remark in result.families.remarks())
    assert answer(FITTING, of(base, made([rich, 0.01, 0.01, 0.01, lazy_left]), pending=1)) is None
    assert answer(FITTING, of(base)) is None
    assert "for 150 steps" in FITTING.asked(base.spec, None)["asks"]


@pytest.mark.parametrize(("drift", "expected"), [(0.7, 0), (0.81, 1), (1.24, 1), (1.3, 2)])
def test_how_the_drift_of_the_wider_network_compares(base, drift, expected):
    wide, slim = (replace(made(FIT), drift=np.array([9, value, 9, 9, 9])) for value in (drift, 1.0))
    narrow = Families(SPEC.recipe(QUARTER), (slim,))
    assert answer(WIDER, of(base, wide, narrow=narrow)) == expected
    assert answer(WIDER, of(base, wide, narrow=replace(narrow, members=()))) is None
    assert answer(WIDER, of(base, wide, narrow=replace(narrow, pending=1))) is None


def test_the_question_on_widths_names_both_and_is_true_without_a_second(base):
    assert "with 8 and with 32 neurons" in WIDER.asked(base.spec, None)["asks"]
    assert "at α = 1." in WIDER.asked(base.spec, None)["asks"]
    assert "Compare with" in WIDER.asked(replace(base.spec, narrower=1), None)["asks"]


def test_the_factor_is_that_of_the_last_decade(base):
    result = of(base, replace(made(FIT), drift=np.array([9, 8, 7, 0.6, 0.05])))
    assert answer(DECADE, result) == pytest.approx(12)
    assert answer(DECADE, of(base, made(FIT))) is None
    assert "up to α = 1000" in DECADE.asked(base.spec, None)["asks"]


def test_replies_are_to_wrong_answers_that_can_be_given(base):
    chosen = {"noise": {0, 2}, "wave": {0, 2, 3}, "digits": {0, 1}, "width": {1, 2}, "mup": {0, 2}}
    for key, options in chosen.items():
        asked = PRESETS[key].question.asked(base.spec, None)
        assert {int(option) for option in asked["replies"]} == options, key
        assert all(0 <= option < len(asked["options"]) for option in options)
    assert "In the NTK parameterization that is so" in PRESETS["mup"].question.replies[0]
    assert "In µP that is so" in PRESETS["width"].question.replies[1]
    orders = [reply["order"] for reply in RANKING.asked(base.spec, None)["replies"]]
    assert len(orders) == 4
    assert all(sorted(order) == [0, 1, 2, 3] and order.index(1) < order.index(3) for order in orders)
    far, slow = DECADE.asked(base.spec, None)["replies"]
    assert 10 * far["beyond"] < 100  # 1/α² in place of 1/α
    assert math.sqrt(10) < 10 * slow["below"] < 9  # 1/√α
    assert "1/√α" in slow["text"]


def test_what_a_preset_shows_is_of_the_network_itself(base):
    wide = replace(made(FIT), drift=np.array([2.5, 1, 1, 1, 0.02]), aligned=np.full(5, 0.3))
    slim = Families(SPEC.recipe(QUARTER), (replace(wide, drift=np.full(5, 7.0)),))
    result = of(base, wide, narrow=slim)
    assert words(PRESETS["xor"].shows, result) == features_in_words(result.families)
    assert words(PRESETS["noise"].shows, result) == (
        f"{convergence_in_words(result.families)} {features_in_words(result.families)}"
    )
    assert words(PRESETS["smooth"].shows, result) == order_in_words(result.families)


# ---- the presets


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, str], Finding]:
    results = {key: canned(lazy, preset.spec) for key, preset in PRESETS.items()}
    return {(key, finding.name): finding for key, result in results.items() for finding in lazy.findings(result)}


@pytest.mark.parametrize(
    ("key", "expected"), [("noise", 1), ("wave", 1), ("digits", 2), ("width", 0), ("mup", 1), ("parity", [0, 2, 3, 1])]
)
def test_the_answer_of_a_preset_is_what_the_lesson_teaches(key, expected):
    assert answer(PRESETS[key].question, canned(lazy, PRESETS[key].spec)) == expected


@pytest.mark.parametrize(("key", "low", "high"), [("xor", 20, 80), ("smooth", 9, 13)])
def test_the_number_of_a_preset_is_what_the_lesson_teaches(key, low, high):
    assert low < answer(PRESETS[key].question, canned(lazy, PRESETS[key].spec)) < high


def test_the_sketch_of_one_direction_rises_with_alpha():
    curve = answer(PRESETS["direction"].question, canned(lazy, PRESETS["direction"].spec))
    assert curve["y"][0] < 0.02 < 0.2 < curve["y"][-1]


@pytest.mark.parametrize("key", PRESETS)
def test_a_preset_is_explained_and_shown(key):
    preset, result = PRESETS[key], canned(lazy, PRESETS[key].spec)
    assert explained(preset.question, result)
    assert words(preset.shows, result)
    assert f"{preset.spec.data.n} training points" in preset.setup
    assert f"{preset.spec.arch.width} neurons" in preset.setup
    assert "–" not in explained(preset.question, result) + words(preset.shows, result)


def test_all_presets_but_one_are_of_converged_runs():
    slow = {key for key in PRESETS if not canned(lazy, PRESETS[key].spec).families.converged.all()}
    assert slow == {"wave"}


def test_all_four_kinds_are_asked():
    assert {preset.question.kind for preset in LESSON.presets} == {"number", "sketch", "order", "choice"}


# ---- the claims


RULES = {rule.claim: rule for rule in LESSON.rules}
RATIO, DRIFT = "Test error at the largest α over the smallest", "Kernel drift, smallest α"
WIDTH, MOVED = "Exponent of the drift in the width", "Movement of the weights, smallest α"
GAINED = "Alignment after training over before, "
LEDGER = {6: "limit only", 14: "not supported", 16: "holds"}


def number(value: float, low: float = -np.inf, high: float = np.inf) -> Finding:
    return Finding("number", value, expected=Interval(low, high, "a test"))


# What the presets find, roughly.
ROUGHLY = {
    **{(key, RATIO): number(39, high=1) for key in ("xor", "direction", "parity")},
    ("noise", RATIO): number(0.8, high=1),
    **{(key, DRIFT): number(20) for key in ("xor", "width", "mup")},
    ("width", WIDTH): number(-0.9, -1, -0.5),
    ("mup", WIDTH): number(0.02, -0.1, 0.1),
    ("xor", f"{GAINED}smallest α"): number(33, 0.9, 1.1),
    ("xor", f"{GAINED}largest α"): number(1.0, 0.9, 1.1),
    ("xor", MOVED): number(2.3),
}


def test_the_verdicts_are_those_of_the_ledger(found):
    assert {claim: rule.verdict(found) for claim, rule in RULES.items()} == LEDGER
    assert {claim: rule.verdict(ROUGHLY) for claim, rule in RULES.items()} == LEDGER
    assert ROUGHLY.keys() <= found.keys()


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        *((claim, {}, verdict) for claim, verdict in LEDGER.items()),
        (14, {(key, RATIO): number(0.5, high=1.0) for key in ("xor", "direction", "parity")}, "holds"),
        (14, {("xor", RATIO): number(0.5, high=1.0)}, "conditional"),
        (14, {("xor", RATIO): number(0.5, high=1.0), ("noise", RATIO): number(2.0, high=1.0)}, "open"),
        (14, {("parity", RATIO): Finding("unfinished", None)}, "open"),
        (14, {("direction", RATIO): number(0.5, high=1.0)}, "open"),
        (14, {("noise", RATIO): number(2.0, high=1.0)}, "not supported"),
        (6, {(key, DRIFT): number(0.01) for key in ("xor", "width", "mup")}, "holds"),
        (6, {(key, DRIFT): number(0.15) for key in ("xor", "width", "mup")}, "open"),
        (6, {("width", WIDTH): number(0.0)}, "not supported"),
        (6, {("width", WIDTH): number(-0.3)}, "limit only"),
        (6, {("width", WIDTH): number(-0.2)}, "not supported"),
        (6, {("mup", WIDTH): number(-0.8, -0.1, 0.1)}, "not supported"),
        (6, {("xor", DRIFT): number(0.9)}, "open"),
        (6, {("xor", DRIFT): number(1.1)}, "limit only"),
        (16, {("xor", f"{GAINED}smallest α"): number(1.0, 0.9, 1.1)}, "not supported"),
        (16, {("xor", f"{GAINED}smallest α"): number(1.9, 0.9, 1.1)}, "open"),
        (16, {("xor", f"{GAINED}smallest α"): number(2.1, 0.9, 1.1)}, "holds"),
        (16, {("xor", f"{GAINED}largest α"): number(2.1, 0.9, 1.1)}, "false as worded"),
        (16, {("xor", f"{GAINED}largest α"): number(1.9, 0.9, 1.1)}, "open"),
        (16, {("xor", MOVED): number(0.4)}, "open"),
        (16, {("xor", MOVED): number(0.6)}, "holds"),
        (16, {("xor", DRIFT): number(0.9)}, "open"),
        (16, {("xor", DRIFT): number(1.1)}, "holds"),
    ],
)
def test_a_counter_example_gives_another_verdict(claim, changes, verdict):
    assert RULES[claim].verdict(ROUGHLY | changes) == verdict


def test_findings_of_a_rule_are_read_from_the_preset_that_they_are_about():
    read = {
        claim: {(one.preset, one.finding) for case in rule.cases for one in case.conditions}
        for claim, rule in RULES.items()
    }
    assert set().union(*read.values()) == ROUGHLY.keys()
