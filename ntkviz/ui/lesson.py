"""The frame of a lesson: its question, one row of controls, its pictures and numbers, and what stands behind them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial, wraps
from types import ModuleType
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ntkviz.engine import Job, stored
from ntkviz.engine.limits import spoken
from ntkviz.errors import Cancelled, NtkvizError
from ntkviz.figures.picture import Picture, draw
from ntkviz.ui import controls
from ntkviz.ui.running import engine, session
from ntkviz.ui.stage import stage
from ntkviz.ui.syllabus import Entry
from ntkviz.ui.turns import aside, turn

PATIENT = 0.3  # seconds that a page waits for a run before it shows progress
POLL = 0.25  # seconds between two looks at a running job
CROWD = 0.025  # seconds more of it for each session that waits: at most forty looks a second, whoever looks
SLOW = 2.0  # seconds from which the estimate is shown


def pace() -> float:
    """Seconds between two looks."""
    return max(POLL, CROWD * len(engine().sessions()))


@dataclass(frozen=True)
class Lesson:
    """One page: `slug` names its charts and downloads, `question` is what the class is to answer."""

    slug: str
    title: str
    question: str

    def open(self, presets: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
        """The heading, and a row of buttons, each with the words that say why it is worth a look.

        A preset sets the controls that it names, and puts all others back to their defaults.
        """
        st.title(self.title, anchor=False)
        st.markdown(f"#### {self.question}")
        row = st.container(horizontal=True)
        for label, (reason, values) in presets.items():
            row.button(label, help=reason, on_click=_set_controls, args=(dict(values),))

    def live(self, part: Callable[[], None]) -> None:
        """Draw the part of the page that answers: when one of its controls moves, it alone is drawn and sent anew."""
        st.fragment(wraps(part)(partial(answered, part)))()

    def row(self, places: int) -> tuple[list[DeltaGenerator], DeltaGenerator]:
        """A row of so many places for controls, and the place behind “More”."""
        row_place, below = st.container(), st.container()
        controls.begin(below)
        row = row_place.columns([3] * places + [1], vertical_alignment="bottom")
        return list(row[:-1]), row[-1].popover("More", width="stretch")

    def run(self, experiment: Any, spec: Any) -> None:
        """Run the experiment where it belongs and show its picture, with progress and a way to stop."""
        held: Job | None = st.session_state.get("ntkviz_job")
        st.session_state["ntkviz_asked"] = True
        try:
            job = held if _stopped(held, experiment, spec) else engine().submit(experiment, spec, session=session())
        except NtkvizError as error:
            st.error(str(error), icon="⚠️")
            job = None
            self._keep_showing(experiment)
        if held is not None and held is not job:
            held.release(session())
        st.session_state["ntkviz_job"] = job
        if job is None:
            return
        resting = _stopped(job, experiment, spec) or job.finished
        if not resting:
            with aside():
                resting = job.wait(PATIENT)
        if resting:
            with st.container():  # as a fragment has one: the stage keeps its place, and with it its zoom
                self._draw(job)
        else:
            st.fragment(self._look, run_every=pace())(job)

    def _look(self, job: Job) -> None:
        """What is drawn anew while a run goes on; once it does not, the page stops asking."""
        with turn():
            if job.finished or _stopped(job, job.experiment, job.spec):
                st.rerun()
            self._draw(job)

    def _draw(self, job: Job) -> None:
        stopped = _stopped(job, job.experiment, job.spec)
        if isinstance(job.error, Cancelled) and not stopped:
            st.rerun()  # given up while the browser was away: it starts again
        status, body = st.container(), st.container()
        with status:
            if job.finished or stopped:
                self._explain(job, stopped)
            else:
                job.watch(session())
                self._progress(job)
        if job.result is not None:
            st.session_state["ntkviz_last"] = job
        picture = job.picture or self._last(job.experiment)
        if picture is not None:
            with body:
                show(self, picture)

    def _progress(self, job: Job) -> None:
        left, right = st.columns([6, 1], vertical_alignment="center")
        left.progress(min(job.fraction, 1.0), text=_waiting(job) or _computing(job))
        right.button("Stop", on_click=_stop, args=(job,), key="stop", width="stretch")

    def _explain(self, job: Job, stopped: bool) -> None:
        if stopped:
            left, right = st.columns([6, 1], vertical_alignment="center")
            left.info("Stopped. What stands below is as far as it got, or the settings before.")
            right.button("Run again", on_click=_resume, key="again", width="stretch")
        elif job.error is not None:
            st.error(str(job.error), icon="⚠️")

    def _keep_showing(self, experiment: Any) -> None:
        """Below a refusal: the last picture, with the settings that made it."""
        last = self._last(experiment)
        if last is not None:
            st.caption("The picture below shows the settings before.")
            show(self, last)

    def _last(self, experiment: Any) -> Any:
        """The picture that was there before, so that nothing is lost while a new one is made."""
        last: Job | None = st.session_state.get("ntkviz_last")
        return last.picture if last is not None and last.experiment is experiment else None

    def notes(self, text: str) -> None:
        """Notes for the lecturer: what to say, what to ask, how long it takes."""
        with st.expander("Notes for the lecturer"):
            st.markdown(text)

    def references(self, lines: Sequence[str]) -> None:
        """Where the theory comes from."""
        with st.expander("References"):
            st.markdown("\n".join(f"- {line}" for line in lines))

    def source(self, *functions: Callable[..., Any] | ModuleType) -> None:
        """The code that ran, as it stands in the package."""
        with st.expander("The code that ran"):
            for function in functions:
                st.code(_source(function), language="python")


@cache
def _source(function: Callable[..., Any] | ModuleType) -> str:
    """Read once: to find where a function ends, `inspect` takes the file apart."""
    return inspect.getsource(function)


def show(lesson: Lesson, picture: Picture, *, only: Sequence[str] = ()) -> None:
    """Put a picture on the page: its warnings and the stage; or `only` the charts with these names."""
    key = f"{lesson.slug}_stage"
    for sentence in () if only else picture.warnings:
        st.warning(sentence)
    start = None if picture.scrub is None else _frame(len(picture.scrub.values), picture.scrub.start)
    stage(picture, key=key, title=lesson.title, only=only, start=start, on_frame=lambda: _keep_frame(key))


@cache
def shipped(experiment: str) -> Picture:
    """The picture of a result that comes with the package."""
    return draw(experiment, stored.shipped(experiment))


def cards(lessons: Sequence[Entry]) -> None:
    """The syllabus as cards: section, link, question."""
    for place, entry in zip(st.columns(len(lessons)), lessons, strict=True):
        with place.container(border=True):
            st.page_link(f"../../pages/{entry.file}", label=f"**{entry.title}**")
            st.markdown(entry.question)


def _set_controls(values: dict[str, Any]) -> None:
    """Set the controls of a preset, all others to their defaults.

    Streamlit keeps the link true for controls that are drawn; those that the preset brings are written into it here.
    """
    drawn = controls.defaults()
    st.query_params.pop("frame", None)
    for key in values.keys() - drawn.keys():
        st.query_params[key] = controls.written(key, values[key])
    st.session_state.update(drawn | values)


def _stopped(job: Job | None, experiment: Any, spec: Any) -> bool:
    """Did this session press Stop on just this run?"""
    return job is not None and job.answers(experiment, spec) and st.session_state.get("ntkviz_stopped") == job.key


def answered(script: Callable[[], None]) -> None:
    """Run a page, or the part of it that answers, in its turn.

    Here an error of the user's becomes a sentence on the page, and a run that is not asked for any more is left. A
    script that is broken off, as by the next move, leaves nothing.
    """
    st.session_state["ntkviz_asked"] = False
    try:
        with turn():
            script()
    except NtkvizError as error:
        st.error(str(error), icon="⚠️")
    held: Job | None = st.session_state.get("ntkviz_job")
    if held is not None and not st.session_state["ntkviz_asked"]:
        held.release(session())
        st.session_state["ntkviz_job"] = None


def _computing(job: Job) -> str:
    estimate = f" ({spoken(job.cost)})" if job.cost.seconds > SLOW else ""
    return f"Computing{estimate}: {job.fraction:.0%}"


def _waiting(job: Job) -> str:
    """Where a run stands in the line, in words; nothing once it goes on."""
    place = engine().place(job)
    if place is None:
        return ""
    if place.trouble:
        return f"{place.trouble.capitalize()}: this run begins when they are there. Short runs go on meanwhile."
    if not place.ahead:
        return f"Next in line, about {max(place.seconds, 1):.0f} s"
    return f"{ordinal(place.ahead + 1)} in line, about {max(place.seconds, 1):.0f} s"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, …"""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _stop(job: Job) -> None:
    st.session_state["ntkviz_stopped"] = job.key
    job.release(session())


def _resume() -> None:
    st.session_state.pop("ntkviz_stopped", None)


def _frame(count: int, default: int) -> int:
    """The frame that the link names, if it names one that exists."""
    try:
        asked = int(st.query_params.get("frame", default))
    except ValueError:
        asked = default
    return asked % count if -count <= asked < count else default % count


def _keep_frame(key: str) -> None:
    frame = st.session_state[key].get("frame")
    if isinstance(frame, int | float):
        st.query_params["frame"] = str(int(frame))
