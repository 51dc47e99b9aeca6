"""A visitor's run is theirs until a page, or the part of it that answers, ends without asking for one."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from ntkviz.errors import InvalidInput
from ntkviz.ui import lesson


@pytest.fixture
def page(monkeypatch):
    """A session that holds a run, and what its page says of errors."""
    state = {"ntkviz_job": Mock()}
    made = SimpleNamespace(session_state=state, error=Mock(), held=state["ntkviz_job"])
    monkeypatch.setattr(lesson, "st", made)
    return made


def ask():
    lesson.st.session_state["ntkviz_asked"] = True


def test_a_page_that_asks_for_nothing_leaves_the_run(page):
    lesson.answered(lambda: None)
    page.held.release.assert_called_once()
    assert page.session_state["ntkviz_job"] is None


def test_a_page_whose_part_asks_keeps_it(page):
    lesson.answered(lambda: lesson.answered(ask))
    page.held.release.assert_not_called()


def test_a_script_that_is_broken_off_leaves_nothing(page):
    def broken_off():
        raise KeyboardInterrupt  # as Streamlit does it: no Exception

    with pytest.raises(KeyboardInterrupt):
        lesson.answered(broken_off)
    page.held.release.assert_not_called()


def test_an_error_of_the_users_is_a_sentence(page):
    def refused():
        raise InvalidInput("Choose fewer points.")

    lesson.answered(refused)
    assert page.error.call_args.args == ("Choose fewer points.",)
    page.held.release.assert_called_once()
