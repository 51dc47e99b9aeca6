"""Kernels and a sweep of training runs at sizes that need a GPU, with the code that also runs without one.

    python -m benchmarks.gpu [--points 20000] [--width 1024] [--anywhere]

Without a GPU it prints one sentence and measures nothing, unless `--anywhere` is given.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from ntkviz import training
from ntkviz.kernels import empirical_ntk, infinite_ntk
from ntkviz.nets import Architecture, init, init_many

SEEDS, STEPS, TRAINED = 8, 200, 1024
RNG = np.random.default_rng(0)


def seconds(call: Callable[[], object]) -> float:
    """The seconds of the second call, because the first one compiles."""
    call()
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def rows(points: int, width: int) -> Iterator[tuple[str, float]]:
    arch = Architecture(depth=3, width=width)
    x = RNG.standard_normal((points, 64))
    small = x[:TRAINED], np.sign(x[:TRAINED, 0])
    params = init(arch, 64, seed=0, dtype=jnp.float32)
    seeds = init_many(arch, 64, range(SEEDS), dtype=jnp.float32)
    eta = training.stable_step(1.0, width, float(np.linalg.eigvalsh(infinite_ntk(arch, small[0]))[-1]))
    yield (
        f"empirical kernel, float32, N = {points}, n = {width}",
        seconds(lambda: empirical_ntk(arch, params, x).block_until_ready()),
    )
    yield f"infinite kernel, float64, N = {points}", seconds(lambda: infinite_ntk(arch, x).block_until_ready())
    yield (
        f"{SEEDS} networks side by side, {STEPS} steps, N = {len(small[0])}, n = {width}",
        seconds(lambda: training.train_many(arch, seeds, *small, eta=eta, steps=STEPS)),
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--points", type=int, default=20_000)
    options.add_argument("--width", type=int, default=1024)
    options.add_argument("--anywhere", action="store_true")
    asked = options.parse_args()
    if jax.default_backend() != "gpu" and not asked.anywhere:
        print("JAX sees no GPU here, so there is nothing to measure (--anywhere measures what there is).")
        return
    print(jax.devices()[0].device_kind)
    for name, taken in rows(asked.points, asked.width):
        print(f"{name:<64} {taken:8.3f} s", flush=True)


if __name__ == "__main__":
    main()
