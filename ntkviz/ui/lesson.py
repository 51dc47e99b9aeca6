"""The page of a lesson: question, presets, controls, the pictures of its experiments, and the prose below them.

page = Page(LESSON)
page.open()
page.fragment(explore)      # a fragment: controls and page.run(spec, "a"), page.run(spec, "b")
page.theory("…")        # shown after the guess
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial, wraps
from types import ModuleType
from typing import Any, Generic

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import StopException

from ntkviz.data import DataSpec
from ntkviz.errors import NtkvizError
from ntkviz.lessons.base import Lesson, Preset, S
from ntkviz.ui import link
from ntkviz.ui.controls import Containers, draw_controls
from ntkviz.ui.form import KINDS, Offer, Reach, controls_of, initial_values, values
from ntkviz.ui.slots import Placement, SlotView, release_unasked
from ntkviz.ui.stage.stage import ANSWER, hiding
from ntkviz.ui.turns import turn


class Page(Generic[S]):
    """The page of one lesson."""

    def __init__(self, lesson: Lesson[S]) -> None:
        self.lesson = lesson
        self._hidden = 0  # blocks that are hidden before the guess, counted for their keys

    @property
    def preset(self) -> Preset[S]:
        """The preset in force: the one that was chosen last, or that the link names."""
        return self.lesson.preset(st.session_state["ntkviz_preset"])

    @property
    def _guess_key(self) -> str:
        """The name under which the browser keeps the guess."""
        return f"{self.lesson.name}/{self.preset.key}"

    def open(self) -> None:
        """Draw the heading, the question and the presets, with the setup of the preset in force."""
        st.set_page_config(page_title=f"{self.lesson.title} · ntkviz")
        self._enter()
        st.html(f"<style>{hiding(self._guess_key)}</style>")  # before anything that it hides
        st.title(self.lesson.title, anchor=False)
        st.markdown(f"## {self.lesson.question}")
        row = st.container(horizontal=True, key="presets")
        for preset in self.lesson.presets:
            row.button(
                preset.name,
                key=f"preset_{preset.key}",
                type="primary" if preset is self.preset else "secondary",
                on_click=self._choose,
                args=(preset.key,),
            )
        row.button("↺ Reset", key="reset", on_click=self._choose, args=(self.preset.key,), type="tertiary")
        st.markdown(self.preset.setup)

    def fragment(self, part: Callable[[], None]) -> None:
        """Draw controls and pictures as a fragment: a control that moves runs and sends this part of the page alone."""
        st.fragment(wraps(part)(partial(run_script, part)))()

    def controls(
        self,
        *,
        first: Sequence[str],
        more: Sequence[str] = (),
        narrow: Mapping[str, Reach] | None = None,
        data: Sequence[DataSpec | str] = (),
        hidden: Sequence[str] = (),
        trained: bool = True,
    ) -> S:
        """Draw the controls and return the spec that they make.

        Args:
            first: fields of the spec whose controls stand in the row, in order.
            more: fields whose controls stand behind “More”.
            narrow: how far a control reaches, where that is less than the field's bounds.
            data: data sets to choose from, each with the settings with which it begins; `UPLOADED` for a table.
            hidden: fields of data sets that have no control.
            trained: offer only nonlinearities with which gradient descent learns.
        """
        offer = Offer(tuple(data), dict(narrow or {}), tuple(hidden), trained)
        start = self.preset.spec
        declared = controls_of(start, offer)
        self._seed(offer)
        row, below = st.container(key="controls"), st.container()
        rest = bool(more) or not KINDS.keys().isdisjoint(first)
        columns = row.columns([3] * len(first) + [1] * rest, vertical_alignment="bottom")
        behind = columns[-1].popover("More", width="stretch") if rest else below
        spec = draw_controls(start, offer, first, more, Containers(tuple(columns[: len(first)]), behind, below))
        self._say_notes(spec)
        self._write_link({key: value for key, value in values(spec).items() if key in declared}, offer)
        self._asking, self._others = st.container(), st.container()
        return spec

    def run(self, spec: S, slot: str = "a", *, heading: str = "") -> None:
        """Run the experiment of a slot and show its picture, with progress and a way to stop.

        The slot that the question is about stands first on the page.

        Args:
            spec: the spec that the controls made.
            slot: the name of the slot in the lesson.
            heading: what stands above it.
        """
        with self._asking if self.preset.question.slot == slot else self._others:
            if heading:
                st.markdown(f"### {heading}")
            self._show(spec, slot)

    def _show(self, spec: S, slot: str) -> None:
        preset = self.preset
        placement = Placement(
            lesson=self.lesson.name,
            title=self.lesson.title,
            slot=slot,
            preset=self._guess_key,
            ask=st.session_state.get("ntkviz_ask", "auto"),
            question=preset.question if preset.question.slot == slot else None,
            shows=preset.shows if preset.question.slot == slot and spec == preset.spec else "",
        )
        chosen = self.lesson.slots[slot]
        SlotView(placement).run(chosen.experiment, chosen.part(spec))

    def introduction(self, text: str) -> None:
        """Show prose that does not give the answer away."""
        st.markdown(text)

    def theory(self, text: str) -> None:
        """Show prose that gives the answer away, after the guess."""
        with self._after():
            st.markdown(text)

    def notes(self, text: str) -> None:
        """Show notes for the lecturer after the guess, folded."""
        with self._after(), st.expander("Notes for the lecturer"):
            st.markdown(text)

    def references(self, lines: Sequence[str]) -> None:
        """List the sources of the theory, folded."""
        with st.expander("References"):
            st.markdown("\n".join(f"- {line}" for line in lines))

    def source(self, *functions: Callable[..., Any] | ModuleType) -> None:
        """Show the source of functions or modules, folded."""
        with st.expander("The code that ran"):
            for function in functions:
                st.code(_source(function), language="python")

    def _after(self) -> DeltaGenerator:
        """A container that is hidden before the guess."""
        self._hidden += 1
        return st.container(key=f"{ANSWER}_{self._hidden}")

    def _enter(self) -> None:
        """Take the preset and the settings from the link when the session opens this page or comes from another one."""
        state = st.session_state
        if state.get("ntkviz_page") == self.lesson.name:
            return
        state["ntkviz_page"] = self.lesson.name
        query = st.query_params.to_dict()
        key = query.get(link.PRESET, self.lesson.default.key)
        known = key in [preset.key for preset in self.lesson.presets]
        state["ntkviz_preset"] = key if known else self.lesson.default.key
        state["ntkviz_notes"] = [] if known else [f"This lesson has no preset “{key[:40]}”: its first one is shown."]
        state["ntkviz_query"] = query  # read once the controls are known
        state["ntkviz_ask"] = {"0": "open", "1": "ask"}.get(query.get(link.ASK, ""), "auto")

    def _seed(self, offer: Offer) -> None:
        """Set the controls once to the values of the link, and all others back to the preset's settings."""
        query = st.session_state.pop("ntkviz_query", None)
        if query is None:
            return
        declared = controls_of(self.preset.spec, offer)
        asked, notes = link.read(query, declared)
        st.session_state["ntkviz_notes"] = [*st.session_state["ntkviz_notes"], *notes]
        st.session_state.pop("ntkviz_noted", None)
        if asked and st.session_state["ntkviz_ask"] == "auto":
            st.session_state["ntkviz_ask"] = "open"
        for key in declared:  # a control without a value begins at the preset's, and every value held costs each rerun
            if key in asked:
                st.session_state[key] = asked[key]
            elif key in st.session_state:
                del st.session_state[key]

    def _choose(self, key: str) -> None:
        """Put a preset in force: set its settings, ask its question, and move the slider to its start."""
        st.session_state["ntkviz_preset"] = key
        st.session_state["ntkviz_query"] = {}
        st.session_state["ntkviz_notes"] = []
        st.session_state["ntkviz_ask"] = "auto"
        for name in list(st.query_params):
            if name.startswith(link.FRAME) or name == link.ASK:
                del st.query_params[name]

    def _say_notes(self, spec: S) -> None:
        """Show which settings of the link had to be changed, until the visitor changes a setting."""
        state = st.session_state
        if state.get("ntkviz_notes") and state.setdefault("ntkviz_noted", spec) == spec:
            for note in state["ntkviz_notes"]:
                st.info(note)

    def _write_link(self, chosen: Mapping[str, Any], offer: Offer) -> None:
        """Write preset and settings into the link; parameters that the browser writes stay."""
        preset = self.preset
        is_default = preset is self.lesson.default
        made = link.parameters(chosen, initial_values(preset.spec, offer), preset.key, is_default=is_default)
        now = st.query_params.to_dict()
        kept = {name: value for name, value in now.items() if name.startswith(link.FRAME) or name == link.ASK}
        if made | kept != now:
            st.query_params.from_dict(made | kept)


def run_script(script: Callable[[], None]) -> None:
    """Run a page's script or a fragment of it, while no other script runs.

    An `NtkvizError` becomes a sentence on the page. Runs of slots that the script did not use are released at its end,
    also where it ends early with `st.stop`. A script that Streamlit interrupts, as when the next control moves,
    releases nothing.
    """
    st.session_state["ntkviz_asked"] = set()
    try:
        with turn():
            script()
    except NtkvizError as error:
        st.error(str(error), icon="⚠️")
    except StopException:
        release_unasked()
        raise
    release_unasked()


@cache
def _source(function: Callable[..., Any] | ModuleType) -> str:
    """The source text, read once: `inspect` parses the whole file to find where a function ends."""
    return inspect.getsource(function)
