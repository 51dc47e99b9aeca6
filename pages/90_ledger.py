"""The ledger: each claim, the verdict that findings of the lessons give, and the way to see it."""

import csv
import io
import json
from typing import cast

import streamlit as st

from ntkviz.engine import stored
from ntkviz.figures.numbers import in_words
from ntkviz.lessons import lessons
from ntkviz.lessons.ledger import Entry, Found, ledger
from ntkviz.lessons.rules import VERDICTS
from ntkviz.writing import listed


def table(entries: tuple[Entry, ...]) -> str:
    """The entries as CSV: a row for each finding, and one for a claim without findings."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(("claim", "words", "source", "verdict", "finding", "value", "error", "unit", "expected", "link"))
    for entry in entries:
        first = (entry.claim.number, entry.claim.words, entry.claim.source, entry.verdict)
        for one in entry.evidence:
            words, found = in_words(one.finding), one.finding
            value = (found.name, found.value, found.error, found.unit, words.expected, one.link)
            rows.writerow((*first, *value))
        if not entry.evidence:
            rows.writerow((*first, *[""] * 6))
    return written.getvalue()


def draw(entry: Entry) -> None:
    """One claim."""
    with st.container(border=True, key=f"claim_{entry.claim.number}"):
        words, verdict = st.columns((4, 1))
        words.markdown(f"**{entry.claim.number}.** {entry.claim.words}")
        words.caption(f"From {entry.claim.source}.")
        verdict.markdown(f"**{entry.verdict}**")
        for one in entry.evidence:
            told = in_words(one.finding)
            line = ". ".join(part for part in (f"{told.label}: {told.value}", told.expected, told.caveat) if part)
            st.markdown(f"- {line} — [see it]({one.link.removeprefix('/')})")
        if entry.lessons:
            titles = listed([f"“{lessons()[name].title}”" for name in entry.lessons])
            st.caption(f"Decided by {titles}. The verdict would be {'; '.join(entry.otherwise)}.")
        else:
            st.caption("No lesson answers this claim yet.")


st.session_state["ntkviz_page"] = "ledger"
st.set_page_config(page_title="The ledger · ntkviz")
st.title("The ledger", anchor=False)
st.markdown(
    """
These claims about the neural tangent kernel are put to the test in the lessons. Each verdict is computed from numbers
that the lessons found, by a rule that is part of the lesson. The numbers here were computed beforehand, at the presets
of the lessons; a link computes them again before your eyes.
"""
)
every = ledger(cast("Found", stored.shipped("ledger")))
present = [verdict for verdict in VERDICTS if any(entry.verdict == verdict for entry in every)]
chosen = st.multiselect("Verdicts", present, placeholder="all of them", key="verdicts")
for entry in every:
    if not chosen or entry.verdict in chosen:
        draw(entry)
left, right = st.columns(2)
left.download_button("CSV: all claims and numbers", table(every), "ntkviz-ledger.csv", "text/csv", on_click="ignore")
right.download_button(
    "JSON: all claims and numbers",
    json.dumps([entry.to_json() for entry in every], ensure_ascii=False, indent=2),
    "ntkviz-ledger.json",
    "application/json",
    on_click="ignore",
)
