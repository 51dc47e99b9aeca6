"""The ASGI app: `streamlit run app.py`.

The pages live behind `ntkviz/ui/main.py`, whose folder has no `pages/` beside it: with one, a deep link that is a fresh
server's first request would bypass the main script.
"""

import streamlit as st
from starlette.middleware import Middleware

from ntkviz.ui.assets import Assets, files
from ntkviz.ui.guard import Guard
from ntkviz.ui.operations import routes
from ntkviz.ui.running import ConnectionMonitor
from ntkviz.ui.server import lifespan

middleware = [Middleware(Guard), Middleware(ConnectionMonitor), Middleware(Assets, known=files())]
app = st.App("ntkviz/ui/main.py", lifespan=lifespan, routes=routes(), middleware=middleware)
