"""The main script: navigation, and the one place where a user's error becomes a sentence on the page."""

from itertools import groupby
from pathlib import Path

import streamlit as st

import ntkviz
from ntkviz.errors import NtkvizError
from ntkviz.ui.lesson import leave_behind
from ntkviz.ui.syllabus import LESSONS
from ntkviz.ui.turns import turn

PAGES = Path(ntkviz.__file__).parents[1] / "pages"


def main() -> None:
    st.set_page_config(page_title="ntkviz", page_icon="∇", layout="wide")
    pages = {"": [st.Page(PAGES / "00_start.py", title="Start", default=True)]}
    for section, lessons in groupby(LESSONS, key=lambda lesson: lesson.section):
        pages[section] = [st.Page(PAGES / entry.file, title=entry.title, url_path=entry.path) for entry in lessons]
    page = st.navigation(pages, position="top")
    try:
        page.run()
    except NtkvizError as error:
        st.error(str(error), icon="⚠️")
    leave_behind()


with turn():
    main()
