r"""The cost of a run before it starts: one model of the machine, from which every experiment adds up its estimate.

    seconds = Σ_i rate_i · work_i            linear in the rates, which `benchmarks/costs.py` measures and refits

An experiment's `cost(spec)` is a sum of what it will do, one thing after another:

    kernel = costs.infinite_kernel(arch, dim, n) + costs.eigensystem(n)
    return costs.OVERHEAD + kernel + costs.training(arch, dim, n, spec.steps, test_points=500)

Seconds are those of one core whose programs are compiled. The rates lie between those of a fast and of a slow machine,
which differed by a factor of two. To count another kind of work, give `Machine` a rate and write its function;
`tests/test_costs.py` and the benchmark say what they expect of it.
"""

from dataclasses import dataclass
from typing import Literal

from ntkviz.activations import activation
from ntkviz.kernels.finite import SQUARE
from ntkviz.kernels.shared import costs as image_products
from ntkviz.kernels.work import activation_numbers, duals, tile_bytes
from ntkviz.nets import Architecture, multiplications, parameter_count, sizes

Precision = Literal["float32", "float64"]
BYTES = {"float32": 4.0, "float64": 8.0}


@dataclass(frozen=True)
class Cost:
    """An estimate made before a run: seconds on one warm core, and bytes held at the peak.

    `a + b` is a and then b: the seconds add up, and b works beside what a has `kept`. `3 * a` is a three times.

    >>> Cost(1.0, 100.0, kept=10.0) + Cost(2.0, 50.0, kept=5.0)
    Cost(seconds=3.0, bytes=100.0, kept=15.0)
    >>> 3 * Cost(1.0, 100.0, kept=10.0)
    Cost(seconds=3.0, bytes=120.0, kept=30.0)
    """

    seconds: float
    bytes: float
    kept: float = 0.0  # bytes that are still held when it is done

    def __add__(self, other: "Cost") -> "Cost":
        peak = max(self.bytes, self.kept + other.bytes)
        return Cost(self.seconds + other.seconds, peak, self.kept + other.kept)

    def __rmul__(self, times: float) -> "Cost":
        if times <= 0:
            return NOTHING
        return Cost(times * self.seconds, (times - 1) * self.kept + self.bytes, times * self.kept)

    @property
    def dropped(self) -> "Cost":
        """The same work, of whose arrays nothing is kept: a network of a sweep that leaves a few numbers."""
        return Cost(self.seconds, self.bytes)


NOTHING = Cost(0.0, 0.0)


@dataclass(frozen=True)
class Machine:
    """Seconds that a unit of each kind of work takes."""

    call: float  # a compiled program, called from Python
    start: float  # a training, before its first step and after its last one
    layer: float  # a layer of a step of training, however small
    kinked: float  # a nonlinearity with a kink and its derivative in float32, at one neuron and point
    smooth: float  # the same of a smooth one
    kinked64: float  # in float64
    smooth64: float
    flop: float  # a floating-point operation of a matrix product in float32
    flop64: float
    patch: float  # a number that a convolution gathers into a patch, there and back
    weight: float  # a weight's change in a step
    frame: float  # a recorded step, however small
    normal: float  # a normal number in float32
    normal64: float
    entry: float  # an entry of an empirical kernel, for each layer
    pair: float  # a pair of points in a kernel at infinite width, whatever the depth
    dual_closed: float  # a pair at a layer, in closed form
    dual_kinked: float  # as a series beside that of the kinks
    dual_series: float  # as a series
    image: float  # beside it for images, whose patches are averaged
    point_kinked: float  # a point's own coefficients at a layer: of both series
    point_series: float  # of the series
    vectors: float  # an eigensystem, a cubed row
    values: float  # eigenvalues alone, a cubed row
    square: float  # an entry of a matrix that is decomposed


