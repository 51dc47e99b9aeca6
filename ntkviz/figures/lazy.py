"""Pictures of “Lazy or feature learning”: a point on the sweep over α, and what that run did."""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ntkviz.experiments.lazy import LAZY, RICH, Plane, Result
from ntkviz.figures import theme
from ntkviz.figures.chart import Chart, Number, Scrub, View

AXIS = "α    (← features | lazy →)"
BANDS = (("lazy", "rgba(0,114,178,0.16)"), ("crossover", "rgba(107,114,128,0.16)"), ("features", "rgba(213,94,0,0.16)"))
SIGNS = {1.0: ("a > 0", theme.DIVERGING[2][1]), -1.0: ("a < 0", theme.DIVERGING[0][1])}


def view(result: Result) -> View:
    """The sweep over α, scrubbed along α."""
    alpha = np.array([float(f"{value:.3g}") for value in result.alpha])
    return View(
        (gauge(result), error(result), drift(result), plane(result), curves(result), alignment(result)),
        scrub=Scrub("α =", alpha, start=0),
        columns=6,
        numbers=numbers(result),
        warnings=warnings(result),
    )


def gauge(result: Result) -> Chart:
    """Where each run's drift falls among lazy, crossover and feature learning."""
    value = mean(result, "drift", log=True)
    low, high = decades(np.append(value, [LAZY / 10, RICH * 10]))
    made = theme.figure("kernel drift ‖Θ − Θ₀‖/‖Θ₀‖", "", height=140, showlegend=False)
    edges = (low / 1.5, LAZY, RICH, high * 1.5)
    for (name, color), left, right, words in zip(
        BANDS,
        edges,
        edges[1:],
        (f"lazy<br>under {LAZY:g}", f"crossover<br>{LAZY:g} to {RICH:g}", f"features<br>over {RICH:g}"),
        strict=False,
    ):
        made.add_vrect(left, right, fillcolor=color, line_width=0, layer="below", name=name)
        middle = math.log10(math.sqrt(left * right))
        made.add_annotation(
            x=middle, y=0.98, text=words, showarrow=False, font_size=14, yanchor="top", xref="x", yref="paper"
        )
    level = np.zeros_like(value)
    made.add_trace(theme.points(theme.FINITE, value, level, name="the other α", size=8, opacity=0.5))
    chosen = theme.points(theme.SELECTED, value[:1], level[:1], name="this run", size=22)
    made.add_trace(chosen.update(marker_symbol="diamond"))
    made.update_xaxes(type="log", range=[math.log10(low / 1.5), math.log10(high * 1.5)], tickformat="~g", dtick=1)
    made.update_yaxes(visible=False, range=[-0.6, 2.2])
    made.update_layout(margin={"t": 4, "l": 16, "b": 48})
    return Chart(
        "regime",
        made,
        "A scale of kernel drift in three bands, lazy, between and feature learning, with a diamond at the chosen run.",
        "<b>Which regime is this run in?</b> The diamond is the run at the α above; the dots are the others.",
        frames={1: {"x": value[:, None]}},
        span=6,
    )


def error(result: Result) -> Chart:
    """Test error over α between its two references."""
    alpha, value = result.alpha, mean(result, "test_error")
    made = theme.figure(AXIS, "test error (mean square)", height=360)
    made.add_trace(level(theme.THEORY, alpha, mean(result, "kernel_error"), "NTK regression"))
    made.add_trace(level(theme.LINEARISED, alpha, mean(result, "linear_error"), "linearised"))
    made.add_trace(spread(result, "test_error", value))
    shown = [value, mean(result, "kernel_error"), mean(result, "linear_error"), *result.over_seeds("test_error")]
    log_axes(made, alpha, np.concatenate([np.ravel(row) for row in shown]))
    return Chart(
        "test-error",
        made,
        "Test error of the trained network over the output scale, with kernel regression and the linearised network.",
        "On the right every network ends at its own kernel's error. Does moving left pay?",
        cursor=alpha,
        span=2,
    )


def drift(result: Result) -> Chart:
    """Kernel drift over α, with its first order in 1/α."""
    alpha, value = result.alpha, mean(result, "drift", log=True)
    first = mean(result, "first_order") / alpha
    made = theme.figure(AXIS, "kernel drift", height=360)
    made.add_trace(theme.line(theme.LINEARISED, alpha, first, name="first order, no fit"))
    made.add_trace(spread(result, "drift", value))
    for bound in (LAZY, RICH):
        made.add_hline(bound, line={"color": theme.MUTED, "width": 1, "dash": "dot"})
    log_axes(made, alpha, np.concatenate([value, first, *result.over_seeds("drift")]))
    return Chart(
        "drift",
        made,
        "Relative change of the kernel in training over the output scale, with its first order in the inverse scale.",
        "With 1/α as far to go, does the kernel's drift fall like 1/α? ReLU's kinks add to it.",
        cursor=alpha,
        span=2,
    )


