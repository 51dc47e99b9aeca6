r"""Spectra side by side: how the eigenvalues of kernels fall, over depths, nonlinearities, data sets and widths.

    λ_k ~ k^{−2} (NTK), k^{−4} (NNGP) on the circle for ReLU networks of every depth;  λ_i ~ i^{−d/(d−1)} on S^{d−1}

What can be compared is in `measures.cases`.

Sources: Bietti & Mairal 2019 and Bietti & Bach 2021 (decay on the sphere, the same at every depth).
"""

from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ntkviz import costs
from ntkviz.activations import activation
from ntkviz.experiments.protocol import Cost, Report, silent
from ntkviz.experiments.spectrum import Spec as Spectrum
from ntkviz.findings import Finding, Interval, Reference, Remark
from ntkviz.modes.cases import BY_FREQUENCY, COMPARED, SAMPLE, Case, cases, cost_of, curves_of, without_width
from ntkviz.modes.curves import NEAR_LAW, Curve, decay_finding, tail_in_words
from ntkviz.modes.frequencies import circulant
from ntkviz.specs import Spec as Settings
from ntkviz.specs import choice
from ntkviz.spectra.population import KEPT
from ntkviz.writing import fixed

Floats = NDArray[np.float64]

CLAIMED = ("depth", "activation", "architecture", "data")  # said to change the kernel
JUMPS = ("φ itself", "the first derivative of φ", "the second derivative of φ")


@dataclass(frozen=True, kw_only=True)
class Spec(Settings):
    """Which network on which data, and what its spectrum is compared with."""

    spectrum: Spectrum = field(default_factory=Spectrum)
    compare: str = choice(
        "depth",
        COMPARED,
        label="Compare",
        help="The setting that differs between the spectra. Widths are those of networks; all others are infinite.",
    )

    @property
    def by_frequency(self) -> bool:
        """Whether the curves run over frequencies of the integral operator, not over modes of a matrix."""
        return circulant(self.spectrum.data) and self.compare in BY_FREQUENCY

    @property
    def smooth(self) -> bool:
        """Whether all curves are straight over a linear axis of frequencies."""
        return self.by_frequency and self.spectrum.smooth and self.compare != "activation"

    @property
    def window(self) -> tuple[float, float]:
        """The shares of the trace that the empty axes show."""
        return self.spectrum.window

    @property
    def points(self) -> int:
        """How many modes or frequencies an axis must hold."""
        if self.by_frequency:
            return KEPT - 1
        return SAMPLE if self.compare == "data" else self.spectrum.points


@dataclass(frozen=True, eq=False)
class Result:
    """The spectra so far."""

    spec: Spec
    own: Curve  # of this network at infinite width
    curves: tuple[Curve, ...]

    @property
    def visible(self) -> Floats:
        """All that is drawn of the eigenvalues."""
        return np.concatenate([curve.eigenvalues[curve.seen] for curve in self.curves] or [np.ones(1)])

    @property
    def reach(self) -> float:
        """How far an axis of frequencies must go to show all that is drawn."""
        return max([float(curve.at[curve.seen].max()) for curve in self.curves], default=1.0)

    @property
    def laws(self) -> dict[float, tuple[Floats, Floats]]:
        """Each law once, by its exponent: ends and values of a line above the first curve that should follow it."""
        lines: dict[float, tuple[Floats, Floats]] = {}
        for curve in self.curves:
            if curve.law is not None and curve.law_line is not None:
                lines.setdefault(curve.law, curve.law_line)
        return lines

    @property
    def spread(self) -> float | None:
        """The largest exponent minus the smallest; None with fewer than two."""
        exponents = [curve.exponent for curve in self.curves if curve.exponent is not None]
        return max(exponents) - min(exponents) if len(exponents) > 1 else None

    @property
    def difference(self) -> float | None:
        """The largest distance of two spectra: half the sum of |p − q| over their shares of the trace."""
        pairs = [(a, b) for a, b in combinations(self.curves, 2) if len(a.at) == len(b.at)]
        return max((float(np.abs(a.shares - b.shares).sum()) / 2 for a, b in pairs), default=None)


