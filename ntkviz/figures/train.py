"""The pictures of “Train and predict”: learned function, modes, loss, gap over width.

Everything is read from the `Result`; a network that is still training has no curves yet, and its traces are empty.
"""

import math
from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ntkviz.experiments.train import Curves, Result, Slope, Theory
from ntkviz.figures import theme
from ntkviz.figures.chart import Chart, Number, Scrub, View

Floats = NDArray[np.float64]

HUES = theme.SERIES[2:7]  # of the modes: blue and vermillion mean theory and network
MODE_FLOOR = 1e-3  # the least that is drawn of a mode
HEIGHT = 330
DECADES = {"type": "log", "dtick": 1, "exponentformat": "power"}
START = 0.5  # where step 0 is drawn on a logarithmic axis


def view(result: Result) -> View:
    """All charts of a result, the numbers that settle it, and what to be warned of."""
    charts = [_picture(result), _modes(result), _loss(result)]
    if result.spec.sweep and result.spec.c < 2:
        charts.append(_gaps(result))
    scrub = Scrub("step k =", result.theory.steps, start=_halfway(result.theory))
    columns = 2 if len(charts) == 4 else 3
    return View(tuple(charts), scrub, columns, tuple(_numbers(result)), tuple(_warnings(result)))


def _picture(result: Result) -> Chart:
    kind = result.theory.data.kind
    return {"circle": _function, "plane": _surface}.get(kind, _agreement)(result)


def _function(result: Result) -> Chart:
    theory, data = result.theory, result.theory.data
    placed, angle = (np.rad2deg(np.zeros(0) if at is None else at) for at in (data.angle, data.angle_test))
    low, high = _range(data.y)
    figure = theme.figure("angle γ in degrees", "f(γ)", height=HEIGHT)
    if data.known:
        figure.add_trace(theme.line(theme.TARGET, angle, data.y_test[:, 0], width=1.5))
    first = len(figure.data)
    predicted, trained = (_frames(result, curves)[:, :, 0] for curves in (theory.curves, _trained(result)))
    figure.add_trace(theme.line(theme.FINITE, angle, trained[-1]))
    figure.add_trace(theme.line(theme.THEORY, angle, predicted[-1], name="theory"))
    figure.add_trace(theme.points(theme.DATA, placed % 360, data.y[:, 0]))
    figure.update_xaxes(range=[0, 360], dtick=90)
    figure.update_yaxes(range=[low, high])
    return Chart(
        "function",
        figure,
        "The learned function over the angle: network and theory at the chosen step, the data and the target.",
        "Press ▶. Does the network (solid) follow the function that theory (dashed) knew before it started?",
        {first: {"y": trained}, first + 1: {"y": predicted}},
    )


def _surface(result: Result) -> Chart:
    theory, data = result.theory, result.theory.data
    left, right, bottom, top = data.window or (-1, 1, -1, 1)
    side = math.isqrt(theory.pictured)
    across, up = np.linspace(left, right, side), np.linspace(bottom, top, side)
    predicted, trained = (
        _frames(result, curves)[:, : theory.pictured, 0].reshape(-1, side, side)
        for curves in (theory.curves, _trained(result))
    )
    figure = theme.figure("x₁", "x₂", height=HEIGHT + 60)
    zero = {"start": 0, "end": 0, "size": 1}
    figure.add_trace(
        go.Contour(
            x=theme.compact(across),
            y=theme.compact(up),
            z=theme.compact(trained[-1]),
            zmin=-1.5,
            zmax=1.5,
            colorscale=theme.DIVERGING,
            contours={**zero, "coloring": "heatmap"},
            line={"color": theme.FINITE.color, "width": 3},
            colorbar={"title": {"text": "f(x)"}, "thickness": 12},
            name="network, f = 0",
            showlegend=True,
        )
    )
    figure.add_trace(
        go.Contour(
            x=theme.compact(across),
            y=theme.compact(up),
            z=theme.compact(predicted[-1]),
            contours={**zero, "coloring": "none"},
            line={"color": theme.THEORY.color, "width": 3, "dash": "dash"},
            name="theory, f = 0",
            showscale=False,
            showlegend=True,
        )
    )
    for label, symbol in enumerate(("circle-open", "circle")):
        x = data.x[data.label == label]
        dots = theme.points(theme.DATA, x[:, 0], x[:, 1], name=f"y = {data.classes[label]}", size=7)
        figure.add_trace(dots.update(marker={"symbol": symbol, "line": {"width": 1.5, "color": theme.INK}}))
    figure.update_xaxes(range=[left, right], constrain="domain")
    figure.update_yaxes(range=[bottom, top], scaleanchor="x", constrain="domain")
    return Chart(
        "surface",
        figure,
        "The network's output over the plane at the chosen step, its decision line f = 0 and that of the theory.",
        "Press ▶. Does the network's decision line (solid) move along with the one of theory (dashed)?",
        {0: {"z": trained}, 1: {"z": predicted}},
    )


