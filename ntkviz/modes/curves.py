r"""Spectra as curves to be compared: eigenvalues in shares of the trace, with the law that fits their tail.

    λ ~ i^{exponent} with a kink in φ;    λ ~ factor^k, or ln λ ~ −k^{power}, for a smooth φ on the circle

Eigenvalues are those of the integral operator over frequencies, where these are known, or of a matrix over mode
numbers. Both have the same laws, but high modes of a matrix leave those of the operator.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ntkviz.activations import activation
from ntkviz.data import DataSpec, Sphere, SphereMix
from ntkviz.findings import Finding, Interval
from ntkviz.kernels.decay import Kernel, decay_exponent
from ntkviz.measures.fits import Exponential, PowerLaw, Stretched, decay_law
from ntkviz.modes.tails import smooth_tail
from ntkviz.nets import Architecture
from ntkviz.spectra import Spectrum, circle_operator, rounding_floor
from ntkviz.writing import fixed, listed, written

Floats = NDArray[np.float64]
Fit = PowerLaw | Exponential | Stretched

POWER_LAW = (20.0, 200.0)  # frequencies of a power law's fit: depths up to 10 are within .05 of their law there
SMOOTH = 4.0  # the first frequency of an exponential's fit
HEAD, PART = 10.0, 5  # modes of a matrix that are fitted: from 10 to N/5, beyond which the finite sample bends them
CLEAR = 10.0  # times the floor, above which eigenvalues are fitted
NEAR_LAW, NEAR_SAMPLE = 0.05, 0.15  # how near to a law fits come: of the operator, and in the blocks of a sample
ABOVE = 2.5  # a law's line stands this much above its curve, so that both are seen


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum, in shares of its trace."""

    label: str
    at: Floats  # (P,) frequencies from 0, or mode numbers from 1
    eigenvalues: Floats  # (P,)
    multiplicities: NDArray[np.int64]  # (P,) how many modes have each eigenvalue
    floor: float  # shares below it are rounding
    fit: Fit | None = None  # None for a network of finite width, and where too few eigenvalues are clear of the floor
    fitted: int = 0  # eigenvalues that were fitted
    law: float | None = None  # the exponent that theory gives, where one is known
    finite: bool = False  # a network of finite width

    @property
    def exponent(self) -> float | None:
        """Of the power law that was fitted, if one was."""
        return self.fit.exponent if isinstance(self.fit, PowerLaw) else None

    @property
    def error(self) -> float:
        """One standard error of that exponent; 0 without one."""
        return self.fit.error if isinstance(self.fit, PowerLaw) else 0.0

    @property
    def caption(self) -> str:
        """The label with what was fitted."""
        if isinstance(self.fit, PowerLaw):
            return f"{self.label}: slope {fixed(self.fit.exponent, 2)}"
        if isinstance(self.fit, Exponential):
            return f"{self.label}: × {fixed(self.fit.factor, 2)} a frequency"
        return self.label if self.fit is None else f"{self.label}: ln λ ~ −k^{fixed(self.fit.power, 2)}"

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(P,) what is drawn: positive places with eigenvalues above the floor; the largest where there are none."""
        above = (self.at >= 1) & (self.eigenvalues > self.floor)
        return above if above.any() else self.eigenvalues == self.eigenvalues.max()

    @property
    def shares(self) -> Floats:
        """(P,) of the trace, of all modes with each eigenvalue, without those below the floor."""
        return np.where(self.eigenvalues > self.floor, self.eigenvalues * self.multiplicities, 0.0)

    @property
    def effective_rank(self) -> float:
        """exp of the entropy of the shares of all modes: how many modes count."""
        values = np.repeat(self.eigenvalues, self.multiplicities)
        return Spectrum(np.sort(values)[::-1], np.zeros((len(values), 0)), self.floor, "float64").effective_rank

    @property
    def law_line(self) -> tuple[Floats, Floats] | None:
        """Ends and values of a line with the slope of the law, above the curve; None without a law or its fit."""
        if self.law is None or not isinstance(self.fit, PowerLaw):
            return None
        ends = np.array([self.fit.first, self.fit.last])
        middle = float(np.sqrt(ends.prod()))
        return ends, ABOVE * float(self.fit(middle)) * (ends / middle) ** self.law

    def value_at(self, place: float) -> float | None:
        """The eigenvalue at a frequency or mode number; None where it is not there or below the floor."""
        found = np.flatnonzero(self.at == place)
        value = float(self.eigenvalues[found[0]]) if found.size else 0.0
        return value if value > self.floor else None

    def fit_in_words(self, unit: str) -> str:
        """Over how many eigenvalues the fit goes, such as “181 frequencies from 20 to 200”."""
        return "" if self.fit is None else f"{self.fitted} {unit} from {self.fit.first:.0f} to {self.fit.last:.0f}"


def operator_curve(label: str, arch: Architecture, kernel: Kernel = "ntk") -> Curve:
    """The eigenvalues by frequency of the integral operator on the circle, at infinite width."""
    found = circle_operator(arch, kernel)
    at, values = found.frequencies, found.eigenvalues
    first, last = POWER_LAW if activation(arch.activation).kinks else (SMOOTH, np.inf)
    usable = (at >= first) & (at <= last) & (values > CLEAR * found.floor)
    fit: Fit | None
    if activation(arch.activation).kinks:
        fit = decay_law(values, at=at, floor=CLEAR * found.floor, first=first, last=last)
    else:
        fit = smooth_tail(at[usable], values[usable])
    law = decay_exponent(arch, 2, kernel)
    return Curve(label, at, values, found.multiplicities, found.floor, fit, int(usable.sum()), law)


def matrix_curve(label: str, kernel: Floats, law: float | None = None, *, finite: bool = False) -> Curve:
    """The eigenvalues of a matrix (N, N) by mode number.

    Args:
        label: of the curve.
        kernel: the matrix.
        law: the exponent that theory gives, if any.
        finite: whether it is of a network of finite width, whose tail bends: then nothing is fitted.
    """
    values = np.linalg.eigvalsh(kernel).astype(np.float64)[::-1]
    trace = float(values.sum())
    shares, floor = values / trace, rounding_floor(values, kernel.dtype) / trace
    at = np.arange(1.0, len(values) + 1)
    usable = (at >= HEAD) & (at <= len(at) / PART) & (shares > CLEAR * floor)
    fit = None if finite else decay_law(shares, floor=CLEAR * floor, first=HEAD, last=len(at) / PART)
    ones = np.ones(len(at), np.int64)
    return Curve(label, at, shares, ones, floor, fit, 0 if finite else int(usable.sum()), law, finite)


def law(arch: Architecture, data: DataSpec, kernel: Kernel = "ntk") -> float | None:
    """The exponent of λ_i over the mode number for uniform data on a circle or sphere; None for other data."""
    if isinstance(data, Sphere | SphereMix) and data.scale == "none":
        return decay_exponent(arch, data.dim, kernel)
    return decay_exponent(arch, 2, kernel) if data.kind == "circle" else None


def tail_in_words(curve: Curve) -> str:
    """What was fitted to a smooth kernel's eigenvalues, as a sentence; empty for other curves."""
    over = f"fitted over {curve.fit_in_words('frequencies')}"
    if isinstance(curve.fit, Exponential):
        return f"{curve.label}: each eigenvalue is {written(curve.fit.factor, 2)} times the one before, {over}."
    if isinstance(curve.fit, Stretched):
        power = f"{fixed(curve.fit.power, 2)} ± {fixed(curve.fit.error, 2)}"
        than = "more slowly" if curve.fit.power < 1 else "faster"
        return f"{curve.label}: ln λ falls like −k^p with p = {power}, {than} than an exponential, {over}."
    return ""


