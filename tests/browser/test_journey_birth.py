"""“Random at birth” in a real browser: question, answer, knob, preset, link."""

from dataclasses import replace

import numpy as np
from playwright.sync_api import expect

from ntkviz.experiments import birth, concentration
from ntkviz.lessons.birth import LESSON
from tests.browser.guesses import guess, question, verdict
from tests.browser.steps import drawings, drawn, query, slider, trace, until, visit
from tests.canned import canned

SCREEN = 1e-4  # relative: pictures travel as float32


def distances(spec: birth.Spec) -> np.ndarray:
    """What the dots of the networks should show."""
    return canned(concentration, spec.concentration).distance.values.ravel()


def test_a_student_guesses_the_distance_and_makes_the_network_deeper(server, page):
    visit(page, server, "/birth")
    drawn(page, slot="b")
    assert page.locator("[data-chart=distance]").evaluate("plot => plot.data.length") == 0
    question(page).get_by_role("spinbutton").fill("50")
    guess(page)
    assert "You said 50 %" in verdict(page) and "times too much" in verdict(page)
    expect(question(page)).to_contain_text("The distance falls like n to the power")
    spec = LESSON.default.spec
    until(
        page,
        lambda: np.allclose(trace(page, "distance", "network")["y"], distances(spec), rtol=SCREEN),
        "the distances of the networks",
    )
    np.testing.assert_allclose(
        trace(page, "neurons", "mean, network 1")["y"][-1], canned(birth, spec).running[0, -1], rtol=SCREEN
    )
    before = drawings(page, "b")
    slider(page, "depth", +1)
    drawn(page, after=before, slot="b")
    deeper = replace(spec, arch=replace(spec.arch, depth=2))
    until(
        page,
        lambda: np.allclose(trace(page, "distance", "network")["y"], distances(deeper), rtol=SCREEN),
        "the distances of deeper networks",
    )
    assert query(page)["depth"] == "2"


def test_a_link_opens_a_preset_with_its_two_sweeps(server, page):
    visit(page, server, "/birth?preset=deep&ask=0")
    drawn(page, slot="b")
    spec = LESSON.preset("deep").spec
    result = canned(concentration, spec.concentration)
    until(
        page,
        lambda: np.allclose(
            trace(page, "distance", "one hidden layer")["y"], result.shallow.values.ravel(), rtol=SCREEN
        ),
        "the distances of one hidden layer",
    )
    expect(page.get_by_text("Width needed, over that of one hidden layer")).to_be_visible()
