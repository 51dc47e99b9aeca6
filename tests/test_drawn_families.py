"""Findings, remarks and sentences of the lesson on output scales, by plain loops over what was trained."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ntkviz.experiments import lazy, neurons
from ntkviz.experiments.lazy import QUARTER, Result
from ntkviz.scales import Families, stable_steps, words
from ntkviz.writing import with_error
from tests.canned import canned
from tests.drawn import numbers, sentences
from tests.families import ALPHA, SMOOTH, SPEC, error_of, families, geometric, made, rows, scaled

pytestmark = pytest.mark.drawn


@pytest.fixture(scope="module")
def result() -> Result:
    return canned(lazy, SPEC)


@pytest.fixture(scope="module")
def smooth() -> Result:
    return canned(lazy, SMOOTH)


def said(runs: Families) -> list[str]:
    return [remark.text for remark in runs.remarks()]


def test_the_errors_at_both_ends_and_their_ratio(result):
    found, runs = numbers(lazy, result), result.families
    errors = rows(runs, "test_error")
    for end, at in (("smallest α", 0), ("largest α", -1)):
        finding = found[f"Test error, {end}"]
        assert finding.value == pytest.approx(geometric(errors[at]))
        assert finding.error == pytest.approx(error_of(errors[at]))
        assert finding.over == "3 seeds"
    ratios = [lazy_error / rich for rich, lazy_error in zip(errors[0], errors[-1], strict=True)]
    ratio = found["Test error at the largest α over the smallest"]
    assert runs.converged[[0, -1]].all()
    assert ratio.value == pytest.approx(geometric(ratios))
    assert ratio.error == pytest.approx(error_of(ratios))
    assert (ratio.unit, ratio.claim, ratio.over, ratio.caveat) == ("times", 14, "3 seeds", "")
    assert (ratio.expected.low, ratio.expected.high) == (-math.inf, 1.0)
    assert all(finding.answer for finding in found.values())
    assert all(finding.caveat == "" for name, finding in found.items() if "width" not in name)


def test_errors_stand_beside_those_of_converged_kernels(result):
    found, runs = numbers(lazy, result), result.families
    mean = {
        name: sum(getattr(family, name) for family in runs.members) / 3
        for name in ("kernel_error", "linear_end", "linear_error")
    }
    beside = {one.name: one.value for one in found["Test error, largest α"].references}
    assert beside == pytest.approx(
        {
            "kernel regression, infinite width": mean["kernel_error"],
            "linearised network, trained to its end": mean["linear_end"],
            "linearised network, same steps": mean["linear_error"],
        }
    )
    rich = geometric(rows(runs, "test_error")[0])
    over = {one.name: one.value for one in found["Test error at the largest α over the smallest"].references}
    assert over == pytest.approx(
        {
            "kernel regression, infinite width": mean["kernel_error"] / rich,
            "linearised network, trained to its end": mean["linear_end"] / rich,
        }
    )


def test_the_drift_at_both_ends_its_first_order_and_its_exponent(result):
    found, runs = numbers(lazy, result), result.families
    drift = rows(runs, "drift")
    assert found["Kernel drift, smallest α"].value == pytest.approx(geometric(drift[0]))
    assert found["Kernel drift, smallest α"].claim == 6
    assert found["Kernel drift, largest α"].value == pytest.approx(geometric(drift[-1]))
    first = [family.first_order for family in runs.members]
    (beside,) = found["Kernel drift, largest α"].references
    assert (beside.name, beside.value) == ("first order in 1/α", pytest.approx(sum(first) / 3 / 1000.0))
    over = [1000.0 * value / one for value, one in zip(drift[-1], first, strict=True)]
    ratio = found["Drift at the largest α over its first order"]
    assert (ratio.value, ratio.error) == (pytest.approx(geometric(over)), pytest.approx(error_of(over)))
    assert ratio.expected is None
    assert "kink" in ratio.help
    usable = [at for at in range(5) if geometric(drift[at]) < 0.1]
    assert usable == [2, 3, 4]
    points = [(math.log(ALPHA[at]), math.log(value)) for at in usable for value in drift[at]]
    exponent = found["Exponent of the drift in α"]
    slope, intercept = np.polyfit(*np.array(points).T, 1)
    off = [y - slope * x - intercept for x, y in points]
    spread = sum((x - sum(u for u, _ in points) / 9) ** 2 for x, _ in points)
    assert exponent.value == pytest.approx(slope)
    assert exponent.error == pytest.approx(math.sqrt(sum(one**2 for one in off) / 7 / spread))
    assert (exponent.over, exponent.claim) == ("9 networks", 6)
    assert (exponent.expected.low, exponent.expected.high) == (-1.0, -0.5)


def test_an_exponent_says_which_of_its_runs_have_not_converged(result):
    lazy_runs = replace(made([0.01, 0.01, 0.2, 0.01, 0.01]), drift=np.array([3, 0.5, 0.05, 0.005, 0.0005]))
    finding = numbers(lazy, replace(result, families=families(lazy_runs)))["Exponent of the drift in α"]
    assert (finding.value, finding.caveat) == (pytest.approx(-1), "The runs at α = 10 have not converged.")
    rich = replace(made([0.01] * 5), drift=np.array([3, 0.5, 0.15, 0.05, 0.0005]))
    finding = numbers(lazy, replace(result, families=families(rich)))["Exponent of the drift in α"]
    assert finding.value is None
    assert finding.caveat.startswith("Fewer than three values of α are lazy.")


def test_an_exponent_in_the_width_says_if_a_run_of_either_width_has_not_converged(result):
    slow, done = (replace(made([0.01, left, 0.01, 0.01, 0.01]), drift=np.full(5, 0.1)) for left in (0.2, 0.01))
    narrow = Families(SPEC.recipe(QUARTER), (slow,))
    for wide, other, said_once in ((slow, narrow, True), (done, narrow, True), (done, families(done), False)):
        changed = replace(result, families=families(wide), narrow=replace(narrow, members=other.members))
        caveat = numbers(lazy, changed)["Exponent of the drift in the width"].caveat
        assert caveat == ("The runs at α = 1 have not converged." if said_once else "")
    ends = replace(made([0.2, 0.01, 0.01, 0.01, 0.2]), drift=np.full(5, 0.1))
    changed = replace(result, families=families(ends), narrow=replace(narrow, members=(ends,)))
    assert numbers(lazy, changed)["Exponent of the drift in the width"].value == pytest.approx(0)


def test_the_first_order_of_a_smooth_network_is_met_up_to_the_next(smooth):
    found, runs = numbers(lazy, smooth), smooth.families
    ratio = found["Drift at the largest α over its first order"]
    means = []
    for at in (-2, -1):
        over = [ALPHA[at] * family.drift[at] / family.first_order for family in runs.members]
        means.append(geometric(over))
    slack = 2 * abs(means[0] - means[1]) / (1 / 100 - 1 / 1000) / 1000
    assert (ratio.expected.low, ratio.expected.high) == pytest.approx((1 - slack, 1 + slack))
    assert ratio.value == pytest.approx(means[1])
    assert "kink" not in ratio.help
    exponent = found["Exponent of the drift in α"]
    assert (exponent.expected.low, exponent.expected.high) == (-2.0, -1.0)
    assert exponent.agrees is True
    doubled = replace(smooth, families=scaled(runs, "drift", 2.0))
    assert numbers(lazy, doubled)["Drift at the largest α over its first order"].agrees is False


def test_what_became_of_the_features_and_how_far_the_weights_moved(result):
    found, runs = numbers(lazy, result), result.families
    for end, at in (("smallest α", 0), ("largest α", -1)):
        gained = [family.aligned[at] / family.aligned_start for family in runs.members]
        finding = found[f"Alignment after training over before, {end}"]
        assert (finding.value, finding.error) == (pytest.approx(geometric(gained)), pytest.approx(error_of(gained)))
        assert (finding.unit, finding.claim) == ("times", 16)
        assert (finding.expected.low, finding.expected.high) == pytest.approx((0.9, 1.1))
        moved = found[f"Movement of the weights, {end}"]
        assert moved.value == pytest.approx(geometric([float(family.movement[at]) for family in runs.members]))
        assert moved.claim == 16


def test_the_exponent_in_the_width_is_between_the_two_networks_at_alpha_one(result):
    finding = numbers(lazy, result)["Exponent of the drift in the width"]
    wide, narrow = rows(result.families, "drift")[1], rows(result.narrow, "drift")[1]
    exponents = [math.log(one / other) / math.log(32 / 8) for one, other in zip(wide, narrow, strict=True)]
    mean = sum(exponents) / 3
    assert finding.value == pytest.approx(mean)
    assert finding.error == pytest.approx(math.sqrt(sum((one - mean) ** 2 for one in exponents) / 2 / 3))
    assert (finding.over, finding.claim) == ("3 seeds", 6)
    assert (finding.expected.low, finding.expected.high) == (-1.0, -0.5)
    assert "from 8 to 32 neurons at α = 1." in finding.help
    mup = replace(result.families.recipe, arch=replace(SPEC.arch, parameterization="mup"))
    other = replace(result, families=replace(result.families, recipe=mup))
    law = numbers(lazy, other)["Exponent of the drift in the width"].expected
    assert (law.low, law.high) == (-0.1, 0.1)
    standard = replace(mup, arch=replace(SPEC.arch, parameterization="standard"))
    other = replace(result, families=replace(result.families, recipe=standard))
    assert numbers(lazy, other)["Exponent of the drift in the width"].expected is None


def test_numbers_of_runs_that_go_on_say_so(result):
    running = replace(result, families=replace(result.families, pending=1), narrow=replace(result.narrow, pending=2))
    found = numbers(lazy, running)
    goes_on = {name for name, finding in found.items() if finding.caveat.startswith("The training goes on.")}
    assert goes_on == found.keys() - {"Values of α at which all runs fit the training data"}
    assert found["Test error at the largest α over the smallest"].value is None
    assert found["Values of α at which all runs fit the training data"].value is None
    assert "still to be measured: 5" in found["Exponent of the drift in α"].caveat


SHORT = "have not converged: their training error is above 5 % of that at the start. Choose more steps."
STILL = "stand on a plateau: their training error is above 5 % of that at the start. It fell by less than 10 % in the "


def test_that_all_runs_fit_is_computed():
    fit = families(made([0.01, 0.02, 0.049, 0.01, 0.03]), made([0.01, 0.01, 0.01, 0.01, 0.01]))
    assert fit.converged.all()
    assert said(fit) == ["All runs fit the training data: none keeps more than 4.9 % of its first training error."]
    one = families(made([0.01, 0.02, 0.051, 0.01, 0.03]), made([0.01, 0.01, 0.01, 0.01, 0.01]))
    assert one.converged.tolist() == [True, True, False, True, True]
    assert said(one) == [f"The runs at α = 10 {SHORT}"]


def test_a_plateau_is_told_from_a_run_on_its_way():
    slow = families(made([0.01, 0.4, 0.01, 0.01, 0.3], half=1.25))
    assert said(slow) == [f"The runs at α = 1, 1000 {SHORT}"]
    still = families(made([0.01, 0.4, 0.01, 0.01, 0.3], half=1.1))
    (text,) = said(still)
    assert text.startswith(f"The runs at α = 1, 1000 {STILL}")
    assert text.endswith("second half of the steps, so that more steps hardly help.")
    both = families(made([0.01, 0.4, 0.01, 0.01, 0.3], half=1.1), made([0.01, 0.4, 0.01, 0.01, 0.3], half=1.4))
    assert said(both) == [f"The runs at α = 1, 1000 {SHORT}"]  # the mean over the seeds


def test_a_run_that_diverged_is_named_and_is_neither_slow_nor_converged():
    lost = families(made([0.01, 0.4, 0.01, 0.01, 0.01], diverged=1))
    assert said(lost) == ["The runs at α = 1 diverged and are left out. Choose a smaller step."]
    assert not lost.converged[1]
    mixed = families(made([0.01, 0.4, 0.2, 0.01, 0.01], diverged=1))
    assert said(mixed) == [
        "The runs at α = 1 diverged and are left out. Choose a smaller step.",
        f"The runs at α = 10 {SHORT}",
    ]


def test_nothing_is_said_while_runs_go_on():
    assert said(families(made([0.4] * 5), pending=1)) == []
    assert said(families()) == []
    assert not families(made([0.01] * 5), pending=1).converged.any()
    assert not families().converged.any()
    assert not families().diverged.any()
    assert families().caveat(0) == families(made([0.01] * 5), pending=1).caveat(0) == "The training goes on."


def test_the_ratio_is_of_converged_ends_alone(result):
    short = families(made([0.01, 0.01, 0.01, 0.01, 0.2]))
    found = numbers(lazy, replace(result, families=short, narrow=short))
    ratio = found["Test error at the largest α over the smallest"]
    assert (ratio.value, ratio.caveat) == (None, "The runs at α = 1000 have not converged.")
    for name, finding in found.items():
        slow = "largest α" in name
        if name != "Test error at the largest α over the smallest":
            assert finding.caveat.startswith("The runs at α = 1000 have not converged.") == slow, name
    assert found["Values of α at which all runs fit the training data"].value == 4
    assert found["Values of α at which all runs fit the training data"].unit == "of 5"
    middle = families(made([0.01, 0.01, 0.2, 0.01, 0.02]))
    ratio = numbers(lazy, replace(result, families=middle))["Test error at the largest α over the smallest"]
    assert (ratio.value, ratio.error, ratio.caveat) == (pytest.approx(2.0), None, "")


def test_the_gap_to_kernel_regression_is_split_into_width_and_time(result):
    runs = families(made([0.01] * 5))
    assert words.gap_in_words(runs) in sentences(lazy, replace(result, families=runs))
    assert words.gap_in_words(runs) == (
        "Kernel regression with the infinitely wide network's NTK has a test error of 0.3. The linearised network of "
        "width 32 has 0.5 after 150 steps. The finite width changes the error by +0.1, and the finite time by +0.1."
    )
    shrunk = families(replace(made([0.01] * 5), linear_error=0.35, linear_end=0.4))
    assert "by +0.1, and the finite time by −0.05." in words.gap_in_words(shrunk)
    assert words.gap_in_words(families()) == ""


def test_warnings_of_the_data_are_known_before_the_guess(result):
    warned = replace(result, data=replace(result.data, warnings=("Two points are equal.",)))
    first, *rest = lazy.remarks(warned)
    assert (first.text, first.answer) == ("Two points are equal.", False)
    assert all(remark.answer for remark in rest)


def test_what_the_neurons_say_is_passed_on(result):
    plane = replace(result.neurons, left=np.full(5, 0.5))
    told = [remark.text for remark in neurons.remarks(plane)]
    assert told
    assert set(told) <= set(sentences(lazy, replace(result, neurons=plane)))


def test_errors_and_features_in_words(result):
    runs = result.families
    errors = rows(runs, "test_error")
    ratio = numbers(lazy, result)["Test error at the largest α over the smallest"]
    text = words.errors_in_words(runs)
    assert f"at α = 0.1 and {with_error(geometric(errors[-1]), error_of(errors[-1]))} at α = 1000" in text
    assert text.startswith(f"The test error was {with_error(geometric(errors[0]), error_of(errors[0]))} at α = 0.1")
    assert f"{with_error(ratio.value, ratio.error)} times as much (standard error over 3 seeds)" in text
    assert f"NTK has {runs.level('kernel_error'):.3g}." in text
    unfinished = words.errors_in_words(families(made([0.2] * 5)))
    assert "times" not in unfinished
    assert "0.16 at α = 0.1 and 0.16 at α = 1000. Kernel" in unfinished
    fixed = families(replace(made([0.01] * 5), drift=np.array([2.517, 1, 1, 1, 0.02]), aligned=np.full(5, 0.3)))
    assert words.features_in_words(fixed) == (
        "At α = 0.1 the kernel changed by 2.5 times its size, and the alignment of the hidden layer with the target "
        "became 3 times what it was. At α = 1000 the kernel changed by 2 % of its size."
    )


def test_the_width_and_the_order_in_words(result, smooth):
    wide = families(replace(made([0.01] * 5), drift=np.array([9, 0.5, 9, 9, 9.0])))
    slim = Families(SPEC.recipe(QUARTER), (replace(made([0.01] * 5), drift=np.array([7, 1.0, 7, 7, 7])),))
    assert words.drift_ratio(wide, slim) == pytest.approx(0.5)
    assert words.width_in_words(wide, slim) == (
        "At α = 1 the drift with 32 neurons was 0.5 times that with 8. This is an exponent of −0.5 in the width."
    )
    assert words.drift_ratio(wide, replace(slim, members=())) is None
    assert words.drift_ratio(wide, replace(slim, pending=1)) is None
    assert words.width_in_words(wide, replace(slim, pending=1)) == ""
    assert "The nonlinearity has a kink." in words.order_in_words(result.families)
    text = words.order_in_words(smooth.families)
    found = numbers(lazy, smooth)
    assert "The nonlinearity is smooth." in text
    for name in ("Exponent of the drift in α", "Drift at the largest α over its first order"):
        assert with_error(found[name].value, found[name].error) in text


def test_a_decade_of_alpha_in_words():
    runs = families(replace(made([0.01] * 5), drift=np.array([9, 8, 7, 0.6, 0.05])))
    assert words.decade(runs) == pytest.approx((100.0, 0.6, 0.05))
    assert words.decade_in_words(runs) == (
        "The drift fell from 0.6 at α = 100 to 0.05 at α = 1000, by a factor of 12. The first order in 1/α alone falls "
        "by a factor of 10."
    )
    assert words.decade(replace(runs, pending=1)) is None
    assert words.decade_in_words(families(made([0.01] * 5))) == ""
    assert words.convergence_in_words(runs) == said(runs)[0]


def test_steps_are_stable_and_follow_the_users_factor(result):
    """η λ_max is c for lazy runs and c α √(n/16) for rich ones, at the α of the NTK parameterization."""
    for parameterization, scale in (("ntk", 1.0), ("mup", 1 / math.sqrt(32))):
        recipe = replace(SPEC.recipe(), arch=replace(SPEC.arch, parameterization=parameterization), factor=0.3)
        expected = [0.3 * min(1.0, alpha * scale * math.sqrt(32 / 16)) / 7.0 for alpha in ALPHA]
        np.testing.assert_allclose(stable_steps(recipe, 7.0), expected)
    assert all(one <= other for one, other in pairwise(result.families.members[0].eta))
