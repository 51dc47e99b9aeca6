"""A slot of a page: one experiment that runs, with its progress, its Stop, its picture and its frame in the link.

A page may have several. What the session remembers of a slot is kept under the slot's name.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st

from ntkviz.engine import stored
from ntkviz.engine.jobs import Named
from ntkviz.errors import Cancelled, NtkvizError
from ntkviz.experiments.protocol import Experiment, S
from ntkviz.figures.picture import Picture, draw
from ntkviz.lessons.questions import Question, Words, words
from ntkviz.specs import flat
from ntkviz.ui.link import FRAME
from ntkviz.ui.running import PageJob, engine, session
from ntkviz.ui.stage.stage import Ask, stage
from ntkviz.ui.turns import aside, turn

PATIENT = 0.3  # seconds that a page waits for a run before it shows progress
POLL = 0.25  # seconds between two looks at a running job
LOOK_SHARE = 0.025  # seconds more for each session that waits: at most forty looks a second in all
NAMED = 4  # settings that are named where an old picture is shown


@dataclass(frozen=True)
class Place:
    """Where on which page a slot stands, and what is asked there."""

    lesson: str
    title: str
    slot: str = "a"
    preset: str = ""
    ask: Ask = "none"
    question: Question | None = None
    shows: Words = ""  # what the preset shows, said after the answer

    @property
    def key(self) -> str:
        """The key of its stage."""
        return f"{self.lesson}_{self.slot}_stage"

    @property
    def frame(self) -> str:
        """The name in the link of the place of its slider."""
        return FRAME if self.slot == "a" else f"{FRAME}_{self.slot}"


class Slot:
    """Runs the experiment of a place, and draws its picture."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._name = place.slot

    def run(self, experiment: Experiment[S, Any], spec: S) -> None:
        """Run the experiment where it belongs and show its picture, with progress and a way to stop."""
        held: PageJob[Any] | None = st.session_state.get(self._at("job"))
        st.session_state.setdefault("ntkviz_asked", set()).add(self._name)
        try:
            stopped = held is not None and self._stopped(held) and held.answers(experiment, spec)
            job = held if stopped else engine().submit(experiment, spec, session=session())
        except NtkvizError as error:
            st.error(str(error), icon="⚠️")
            job = None
            self._keep_showing(experiment, spec)
        if held is not None and held is not job:
            held.release(session())
        st.session_state[self._at("job")] = job
        if job is None:
            return
        resting = self._stopped(job) or job.finished
        if not resting:
            with aside():
                resting = job.wait(PATIENT)
        if resting:
            with st.container():  # as a fragment has one: the stage keeps its place, and with it its zoom
                self._draw(job)
        else:
            st.fragment(self._look, run_every=look_every())(job)

    def _look(self, job: PageJob[Any]) -> None:
        """What is drawn anew while a run goes on; once it does not, the page stops asking."""
        with turn():
            if job.finished or self._stopped(job):
                st.rerun()
            self._draw(job)

    def _draw(self, job: PageJob[Any]) -> None:
        stopped = self._stopped(job)
        if isinstance(job.error, Cancelled) and not stopped:
            st.rerun()  # it was given up while the browser was away: it starts again
        status, body = st.container(), st.container()
        with status:
            if job.finished or stopped:
                self._explain(job, stopped)
            else:
                job.watch(session())
                self._progress(job)
        if job.result is not None:
            st.session_state[self._at("last")] = job
        picture, stale = job.picture, ""
        if picture is None:
            picture, stale = self._last(job.experiment, job.spec)
        with body:
            self.show(picture or blank(job.spec), job.spec, job.result, stale)

    def show(self, picture: Picture, spec: Any, result: Any, stale: str = "", only: tuple[str, ...] = ()) -> None:
        """Draw the stage.

        Args:
            picture: what to show.
            spec: the settings that are on the page.
            result: what the experiment found at these settings; None while it runs.
            stale: a sentence, where the picture shows other settings.
            only: the names of the charts to show, without numbers; all where empty.
        """
        place = self.place
        asked = None
        if place.question is not None:
            asked = {"key": place.preset} | place.question.asked(spec, result)
            asked["shows"] = words(place.shows, result) if result is not None else ""
        stage(
            picture,
            key=place.key,
            title=place.title,
            only=only,
            slot=place.slot,
            frame=place.frame,
            preset=place.preset,
            ask=place.ask,
            question=asked,
            stale=stale,
        )

    def _progress(self, job: PageJob[Any]) -> None:
        left, right = st.columns([6, 1], vertical_alignment="center")
        left.progress(min(job.fraction, 1.0), text=waiting(job) or computing(job))
        right.button("Stop", on_click=self._stop, args=(job,), key=f"stop_{self._name}", width="stretch")

    def _explain(self, job: PageJob[Any], stopped: bool) -> None:
        if stopped:
            left, right = st.columns([6, 1], vertical_alignment="center")
            left.info("You stopped this run. The picture shows what was computed until then, or the settings before.")
            right.button("Run again", on_click=self._resume, key=f"again_{self._name}", width="stretch")
        elif job.error is not None:
            st.error(str(job.error), icon="⚠️")

    def _keep_showing(self, experiment: Experiment[Any, Any], spec: Any) -> None:
        """Below a refusal: the last picture, with the settings that made it."""
        picture, stale = self._last(experiment, spec)
        if picture is not None:
            self.show(picture, spec, None, stale)

    def _last(self, experiment: Named, spec: Any) -> tuple[Picture | None, str]:
        """The picture that was there before, so that nothing is lost meanwhile, and a sentence that says so."""
        last: PageJob[Any] | None = st.session_state.get(self._at("last"))
        if last is None or last.experiment is not experiment or last.picture is None:
            return None, ""
        return last.picture, "" if last.spec == spec else stale_words(last.spec, spec)

    def _at(self, what: str) -> str:
        return f"ntkviz_{what}_{self._name}"

    def _stopped(self, job: PageJob[Any]) -> bool:
        """Whether this session pressed Stop on just this run."""
        return st.session_state.get(self._at("stopped")) == job.key

    def _stop(self, job: PageJob[Any]) -> None:
        st.session_state[self._at("stopped")] = job.key
        job.release(session())

    def _resume(self) -> None:
        st.session_state.pop(self._at("stopped"), None)