MACHINE = Machine(
    call=1e-4,
    start=7.5e-3,
    layer=2.8e-6,
    kinked=3.8e-10,
    smooth=1.5e-9,
    kinked64=7.5e-10,
    smooth64=5.2e-9,
    flop=7.5e-12,
    flop64=1.8e-11,
    patch=3e-9,
    weight=7.5e-10,
    frame=1.5e-4,
    normal=9e-9,
    normal64=2.2e-8,
    entry=1.8e-9,
    pair=1e-8,
    dual_closed=1.5e-8,
    dual_kinked=1e-6,
    dual_series=1.2e-7,
    image=5.3e-8,
    point_kinked=1.9e-4,
    point_series=1.8e-5,
    vectors=1e-10,
    values=3.7e-11,
    square=3.3e-8,
)

OVERHEAD = Cost(5e-3, 2e7, 2e7)  # of every run: data, reports, and the result on its way to the page


def training(
    arch: Architecture,
    input_dim: int,
    points: int,
    steps: int,
    *,
    networks: int = 1,
    frames: int = 60,
    test_points: int = 0,
    batch: int | None = None,
    weights: bool = False,
    machine: Machine = MACHINE,
) -> Cost:
    """Training networks side by side in float32, recorded as it goes; the outputs at recorded steps are kept.

    Args:
        arch: of each network.
        input_dim: d.
        points: N that are trained on.
        steps: of gradient descent.
        networks: S, trained in one program.
        frames: recorded steps.
        test_points: M, at which outputs are recorded beside the training points.
        batch: points of a step; None is all.
        weights: whether the weights are recorded too.
        machine: its rates.
    """
    layers, seen = len(sizes(arch, input_dim)), points + test_points
    count, used = parameter_count(arch, input_dim), points if batch is None else batch
    changed = count * machine.weight
    step = layers * machine.layer + networks * (changed + _passes(machine, arch, input_dim, used, 6, 1.0))
    moved = changed * (2 if weights else 1)
    frame = machine.frame + networks * (moved + _passes(machine, arch, input_dim, seen, 2, 0.5))
    numbers = networks * (seen * arch.outputs + (count if weights else 0))
    activations = activation_numbers(arch, input_dim) * max(used * networks, seen)
    kept = 4.0 * (frames * numbers + networks * count)
    held = 4.0 * (6 * networks * count + 3 * activations + 8 * networks * seen * arch.outputs + seen * input_dim)
    return Cost(machine.start + steps * step + frames * frame, kept + held, kept)


def infinite_kernel(
    arch: Architecture, input_dim: int, rows: int, columns: int | None = None, *, machine: Machine = MACHINE
) -> Cost:
    """The kernels of the infinitely wide network on `rows` points with `columns` others, or with themselves."""
    act = activation(arch.activation)
    if act.dual is not None:
        pair, point = machine.dual_closed, 0.0
    elif act.kinks:
        pair, point = machine.dual_kinked, machine.point_kinked
    else:
        pair, point = machine.dual_series, machine.point_series
    pair += 0.0 if arch.input_dim is None else machine.image
    points, pairs = rows + (columns or 0), float(rows * (rows if columns is None else columns))
    layers, positions = duals(arch, input_dim), sum(size.uses for size in sizes(arch, input_dim)[:-1])
    products = pairs * (machine.pair + 2.0 * input_dim * machine.flop64)
    held = 8.0 * (8 * pairs + input_dim * points) + tile_bytes(arch, input_dim)
    return Cost(machine.call + products + pairs * layers * pair + points * positions * point, held, 8 * pairs)


