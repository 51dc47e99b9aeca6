"""The cost model: costs compose, grow with the work, and hold the bytes that the arrays have."""

import dataclasses
import doctest
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import costs as benchmark
from ntkviz import costs
from ntkviz.costs import MACHINE, NOTHING, OVERHEAD, Cost, Machine
from ntkviz.kernels import empirical_ntk, infinite_ntk
from ntkviz.nets import Architecture, ConvNet, init, init_many
from ntkviz.training import log_steps, train_many

ARCH = Architecture(width=64, depth=2, sigma_b=0.3)
Estimate = Callable[..., Cost]

# Each kind of work, with settings that make it more.
GROWTH: list[tuple[Estimate, dict[str, object]]] = [
    (
        partial(costs.training, ARCH, 20, 100, 500),
        {"networks": 4, "frames": 200, "test_points": 500, "weights": True},
    ),
    (partial(costs.infinite_kernel, ARCH, 20, 100), {"columns": 400}),
    (partial(costs.empirical_kernel, ARCH, 20, 100), {"columns": 400, "networks": 3, "dtype": "float64"}),
    (partial(costs.empirical_kernel, replace(ARCH, outputs=10), 20, 100), {"outputs": "full"}),
    (partial(costs.linearised, 100, 50, 40), {"outputs": 30}),
    (partial(costs.weights, ARCH, 20), {"networks": 3, "dtype": "float64"}),
]


def test_the_examples_run() -> None:
    found = doctest.testmod(costs)
    assert found.attempted > 0 and not found.failed


def test_costs_compose() -> None:
    """One after another: seconds add up, and the second works beside what the first has kept."""
    first, second, third = Cost(1.0, 100.0, 60.0), Cost(2.0, 50.0, 5.0), Cost(3.0, 10.0)
    assert first + second == Cost(3.0, 110.0, 65.0)
    assert (first + second) + third == first + (second + third)
    assert NOTHING + first == first == first + NOTHING
    assert 3 * first == first + first + first
    assert 0 * first == NOTHING
    assert (first.dropped + second).bytes == 100.0, "what is not kept is free for the next"
    assert sum([first, second], start=OVERHEAD).seconds == pytest.approx(3.0 + OVERHEAD.seconds)


@pytest.mark.parametrize(("estimate", "more"), GROWTH)
def test_more_work_costs_more(estimate: Estimate, more: dict[str, object]) -> None:
    base = estimate()
    assert 0 < base.seconds < 100 and base.bytes >= base.kept > 0
    for name, value in more.items():
        grown = estimate(**{name: value})
        assert grown.seconds > base.seconds and grown.bytes > base.bytes, name


@pytest.mark.parametrize("kind", [costs.training, costs.empirical_kernel, costs.weights, costs.infinite_kernel])
@pytest.mark.parametrize("base", [ARCH, ConvNet(depth=2, width=16)])
def test_deeper_networks_cost_more(kind: Callable[..., Cost], base: Architecture) -> None:
    sizes = {costs.training: (100, 50), costs.weights: ()}.get(kind, (100,))
    shallow, deep = (kind(replace(base, depth=depth), 64, *sizes).seconds for depth in (1, 3))
    assert deep > shallow


def test_a_wide_network_costs_its_weights() -> None:
    """In the limit of large widths training grows like n² at depth 2, and like n at depth 1."""
    for depth, power in ((1, 1), (2, 2)):
        one, two = (
            costs.training(Architecture(width=width, depth=depth), 2, 100, 10_000).seconds for width in (16384, 32768)
        )
        assert math.log2(two / one) == pytest.approx(power, abs=0.1)


def test_steps_points_and_batches_count() -> None:
    base = partial(costs.training, ARCH, 20)
    few, more, many = (base(100, steps, frames=2).seconds for steps in (100, 200, 1100))  # beside what a start takes
    assert many - few == pytest.approx(10 * (more - few))
    assert more > few
    assert base(1000, 1000).seconds > base(100, 1000).seconds
    assert base(1000, 1000, batch=10).seconds < base(1000, 1000).seconds / 5


def test_smooth_nonlinearities_and_series_cost_more() -> None:
    smooth, series, kinked = (replace(ARCH, activation=name) for name in ("erf", "tanh", "elu"))
    assert costs.training(smooth, 2, 100, 100).seconds > costs.training(ARCH, 2, 100, 100).seconds
    seconds = [costs.infinite_kernel(arch, 2, 200).seconds for arch in (ARCH, series, kinked)]
    assert seconds == sorted(seconds) and seconds[0] < seconds[1]


def test_eigenvalues_alone_cost_less() -> None:
    assert costs.eigensystem(500, vectors=False).seconds < costs.eigensystem(500).seconds
    assert costs.eigensystem(500, vectors=False).bytes < costs.eigensystem(500).bytes
    assert costs.eigensystem(2000).seconds > 20 * costs.eigensystem(500).seconds


def test_seconds_are_linear_in_the_rates() -> None:
    """The benchmark refits the rates by least squares: twice the rates are twice the seconds, and each one counts."""
    twice = Machine(**{rate: 2 * value for rate, value in dataclasses.asdict(MACHINE).items()})
    image = ConvNet(depth=1, width=8)
    work: list[Estimate] = [
        partial(costs.training, ARCH, 20, 100, 50),
        partial(costs.training, replace(image, activation="tanh"), 64, 100, 50),
        partial(costs.infinite_kernel, ARCH, 20, 100),
        partial(costs.infinite_kernel, replace(image, activation="tanh"), 64, 10),
        partial(costs.infinite_kernel, replace(ARCH, activation="elu"), 20, 10),
        *(
            partial(costs.empirical_kernel, replace(ARCH, activation=name), 20, 50, dtype=dtype)
            for name in ("relu", "erf")
            for dtype in ("float32", "float64")
        ),
        *(partial(costs.eigensystem, 100, vectors=vectors) for vectors in (True, False)),
        *(partial(costs.weights, ARCH, 20, dtype=dtype) for dtype in ("float32", "float64")),
        partial(costs.linearised, 100, 50, 40),
    ]
    for one in work:
        assert one(machine=twice).seconds == pytest.approx(2 * one().seconds)
    for rate in dataclasses.fields(Machine):
        more = replace(MACHINE, **{rate.name: 2 * getattr(MACHINE, rate.name)})
        assert any(one(machine=more).seconds > one().seconds for one in work), rate.name
        assert getattr(MACHINE, rate.name) > 0