def release_unasked() -> None:
    """Release the runs of slots that the script, now at its end, did not ask for."""
    asked = st.session_state.get("ntkviz_asked", set())
    for key in [str(key) for key in st.session_state if str(key).startswith("ntkviz_job_")]:
        held: PageJob[Any] | None = st.session_state[key]
        if held is not None and key.removeprefix("ntkviz_job_") not in asked:
            held.release(session())
            st.session_state[key] = None


def look_every() -> float:
    """Seconds between two looks at a run that goes on."""
    return max(POLL, LOOK_SHARE * len(engine().sessions()))


def stale_words(shown: Any, wanted: Any) -> str:
    """A sentence that says which settings an old picture shows."""
    old, new = flat(shown), flat(wanted)
    names = [name for name in old if name in new and old[name] != new[name]] or list(old)
    told = ", ".join(f"{name.rpartition('.')[2].replace('_', ' ')} {_short(old[name])}" for name in names[:NAMED])
    more = " and others" if len(names) > NAMED else ""
    return f"This picture still shows the settings before: {told}{more}."


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:60]


def blank(spec: Any) -> Picture:
    """A picture without charts, for a question that is asked before there is anything to show."""
    return Picture(spec=spec, charts=(), scrub=None, columns=1, numbers=(), remarks=())


@cache
def shipped(experiment: str) -> tuple[Picture, Any]:
    """The picture of a result that comes with the package, and the result.

    Args:
        experiment: the name of the experiment's module.
    """
    result = stored.shipped(experiment.rpartition(".")[2])
    return draw(experiment, result), result


def computing(job: PageJob[Any]) -> str:
    """How far a run is, in words; with the time that it still takes once that can be told."""
    left = job.estimate
    ending = "" if left is None else f", about {max(left, 1):.0f} s to go"
    return f"Computing: {job.fraction:.0%}{ending}"


def waiting(job: PageJob[Any]) -> str:
    """Where a run stands in the line, in words; nothing once it goes on."""
    place = engine().place(job)
    if place is None:
        return ""
    if place.trouble:
        return f"{place.trouble.capitalize()}: this run begins when they are there. Short runs go on meanwhile."
    position = "Next in line" if not place.ahead else f"{ordinal(place.ahead + 1)} in line"
    return position if place.seconds is None else f"{position}, about {max(place.seconds, 1):.0f} s"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, …"""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
