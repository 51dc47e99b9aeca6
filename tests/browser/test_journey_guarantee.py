"""A class asks when convergence is guaranteed: question, answer, knob, preset and link."""

import numpy as np
import pytest
from playwright.sync_api import expect

from ntkviz.experiments import guarantee
from ntkviz.lessons.guarantee import LESSON
from tests.browser.guesses import guess, question, verdict
from tests.browser.steps import control, drawings, drawn, query, slider, trace, traces, until, visit

THEORY = "theory (infinite width)"


@pytest.fixture(scope="module")
def twins() -> guarantee.Result:
    return guarantee.run(LESSON.default.spec)


def test_a_class_guesses_the_guarantee_and_finds_that_labels_decide(server, page, twins):
    visit(page, server, "/guarantee")
    drawn(page)
    shown = [one["name"] for one in traces(page, "loss")]
    assert shown == ["guarantee", "wanted loss"]
    bound = np.asarray(trace(page, "loss", "guarantee")["y"], dtype=float)
    np.testing.assert_allclose(bound, twins.known.bound, rtol=1e-4)
    question(page).get_by_role("spinbutton").fill(str(twins.known.bounded))
    guess(page)
    assert "times too many" in verdict(page)
    expect(question(page)).to_contain_text("That is the time of the slowest mode.")
    until(page, lambda: THEORY in [one["name"] for one in traces(page, "loss")], "the prediction")
    network = np.asarray(trace(page, "loss", "network")["y"], dtype=float)
    np.testing.assert_allclose(network[:20], twins.networks.loss[0][:20], rtol=1e-2)  # float32, other threads
    assert np.asarray(trace(page, "angle", THEORY)["y"]).size == 20
    assert len(trace(page, "between", "network")["y"]) == 256

    before = drawings(page, "a")
    slider(page, "width", +1)
    drawn(page, after=before, slot="a")
    assert query(page)["width"] == "1024"
    np.testing.assert_allclose(trace(page, "loss", "guarantee")["y"], bound, rtol=1e-6)

    control(page, "preset_conflict").locator("button").click()
    until(page, lambda: query(page) == {"preset": "conflict"}, "the preset in the link")
    drawn(page)
    expect(question(page)).to_contain_text("At how many percent of its first value will the training loss stop?")
    assert [one["name"] for one in traces(page, "loss")] == shown
    page.get_by_role("button", name="Show me").first.click()
    until(page, lambda: "floor" in [one["name"] for one in traces(page, "loss")], "the floor")
    np.testing.assert_allclose(trace(page, "loss", "floor")["y"], 0.25, rtol=1e-6)


def test_a_link_opens_a_question_about_the_last_charts(server, page):
    visit(page, server, "/guarantee?preset=start&ask=0")
    drawn(page)
    expect(question(page)).to_contain_text("98.8 % of the shift at x* are left")
    frames = page.locator("[class*='_c_stage'] .stage-scrub input")
    before = trace(page, "between", "network")["y"]
    frames.evaluate("slider => { slider.value = 0; slider.dispatchEvent(new Event('input')); }")
    until(page, lambda: trace(page, "between", "network")["y"] != before, "the function of another shift")
