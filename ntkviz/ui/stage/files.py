"""The browser's modules of the stage, and the addresses under which the server has them.

An address holds a fingerprint of what it names, so that a browser may keep the file for ever. The modules import each
other by name and therefore share one: a folder whose name changes with any of them.
"""

import hashlib
from functools import cache
from pathlib import Path

import streamlit as st

FOLDER = Path(__file__).parent
ENTRY = FOLDER / "stage.js"
MODULES = tuple(sorted(FOLDER.glob("*.js")))
PLOTLY = FOLDER.parent / "vendor" / "plotly-cartesian.min.js"
STYLE = FOLDER / "stage.css"
SCRIPTS = (PLOTLY, *MODULES)
ASSETS = "ntkviz-assets"  # the route under which `ui.assets` serves them


@cache
def fingerprint(*paths: Path) -> str:
    """A short hash of the contents of files."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def base_path() -> str:
    """The path below which the app is served, "" or "/base"."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{base}" if base else ""


def address(path: Path) -> str:
    """The path under which the server has a script of the stage."""
    together = MODULES if path in MODULES else (path,)
    return f"{base_path()}/{ASSETS}/{fingerprint(*together)}/{path.name}"
