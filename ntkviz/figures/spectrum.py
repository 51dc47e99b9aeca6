"""What the spectrum explorer draws: modes linked by one slider, kernels as heatmaps, spectra side by side."""

import numpy as np
import plotly.graph_objects as go

from ntkviz.experiments.spectrum import Modes, Result
from ntkviz.figures import heatmaps, theme
from ntkviz.figures.chart import Chart, Number, Scrub, View
from ntkviz.figures.decay import INSIDE, compared, signed

TALL = 360  # pixels
SEEN = 1e-6  # share of the target that may lie below the floor without a word
LEFT = theme.Meaning("theory", theme.THEORY.color)
RIGHT = theme.Meaning("network", theme.FINITE.color)


def view(result: Result) -> View:
    """Three linked charts over the modes, the comparison, and the kernels."""
    beside = (compared(result, TALL + 20),) if result.curves else ()
    start = int(np.argmax(result.theory.shares[: result.modes]))
    return View(
        charts=(_spectrum(result), _mode(result), _shares(result), *beside, *_kernels(result)),
        scrub=Scrub("mode", np.arange(1, result.modes + 1), start=start, play=False),
        columns=3,
        numbers=_numbers(result),
        warnings=_warnings(result),
    )


def _spectrum(result: Result) -> Chart:
    """Eigenvalues of theory and network over the mode number; a straight line on the axes that suit the decay."""
    theory, network = result.theory, result.network
    smooth = result.decay.factor is not None
    at = np.arange(1, len(theory.eigenvalues) + 1)
    low, high = _range(theory, network)
    made = theme.figure("mode i", "eigenvalue λ<sub>i</sub>", height=TALL, yaxis_type="log", yaxis_range=[low, high])
    made.update_yaxes(exponentformat="power", dtick=max(1, round((high - low) / 5)))
    if smooth:
        made.update_xaxes(range=[0, 1.1 * max(resolved(theory), 8)])
    else:
        made.update_xaxes(type="log", range=[-0.08, np.log10(len(at)) + 0.08], dtick=1)
    made.update_layout(legend=INSIDE)
    made.add_trace(theme.line(theme.THEORY, at, _positive(theory.eigenvalues), name="theory"))
    made.add_trace(theme.line(theme.FINITE, at, _positive(network.eigenvalues), width=2, name="network"))
    made.add_trace(_selected_points(2))
    x, y, words = _fitted(result)
    if x.size:
        fit = theme.Meaning(words, theme.INK)
        made.add_trace(theme.line(fit, x, y, width=3))
    highest = max(theory, network, key=lambda modes: modes.floor)
    if np.log10(highest.floor) > low:
        below = len(highest.eigenvalues) - resolved(highest)
        name = f"{theme.FLOOR.name} ({highest.dtype}), {below} below"
        made.add_trace(theme.line(theme.FLOOR, at[[0, -1]], [highest.floor] * 2, width=2, name=name))
    rows = np.arange(result.modes)
    frames = {
        "x": np.stack([rows + 1.0, rows + 1.0], axis=1),
        "y": _positive(np.stack([theory.eigenvalues[rows], network.eigenvalues[rows]], axis=1)),
    }
    return Chart(
        "spectrum",
        made,
        f"Eigenvalues of the kernel in descending order, {_scale(smooth)}: theory, network and the fitted line.",
        "Click a mode. Where does the <b>network</b> leave the theory?",
        {2: frames},
        cursor=rows + 1.0,
    )


def resolved(modes: Modes) -> int:
    """Eigenvalues above the rounding floor."""
    return int(np.sum(modes.eigenvalues > modes.floor))


def _scale(smooth: bool) -> str:
    return "logarithmic over a linear axis" if smooth else "both axes logarithmic"


def _range(theory: Modes, network: Modes) -> tuple[float, float]:
    """Decades that hold the eigenvalues above the floor, and the floor itself where they reach it."""
    above = [modes.eigenvalues[modes.eigenvalues > modes.floor] for modes in (theory, network)]
    values = np.concatenate([part for part in above if part.size] or [np.ones(1)])
    low, high = float(np.log10(values.min())) - 0.3, float(np.log10(values.max())) + 0.3
    reached = any(len(part) < len(modes.eigenvalues) for part, modes in zip(above, (theory, network), strict=True))
    if reached:
        low = min(low, float(np.log10(max(theory.floor, network.floor, 1e-300)))) - 0.7
    return low, high


def _positive(values: np.ndarray) -> np.ndarray:
    """What a logarithmic axis can show; rounding makes the rest."""
    return np.where(values > 0, values, np.nan)


def _fitted(result: Result) -> tuple[np.ndarray, np.ndarray, str]:
    """The fitted line at mode numbers, with the words of its legend; empty where nothing was fitted."""
    fit, scale = result.decay.fit, result.theory.eigenvalues.sum()
    if fit is None:
        return np.zeros(0), np.zeros(0), ""
    if result.frequency is None:
        at = ranks = np.array([fit.first, fit.last])
    else:
        # Between equal steps high frequencies look like low ones: above N/4 the matrix leaves the integral operator.
        last = min(fit.last, len(result.frequency) / 4)
        at = np.array([fit.first, last]) if last > fit.first else np.zeros(0)
        ranks = np.array([np.flatnonzero(result.frequency >= k)[0] + 1.0 for k in at])
    return ranks, scale * fit(at), f"fit: slope {signed(fit.exponent)}"


