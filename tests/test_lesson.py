"""Scripts and slots of a page: which runs are released, errors as sentences, and why a question has no answer yet."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from streamlit.runtime.scriptrunner import StopException

from ntkviz.errors import Cancelled, InvalidInput
from ntkviz.lessons.questions import Choice
from ntkviz.specs import Spec, number
from ntkviz.ui import lesson, slots
from ntkviz.ui.slots import FAILED, RUNNING, STOPPED, Placement, SlotView, ordinal, stale_words


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A session with runs in two slots, and what its page says of errors."""
    state: dict[str, Any] = {
        **{f"ntkviz_job_{slot}": Mock() for slot in "ab"},
        "ntkviz_slots": set("ab"),
        "ntkviz_preset": "narrow",
    }
    made = SimpleNamespace(session_state=state, error=Mock(), jobs={slot: state[f"ntkviz_job_{slot}"] for slot in "ab"})
    for module in (lesson, slots):
        monkeypatch.setattr(module, "st", made)
    return made


def use(*names: str) -> None:
    """What `SlotView.run` notes for each slot of a script."""
    lesson.st.session_state.setdefault("ntkviz_asked", set()).update(names)


def released(page: SimpleNamespace) -> set[str]:
    """The slots whose runs were released, and which the session then holds no more."""
    for slot, job in page.jobs.items():
        assert (page.session_state[f"ntkviz_job_{slot}"] is None) == job.release.called
        assert job.release.call_count <= 1
    return {slot for slot, job in page.jobs.items() if job.release.called}


@pytest.mark.parametrize(("used", "left"), [((), {"a", "b"}), (("a",), {"b"}), (("b",), {"a"}), (("a", "b"), set())])
def test_a_script_releases_the_runs_of_the_slots_that_it_did_not_use(
    page: SimpleNamespace, used: tuple[str, ...], left: set[str]
) -> None:
    lesson.run_script(lambda: use(*used))
    assert released(page) == left
    assert page.session_state["ntkviz_preset"] == "narrow"


def test_slots_that_a_fragment_of_the_script_uses_keep_their_runs(page: SimpleNamespace) -> None:
    lesson.run_script(lambda: lesson.run_script(lambda: use("a", "b")))
    assert released(page) == set()


def test_a_slot_that_only_the_script_before_used_is_released(page: SimpleNamespace) -> None:
    lesson.run_script(lambda: use("a", "b"))
    lesson.run_script(lambda: use("b"))
    assert released(page) == {"a"}


def test_a_slot_without_a_run_needs_no_release(page: SimpleNamespace) -> None:
    page.session_state["ntkviz_job_a"] = None
    slots.release_unasked()
    assert page.session_state["ntkviz_job_a"] is None
    page.jobs["a"].release.assert_not_called()
    page.jobs["b"].release.assert_called_once()


def test_a_script_that_streamlit_interrupts_releases_nothing(page: SimpleNamespace) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt  # as Streamlit's own exception for it, no subclass of `Exception`

    with pytest.raises(KeyboardInterrupt):
        lesson.run_script(interrupted)
    assert released(page) == set()


def test_a_script_that_stops_early_releases_what_it_did_not_use(page: SimpleNamespace) -> None:
    def stopped() -> None:
        use("b")
        raise StopException  # as `st.stop` does

    with pytest.raises(StopException):
        lesson.run_script(stopped)
    assert released(page) == {"a"}


def test_an_error_of_the_visitors_is_a_sentence_and_a_bug_is_not(page: SimpleNamespace) -> None:
    def refused() -> None:
        use("a")
        raise InvalidInput("Choose fewer points.")

    def broken() -> None:
        raise ZeroDivisionError

    lesson.run_script(refused)
    assert page.error.call_args.args == ("Choose fewer points.",)
    assert released(page) == {"b"}
    with pytest.raises(ZeroDivisionError):
        lesson.run_script(broken)


# A slot


@dataclass(frozen=True, kw_only=True)
class Settings(Spec):
    width: int = number(8, 1, 4096, label="Width")
    label_noise: float = number(0.0, 0.0, 1.0, label="Noise")


