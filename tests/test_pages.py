"""Every page runs by itself, and with anything that a link can say, without an exception."""

import importlib
import time

import pytest
from streamlit.testing.v1 import AppTest

from ntkviz.ui.syllabus import LESSONS

LESSON_FILES = [lesson.file for lesson in LESSONS]
FILES = ["00_start.py", *LESSON_FILES]
PATIENCE = 120.0  # seconds for a default run with everything compiled for the first time on busy cores


def opened(root, file, **query):
    """A page of the app after its script and its run have ended."""
    app = AppTest.from_file(str(root / "ntkviz" / "ui" / "main.py"), default_timeout=PATIENCE)
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"../../pages/{file}")
    return finished(app.run())


def finished(app):
    deadline = time.monotonic() + PATIENCE
    while any(button.key == "stop" for button in app.button) and time.monotonic() < deadline:
        time.sleep(0.2)
        app.run()
    return app


def stages(app):
    return app.get("bidi_component")


@pytest.mark.parametrize("file", FILES)
def test_a_page_opens_with_its_picture_and_without_an_error(root, file):
    app = opened(root, file)
    assert not app.exception
    assert not app.error
    assert app.title
    assert stages(app)


@pytest.mark.parametrize("file", FILES)
def test_a_link_out_of_bounds_is_answered_without_an_exception(root, file):
    wild = {"width": "1e9", "depth": "-3", "frame": "nan", "data": "../../etc/passwd", "c": "inf", "seed": "x"}
    app = opened(root, file, **wild)
    assert not app.exception


@pytest.mark.parametrize("file", LESSON_FILES)
def test_a_lesson_has_its_question_its_sources_and_its_notes(root, file):
    app = opened(root, file)
    labels = {expander.label for expander in app.expander}
    assert {"Notes for the lecturer", "References", "The code that ran"} <= labels
    assert any("?" in text.value for text in app.markdown)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path)
def test_a_page_asks_by_default_what_the_server_has_warmed_up(root, lesson):
    experiment = importlib.import_module(f"ntkviz.experiments.{lesson.path}")
    app = opened(root, lesson.file)
    assert app.session_state["ntkviz_job"].answers(experiment, experiment.Spec())


@pytest.mark.parametrize("file", LESSON_FILES)
def test_every_preset_can_be_pressed(root, file):
    app = opened(root, file)
    presets = [button.label for button in app.button]
    assert presets
    for label in presets:
        next(button for button in app.button if button.label == label).click()
        finished(app.run())
        assert not app.exception, label
        assert not app.error, label