def shared(spec: Spec) -> Spec:
    """The settings without those that no curve depends on."""
    seed = spec.spectrum.seed if spec.compare == "width" else Spectrum().seed
    return replace(spec, spectrum=replace(spec.spectrum, arch=without_width(spec.spectrum.arch), seed=seed))


def compared(spec: Spec) -> tuple[Case, ...]:
    """What is compared."""
    return cases(spec.compare, spec.spectrum.arch, spec.spectrum.data)


def cost(spec: Spec) -> Cost:
    """The spectra of all cases."""
    return sum((cost_of(case) for case in dict.fromkeys((_own(spec), *compared(spec)))), start=costs.OVERHEAD)


def _own(spec: Spec) -> Case:
    return Case("this network", spec.spectrum.arch, spec.spectrum.data)


def run(spec: Spec, report: Report = silent) -> Result:
    """One spectrum after another."""
    every = compared(spec)
    report(0.05)
    own = curves_of(_own(spec), spec.spectrum.seed)[0]
    done: tuple[Curve, ...] = ()
    for number, case in enumerate(every):
        report((number + 1) / (len(every) + 1), Result(spec, own, done))
        same = case.same_as(_own(spec))
        done += (replace(own, label=case.label),) if same else curves_of(case, spec.spectrum.seed)
    return Result(spec, own, done)


def findings(result: Result) -> tuple[Finding, ...]:
    """How this network's eigenvalues fall, and how far the spectra that are compared differ."""
    own, spec = result.own, result.spec
    laws = {curve.law for curve in result.curves}
    depths = spec.compare == "depth" and spec.by_frequency and own.law is not None and laws == {own.law}
    same = Interval(0.0, NEAR_LAW, "Bietti & Bach 2021: the same at every depth") if depths else None
    return (
        decay_finding(own, by_frequency=circulant(spec.spectrum.data)),
        Finding(
            "Effective rank at infinite width",
            own.effective_rank,
            references=tuple(Reference(curve.label, curve.effective_rank) for curve in result.curves),
            help="exp of the entropy of the eigenvalues' shares in the trace: how many modes count.",
        ),
        Finding(
            "Spread of the exponents",
            result.spread,
            expected=same,
            claim=17 if depths else None,
            help="The largest fitted exponent minus the smallest, of the power laws that are compared.",
            caveat="" if result.spread is not None else "Fewer than two power laws were fitted.",
        ),
        Finding(
            "Largest difference of two spectra",
            None if result.difference is None else 100 * result.difference,
            "% of the trace",
            claim=20 if spec.compare in CLAIMED else None,
            help="½ Σ |p − q| over the eigenvalues' shares of the trace. It is 0 for equal spectra.",
        ),
    )


def remarks(result: Result) -> tuple[Remark, ...]:
    """Which law theory has for which curve and why, what was fitted to smooth kernels, and what a matrix changes."""
    said = [*_laws(result), *(tail_in_words(curve) for curve in result.curves)]
    own, spec = result.own, result.spec
    first = result.curves[0] if result.curves else own
    if circulant(spec.spectrum.data) and not spec.by_frequency and first.exponent is not None:
        said.append(
            f"These are eigenvalues of matrices over their modes: {first.label} has the slope "
            f"{fixed(first.exponent, 2)}."
        )
        if own.exponent is not None:
            said[-1] += f" For infinitely many points (the integral operator) the slope is {fixed(own.exponent, 2)}."
    return tuple(Remark(sentence) for sentence in said if sentence)


def _laws(result: Result) -> list[str]:
    """One sentence for each law."""
    found: dict[tuple[float, int], list[str]] = {}
    for case, curve in zip(compared(result.spec), result.curves, strict=False):
        if curve.law is not None:
            found.setdefault((curve.law, activation(case.arch.activation).rough), []).append(curve.label)
    return [
        f"{', '.join(labels)}: theory has the slope {fixed(slope, 2)}, because {JUMPS[rough]} jumps."
        for (slope, rough), labels in found.items()
    ]