def _agreement(result: Result) -> Chart:
    theory, data = result.theory, result.theory.data
    predicted, trained = (
        _frames(result, curves)[:, : theory.pictured].reshape(len(theory.steps), -1)
        for curves in (theory.curves, _trained(result))
    )
    low, high = _range(data.y)
    figure = theme.figure("predicted by theory", "output of the network", height=HEIGHT)
    figure.add_trace(theme.line(theme.THEORY, [low, high], [low, high], name="network = theory", width=2))
    figure.add_trace(theme.points(theme.FINITE, predicted[-1], trained[-1], name="test points", size=6, opacity=0.6))
    figure.update_xaxes(range=[low, high])
    figure.update_yaxes(range=[low, high])
    return Chart(
        "agreement",
        figure,
        "Each test point: the output that theory predicts across, the network's output up, at the chosen step.",
        "Press ▶. Each dot is a test point: how closely do they keep to the diagonal?",
        {1: {"x": predicted, "y": trained}},
    )


def _modes(result: Result) -> Chart:
    theory = result.theory
    at = _log_steps(theory)
    trained = _trained(result).modes
    figure = theme.figure("step k", "what is left of each mode", height=HEIGHT)
    for g, hue in zip(range(len(theory.first)), HUES, strict=False):
        name = f"mode {theory.first[g]}" if theory.frequencies is None else f"frequency {theory.frequencies[g]}"
        group = {"legendgroup": name, "hovertemplate": f"{name}, λ = {theory.followed[g]:.3g}<br>%{{x}}: %{{y:.3g}}"}
        network, predicted = theme.Meaning(name, hue), theme.Meaning(name, hue, "dash")
        flow = theme.Meaning("gradient flow", hue, "dot")
        figure.add_trace(theme.line(flow, at, _drawn(theory.flow[:, g]), width=1.2, showlegend=False, **group))
        figure.add_trace(theme.line(network, at[: len(trained)], _drawn(trained[:, g]), width=3.5, **group))
        line = theme.line(predicted, at, _drawn(theory.curves.modes[:, g]), width=2.5, showlegend=False, **group)
        figure.add_trace(line)
    figure.update_xaxes(**DECADES, range=_log_range(at))
    figure.update_yaxes(**DECADES, range=[math.log10(MODE_FLOOR), 0.15 if result.spec.c < 2 else 1.5])
    return Chart(
        "modes",
        figure,
        "How much of the residual is left in each mode of the kernel over the steps, theory and network.",
        "Each mode falls off its own cliff, near step 1/(ηλ<sub>i</sub>). Dashed: theory, "
        "(1−ηλ<sub>i</sub>)<sup>k</sup>; dotted: e<sup>−λt</sup>. Which mode leaves its line first?",
        cursor=at,
    )


def _loss(result: Result) -> Chart:
    theory = result.theory
    at = _log_steps(theory)
    trained = _trained(result)
    level = result.spec.fraction * theory.curves.loss[0]
    figure = theme.figure("step k", "loss ½ (f − y)²", height=HEIGHT)
    figure.add_trace(theme.line(theme.FINITE, at[: len(trained.loss)], _drawn(trained.loss), name="network"))
    figure.add_trace(theme.line(theme.THEORY, at, _drawn(theory.curves.loss), name="theory"))
    for meaning, tested in ((theme.FINITE, trained.test_loss), (theme.THEORY, theory.curves.test_loss)):
        if tested is not None:
            test = theme.line(meaning, at[: len(tested)], _drawn(tested), name="on test", width=1.5)
            figure.add_trace(test.update(showlegend=meaning is theme.FINITE))
    for meaning, reached in ((theme.FINITE, result.reached), (theme.THEORY, theory.reached)):
        if reached is not None and reached <= at[-1]:
            figure.add_trace(theme.points(meaning, [max(reached, START)], [level], size=12, showlegend=False))
    figure.add_hline(y=level, line={"color": theme.MUTED, "width": 1, "dash": "dot"})
    figure.update_xaxes(**DECADES, range=_log_range(at))
    figure.update_yaxes(**DECADES, range=_loss_range(result))
    return Chart(
        "loss",
        figure,
        "Mean loss on training and test points over the steps, theory and network.",
        f"The dots: when should the loss reach {_percent(result.spec.fraction)} of its start, and when does it?",
        cursor=at,
    )


