"""The start page: what this is, in one screen, with a first picture from a stored result."""

import streamlit as st

from ntkviz.ui.lesson import Lesson, cards, shipped, show
from ntkviz.ui.syllabus import LESSONS

picture = shipped("train")

start = Lesson("start", "The neural tangent kernel, live", "Can training be known before it happens?")
st.title(start.title, anchor=False)
st.markdown(
    f"""
A network of {picture.spec.arch.width} neurons was trained on {picture.spec.data.n} points. The dashed curve was
computed **before** training, from its kernel alone. Press ▶ and see whether the network keeps to it.
"""
)
show(start, picture, only=("function", "loss"))
cards(LESSONS)
st.caption(
    "Everything is computed on this server, on real networks and real data; nothing is asked of the internet. "
    "Every control is in the page's address: copy it, and whoever opens it sees your picture. Each picture downloads "
    "as SVG or PNG, its numbers as CSV."
)
