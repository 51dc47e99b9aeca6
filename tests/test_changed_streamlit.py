"""What is changed of Streamlit: a theme that is read once is the theme that Streamlit reads."""

import pytest
from streamlit import config
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

from ntkviz.ui import changed_streamlit

SECTIONS = ("theme", "theme.light", "theme.dark", "theme.sidebar", "theme.light.sidebar", "theme.dark.sidebar")


@pytest.fixture
def read(monkeypatch):
    """Streamlit's own function, and the one in its place; it is put back after the test."""
    own = app_session._populate_theme_msg
    monkeypatch.setattr(app_session, "_populate_theme_msg", own)
    changed_streamlit.read_themes_once.__wrapped__()
    return own, app_session._populate_theme_msg


def whole(populate):
    """The theme of a new session: each section in the place that Streamlit gives it."""
    theme = CustomThemeConfig()
    places = (theme, theme.light, theme.dark, theme.sidebar, theme.light.sidebar, theme.dark.sidebar)
    for message, section in zip(places, SECTIONS, strict=True):
        populate(message, section)
    return theme


def test_the_theme_is_what_streamlit_reads(read):
    own, changed = read
    assert changed is not own
    assert whole(changed) == whole(own) == whole(changed)
    assert whole(changed).SerializeToString(deterministic=True) == whole(own).SerializeToString(deterministic=True)
    assert whole(changed).light.primary_color == config.get_option("theme.light.primaryColor") != ""


def test_the_theme_is_read_once(read, monkeypatch):
    _, changed = read
    before = whole(changed)
    asked = []
    monkeypatch.setattr(config, "get_options_for_section", lambda section: asked.append(section) or {})
    assert whole(changed) == before and not asked
