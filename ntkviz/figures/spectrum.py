"""What the spectrum explorer draws: eigenvalues, the selected mode and the target in the modes; kernels as heatmaps."""

import numpy as np

from ntkviz.experiments.spectrum import Result
from ntkviz.figures import heatmaps, theme
from ntkviz.figures.axes import above_zero, linear, log
from ntkviz.figures.canvas import Canvas
from ntkviz.figures.chart import Chart, Scrub, View
from ntkviz.figures.modes import mode_chart
from ntkviz.writing import percent, written

DIFFERENCE = theme.Meaning("network minus theory", theme.MUTED)


def view(result: Result) -> View:
    """Three charts over the modes, linked by the slider, and both kernels with their difference."""
    scrub = Scrub("mode", np.array(result.names), start=result.pair.strongest, play=False)
    mode = mode_chart(result.pictures, result.heat, scrub)
    charts = (_spectrum(result, scrub), mode, _target(result, scrub), *_kernels(result))
    return View(charts, scrub, columns=3)


def _spectrum(result: Result, scrub: Scrub) -> Chart:
    """Eigenvalues of theory and network, relative to the theory's largest, over the mode number."""
    pair, smooth = result.pair, result.spec.smooth
    theory, network = above_zero(pair.relative)
    at, drawn = np.arange(1.0, len(theory) + 1), len(scrub.values)
    lowest, least = theory[pair.theory.last - 1], network[pair.network.last - 1]
    canvas = Canvas(
        "spectrum",
        linear("mode i", (0, len(at)), answer=(0, pair.width)) if smooth else log("mode i", at),
        log("λ<sub>i</sub> / λ<sub>1</sub>", result.spec.window, answer=pair.visible),
        alt="Empty axes for the eigenvalues of the kernel, relative to the largest, over their number i.",
        prompt="How do the eigenvalues λ<sub>i</sub> of the kernel fall with their number i?",
        alt_answer=f"Eigenvalues of {len(at)} modes over the theory's largest. Those above rounding fall to "
        f"{written(lowest, 2)} at mode {pair.theory.last} for theory, and to {written(least, 2)} at mode "
        f"{pair.network.last} for the network.",
        prompt_answer="Click a mode to select it. From which mode on does the orange curve (the network) leave the "
        "blue one (the theory)?",
        scrub=scrub,
        legend=theme.LOWER_LEFT,
    )
    canvas.line(theme.THEORY, at, theory, answer=True)
    canvas.line(theme.FINITE, at, network, answer=True)
    frames = {"x": np.stack([at, at], axis=1)[:drawn], "y": np.stack([theory, network], axis=1)[:drawn]}
    canvas.points(theme.SELECTED, size=theme.LARGE_DOT, showlegend=False, frames=frames, answer=True)
    if pair.floor is not None:
        canvas.level(theme.FLOOR, at, pair.floor, answer=True)
    return canvas.chart(cursor=at[:drawn])


def _target(result: Result, scrub: Scrub) -> Chart:
    """Share of the target in each eigenspace of the theory, and what the first of them hold together."""
    pair = result.pair
    theory, network = pair.shares
    first, last = (np.array([float(space[end] + 1) for space in pair.spaces]) for end in (0, -1))
    middle, size = (first + last) / 2, last - first + 1
    canvas = Canvas(
        "target",
        linear("mode i", (0.3, last[-1] + 0.7)),
        linear("share of the target", (0, 1.04), tickformat=".0%"),
        alt="Empty axes for the target's share in each mode.",
        prompt="Which modes hold the target? What lies in the first modes is learned first.",
        alt_answer=f"The first {pair.top.modes} modes hold {percent(pair.top.share)} of the target, as bars for theory "
        "and dots for the network; lines add them up.",
        prompt_answer="A bar is the target's share in the modes of one eigenvalue, a line the sum so far. Is the "
        "target in the first modes?",
        scrub=scrub,
        bargap=0,
        barmode="overlay",
    )
    canvas.bars(theme.THEORY, middle, theory, size, answer=True)
    canvas.points(theme.FINITE, middle, network, size=theme.SMALL_DOT, answer=True)
    canvas.line(theme.THEORY, last, np.cumsum(theory), name="theory, sum so far", width=theme.THIN, answer=True)
    canvas.line(theme.FINITE, last, np.cumsum(network), name="network, sum so far", width=theme.THIN, answer=True)
    chosen = np.repeat(np.arange(len(size)), size.astype(int))
    frames = {"x": middle[chosen, None], "y": theory[chosen, None], "width": size[chosen, None]}
    canvas.bars(theme.SELECTED, frames=frames, answer=True)
    return canvas.chart(cursor=np.arange(1.0, len(chosen) + 1))


def _kernels(result: Result) -> tuple[Chart, ...]:
    """Both kernels in the colours of the theory's scale, and their difference on its own."""
    heat, n = result.heat, result.spec.arch.width
    colors = heatmaps.scale(theme.SEQUENTIAL, heat.theory.min(), heat.theory.max())
    away = np.abs(heat.difference).max() or 1.0
    exact = "" if result.exact is None else f", exact to {written(result.exact, 2)} of its largest entry"
    theory = heatmaps.matrix(
        heat, heat.theory, "kernel-theory", theme.THEORY, colors,
        alt="The kernel at infinite width",
        prompt=f"The kernel Θ at infinite width{exact}. Which inputs change together?",
    )  # fmt: skip
    network = heatmaps.matrix(
        heat, heat.network, "kernel-network", theme.FINITE, colors, answer=True,
        alt=f"The kernel of a network of width {n}",
        prompt=f"The kernel of one network of width {n}, in the colours of the theory's.",
    )  # fmt: skip
    difference = heatmaps.matrix(
        heat, heat.difference, "kernel-difference", DIFFERENCE, heatmaps.scale(theme.DIVERGING, -away, away),
        answer=True,
        alt="The network's kernel minus the theory's",
        prompt="The network's kernel minus the theory's. Is it noise, or a pattern?",
        found=f"In norm it is {percent(result.distance)} of the theory's.",
    )  # fmt: skip
    return theory, network, difference