@pytest.mark.parametrize("weights", [False, True])
def test_a_training_keeps_the_bytes_of_its_arrays(weights: bool) -> None:
    """What is recorded, and the last weights: within a tenth, which the small arrays take (losses, movements)."""
    draw = np.random.default_rng(0)
    arch, networks, points, tests = replace(ARCH, outputs=2), 3, 20, 80
    params = init_many(arch, 5, range(3), dtype=jnp.float32)
    marks = log_steps(50, 12)
    x, y, x_test = (draw.normal(size=shape) for shape in ((points, 5), (points, 2), (tests, 5)))
    runs = train_many(arch, params, x, y, eta=1e-4, steps=50, record=marks, x_test=x_test, weights=weights)
    kept = sum(leaf.nbytes for run in runs for leaf in jax.tree.leaves((run.f_train, run.f_test, run.params)))
    kept += sum(leaf.nbytes for run in runs for leaf in jax.tree.leaves(run.weights)) if weights else 0
    estimate = costs.training(
        arch, 5, points, 50, networks=networks, frames=len(marks), test_points=tests, weights=weights
    )
    assert estimate.kept == pytest.approx(kept, rel=0.1)
    assert estimate.bytes > kept


def test_kernels_and_weights_keep_the_bytes_of_their_arrays() -> None:
    x, other = np.random.default_rng(0).normal(size=(30, 5)), np.ones((12, 5))
    for dtype in ("float32", "float64"):
        params = init(replace(ARCH, outputs=3), 5, seed=0, dtype=dtype)
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
        assert costs.weights(replace(ARCH, outputs=3), 5, dtype=dtype).kept == size
        estimate = partial(costs.empirical_kernel, replace(ARCH, outputs=3), 5, 30, dtype=dtype)
        for outputs in ("trace", "full"):
            kernel = empirical_ntk(replace(ARCH, outputs=3), params, x.astype(dtype), outputs=outputs)
            assert estimate(outputs=outputs).kept == kernel.nbytes
            across = empirical_ntk(
                replace(ARCH, outputs=3), params, x.astype(dtype), other.astype(dtype), outputs=outputs
            )
            assert estimate(12, outputs=outputs).kept == across.nbytes
            assert estimate(12, outputs=outputs, networks=4).kept == 4 * across.nbytes
    assert costs.infinite_kernel(ARCH, 5, 30).kept == np.asarray(infinite_ntk(ARCH, x)).nbytes
    assert costs.infinite_kernel(ARCH, 5, 30, 12).kept == np.asarray(infinite_ntk(ARCH, x, other)).nbytes


def test_an_eigensystem_keeps_the_bytes_of_its_arrays() -> None:
    values, vectors = np.linalg.eigh(np.eye(40))
    assert costs.eigensystem(40).kept == values.nbytes + vectors.nbytes
    assert costs.eigensystem(40, vectors=False).kept == values.nbytes


def test_estimates_need_no_arrays() -> None:
    """The largest settings are estimated at once, so that they can be refused."""
    huge = Architecture(width=65536, depth=32)
    assert math.isfinite(costs.training(huge, 64, 4000, 10**6).seconds)
    assert costs.empirical_kernel(huge, 64, 4000).bytes > 1e9


def test_the_benchmark_finds_the_rates_that_made_the_seconds() -> None:
    """Seconds of a machine twice as slow in matrix products, four times in drawing: its rates come out."""
    cases = [case for case in benchmark.CASES if case.kind in ("training", "weights", "eigen")]
    other = replace(MACHINE, flop=2 * MACHINE.flop, normal=4 * MACHINE.normal)
    found = benchmark.refitted(cases, np.array([case.estimate(other).seconds for case in cases]))
    for rate in dataclasses.fields(Machine):
        assert getattr(found, rate.name) == pytest.approx(getattr(other, rate.name), rel=1e-3), rate.name
    assert found.dual_closed == MACHINE.dual_closed, "what no case needs stays as it is"


def test_the_benchmark_names_what_is_beyond_a_factor_of_three() -> None:
    """At the speed of the machine: here it is half as fast as the rates say."""
    rows = [benchmark.Row("eigen", f"case {i}", 1.0, 2.0) for i in range(5)]
    assert benchmark.summary(rows).endswith("5 of 5 estimates are within a factor of 3.")
    low, high, near = (benchmark.Row("eigen", "", 1.0, measured) for measured in (6.1, 0.65, 5.9))
    told = benchmark.summary([*rows, low, high, near])
    assert "has 0.50 times the speed" in told and "6 of 8 estimates" in told
    assert [str(low), str(high)] == [line.strip() for line in told.splitlines()[1:]]


def test_a_run_shorter_than_the_overhead_is_judged_as_that() -> None:
    assert benchmark.Row("lesson", "", OVERHEAD.seconds, 1e-6).ratio == 1.0
    assert benchmark.Row("eigen", "", OVERHEAD.seconds, 1e-6).ratio == pytest.approx(1e6 * OVERHEAD.seconds)