def empirical_kernel(
    arch: Architecture,
    input_dim: int,
    rows: int,
    columns: int | None = None,
    *,
    networks: int = 1,
    outputs: Literal["trace", "full"] = "trace",
    dtype: Precision = "float32",
    machine: Machine = MACHINE,
) -> Cost:
    """The kernels of networks on `rows` points with `columns` others, or with themselves; one network after another.

    Args:
        arch: of each network.
        input_dim: d.
        rows: N1.
        columns: N2; None is N1 and the same points.
        networks: S.
        outputs: "full" has all pairs of outputs, (N1·K, N2·K).
        dtype: of the weights.
        machine: its rates.
    """
    full, across = outputs == "full", rows if columns is None else columns
    points = rows + (columns or 0)
    products = sum(
        min(image_products(size, rows, across, arch.outputs, full))
        if size.positions
        else rows * across * (size.fan_in + size.fan_out * arch.outputs ** (2 if full else 1))
        for size in sizes(arch, input_dim)
    )
    share = 1.0 if columns is not None or rows <= SQUARE else 0.75 if rows <= 2 * SQUARE else 0.625
    entries = float(rows * across * (arch.outputs**2 if full else 1))
    flop = machine.flop if dtype == "float32" else machine.flop64
    both = 1 + arch.outputs
    seconds = _passes(machine, arch, input_dim, points, 2 * both, both / 2, dtype)
    seconds += share * (2.0 * products * flop + entries * len(sizes(arch, input_dim)) * machine.entry)
    held = BYTES[dtype] * (points * activation_numbers(arch, input_dim, arch.outputs) + 4 * entries)
    kept = BYTES[dtype] * networks * entries
    return Cost(machine.call + networks * seconds, held + kept, kept)


def eigensystem(n: int, *, vectors: bool = True, machine: Machine = MACHINE) -> Cost:
    """The eigenvalues of a kernel (n, n) in float64, and unless said otherwise its eigenvectors."""
    seconds = n**2 * machine.square + n**3 * (machine.vectors if vectors else machine.values)
    return Cost(seconds, 8.0 * n**2 * (6 if vectors else 3), 8.0 * (n**2 + n if vectors else n))


def linearised(points: int, test_points: int, frames: int, *, outputs: int = 1, machine: Machine = MACHINE) -> Cost:
    """Training in closed form, given the kernels: an eigensystem and the outputs at recorded steps, in float64.

    Args:
        points: N, the rows of the kernel: with a full kernel, points times outputs.
        test_points: M, rows at which outputs are predicted beside them.
        frames: recorded steps.
        outputs: K, that share the kernel.
        machine: its rates.
    """
    rows = points + test_points
    seconds = 2.0 * frames * points * rows * outputs * machine.flop64 + rows * points * machine.square
    kept = 8.0 * frames * rows * outputs
    return eigensystem(points, machine=machine) + Cost(seconds, 2 * kept, kept)


def weights(
    arch: Architecture,
    input_dim: int,
    *,
    networks: int = 1,
    dtype: Precision = "float32",
    machine: Machine = MACHINE,
) -> Cost:
    """Drawing the weights of networks."""
    count = networks * parameter_count(arch, input_dim)
    kept = BYTES[dtype] * count
    seconds = machine.call + count * (machine.normal if dtype == "float32" else machine.normal64)
    return Cost(seconds, kept + BYTES["float64"] * count, kept)  # they are drawn in float64


def _passes(
    machine: Machine,
    arch: Architecture,
    input_dim: int,
    points: int,
    operations: float,
    times: float,
    dtype: Precision = "float32",
) -> float:
    """Seconds of passes through one network.

    Args:
        machine: its rates.
        arch: of the network.
        input_dim: d.
        points: that go through it.
        operations: floating-point operations for each use of a weight: 2 forward, 4 more for all gradients.
        times: how many times φ and its derivative are taken; ½ for a pass forward.
        dtype: of the weights.
    """
    kinked, layers = bool(activation(arch.activation).kinks), sizes(arch, input_dim)
    if dtype == "float32":
        phi, flop = machine.kinked if kinked else machine.smooth, machine.flop
    else:
        phi, flop = machine.kinked64 if kinked else machine.smooth64, machine.flop64
    neurons = sum(size.uses * size.fan_out for size in layers[:-1])
    patches = sum(size.uses * size.fan_in for size in layers if size.positions)
    products = operations * multiplications(arch, input_dim) * flop
    return points * (products + times * (neurons * phi + patches * machine.patch))


__all__ = [
    "MACHINE",
    "NOTHING",
    "OVERHEAD",
    "Cost",
    "Machine",
    "eigensystem",
    "empirical_kernel",
    "infinite_kernel",
    "linearised",
    "training",
    "weights",
]