def _selected_points(count: int) -> go.Scatter:
    empty = np.full(count, np.nan)
    return theme.points(theme.SELECTED, empty, empty, size=13, showlegend=False)


def _mode(result: Result) -> Chart:
    """The selected mode: a curve over the circle, a map of the plane, an image, or a value at each sample."""
    if result.kind in ("plane", "image"):
        return _panels(result)
    theory, network = result.theory.pictures, result.network.pictures
    circle = result.kind == "circle"
    high = 1.05 * float(np.quantile(np.abs(np.concatenate([theory, network])), 0.9995))
    made = theme.figure(_axis(result).title, "u<sub>i</sub>(x)", height=TALL)
    made.update_yaxes(range=[-high, high])
    if circle:
        made.update_xaxes(range=[0, 360], dtick=90)
        made.add_trace(theme.line(theme.FINITE, result.place, network[0], width=2.5, name="network", legendrank=1001))
        made.add_trace(theme.line(theme.THEORY, result.place, theory[0], name="theory"))
    else:
        made.update_xaxes(**_axis(result).ticks)
        for _, first, _ in result.groups[1:]:
            made.add_vline(first - 0.5, line={"color": theme.MUTED, "width": 1})
        made.add_trace(theme.points(theme.FINITE, result.place, network[0], size=6, name="network", legendrank=1001))
        made.add_trace(theme.points(theme.THEORY, result.place, theory[0], size=5, name="theory"))
    return Chart(
        "mode",
        made,
        f"The selected eigenfunction of theory and network over {made.layout.xaxis.title.text}.",
        "The mode itself. High modes: does the network still have the theory's <b>wave</b>?"
        if circle
        else "The mode's value at each sample. Which modes tell the <b>targets</b> apart?",
        {0: {"y": network}, 1: {"y": theory}},
    )


def _panels(result: Result) -> Chart:
    """Theory and network side by side, each mode scaled to its own maximum."""
    image = result.kind == "image"
    shape = [int(side) for side in result.place] if image else [result.place.shape[1]] * 2
    stacks = [_unit(modes.pictures).reshape(-1, *shape) for modes in (result.theory, result.network)]
    where = {} if image else {"x": theme.compact(result.place[0]), "y": theme.compact(result.place[1])}
    made = heatmaps.pair(stacks[0][0], stacks[1][0], (LEFT, RIGHT), height=TALL, image=image, **where)
    if len(result.points):
        heatmaps.scatter_on_pair(made, result.points)
    what = (
        "image Σ<sub>n</sub> u<sub>i</sub>(x<sub>n</sub>) x<sub>n</sub> of the mode" if image else "mode over the plane"
    )
    return Chart(
        "mode",
        made,
        f"The selected {'eigen-image' if image else 'eigenfunction over the plane'}, theory left, network right.",
        f"The {what}; blue and red are its two signs. Until which mode do both <b>agree</b>?",
        {i: {"z": stack} for i, stack in enumerate(stacks)},
    )


