"""Full-batch training steps against JAX's own matrix multiplication.

    python -m benchmarks.training [--repeats 7]

The rate of a training step is compared with the rate of its largest matrix product, (points, width) by (width, width),
alone under `jax.jit`. A step with few points reads and writes every weight for little work; its share is therefore
lower, and is shown too.
"""

import argparse
from collections.abc import Iterator

from benchmarks._race import HEADER, Absent, Row, race, rate

WIDTH, DEPTH, INPUTS, STEPS = 2048, 2, 64, 5


def step_operations(points: int, width: int, depth: int, inputs: int) -> int:
    """The operations of a step: 6 for each weight and point (forward, backward, gradient), 4 in the first layer."""
    return points * (4 * inputs * width + 6 * ((depth - 1) * width**2 + width))


def rows(repeats: int) -> Iterator[Row]:
    for dtype in ("float32", "float64"):
        for points in (128, 1024):
            case = {"points": points, "width": WIDTH, "depth": DEPTH, "inputs": INPUTS, "dtype": dtype, "steps": STEPS}
            ours, product = race([("ntkviz", {"task": task, **case}) for task in ("train", "multiply")], repeats)
            for needed in (ours, product):
                if isinstance(needed, Absent):
                    raise needed
            operations = STEPS * step_operations(points, WIDTH, DEPTH, INPUTS), 2 * points * WIDTH**2
            rates = [rate(count, worker.median) for count, worker in zip(operations, (ours, product), strict=True)]
            share = operations[0] / ours.median / (operations[1] / product.median)
            yield Row(f"{points} points, {dtype}", f"share of JAX's product, n = {WIDTH}", *rates, share, 0.9, "%")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repeats", type=int, default=7)
    asked = options.parse_args()
    print(HEADER)
    for row in rows(asked.repeats):
        print(row.line(), flush=True)


if __name__ == "__main__":
    main()
