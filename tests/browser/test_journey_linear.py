"""“Linear in its weights” in a real browser: question, answer, knob, preset, link."""

from dataclasses import replace

import numpy as np
from playwright.sync_api import expect

from ntkviz.experiments import linear
from ntkviz.lessons.linear import LESSON
from tests.browser.guesses import guess, question, verdict
from tests.browser.steps import drawings, drawn, query, slider, trace, until, visit
from tests.canned import canned

SCREEN = 1e-3  # relative: pictures travel as float32


def shows(page, spec: linear.Spec) -> bool:
    """Whether the curve of the middle width is that of these settings."""
    return np.allclose(trace(page, "gap over time", "128 neurons")["y"], canned(linear, spec).gaps(1)[1:], rtol=SCREEN)


def test_a_student_guesses_the_gap_and_takes_larger_steps(server, page):
    visit(page, server, "/linear")
    drawn(page, slot="a")
    names = page.locator("[data-chart='128 neurons']").evaluate("plot => plot.data.map(trace => trace.name)")
    assert names == ["data"]
    question(page).get_by_role("spinbutton").fill("50")
    guess(page)
    assert "You said 50 %" in verdict(page) and "times too much" in verdict(page)
    spec = LESSON.default.spec
    until(page, lambda: shows(page, spec), "the gap of the middle network")
    before = drawings(page, "a")
    slider(page, "c", +2)
    drawn(page, after=before, slot="a")
    until(page, lambda: shows(page, replace(spec, c=0.6)), "the gap with larger steps")
    assert query(page)["c"] == "0.6"


def test_a_link_opens_a_step_past_the_limit(server, page):
    visit(page, server, "/linear?preset=step&ask=0")
    drawn(page, slot="a")
    expect(page.get_by_text("The answer is “The network converges, its linearisation diverges”")).to_be_visible()
    last = canned(linear, LESSON.preset("step").spec).networks[2].curves.f[-1, :, 0]
    until(page, lambda: np.allclose(trace(page, "1024 neurons", "network")["y"], last, atol=1e-3), "the wide network")
