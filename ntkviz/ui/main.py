"""The main script: the style sheet that hides answers, and navigation."""

from itertools import groupby
from pathlib import Path

import streamlit as st

from ntkviz.ui.lesson import run_script
from ntkviz.ui.stage.stage import HIDING
from ntkviz.ui.syllabus import PAGES, START, TOOLS, syllabus

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def main() -> None:
    st.set_page_config(page_icon="∇", layout="wide")  # the title is that of the page
    st.html(f"<style>{HIDING}{STYLE}</style>")  # before anything that it hides
    pages = {"": [st.Page(PAGES / START, title="Start", default=True)]}
    for section, entries in groupby(syllabus(), key=lambda entry: entry.lesson.section):
        pages[section] = [
            st.Page(PAGES / entry.file, title=entry.lesson.title, url_path=entry.path) for entry in entries
        ]
    pages["Tools"] = [st.Page(PAGES / file, title=title) for file, title in TOOLS.items()]
    st.navigation(pages, position="top").run()


run_script(main)
