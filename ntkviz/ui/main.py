"""The main script: navigation."""

from itertools import groupby
from pathlib import Path

import streamlit as st

import ntkviz
from ntkviz.ui.lesson import answered
from ntkviz.ui.syllabus import LESSONS

PAGES = Path(ntkviz.__file__).parents[1] / "pages"


def main() -> None:
    st.set_page_config(page_title="ntkviz", page_icon="∇", layout="wide")
    pages = {"": [st.Page(PAGES / "00_start.py", title="Start", default=True)]}
    for section, lessons in groupby(LESSONS, key=lambda lesson: lesson.section):
        pages[section] = [st.Page(PAGES / entry.file, title=entry.title, url_path=entry.path) for entry in lessons]
    st.navigation(pages, position="top").run()


answered(main)
