r"""A network that is trained beside the prediction of its training, and how far the two are apart.

    f_n − f_∞ = (f_n − f_n^lin)  [its kernel moves]  +  (f_n^lin − f_∞)  [its kernel was drawn at random]

The network is centred, f(w) − f(w₀), so that it starts at zero as the prediction does. Its linearisation is the closed
form of `ntkviz.prediction` with the network's own kernel Θ₀ at the start. The clock is that of infinite width.

Sources: Lee, Xiao, Schoenholz et al. 2019 (the linearised network and its gap); Dyer & Gur-Ari 2020, Huang & Yau 2020
(corrections of order 1/n).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ntkviz import costs
from ntkviz.costs import Cost
from ntkviz.data import DataSpec, labels
from ntkviz.dynamics import Descent, linearise
from ntkviz.kernels import empirical_ntk
from ntkviz.measures import crossing, drift, gap
from ntkviz.modes import decay_rate
from ntkviz.nets import Architecture, Params, init
from ntkviz.prediction import FRAMES, Curves, Prediction, curves_of, loaded, recorded_points
from ntkviz.spectra import spectrum
from ntkviz.training import Recording, Report, Run, silent, train
from ntkviz.writing import percent

Floats = NDArray[np.float64]

CONVERGED = 0.01  # share of the first loss at which a run counts as converged
BEYOND = 100.0  # outputs are drawn up to so many times the largest target


@dataclass(frozen=True, eq=False)
class Network:
    """What a network did; its curves end early where it diverged or has not finished."""

    curves: Curves
    linearised: Curves  # the closed form with the network's own kernel Θ₀
    lambda_max: float  # of Θ₀
    movement: float  # ‖w − w₀‖/‖w₀‖ at the last recorded step
    diverged_at: int | None
    drift: float | None = None  # ‖Θ − Θ₀‖/‖Θ₀‖ at the end, on the training data, Frobenius; None while it trains
    lambda_end: float | None = None  # λ_max of Θ at the end

    @property
    def finished(self) -> bool:
        """Whether the training has ended."""
        return self.drift is not None


@dataclass(frozen=True, eq=False)
class Comparison:
    """A prediction, complete from the first moment, and a network as far as it has got."""

    theory: Prediction
    network: Network | None = None

    @property
    def trained(self) -> Curves:
        """The network's curves; with no recorded steps while there is none."""
        if self.network is not None:
            return self.network.curves
        whole = self.theory.curves
        tested = None if whole.test_loss is None else whole.test_loss[:0]
        return Curves(whole.loss[:0], tested, whole.modes[:0], whole.f[:0])

    @property
    def pictured(self) -> tuple[Floats, Floats]:
        """Outputs of theory and network on the picture at all recorded steps, (T, P, K); NaN where there are none yet.

        They are cut off far beyond the targets, where a run diverges.
        """
        theory, data = self.theory, self.theory.data
        bound = BEYOND * float(np.abs(data.y).max())
        trained = np.full((len(theory.steps), theory.pictured, data.y.shape[1]), np.nan)
        seen = self.trained.f[:, : theory.pictured]
        trained[: len(seen)] = np.clip(seen, -bound, bound)
        return np.clip(theory.curves.f[:, : theory.pictured], -bound, bound), trained

    @property
    def own_c(self) -> float:
        """ηλ_max with the network's own kernel Θ₀: its linearisation converges below 2. NaN while there is none."""
        return math.nan if self.network is None else self.theory.eta * self.network.lambda_max

    @property
    def gaps(self) -> tuple[float | None, float | None]:
        """The distance of the network to its linearisation and to the prediction: see `measures.gap`.

        It is taken over the test points. None where a closed form diverges, or where the network did.
        """
        if self.network is None or self.network.diverged_at is not None:
            return None, None
        curves = self.network.curves, self.network.linearised, self.theory.curves
        f, own, infinite = (one.f[:, self.theory.tested] for one in curves)
        y = self.theory.data.y
        return gap(f, own, y) if self.own_c < 2 else None, gap(f, infinite, y) if self.theory.c < 2 else None

    @property
    def left(self) -> float:
        """The last loss of the network, as a share of the first. NaN while there is none."""
        return math.nan if self.network is None else float(self.network.curves.loss[-1] / self.theory.curves.loss[0])

    @property
    def peak(self) -> float:
        """The largest recorded loss of the network, as a share of the first. NaN while there is none."""
        return math.nan if self.network is None else float(self.network.curves.loss.max() / self.theory.curves.loss[0])

    @property
    def reached(self) -> float | None:
        """Step at which the network's loss came to the wanted one, interpolated; None where it did not."""
        return (
            None if self.network is None else crossing(self.theory.steps, self.network.curves.loss, self.theory.level)
        )

    @property
    def predicted(self) -> float | None:
        """The step at which it was predicted to; None where the prediction never gets there."""
        return None if self.theory.reached is None or math.isinf(self.theory.reached) else self.theory.reached

    @property
    def rates(self) -> tuple[Floats, Floats]:
        """Decay a step of the followed modes, measured and predicted, where there are both: (R,) and (R,)."""
        if self.network is None or max(self.theory.c, self.own_c) >= 2:
            return np.empty(0), np.empty(0)
        rates = [decay_rate(self.theory.steps, mode) for mode in self.network.curves.modes.T]
        measured = np.array([math.nan if rate is None else rate for rate in rates])
        predicted = Descent(self.theory.eta, 0).rate(self.theory.modes.eigenvalues)
        both = np.isfinite(measured) & np.isfinite(predicted) & (predicted > 0)
        return measured[both], predicted[both]

    @property
    def accuracy(self) -> tuple[float, float] | None:
        """Share of the test points that prediction and network classify rightly at the end, where there are classes."""
        ends = self._classes(self.theory.tested)
        if ends is None:
            return None
        theory, network = (float(np.mean(end == self.theory.data.label_test)) for end in ends)
        return theory, network

    @property
    def agreement(self) -> float | None:
        """Share of the picture's points to which prediction and network give the same class at the end."""
        ends = self._classes(slice(self.theory.pictured))
        return None if ends is None else float(np.mean(ends[0] == ends[1]))

    def _classes(self, points: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Classes of prediction and network at the network's last step; None without classes, or where one diverges."""
        network = self.network
        if network is None or self.theory.data.task == "regression" or self.theory.c >= 2 or network.diverged_at:
            return None
        last = len(network.curves.f) - 1
        return labels(self.theory.curves.f[last, points]), labels(network.curves.f[last, points])

    @property
    def unfinished(self) -> str:
        """A sentence where the network has not converged; empty where it has."""
        if self.network is None or not self.network.finished:
            return "The network is still training."
        if self.network.diverged_at is not None:
            return f"The network diverged by step {self.network.diverged_at}."
        if self.left > CONVERGED:
            steps, left = self.theory.steps[-1], percent(self.left)
            return f"After {steps} steps the network's loss is {left} of its first value: it has not converged."
        return ""


def train_beside(arch: Architecture, theory: Prediction, *, seed: int, watch: Report = silent) -> Network:
    """Train a network on the data and the clock of a prediction, beside its own linearisation.

    Args:
        arch: the architecture, at the width that is trained.
        theory: the prediction.
        seed: of the network's weights.
        watch: gets the fraction done and the network so far.
    """
    data, arch = theory.data, replace(arch, outputs=theory.data.y.shape[1])
    start = init(arch, data.x.shape[1], seed=seed, dtype=np.float32)
    kernel, across = _kernels(arch, start, theory)
    linearised, lambda_max = _linearised(arch, theory, kernel, across)

    def seen(run: Run) -> Network:
        curves = curves_of(data, theory.modes, run.f_train, np.asarray(run.f_test))
        return Network(curves, linearised, lambda_max, float(run.movement[-1]), run.diverged_at)

    def told(fraction: float, run: Run | None = None, /) -> None:
        watch(fraction, None if run is None else seen(run))

    recording: Recording = {"record": theory.steps, "x_test": theory.points, "centred": True, "allow_divergence": True}
    steps = int(theory.steps[-1])
    done = train(arch, start, data.x, data.y, eta=theory.eta, steps=steps, report=told, **recording)
    end, _ = _kernels(arch, done.params, theory)
    return replace(seen(done), drift=drift(end, kernel), lambda_end=float(np.linalg.norm(end, 2)))


def _kernels(arch: Architecture, params: Params, theory: Prediction) -> tuple[Floats, Floats]:
    """The kernel of a network on the training points, and that of the recorded with the training points.

    One program makes both, and the same one at the start and at the end. Row n·K + k belongs to output k of point n.
    """
    x = theory.data.x
    made = empirical_ntk(arch, params, np.concatenate([x, theory.points]), x, outputs="full")
    both = np.asarray(made, np.float64)
    own, across = np.split(both, [len(x) * arch.outputs])
    return (own + own.T) / 2, across


def _linearised(arch: Architecture, theory: Prediction, kernel: Floats, across: Floats) -> tuple[Curves, float]:
    """The network's Taylor expansion in its weights, trained in closed form, and its λ_max, from `_kernels`."""
    data, steps = theory.data, len(theory.steps)
    model = linearise(spectrum(kernel, computed_in=np.float32), data.y.ravel())
    clock = Descent(theory.eta, theory.steps)
    f_train, f = (f.reshape(steps, -1, arch.outputs) for f in (model.train(clock), model.predict(clock, across)))
    return curves_of(data, theory.modes, f_train, f), float(model.eigenvalues[0])


def network_cost(arch: Architecture, data: DataSpec, steps: int, frames: int = FRAMES) -> Cost:
    """What `train_beside` takes."""
    known, points = loaded(data), len(recorded_points(loaded(data))[0])
    dim, n, outputs = known.x.shape[1], len(known.x), known.y.shape[1]
    arch = replace(arch, outputs=outputs)
    kernels = 2 * costs.empirical_kernel(arch, dim, n + points, n, outputs="full")
    linear = costs.linearised(n * outputs, points * outputs, frames)
    trained = costs.training(arch, dim, n, steps, frames=frames, test_points=points)
    return costs.weights(arch, dim) + kernels + linear + trained
