"""“Does the kernel stay put?” in a real browser: question, answer, knob, slider, preset, link."""

from dataclasses import replace

import numpy as np
from playwright.sync_api import expect

from ntkviz.experiments import movement, stays
from ntkviz.lessons.stays import LESSON
from tests.browser.guesses import guess, question, verdict
from tests.browser.steps import drawings, drawn, query, slider, trace, until, visit
from tests.canned import canned

SCREEN = 1e-4  # relative: pictures travel as float32


def drifts(spec: stays.Spec) -> np.ndarray:
    """What the dots of the networks should show."""
    return canned(movement, movement.shared(spec)).drift.values.ravel()


def test_a_student_guesses_the_drift_and_takes_larger_steps(server, page):
    visit(page, server, "/stays")
    drawn(page, slot="b")
    assert page.locator("[data-chart=drift]").evaluate("plot => plot.data.length") == 0
    question(page).get_by_role("spinbutton").fill("50")
    guess(page)
    assert "You said 50 %" in verdict(page) and "times too much" in verdict(page)
    spec = LESSON.default.spec
    until(
        page,
        lambda: np.allclose(trace(page, "drift", "network")["y"], drifts(spec), rtol=SCREEN),
        "the drifts of the networks",
    )
    before = drawings(page, "b")
    slider(page, "c", -2)
    drawn(page, after=before, slot="b")
    smaller = replace(spec, c=0.9)
    until(
        page,
        lambda: np.allclose(trace(page, "drift", "network")["y"], drifts(smaller), rtol=SCREEN),
        "the drifts with smaller steps",
    )
    assert query(page)["c"] == "0.9"


def test_a_link_opens_a_preset_whose_drift_was_known_beforehand(server, page):
    visit(page, server, "/stays?preset=readout&ask=0")
    drawn(page, slot="a")
    spec = LESSON.preset("readout").spec
    result = canned(movement, movement.shared(spec))
    until(
        page,
        lambda: np.allclose(trace(page, "drift", "theory (infinite width)")["y"], result.level, rtol=SCREEN),
        "the level that theory knows",
    )
    kernel = canned(stays, spec).kernels
    until(page, lambda: np.allclose(trace(page, "kernel", "kernel")["z"], kernel[-1], atol=1e-4), "the last kernel")
    expect(page.get_by_text("the widest networks here changed theirs by")).to_be_visible()