def _unit(pictures: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = pictures / np.maximum(np.abs(pictures).max(axis=1, keepdims=True), 1e-300)
    return scaled


def _shares(result: Result) -> Chart:
    """Share of the target in each mode, and what the first modes hold together."""
    count = result.modes
    at, theory, network = np.arange(1, count + 1), result.theory.shares, result.network.shares
    made = theme.figure("mode i", "share of the target", height=TALL, barmode="overlay", bargap=0.15)
    made.update_yaxes(range=[0, 1.04], tickformat=".0%")
    made.update_xaxes(range=[0.3, count + 0.7])
    made.add_trace(
        go.Bar(x=at, y=theme.compact(theory[:count]), marker_color=theme.THEORY.color, opacity=0.55, name="theory")
    )
    made.add_trace(theme.points(theme.FINITE, at, network[:count], size=6, name="network"))
    made.add_trace(
        theme.line(theme.THEORY, at, np.cumsum(theory)[:count], width=2, name="sum so far", showlegend=False)
    )
    made.add_trace(theme.line(theme.FINITE, at, np.cumsum(network)[:count], width=2, showlegend=False))
    selected = {"color": theme.SELECTED.color, "line": {"color": theme.INK, "width": 1}}
    made.add_trace(go.Bar(x=[at[0]], y=[theory[0]], width=0.85, marker=selected, showlegend=False, name="selected"))
    frames = {"x": at[:, None].astype(np.float64), "y": theory[:count, None]}
    return Chart(
        "target",
        made,
        "Share of the target in each mode, as bars and dots, and the share of all modes so far, as lines.",
        "Bars: the target in each mode; lines: all modes so far. Is the target in <b>fast</b> modes?",
        {4: frames},
        cursor=at.astype(np.float64),
    )


def _kernels(result: Result) -> tuple[Chart, ...]:
    """Both kernels on one scale of colours, and their difference on its own."""
    theory, network, n = result.theory_kernel, result.network_kernel, result.spec.arch.width
    low, high = float(min(theory.min(), network.min())), float(max(theory.max(), network.max()))
    same = {"colorscale": theme.SEQUENTIAL, "zmin": low, "zmax": high}
    size = float(np.abs(network - theory).max()) or 1.0
    apart = {"colorscale": theme.DIVERGING, "zmin": -size, "zmax": size}
    away = f"Network <b>minus</b> theory, {result.distance:.1%} of the kernel. Noise, or a pattern?"
    return tuple(
        Chart(f"kernel-{name}", heatmaps.square(z, result.position, _axis(result), height=TALL, **look), alt, prompt)
        for name, z, look, alt, prompt in (
            (
                "theory",
                theory,
                same,
                "Kernel at infinite width.",
                f"Θ at <b>infinite width</b>{_exact(result)}: which inputs move together?",
            ),
            (
                "network",
                network,
                same,
                f"Kernel of a network, n = {n}.",
                f"Θ of <b>one network</b>, n = {n}: the same?",
            ),
            ("difference", network - theory, apart, "Network's kernel minus the theory's.", away),
        )
    )


def _exact(result: Result) -> str:
    """What the theory's entries are worth, where it was estimated."""
    return "" if result.exact is None else f", exact to {_power(result.exact)}"


def _axis(result: Result) -> heatmaps.Axis:
    """How the inputs are sorted, with the names of the classes."""
    if result.sorted_by == "angle":
        return heatmaps.Axis("angle (degrees)", (0, 90, 180, 270, 360))
    if result.sorted_by == "target":
        return heatmaps.Axis("inputs, sorted by target")
    middles = tuple((first + last) / 2 for _, first, last in result.groups)
    return heatmaps.Axis("inputs, sorted by class", middles, tuple(name for name, _, _ in result.groups))


def _numbers(result: Result) -> tuple[Number, ...]:
    theory, network = result.theory, result.network
    first = slice(0, 10)
    return (
        _exponent(result),
        Number(
            "Condition number of Θ",
            _condition(network),
            f"theory: {_condition(theory)}",
            "λ_max/λ_min: how much longer the slowest mode takes than the fastest.",
        ),
        Number(
            "Effective rank",
            f"{network.effective_rank:.1f} of {len(network.eigenvalues)}",
            f"theory: {theory.effective_rank:.1f}",
            "exp of the entropy of the eigenvalues' shares: how many modes count.",
        ),
        Number(
            "Network from theory",
            f"{result.distance:.1%}",
            "falls like 1/√n",
            "‖Θ_n − Θ_∞‖ / ‖Θ_∞‖ in the Frobenius norm.",
        ),
        Number(
            "Target in the top 10 modes",
            f"{network.shares[first].sum():.0%}",
            f"theory: {theory.shares[first].sum():.0%}",
            "Σ (u_i·y)²/‖y‖² over the ten largest eigenvalues.",
        ),
    )


def _exponent(result: Result) -> Number:
    curve, fit = result.decay, result.decay.fit
    if curve.factor is not None:
        return Number(
            "Decay a frequency", f"× {curve.factor:.2f}", "exponential: no power law", "Slope of log λ over k."
        )
    if fit is None:
        return Number("Decay exponent", "—", "too few modes", "A fit needs 8 eigenvalues from mode 10 to N/5.")
    law = (
        f"law: {signed(curve.law)}"
        if curve.law is not None
        else "no law for smooth φ"
        if result.smooth
        else "no law here"
    )
    over = "frequencies" if result.frequency is not None else "modes"
    help = (
        f"Theil-Sen slope of log λ of the theory over {over} {fit.first:.0f} to {fit.last:.0f}; "
        f"95 % interval {signed(fit.low)} to {signed(fit.high)}."
    )
    half = max((fit.high - fit.low) / 2, 0.005)
    return Number("Decay exponent", signed(fit.exponent), f"± {half:.2f}; {law}", help)


def _condition(modes: Modes) -> str:
    if not np.isfinite(modes.condition_number):
        return f"> {_power(modes.eigenvalues[0] / modes.floor)}"
    return f"{modes.condition_number:.0f}" if modes.condition_number < 1e4 else _power(modes.condition_number)


def _power(value: float) -> str:
    digits = int(np.floor(np.log10(value)))
    raised = str(digits).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value / 10.0**digits:.1f} · 10{raised}"


def _warnings(result: Result) -> tuple[str, ...]:
    if result.unseen <= SEEN:
        return result.warnings
    lost = (
        f"{result.unseen:.0%} of the target lies in modes whose eigenvalue is zero, below the rounding floor: "
        "an infinitely wide network never learns them."
    )
    if result.frequency is not None:
        lost += (
            " Without biases one hidden layer sees no odd frequency from 3 on; a bias or a second layer restores them."
        )
    return (*result.warnings, lost)