@dataclass(frozen=True, eq=False)
class Found:
    option: int


QUESTION = Choice(
    asks=lambda spec: f"At width {spec.width}?",
    explains="So it is.",
    options=("a", "b"),
    answer=lambda result: result.option,
)


@pytest.mark.parametrize(
    ("stopped", "error", "pending"),
    [
        (False, None, RUNNING),
        (True, None, STOPPED),
        (True, Cancelled("The run was stopped."), STOPPED),
        (False, InvalidInput("Choose fewer points."), FAILED),
    ],
)
def test_a_question_without_an_answer_says_why(
    monkeypatch: pytest.MonkeyPatch, stopped: bool, error: Exception | None, pending: str
) -> None:
    shown = drawn(monkeypatch, Mock(result=None, error=error, finished=error is not None), stopped)
    assert shown == {
        "key": "toy/small",
        "kind": "choice",
        "asks": "At width 16?",
        "options": ["a", "b"],
        "replies": {},
        "pending": pending,
    }


def test_a_question_with_an_answer_says_what_the_preset_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = drawn(monkeypatch, Mock(result=Found(1), error=None, finished=True), False)
    assert shown is not None
    assert (shown["answer"], shown["explains"], shown["shows"]) == (1, "So it is.", "Option 1.")
    assert "pending" not in shown


def test_the_answer_of_a_result_is_computed_once_for_each_preset() -> None:
    """All visitors with the same settings share a result, and every rerun of their pages shows its answer."""
    calls: list[int] = []

    def asked(found: Found, preset: str, more: int = 0) -> Any:
        answer = lambda result: calls.append(result.option) or result.option + more  # noqa: E731
        place = Placement("toy", "Toy", preset=preset, question=replace(QUESTION, answer=answer))
        return slots._asked(place, Settings(), found, RUNNING)["answer"]

    one, other = Found(0), Found(1)
    assert [asked(one, "toy/small"), asked(one, "toy/small"), asked(other, "toy/small")] == [0, 0, 1]
    assert asked(one, "toy/large", more=1) == 1
    assert calls == [0, 1, 0]


def drawn(monkeypatch: pytest.MonkeyPatch, job: Mock, stopped: bool) -> dict[str, Any] | None:
    """The question that a slot hands to its stage for this job."""
    job.configure_mock(spec=Settings(width=16), picture=None, key="run")
    streamlit, stage = Mock(session_state={"ntkviz_stopped_a": "run"} if stopped else {}), Mock()
    streamlit.container.side_effect = lambda: Container()
    for name, value in {"st": streamlit, "stage": stage, "session": lambda: "me"}.items():
        monkeypatch.setattr(slots, name, value)
    monkeypatch.setattr(SlotView, "_progress", Mock())
    monkeypatch.setattr(SlotView, "_explain", Mock())
    shows = lambda result: f"Option {result.option}."  # noqa: E731
    SlotView(Placement("toy", "Toy", preset="toy/small", question=QUESTION, shows=shows))._draw(job)
    assert stage.call_args.kwargs["key"] == "toy_a_stage"
    question: dict[str, Any] | None = stage.call_args.kwargs["question"]
    return question


class Container:
    """A container of Streamlit that does nothing."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_slots_have_keys_and_frames_of_their_own() -> None:
    one, other = Placement("toy", "Toy"), Placement("toy", "Toy", "b")
    assert (one.key, other.key) == ("toy_a_stage", "toy_b_stage")
    assert (one.frame, other.frame) == ("frame", "frame_b")


def test_an_old_picture_is_named_by_the_settings_in_which_it_differs() -> None:
    assert stale_words(Settings(width=8, label_noise=0.125), Settings(width=16, label_noise=0.5)) == (
        "This picture still shows the earlier settings: width 8, label noise 0.125."
    )
    assert (
        stale_words(Settings(width=8), Settings(width=16)) == "This picture still shows the earlier settings: width 8."
    )


def test_places_in_the_queue_have_english_endings() -> None:
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "103rd", "111th"),
    ]
