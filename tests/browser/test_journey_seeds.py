"""“Do seeds agree?” in a real browser: question, answer, knob, slider, preset, link."""

from dataclasses import replace

import numpy as np
from playwright.sync_api import expect

from ntkviz.experiments import seeds
from ntkviz.lessons.seeds import LESSON
from tests.browser.guesses import guess, question, verdict
from tests.browser.steps import drawings, drawn, query, trace, until, visit
from tests.canned import canned

MEAN = "theory, mean"


def deviation(spec: seeds.Spec) -> np.ndarray:
    """What the curve of the spread should show at the last step."""
    result = canned(seeds, spec)
    return result.f[-1].std(axis=0, ddof=1) / np.sqrt(np.mean(result.data.y**2))


def test_a_student_guesses_how_well_seeds_agree_and_subtracts_the_start(server, page):
    visit(page, server, "/seeds")
    drawn(page, slot="a")
    names = page.locator("[data-chart=functions]").evaluate("plot => plot.data.map(trace => trace.name)")
    assert names == ["data"]
    question(page).get_by_role("radio").first.check()
    guess(page)
    assert "The answer is “Not as well as that”" in verdict(page)
    spec = LESSON.default.spec
    until(
        page,
        lambda: np.allclose(trace(page, "spread", "networks")["y"], deviation(spec), atol=1e-4),
        "the spread of the networks",
    )
    before = drawings(page, "a")
    page.locator(".st-key-centred label").first.click()
    drawn(page, after=before, slot="a")
    centred = replace(spec, centred=True)
    until(
        page,
        lambda: np.allclose(trace(page, "spread", "networks")["y"], deviation(centred), atol=1e-4),
        "the spread of centred models",
    )
    assert query(page)["centred"] in ("1", "true", "True")


def test_a_link_opens_an_optimiser_that_ends_elsewhere(server, page):
    visit(page, server, "/seeds?preset=adam&ask=0")
    drawn(page, slot="a")
    result = canned(seeds, LESSON.preset("adam").spec)
    until(
        page, lambda: np.allclose(trace(page, "functions", MEAN)["y"], result.mean[-1], atol=1e-4), "the mean of theory"
    )
    expect(page.get_by_text("Distance to the end of gradient descent")).to_be_visible()
