"""The toy page behind the course's own middleware, so that its policy and its files are the real ones."""

import streamlit as st
from starlette.middleware import Middleware

from ntkviz.ui.assets import Assets, files
from ntkviz.ui.guard import Guard

app = st.App("question.py", middleware=[Middleware(Guard), Middleware(Assets, known=files())])
