"""Every page runs by itself, and with anything that a link can say, without an exception."""

import time

import pytest
from streamlit.testing.v1 import AppTest

from ntkviz.specs import flat
from ntkviz.ui.syllabus import START, syllabus

ENTRIES = {entry.path: entry for entry in syllabus()}
FILES = [START, *(entry.file for entry in ENTRIES.values())]
PATIENCE = 120.0  # seconds for a default run with everything compiled for the first time on busy cores


def opened(root, file, **query):
    """A page of the app after its script and its runs have ended."""
    app = AppTest.from_file(str(root / "ntkviz" / "ui" / "main.py"), default_timeout=PATIENCE)
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"../../pages/{file}")
    return finished(app.run())


def finished(app):
    deadline = time.monotonic() + PATIENCE
    while any(str(button.key).startswith("stop_") for button in app.button) and time.monotonic() < deadline:
        time.sleep(0.2)
        app.run()
    return app


def stages(app):
    return app.get("bidi_component")


def link(app):
    """The parameters of the page's link."""
    return {name: word if isinstance(word, str) else word[-1] for name, word in dict(app.query_params).items()}


def shown(app, slot):
    """The settings of the run that a slot shows."""
    return app.session_state[f"ntkviz_job_{slot}"].spec


@pytest.mark.parametrize("file", FILES)
def test_a_page_opens_with_its_picture_and_without_an_error(root, file):
    app = opened(root, file)
    assert not app.exception
    assert not app.error
    assert app.title
    assert stages(app)


@pytest.mark.parametrize("file", FILES)
def test_a_link_out_of_bounds_is_answered_in_sentences(root, file):
    wild = {"width": "1e9", "depth": "-3", "frame": "nan", "data": "../../etc/passwd", "c": "inf", "seed": "x"}
    app = opened(root, file, **wild, preset="nowhere")
    assert not app.exception
    assert not app.error
    if file != START:
        assert any("nowhere" in note.value for note in app.info)
        assert any("etc/passwd" in note.value for note in app.info)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_a_lesson_has_its_question_its_sources_and_its_notes(root, entry):
    app = opened(root, entry.file)
    labels = {expander.label for expander in app.expander}
    assert {"Notes for the lecturer", "References", "The code that ran"} <= labels
    assert f"## {entry.lesson.question}" in [text.value for text in app.markdown]
    assert entry.lesson.default.setup in [text.value for text in app.markdown]


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_preset_sets_the_controls_to_its_spec_and_the_link_to_its_key(root, entry):
    lesson = entry.lesson
    app = opened(root, entry.file)
    assert link(app) == {}
    for preset in lesson.presets:
        app.button(key=f"preset_{preset.key}").click()
        finished(app.run())
        assert not app.exception, preset.key
        assert not app.error, preset.key
        for slot, place in lesson.slots.items():
            assert flat(shown(app, slot)) == flat(place.part(preset.spec)), preset.key
        assert link(app) == ({} if preset is lesson.default else {"preset": preset.key})


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_a_link_with_a_preset_and_a_setting_opens_both(root, entry):
    preset = entry.lesson.presets[-1]
    settings = flat(entry.lesson.slots["a"].part(preset.spec))
    app = opened(root, entry.file, preset=preset.key, seed="3", ask="1")
    assert not app.exception
    assert flat(shown(app, "a")) == settings | {"seed": 3}
    assert link(app) == {"preset": preset.key, "seed": "3", "ask": "1"}
    app.button(key="reset").click()
    finished(app.run())
    assert flat(shown(app, "a")) == settings
    assert link(app) == {"preset": preset.key}
