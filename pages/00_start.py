"""The start page: what this is, in one screen, with a first question and a picture from a stored result."""

from itertools import groupby

import streamlit as st

from ntkviz.lessons.train import LESSON
from ntkviz.ui.slots import Placement, SlotView, shipped
from ntkviz.ui.stage.stage import hiding
from ntkviz.ui.syllabus import syllabus

COLUMNS = 3  # lessons in a row

st.session_state["ntkviz_page"] = "start"
picture, result = shipped("ntkviz.experiments.train")
preset = LESSON.default

st.title("The neural tangent kernel, live", anchor=False)
st.markdown(
    f"""
A network of {picture.spec.arch.width} neurons was trained on {picture.spec.data.n} points. Its kernel and the data
were enough to predict this training run **before** it began. What do you predict?
"""
)
asked = f"{LESSON.name}/{preset.key}"
st.html(f"<style>{hiding(asked)}</style>")
placement = Placement("start", LESSON.title, preset=asked, ask="auto", question=preset.question)
SlotView(placement).show(picture, picture.spec, result, only=("function", "loss"))

for section, group in groupby(syllabus(), key=lambda entry: entry.lesson.section):
    st.subheader(section, anchor=False)
    lessons = list(group)
    for first in range(0, len(lessons), COLUMNS):
        for column, entry in zip(st.columns(COLUMNS), lessons[first : first + COLUMNS], strict=False):
            with column.container(border=True):
                st.page_link(f"../../pages/{entry.file}", label=f"**{entry.lesson.title}**")
                st.markdown(f"{entry.lesson.question} ({entry.lesson.minutes} minutes)")
st.caption(
    "This server computes everything: real networks are trained on real data, and nothing is asked of the internet. "
    "The address of a page holds all of its settings: copy it, and whoever opens it sees the same picture. Each "
    "picture can be downloaded as SVG or PNG, and its numbers as CSV."
)
