"""Spectra side by side: shares of the trace over frequencies or mode numbers, with slopes and laws."""

import numpy as np

from ntkviz.experiments.spectrum import Curve, Result
from ntkviz.figures import theme
from ntkviz.figures.chart import Chart

HIGHEST = 60  # frequency up to which exponential decay is drawn
ABOVE = 2.5  # a law's line stands this much above its curve, so that both are seen

# A decay leaves the lower left corner free, on a phone too.
INSIDE = {"orientation": "v", "x": 0.01, "y": 0.01, "xanchor": "left", "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"}

PROMPTS = {
    "depth": "Infinite width, five depths. Depth changes the constants: does it change the <b>slope</b>?",
    "activation": "A kink gives a power law, a smooth nonlinearity an exponential: which curves bend <b>down</b>?",
    "kernel": "All layers trained (NTK), or the last alone (NNGP): which kernel keeps the <b>high</b> modes?",
    "width": "Narrow networks lose the <b>tail</b> first: from which mode on does each width leave n = ∞?",
    "data": "The same network, other data: in higher dimension the spectrum is <b>flatter</b>.",
}


def compared(result: Result, height: int) -> Chart:
    """The comparison that the spec asks for; exponents stand in the legend, laws are dotted."""
    smooth = all(curve.factor is not None for curve in result.curves)
    shown = [_visible(curve, smooth) for curve in result.curves]
    least = min(float(values.min()) for _, values in shown)
    made = theme.figure(
        "frequency k" if result.by_frequency else "mode i", "λ / trace", height=height, yaxis_type="log"
    )
    low = max(np.log10(least), -15.5) - 0.3
    made.update_yaxes(exponentformat="power", range=[low, 0.2], dtick=max(1, round(-low / 7)))
    if not smooth:
        made.update_xaxes(type="log", dtick=1)
    theory_alone = sum(not curve.finite for curve in result.curves) == 1
    for i, (curve, (at, values)) in enumerate(zip(result.curves, shown, strict=True)):
        dash = "dash" if theory_alone and not curve.finite else "solid"
        style = theme.Meaning(_legend(curve), theme.SERIES[i % len(theme.SERIES)], dash)
        made.add_trace(theme.line(style, at, values, width=2.5))
    for exponent, at, values in _laws(result.curves):
        made.add_trace(theme.line(theme.Meaning(f"law: {signed(exponent)}", theme.MUTED, "dot"), at, values, width=3))
    made.update_layout(legend=INSIDE)
    prompt = PROMPTS[result.spec.compare]
    if result.spec.compare == "activation" and not result.by_frequency:
        prompt = "The same data, other nonlinearities: whose spectrum is <b>flattest</b>?"
    alt = "Spectra side by side in shares of their trace, with fitted exponents in the legend."
    return Chart("compare", made, alt, prompt, span=3)


def _visible(curve: Curve, smooth: bool) -> tuple[np.ndarray, np.ndarray]:
    """What is above the floor and fits on the axes; never nothing."""
    kept = (curve.at >= 1) & (curve.eigenvalues > curve.floor)
    if smooth:
        kept &= curve.at <= HIGHEST
    if not kept.any():
        kept = curve.eigenvalues == curve.eigenvalues.max()
    return curve.at[kept], curve.eigenvalues[kept]


def _legend(curve: Curve) -> str:
    if curve.factor is not None:
        return f"{curve.label}: × {curve.factor:.2f} a frequency"
    return curve.label if curve.fit is None else f"{curve.label}: slope {signed(curve.fit.exponent)}"


def _laws(curves: tuple[Curve, ...]) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Each law once: exponent, ends and values of a line above the first curve that should follow it."""
    lines: dict[float, tuple[float, np.ndarray, np.ndarray]] = {}
    for curve in curves:
        if curve.law is not None and curve.fit is not None and curve.law not in lines:
            at = np.array([curve.fit.first, curve.fit.last])
            middle = np.sqrt(at.prod())
            lines[curve.law] = (curve.law, at, ABOVE * curve.fit(middle) * (at / middle) ** curve.law)
    return list(lines.values())


def signed(value: float) -> str:
    """Two decimals with a true minus sign."""
    return f"{value:.2f}".replace("-", "−")