def _gaps(result: Result) -> Chart:
    sweep = result.sweep
    figure = theme.figure("width n", "gap, share of rms(y)", height=HEIGHT)
    if sweep is not None:
        at, ends = np.repeat(sweep.widths, sweep.linearised.shape[1]), sweep.widths[[0, -1]]
        drawn = (
            (theme.LINEARISED, "circle", "linearisation", sweep.linearised, sweep.slopes[0]),
            (theme.THEORY, "diamond", "infinite width", sweep.infinite, sweep.slopes[1]),
        )
        for meaning, symbol, name, gaps, slope in drawn:
            told = name if slope is None else f"{name}, n<sup>{_minus(f'{slope.exponent:.2f}')}</sup>"
            dots = theme.points(meaning, at, gaps.ravel(), name=told, size=8)
            figure.add_trace(dots.update(marker={"symbol": symbol}))
            if slope is not None:
                figure.add_trace(theme.line(meaning, ends, slope(ends), width=2, showlegend=False))
    stars = [(result.spec.arch.width, gap) for gap in result.gaps if gap is not None]
    star = theme.points(theme.SELECTED, *(zip(*stars, strict=True) if stars else ([], [])), name="this width", size=15)
    figure.add_trace(star.update(marker={"symbol": "star"}))
    figure.update_xaxes(type="log", range=[math.log10(12), math.log10(9000)], tickvals=[16, 64, 256, 1024, 4096])
    figure.update_yaxes(type="log", range=[-3.3, 0.0], tickvals=[0.001, 0.01, 0.1, 1], tickformat=".1~%")
    return Chart(
        "gap",
        figure,
        "The gap between network and linearisation, and between network and infinite width, over the width.",
        "Four times the width: how much smaller is the gap to the network's own linearisation, and to infinite width?",
    )


def _numbers(result: Result) -> Iterable[Number]:
    theory, network, spec = result.theory, result.network, result.spec
    if network is None:
        return
    own, infinite = result.gaps
    slopes = (None, None) if result.sweep is None else result.sweep.slopes
    yield Number(
        "Gap to its linearisation",
        _percent(own),
        ("theory: ∝ 1/n for large n" if result.smooth else "kinks: slower than 1/n") + _fitted(slopes[0]),
        "Largest rms distance over the test points at any recorded step, as a share of the rms of the targets. "
        "Narrow networks feel higher orders, so that a fit to them is flatter than the law.",
    )
    yield Number(
        "Gap to infinite width",
        _percent(infinite),
        "theory: ∝ 1/√n" + _fitted(slopes[1]),
        "The same distance to the theory drawn in the charts, which does not know the network's random weights.",
    )
    yield Number(
        "Kernel drift",
        _percent(network.drift),
        f"theory: 0. The weights moved {_percent(network.movement)}",
        "‖Θ_T − Θ₀‖/‖Θ₀‖ on the training points, and ‖w − w₀‖/‖w₀‖, at the end.",
    )
    yield Number(
        f"Steps to {_percent(spec.fraction)} of the loss",
        _count(result.reached, f"not in {spec.steps}"),
        f"theory: {_count(theory.reached, 'void')}; from λ_min alone: {_count(theory.bound, 'no bound')}",
        "Known before training: Σ c_i² (1 − ηλ_i)^{2k} against ln(1/ε)/(2ηλ_min), the worst case.",
    )
    if result.accuracy is not None:
        by_theory, by_network = result.accuracy
        yield Number("Right on the test", f"{by_network:.1%}", f"theory: {by_theory:.1%}")
    else:
        yield Number(
            "Step c = ηλ_max",
            f"{spec.c:.2f}",
            f"with the network's own kernel: {result.own_c:.2f}. Limit: 2",
            "λ_max is that of infinite width, so that one step means the same at every width.",
        )


