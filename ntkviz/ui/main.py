"""The main script: one navigation table, and the one place where a user's error becomes a sentence on the page."""

from pathlib import Path

import streamlit as st

import ntkviz
from ntkviz.errors import NtkvizError

PAGES = Path(ntkviz.__file__).parents[1] / "pages"

SYLLABUS = {
    "": [("00_start.py", "Start", "")],
    "Kernels": [("01_spectrum.py", "Spectrum explorer", "spectrum")],
    "Training": [("02_train.py", "Train and predict", "train")],
    "Regimes": [("03_lazy.py", "Lazy or feature learning", "lazy")],
}


def main() -> None:
    st.set_page_config(page_title="ntkviz", page_icon="∇", layout="wide")
    pages = {
        section: [
            st.Page(PAGES / file, title=title, url_path=path or None, default=not path) for file, title, path in lessons
        ]
        for section, lessons in SYLLABUS.items()
    }
    page = st.navigation(pages, position="top")
    try:
        page.run()
    except NtkvizError as error:
        st.error(str(error), icon="⚠️")


main()