def plane(result: Result) -> Chart:
    """The neurons of a small network in the plane, from start to end of training, a frame for each α."""
    shown = squeezed(result.plane.path)  # (A, T, n, 2)
    reach = 1.05 * float(np.nanmax(np.abs(shown)))
    made = theme.figure("", "", height=360)
    for turn, sign in zip(result.plane.teacher, result.plane.teacher_sign, strict=True):
        style = {"color": SIGNS[float(sign)][1], "width": 1.5, "dash": "dot"}
        made.add_trace(go.Scatter(x=[0, reach * turn[0]], y=[0, reach * turn[1]], mode="lines", line=style))
    made.update_traces(showlegend=False, hoverinfo="skip")
    frames: dict[int, dict[str, np.ndarray]] = {}
    for sign, (name, color) in SIGNS.items():
        group = shown[:, :, result.plane.sign == sign]
        paths, ends = tracks(group), group[:, -1]
        quiet: dict[str, Any] = {"showlegend": False, "hoverinfo": "skip"}
        lines = go.Scatter(x=paths[0, :, 0], y=paths[0, :, 1], mode="lines", line={"color": color, "width": 1}, **quiet)
        marks = go.Scatter(
            x=ends[0, :, 0], y=ends[0, :, 1], mode="markers", marker={"color": color, "size": 8}, name=name
        )
        for rows, trace in ((paths, lines), (ends, marks)):
            frames[len(made.data)] = {"x": rows[..., 0], "y": rows[..., 1]}
            made.add_trace(trace)
    rings(made, result.plane)
    made.update_xaxes(visible=False, range=[-reach, reach], constrain="domain")
    made.update_yaxes(visible=False, range=[-reach, reach], scaleanchor="x", constrain="domain")
    made.update_layout(margin={"l": 8, "r": 8, "b": 8})
    return Chart(
        "neurons",
        made,
        "Sixty neurons in the plane as points with the path of each in training, and the teacher's three directions.",
        "Sixty neurons |a|w in the plane, trained at this α from the ring. Dotted: the three behind their data.",
        frames=frames,
        span=2,
    )


def rings(made: go.Figure, plane: Plane) -> None:
    """Circles at lengths 1, 10, 100 … times that at the start."""
    largest = float(np.nanmax(np.linalg.norm(plane.path, axis=-1)))
    for power in range(1 + math.floor(math.log10(max(largest, 1.0)))):
        radius = float(squeezed(np.array([10.0**power, 0.0]))[0])
        line = {"color": theme.MUTED, "width": 1}
        made.add_shape(
            type="circle", x0=-radius, x1=radius, y0=-radius, y1=radius, line=line, layer="below", opacity=0.6
        )
        words = "start" if power == 0 else f"× {10**power}"
        font = {"size": 13, "color": theme.MUTED}
        made.add_annotation(x=0, y=radius, text=words, showarrow=False, bgcolor=theme.PAPER, font=font)


def squeezed(points: np.ndarray) -> np.ndarray:
    """Points (…, 2) with their directions and with radius log₁₀(1 + 9r): 1 stays, 10 and 100 go to about 2 and 3."""
    radius = np.linalg.norm(points, axis=-1, keepdims=True)
    return np.asarray(points * np.log10(1 + 9 * radius) / np.maximum(radius, 1e-12))


def tracks(group: np.ndarray) -> np.ndarray:
    """Paths (A, T, n, 2) end to end as one line a frame with gaps, (A, n (T + 1), 2)."""
    gaps = np.full((len(group), 1, *group.shape[2:]), np.nan)
    return np.concatenate([group, gaps], axis=1).swapaxes(1, 2).reshape(len(group), -1, 2)


def curves(result: Result) -> Chart:
    """Training of the run at the chosen α: the first seed's."""
    first = result.sweeps[0]
    steps = first.steps[1:]
    train, test, linear = (rows[:, 1:] for rows in (first.train_curve, first.test_curve, first.linear_curve))
    made = theme.figure("step", "mean squared error", height=340)
    made.add_trace(level(theme.THEORY, steps, np.array(first.kernel_error), "NTK regression"))
    made.add_trace(theme.line(theme.LINEARISED, steps, linear[0], name="test, linearised"))
    made.add_trace(theme.line(theme.FINITE, steps, test[0], name="test, network"))
    made.add_trace(theme.line(theme.DATA, steps, train[0], name="training", width=1.5))
    log_axes(made, steps, np.concatenate([np.ravel(rows) for rows in (train, test, linear)]))
    seed = "" if len(result.sweeps) == 1 else " (the first seed)"
    return Chart(
        "curves",
        made,
        "Training and test error of the chosen run over its steps, with the linearised network and kernel regression.",
        f"This run as it trained{seed}. When does the network leave its linearisation?",
        frames={1: {"y": linear}, 2: {"y": test}, 3: {"y": train}},
        span=3,
    )