def _warnings(result: Result) -> Iterable[str]:
    theory, network, spec = result.theory, result.network, result.spec
    yield from theory.data.warnings
    if np.any(theory.followed == 0):
        yield "The kernel is blind to a part of the target (λ = 0), and theory learns none of it."
    if spec.c >= 2:
        yield f"The step c = {spec.c:.2f} is past the stability limit 2: the closed form grows without bound."
    if network is None or network.lambda_end is None:
        return
    if network.diverged_at is not None:
        yield f"The network diverged by step {network.diverged_at}: choose a smaller step c."
    elif spec.c >= 2 and result.own_c >= 2:
        peak = float(np.max(network.curves.loss) / network.curves.loss[0])
        yield (
            f"The network escapes (catapult): its loss rises {peak:.3g}-fold, while its kernel shrinks from ηλ_max = "
            f"{result.own_c:.2f} to {theory.eta * network.lambda_end:.2f}. No linear model can do that."
        )
    elif spec.c >= 2:
        yield f"This network's own λ_max is smaller: its step is really {result.own_c:.2f}, below the limit."
    elif result.own_c >= 2:
        yield (
            f"At this width the network's own λ_max is larger than that of infinite width: its step is really "
            f"{result.own_c:.2f}, past the limit 2. Choose a smaller step or a larger width."
        )
    if spec.sweep and result.sweep is None and spec.c < 2:
        yield "Other widths would take too long with these settings: lower the steps, the depth or the points."


def _trained(result: Result) -> Curves:
    """The network's curves; empty ones while it has none."""
    if result.network is not None:
        return result.network.curves
    whole = result.theory.curves
    test = None if whole.test_loss is None else whole.test_loss[:0]
    return Curves(whole.loss[:0], test, whole.modes[:0], whole.f[:0])


def _frames(result: Result, curves: Curves) -> Floats:
    """Outputs at all recorded steps, NaN where there are none (yet), within what float32 and the axis can show."""
    bound = 100 * float(np.abs(result.theory.data.y).max())
    missing = np.full((len(result.theory.steps) - len(curves.f), *curves.f.shape[1:]), np.nan)
    return np.concatenate([np.clip(curves.f, -bound, bound), missing])


def _range(y: Floats) -> list[float]:
    """Limits of an axis that shows targets and a third more to either side."""
    low, high = float(y.min()), float(y.max())
    margin = (high - low) / 3 or 1.0
    return [low - margin, high + margin]


def _halfway(theory: Theory) -> int:
    """A frame in which the theory has learned the first modes and not the last: a fifth of the loss is left."""
    loss = theory.curves.loss
    return int(np.argmax(loss <= 0.2 * loss[0])) or len(loss) // 2


def _log_steps(theory: Theory) -> Floats:
    return np.maximum(theory.steps.astype(np.float64), START)


def _log_range(at: Floats) -> list[float]:
    return [math.log10(START) - 0.05, math.log10(at[-1]) + 0.05]


def _loss_range(result: Result) -> list[float]:
    """Six decades at most below the first loss; above it, what the network needs."""
    theory, trained = result.theory.curves, _trained(result)
    drawn = np.concatenate([theory.loss, trained.loss])
    least = max(float(drawn[drawn > 0].min()), 1e-6 * theory.loss[0], 1e-300)
    most = max(float(np.max(trained.loss, initial=0.0)), float(theory.loss[0]) * (30 if result.spec.c >= 2 else 1))
    return [math.log10(min(least, result.spec.fraction * theory.loss[0])) - 0.2, math.log10(most) + 0.2]


def _drawn(values: Floats) -> Floats:
    """Positive and within float32, for a logarithmic axis."""
    return np.clip(values, 1e-30, 1e30)


def _percent(share: float | None) -> str:
    return "void" if share is None else f"{100 * share:.2g} %" if share < 10 else f"{share:.1e}"


def _count(steps: float | None, otherwise: str) -> str:
    if steps is None:
        return otherwise
    return "never" if math.isinf(steps) else f"{steps:.0f}" if steps < 1e5 else f"{steps:.1e}"


def _fitted(slope: Slope | None) -> str:
    return "" if slope is None else _minus(f". Fitted exponent {slope.exponent:.2f} ± {slope.error:.2f}")


def _minus(number: str) -> str:
    return number.replace("-", "−")
