"""Draw the table of `benchmarks/kernels.py` from its file: `python -m scripts.draw_benchmarks`.

The picture docs/benchmarks/kernels.svg holds the speeds over other libraries in docs/benchmarks/kernels.json.
"""

import json
import textwrap
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright
from plotly.offline import get_plotlyjs

from scripts.find_browser import find
from tests.browser.conftest import ARGUMENTS

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
INK, PAPER, BAR = "#222222", "#ffffff", "#0072b2"
FASTER = "faster than "


def speeds(table: dict[str, Any]) -> list[tuple[str, float]]:
    """(what is compared, how many times faster) of the rows that compare seconds, the slowest rival last."""
    found = [(f"{row['case']}, {row['claim'].removeprefix(FASTER)}", row["value"]) for row in table["rows"]]
    return [pair for pair, row in zip(found, table["rows"], strict=True) if row["claim"].startswith(FASTER)]


def figure(table: dict[str, Any]) -> go.Figure:
    """A bar for each comparison, on a logarithmic axis that starts where both are equally fast."""
    names, values = zip(*speeds(table), strict=True)
    where = table["environment"]
    measured = (
        f"Measured on {where['date']}: {where['processor']}, {where['cores']} cores, JAX {where['jax']}, "
        f"NumPy {where['numpy']}. A network is (points, width, depth), in float32 or float64."
    )
    bars = go.Bar(
        x=values, y=names, orientation="h", marker={"color": BAR}, text=[f"{value:.3g} ×" for value in values],
        textposition="outside", cliponaxis=False,
    )  # fmt: skip
    layout = go.Layout(
        template="plotly_white",
        font={"family": "system-ui, sans-serif", "size": 14, "color": INK},
        title={"text": "How many times faster ntkviz computes a kernel", "x": 0},
        xaxis={"type": "log", "title": {"text": "<br>".join(textwrap.wrap(measured, 62))}, "range": [0, 3], "dtick": 1},
        yaxis={"autorange": "reversed", "automargin": True},
        margin={"l": 10, "r": 60, "t": 50, "b": 110},
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
    )
    return go.Figure(bars, layout)


def main() -> None:
    drawn = figure(json.loads((FOLDER / "kernels.json").read_text(encoding="utf-8")))
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=find(), args=ARGUMENTS).new_page()
        page.add_script_tag(content=get_plotlyjs())
        size = {"format": "svg", "width": 900, "height": 150 + 36 * len(drawn.data[0].y), "imageDataOnly": True}
        svg = page.evaluate("([figure, size]) => Plotly.toImage(figure, size)", [drawn.to_plotly_json(), size])
    (FOLDER / "kernels.svg").write_text(svg + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
