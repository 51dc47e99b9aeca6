"""A slot of a page: one experiment with its progress, its Stop button, its picture and its frame in the link.

A page may have several slots. What the session remembers of a slot is kept under the slot's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from weakref import WeakKeyDictionary

import streamlit as st

from ntkviz.engine import stored
from ntkviz.engine.jobs import Named, ResultT, SpecT
from ntkviz.errors import Cancelled, NtkvizError
from ntkviz.experiments.protocol import Experiment, HasSpec
from ntkviz.figures.picture import Picture, draw
from ntkviz.lessons.questions import Question, Words, words
from ntkviz.specs import Spec, flat
from ntkviz.ui.link import FRAME
from ntkviz.ui.running import PageJob, engine, session
from ntkviz.ui.stage.stage import Ask, stage
from ntkviz.ui.turns import aside, turn
from ntkviz.writing import written

PROGRESS_AFTER = 0.3  # seconds that a page waits for a run before it shows progress
POLL_INTERVAL = 0.25  # seconds between two updates of a running job's progress
POLL_INTERVAL_EACH = 0.05  # seconds for each run that a session waits for: the server makes at most 20 updates a second
MOST_SETTINGS = 4  # settings that are named where an old picture is shown

# Why a question has no answer yet, as the page says it to a visitor who has answered.
RUNNING = "The run is not finished; the answer appears here when it is."
STOPPED = "The run was stopped before its end, so there is no answer yet. Choose “Run again” to compute it."
FAILED = "The run could not be completed, so there is no answer at these settings. Try other settings."


@dataclass(frozen=True)
class Placement:
    """Where on which page a slot stands, and the question that is asked there."""

    lesson: str
    title: str
    slot: str = "a"
    preset: str = ""  # the name under which the browser keeps the guess
    ask: Ask = "none"
    question: Question | None = None
    shows: Words = ""  # what the preset shows; displayed with the answer

    @property
    def key(self) -> str:
        """The key of its stage."""
        return f"{self.lesson}_{self.slot}_stage"

    @property
    def frame(self) -> str:
        """The parameter of the link that holds the place of its slider."""
        return FRAME if self.slot == "a" else f"{FRAME}_{self.slot}"


class SlotView:
    """Runs the experiment of a slot and draws its picture."""

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self._name = placement.slot

    def run(self, experiment: Experiment[SpecT, ResultT], spec: SpecT) -> None:
        """Run the experiment where it belongs and show its picture, with progress and a way to stop.

        Args:
            experiment: the module that runs.
            spec: the settings that it runs with.
        """
        held: PageJob[object] | None = st.session_state.get(self._state("job"))
        for names in ("ntkviz_asked", "ntkviz_slots"):  # of this run of the script, and of all
            st.session_state.setdefault(names, set()).add(self._name)
        job: PageJob[object] | None = held
        try:
            if held is None or not self._stopped(held) or not held.answers(experiment, spec):
                submitted: PageJob[ResultT] = engine().submit(experiment, spec, session=session())
                job = submitted
        except NtkvizError as error:
            st.error(str(error), icon="⚠️")
            job = None
            self._keep_showing(experiment, spec)
        if held is not None and held is not job:
            held.release(session())
        st.session_state[self._state("job")] = job
        if job is None:
            return
        resting = self._stopped(job) or job.finished
        if not resting:
            with aside():
                resting = job.wait(PROGRESS_AFTER)
        if resting:
            with st.container():  # as a fragment has one: the stage keeps its place, and with it its zoom
                self._draw(job)
        else:
            st.fragment(self._poll, run_every=poll_interval())(job)

    def _poll(self, job: PageJob[object]) -> None:
        """Draw a running job again; once it has ended, the script runs once more and polls no longer."""
        with turn():
            if job.finished or self._stopped(job):
                st.rerun()
            self._draw(job)

    def _draw(self, job: PageJob[object]) -> None:
        stopped = self._stopped(job)
        if isinstance(job.error, Cancelled) and not stopped:
            st.rerun()  # it was cancelled while the browser was disconnected: it starts again
        status, body = st.container(), st.container()
        with status:
            if job.finished or stopped:
                self._explain(job, stopped)
            else:
                job.watch(session())
                self._progress(job)
        if job.result is not None:
            st.session_state[self._state("last")] = job
        picture, stale = job.picture, ""
        if picture is None:
            picture, stale = self._last(job.experiment, job.spec)
        pending = STOPPED if stopped else FAILED if job.error is not None else RUNNING
        with body:
            self.show(picture or blank(job.spec), job.spec, job.result, stale=stale, pending=pending)

    def show(
        self,
        picture: Picture,
        spec: Spec,
        result: object,
        *,
        stale: str = "",
        pending: str = RUNNING,
        only: tuple[str, ...] = (),
    ) -> None:
        """Draw the stage.

        Args:
            picture: the picture.
            spec: the settings that are on the page.
            result: what the experiment found at these settings; None where it has found nothing yet.
            stale: a sentence, where the picture shows other settings.
            pending: why there is no answer, where there is no result.
            only: the names of the charts to show, without numbers; all where empty.
        """
        place = self.placement
        asked = None if place.question is None else _asked(place, spec, result, pending)
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

    def _progress(self, job: PageJob[object]) -> None:
        left, right = st.columns([6, 1], vertical_alignment="center")
        left.progress(min(job.fraction, 1.0), text=waiting(job) or computing(job))
        right.button("Stop", on_click=self._stop, args=(job,), key=f"stop_{self._name}", width="stretch")

    def _explain(self, job: PageJob[object], stopped: bool) -> None:
        if stopped:
            left, right = st.columns([6, 1], vertical_alignment="center")
            left.info("You stopped this run. The picture shows what was computed before you did, or an earlier run.")
            right.button("Run again", on_click=self._resume, key=f"again_{self._name}", width="stretch")
        elif job.error is not None:
            st.error(str(job.error), icon="⚠️")

    def _keep_showing(self, experiment: Named, spec: Spec) -> None:
        """Draw the last picture below the message that a run was refused, with the settings that made it."""
        picture, stale = self._last(experiment, spec)
        if picture is not None:
            self.show(picture, spec, None, stale=stale, pending=FAILED)

    def _last(self, experiment: Named, spec: Spec) -> tuple[Picture | None, str]:
        """The picture of the last finished run or None, and a sentence where it shows other settings."""
        last: PageJob[object] | None = st.session_state.get(self._state("last"))
        if last is None or last.experiment is not experiment or last.picture is None:
            return None, ""
        return last.picture, "" if last.spec == spec else stale_words(last.spec, spec)

    def _state(self, what: str) -> str:
        """The key of the session's state under which something of this slot is kept."""
        return f"ntkviz_{what}_{self._name}"

    def _stopped(self, job: PageJob[object]) -> bool:
        """Whether this session pressed Stop on just this run."""
        return st.session_state.get(self._state("stopped")) == job.key

    def _stop(self, job: PageJob[object]) -> None:
        st.session_state[self._state("stopped")] = job.key
        job.release(session())

    def _resume(self) -> None:
        st.session_state.pop(self._state("stopped"), None)