def alignment(result: Result) -> Chart:
    """Alignment of the hidden layer with the target, before and after, over α."""
    alpha, value = result.alpha, mean(result, "aligned")
    made = theme.figure(AXIS, "alignment (CKA)", height=340)
    made.add_trace(level(theme.TARGET, alpha, mean(result, "aligned_start"), "before training"))
    made.add_trace(spread(result, "aligned", value).update(name="after training"))
    made.update_xaxes(type="log", tickformat="~g", dtick=1)
    top = max(0.1, float(np.nanmax([*result.over_seeds("aligned").ravel(), 0.0])))  # CKA is 1 at most
    made.update_yaxes(range=[0, 1.08 * top])
    return Chart(
        "alignment",
        made,
        "Alignment of the hidden layer with the target on test points over the output scale, before and after.",
        "The hidden layer on points it has not seen: did it turn to what matters, or only its readout?",
        cursor=alpha,
        span=3,
    )


def numbers(result: Result) -> tuple[Number, ...]:
    """The claim in figures: what the two ends of the sweep reach, and how the drift falls."""
    rich, lazy = mean(result, "test_error")[[0, -1]]
    low, high = result.alpha[[0, -1]]
    linear, limit, first = (float(mean(result, name)) for name in ("linear_error", "kernel_error", "first_order"))
    gain = result.gain
    seeds = "" if len(gain) == 1 else f" ({short(gain.min(), 2)} to {short(gain.max(), 2)} over {len(gain)} seeds)"
    return (
        Number(f"Test error at α = {low:g}", short(rich), "no theory: it is measured"),
        Number(
            f"Test error at α = {high:g}",
            short(lazy),
            f"linearised: {short(linear)}; infinite width: {short(limit)}",
            help="The linearised network has taken the same steps; kernel regression at infinite width is at its end.",
        ),
        Number("Lazy error over rich", f"× {short(float(np.median(gain)), 2)}", f"× 1 if features were nothing{seeds}"),
        Number(
            f"Drift at α = {high:g}",
            short(mean(result, "drift", log=True)[-1], 2),
            f"first order in 1/α: {short(first / high, 2)}",
            help="First order in 1/α leaves out that ReLU neurons switch; smooth activations meet it.",
        ),
        Number(
            "Slope of drift in the lazy runs",
            "–" if result.slope is None else f"{result.slope:.2f}".replace("-", "−"),
            "smooth φ: −1; ReLU's kinks pull it towards −½",
        ),
    )


def warnings(result: Result) -> tuple[str, ...]:
    """What the class must know before it compares the ends."""
    told = []
    lost = np.any(result.over_seeds("diverged"), axis=0)
    if lost.any():
        told.append(f"Diverged and left out: α = {listed(result.alpha[lost])}. Take a smaller step.")
    start, end = result.sweeps[0].train_curve[:, 0], mean(result, "train_error")
    slow = result.finished & (end > 0.1 * np.nanmax(start, initial=0.0))
    if np.any(slow):
        told.append(
            f"Training error still over a tenth of that at the start: α = {listed(result.alpha[slow])}. "
            "What is shown there is a run on its way, not at its end."
        )
    return tuple(told)


def short(value: float, digits: int = 3) -> str:
    """A number as a class reads it; a dash where a run is not there (yet)."""
    if not math.isfinite(value):
        return "–"
    return f"{value:.0f}" if value >= 10 else f"{value:.{digits}g}"


def listed(alpha: np.ndarray) -> str:
    return ", ".join(f"{value:.3g}" for value in alpha)


def mean(result: Result, name: str, *, log: bool = False) -> np.ndarray:
    """Over seeds, of the logarithm for what spans decades."""
    rows = result.over_seeds(name)
    return np.exp(np.mean(np.log(rows), axis=0)) if log else np.mean(rows, axis=0)


def spread(result: Result, name: str, value: np.ndarray) -> go.Scatter:
    """The network over α; with several seeds the bars go from the least to the largest."""
    made = theme.line(theme.FINITE, result.alpha, value).update(mode="lines+markers", marker_size=9)
    rows = result.over_seeds(name)
    if len(rows) > 1:
        made.update(
            error_y={"array": rows.max(axis=0) - value, "arrayminus": value - rows.min(axis=0), "thickness": 1.5}
        )
    return made


def level(meaning: theme.Meaning, x: np.ndarray, y: Any, name: str) -> go.Scatter:
    """A reference that does not depend on x."""
    return theme.line(meaning, x[[0, -1]], np.full(2, float(y)), name=name, width=2.5)


def log_axes(made: go.Figure, x: np.ndarray, y: np.ndarray) -> None:
    """Both axes logarithmic, over all that any frame shows."""
    low, high = decades(y)
    made.update_xaxes(type="log", tickformat="~g", dtick=1, range=[math.log10(x[0]) - 0.08, math.log10(x[-1]) + 0.08])
    made.update_yaxes(type="log", tickformat="~g", range=[math.log10(low), math.log10(high)])
    made.update_yaxes(dtick=1 if high > 100 * low else "D2")  # D2 labels 1, 2 and 5 of each decade


def decades(values: np.ndarray) -> tuple[float, float]:
    """A range for a logarithmic axis: what is positive, with a margin."""
    seen = values[np.isfinite(values) & (values > 0)]
    return (float(seen.min()) / 1.3, float(seen.max()) * 1.3) if seen.size else (0.1, 10.0)