def decay_finding(curve: Curve, *, by_frequency: bool) -> Finding:
    """How the eigenvalues of a kernel fall: an exponent, a factor, or the power in a stretched exponential.

    Args:
        curve: of the kernel.
        by_frequency: whether it runs over frequencies of the integral operator, not over modes of a matrix.
    """
    unit = "frequencies" if by_frequency else "modes"
    where = f"the integral operator over {unit}" if by_frequency else f"the matrix over {unit}"
    fit, over = curve.fit, curve.fit_in_words(unit)
    if isinstance(fit, Exponential):
        words = f"Each eigenvalue of {where} over the one before, fitted to {over}."
        return Finding("Decay factor", fit.factor, "a frequency", fit.error, over, help=words)
    if isinstance(fit, Stretched):
        words = f"p in ln λ ~ −k^p for the eigenvalues of {where}, fitted to {over}. An exponential has 1."
        return Finding("Power in the exponential", fit.power, "", fit.error, over, help=words)
    if fit is None:
        few = f"Too few eigenvalues of {where} are clear of rounding for a fit."
        return Finding("Decay exponent", None, caveat=few)
    near = NEAR_LAW if by_frequency else NEAR_SAMPLE
    expected = None
    if curve.law is not None:
        expected = Interval(curve.law - near, curve.law + near, f"the law {fixed(curve.law, 2)}")
    words = f"The slope of ln λ over the logarithm for {where}: the median of all pairs, fitted to {over}."
    made = Finding("Decay exponent", fit.exponent, "", fit.error, over, expected, help=words)
    far = "The law holds for large mode numbers; those that are fitted are not large enough."
    return replace(made, caveat=far) if made.agrees is False else made


def labelled(curves: Sequence[Curve], labels: Sequence[str]) -> list[Curve]:
    """The curves with these labels, in their order; none unless all are there."""
    found = {curve.label: curve for curve in curves}
    return [found[label] for label in labels] if found.keys() >= set(labels) else []


def ranked(
    curves: Sequence[Curve],
    number: Callable[[Curve], float | None],
    error: Callable[[Curve], float] = lambda curve: 0.0,
) -> list[int] | None:
    """The numbers of the curves, sorted by a value of each, the smallest first.

    Args:
        curves: to be sorted.
        number: the value of a curve.
        error: its standard error.

    Returns:
        None where there are none, where one has no value, and where two are nearer than twice their standard error.
    """
    values = [value for value in map(number, curves) if value is not None]
    if not curves or len(values) < len(curves):
        return None
    order = sorted(range(len(values)), key=values.__getitem__)
    errors = list(map(error, curves))
    apart = all(values[b] - values[a] > 2 * math.hypot(errors[a], errors[b]) for a, b in pairwise(order))
    return order if apart else None


def in_words(curves: Sequence[Curve], number: Callable[[Curve], float | None]) -> str:
    """A value of each curve with its label, such as “−2 (circle) and −1.5 (sphere)”."""
    return listed([f"{written(number(curve))} ({curve.label})" for curve in curves])