# What a question says of a result, by preset, for as long as the result is kept: visitors share results.
_told: WeakKeyDictionary[object, dict[tuple[str, bool], Mapping[str, Any]]] = WeakKeyDictionary()


def _asked(place: Placement, spec: Spec, result: object, pending: str) -> Mapping[str, Any]:
    """The question of a slot as plain data: with its answer, or with the reason why there is none yet."""
    question, preset = cast("Question", place.question), {"key": place.preset}
    if result is None:
        return preset | question.asked(spec, None) | {"pending": pending}
    kept, key = _told.setdefault(result, {}), (place.preset, bool(place.shows))
    if key not in kept:
        kept[key] = preset | question.asked(spec, result) | {"shows": words(place.shows, result)}
    return kept[key]


def release_unasked() -> None:
    """Release the runs of all slots that the script, now at its end, did not run."""
    state = st.session_state
    for slot in state.get("ntkviz_slots", set()) - state.get("ntkviz_asked", set()):
        held: PageJob[object] | None = state.get(f"ntkviz_job_{slot}")
        if held is not None:
            held.release(session())
            state[f"ntkviz_job_{slot}"] = None


def poll_interval() -> float:
    """Seconds between two updates of a running job's progress: more where sessions wait for many runs."""
    return max(POLL_INTERVAL, POLL_INTERVAL_EACH * engine().waits())


def stale_words(shown: Spec, wanted: Spec) -> str:
    """A sentence that names the settings in which an old picture differs from what is wanted.

    Args:
        shown: the settings of the picture.
        wanted: the settings on the page.
    """
    old, new = flat(shown), flat(wanted)
    names = [name for name in old if name in new and old[name] != new[name]] or list(old)
    labels = {name: name.rpartition(".")[2].replace("_", " ") for name in names[:MOST_SETTINGS]}
    told = ", ".join(f"{label} {_short(old[name])}" for name, label in labels.items())
    more = " and others" if len(names) > MOST_SETTINGS else ""
    return f"This picture still shows the earlier settings: {told}{more}."


def _short(value: object) -> str:
    return written(value) if isinstance(value, float) else str(value)[:60]


def blank(spec: Spec) -> Picture:
    """A picture without charts, for a question that is asked before anything is computed."""
    return Picture(spec=spec, charts=(), scrub=None, columns=1, numbers=(), remarks=())


@cache
def shipped(experiment: str) -> tuple[Picture, HasSpec]:
    """The picture of a result that comes with the package, and the result.

    Args:
        experiment: the name of the experiment's module.
    """
    result = cast("HasSpec", stored.shipped(experiment.rpartition(".")[2]))
    return draw(experiment, result), result


def computing(job: PageJob[object]) -> str:
    """How much of a run is done, and the time that it still takes once that can be estimated."""
    left = job.estimate
    ending = "" if left is None else f", about {max(left, 1):.0f} s to go"
    return f"Computing: {job.fraction:.0%}{ending}"


def waiting(job: PageJob[object]) -> str:
    """The place of a run in the queue, in words; empty once it has begun."""
    place = engine().place(job)
    if place is None:
        return ""
    if place.trouble:
        return f"{place.trouble.capitalize()}: this run begins when they are ready. Short runs are computed meanwhile."
    position = "Next in line" if not place.ahead else f"{ordinal(place.ahead + 1)} in line"
    return position if place.seconds is None else f"{position}, about {max(place.seconds, 1):.0f} s"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, …"""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
