"""A page with one stage of each kind of question, over pictures made by hand: /?kind=number&ask=auto&answer=300.

A second stage, in slot b, has no question of its own and hides its answer with the first. `answer=none` is a question
without an answer, `answer=later` a run that goes on, `answer=stopped` one that was stopped.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from ntkviz.figures import theme
from ntkviz.figures.axes import linear, log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Scrub
from ntkviz.figures.numbers import WrittenFinding
from ntkviz.figures.picture import Picture, packed
from ntkviz.findings import Remark
from ntkviz.specs import Spec, number
from ntkviz.ui.slots import RUNNING, STOPPED
from ntkviz.ui.stage import hiding, stage

STEPS = np.unique(np.geomspace(1, 10_000, 40).astype(int))
WIDTHS = np.geomspace(16, 4096, 9)
GAP = WIDTHS**-0.5


@dataclass(frozen=True, kw_only=True)
class Shown(Spec):
    """The settings of the picture."""

    width: int = number(64, 16, 4096, log=True, label="Width")


def loss(scrub: Scrub) -> Any:
    """A falling loss: theory beside the network, which is the answer."""
    canvas = Canvas(
        "loss",
        log("step k", STEPS),
        log("loss", [1e-4, 1]),
        alt="The loss that theory predicts.",
        alt_answer="The loss of theory and of the network, which falls more slowly.",
        prompt="How far does the loss fall? The dashed curve is the prediction of the kernel.",
        prompt_answer="Does the network (solid) follow the prediction (dashed)?",
        scrub=scrub,
    )
    canvas.line(theme.THEORY, STEPS, np.exp(-STEPS / 300) + 2e-4, name="theory")
    canvas.line(theme.FINITE, STEPS, np.exp(-STEPS / 800) + 4e-4, name="network", answer=True)
    return canvas.chart(cursor=STEPS)


def function(scrub: Scrub) -> Any:
    """A learned function that moves with the slider."""
    angle = np.linspace(0, 360, 73)
    rows = np.array([np.sin(np.deg2rad(angle)) * (1 - np.exp(-step / 300)) for step in STEPS])
    canvas = Canvas(
        "function",
        linear("angle γ in degrees", (0, 360), dtick=90),
        linear("f(γ)", (-1.2, 1.2)),
        alt="The learned function over the angle.",
        prompt="Press ▶. The dots are the <i>data</i>, f<sub>k</sub> is the network at step k.",
        scrub=scrub,
    )
    canvas.points(theme.DATA, angle[::9], np.sin(np.deg2rad(angle[::9])))
    canvas.line(theme.FINITE, angle, frames={"y": rows}, answer=True)
    return canvas.chart()


def gap() -> Any:
    """The gap over the width, on logarithmic axes: empty until the answer is shown."""
    canvas = Canvas(
        "gap",
        log("width n", WIDTHS),
        log("gap", [0.003, 1]),
        alt="Axes: the gap over the width.",
        prompt="The gap between a network and its linearised network, for nine widths.",
    )
    canvas.line(theme.FINITE, WIDTHS, GAP, answer=True)
    canvas.note("Each point is the mean of four networks.")
    return canvas.chart()


NUMBERS = (
    WrittenFinding("Width n", "64", help="The number of neurons in each hidden layer.", answer=False),
    WrittenFinding("Steps to 1 % of the loss", "139 steps", "expected: 120 to 150 (theory)", agrees=True),
    WrittenFinding(
        "Slope of the gap", "−0.42", "expected: −0.5 (theory)", agrees=False, caveat="Two runs have not converged."
    ),
)
REMARKS = (
    Remark("The kernel was computed at 86 of 256 points.", answer=False),
    Remark("The network needed 139 steps; the kernel predicted 131 (6 % fewer)."),
)
EXPLAINS = "The step size is one tenth of the largest stable one, so the fastest mode needs about 140 steps."
QUESTIONS: dict[str, dict[str, Any]] = {
    "choice": {
        "asks": "Which of the two falls faster at first?",
        "options": ["the loss of the network", "the loss that theory predicts", "both fall equally fast"],
        "answer": 1,
        "replies": {"2": "Equal rates hold only at infinite width."},
    },
    "number": {
        "asks": "After how many steps does the loss of the network fall to 1 % of its start?",
        "low": 1,
        "high": 10_000,
        "log": True,
        "unit": "steps",
        "answer": 139.0,
        "was": "it took",
        "more": "too many",
        "less": "too few",
        "replies": [{"beyond": 2.0, "text": "The slowest mode takes this long, but it holds little of the loss."}],
        "mark": {"chart": "loss", "axis": "x"},
    },
    "order": {
        "asks": "Which frequency is learned first? Put the first at the top.",
        "items": ["frequency 4", "frequency 1", "frequency 2"],
        "answer": [1, 2, 0],
        "replies": [{"order": [0, 2, 1], "text": "Large frequencies have small eigenvalues, so they come last."}],
    },
    "sketch": {
        "asks": "How does the gap depend on the width? Draw the curve.",
        "chart": "gap",
        "x": [16, 4096],
        "y": [0.003, 1],
        "answer": {"x": WIDTHS.tolist(), "y": GAP.tolist()},
        "near": 0.1,
        "replies": [{"like": {"x": [16, 4096], "y": [0.2, 0.2]}, "text": "A flat curve would mean no effect."}],
    },
}


def question(kind: str, answer: str) -> dict[str, Any]:
    """The question of this kind, with the answer that the page was asked for."""
    asked = QUESTIONS[kind] | {
        "kind": kind,
        "key": f"toy/{kind}",
        "setup": "A network of width 64 learns a function on the circle by gradient descent.",
        "explains": EXPLAINS,
        "shows": "This preset shows that the first steps do most of the work.",
    }
    if answer in ("later", "stopped"):
        told = {name: value for name, value in asked.items() if name not in {"answer", "explains", "shows"}}
        return told | {"pending": RUNNING if answer == "later" else STOPPED}
    return asked | ({"answer": None, "explains": ""} if answer == "none" else {})


def picture(slot: str, kind: str, width: int) -> Picture:
    """The charts of a slot, as a worker sends them."""
    scrub = Scrub("step k =", STEPS, start=14)
    made = (function(scrub), loss(scrub)) if slot == "a" else (loss(scrub),)
    if kind == "sketch" and slot == "a":
        made = (gap(), *made)
    charts = tuple((chart.name, packed(chart)) for chart in made)
    return Picture(
        Shown(width=width),
        charts,
        scrub,
        3 if kind == "sketch" else 2,
        NUMBERS if slot == "a" else (),
        REMARKS if slot == "a" else (),
    )


def page() -> None:
    """The page that the link asks for."""
    st.set_page_config(layout="wide")
    kind = st.selectbox("Preset", list(QUESTIONS), key="kind", bind="query-params")
    asked: Any = st.query_params.get("ask", "auto")
    preset = f"toy/{kind}"
    st.html(f"<style>{hiding(preset)}</style>")
    width = 128 if st.toggle("Another setting", key="other", bind="query-params") else 64
    if st.button("Write into the link"):  # with the query as it was when the browser last told it
        st.query_params["written"] = str(int(st.query_params.get("written", 0)) + 1)
    with st.container(key=f"answer_{kind}"):
        st.markdown(f"The theory behind the answer to {kind}.")
    st.session_state["reruns"] = st.session_state.get("reruns", 0) + 1
    st.caption(f"Rerun {st.session_state['reruns']}, frame {st.query_params.get('frame', 'none')}")
    stale = (
        "This picture shows width = 64; the run for the new settings goes on." if st.query_params.get("stale") else ""
    )
    stage(
        picture("a", kind, width),
        key="toy_stage",
        title="Toy lesson",
        preset=preset,
        ask=asked,
        question=None if asked == "none" else question(kind, st.query_params.get("answer", "")),
        stale=stale,
    )
    if st.query_params.get("slots") == "2":
        stage(
            picture("b", kind, width),
            key="toy_stage_b",
            title="Toy lesson",
            slot="b",
            frame="frame_b",
            preset=preset,
            ask=asked,
        )


page()
