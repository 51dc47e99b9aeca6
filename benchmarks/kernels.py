"""Kernels against neural-tangents, PyTorch's tutorial and the machine's own matrix multiplication.

    python -m benchmarks.kernels [--repeats 7] [--json docs/benchmarks/kernels.json]

Every row is one claim. “ours” and “theirs” are medians over calls that took turns in this run, in float32 or float64,
after compilation. Memory is the peak of a process, less that of a process with a small case. The environments of the
other libraries are built in `.cache` the first time. A library that cannot be installed is named and left out.
With `--json` the table is written to a file with its environment; `python -m scripts.draw_benchmarks` draws it.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks._race import HEADER, Absent, Row, Worker, megabytes, milliseconds, race, rate, surroundings

INPUTS = 64
EMPIRICAL = ((512, 1024, 3), (1024, 2048, 3), (512, 4096, 2))  # points, width, depth
NETKET = (256, 512, 3)  # NetKet holds the gradients of all points
THIN = 32  # neurons of the network whose process is taken off: half the points, in as many blocks, and few weights
PEAK_OPERATIONS = 2 * 2048**3
AIMS = {"float32": 2.5, "float64": 3.5}  # over neural-tangents' structured derivatives
TORCH_MEMORY = 10e9  # bytes that its two Jacobians may take
Case = dict[str, Any]


def empirical_operations(points: int, width: int, depth: int, inputs: int) -> int:
    """The useful operations of the kernel of N points with themselves, for one output and no biases.

    Two a weight and point forward; two backward, but for the first layer, whose inputs need no gradient; and of the
    products H Hᵀ and D Dᵀ one half, since they are symmetric: N² a column of H and D.
    """
    hidden = (depth - 1) * width**2
    forward, backward = 2 * points * (inputs * width + hidden + width), 2 * points * (hidden + width)
    return forward + backward + points**2 * (inputs + 2 * depth * width + 1)


def empirical_bytes(points: int, width: int, depth: int, inputs: int, size: int) -> int:
    """Inputs (points and weights), outputs and one layer's activations, for numbers of `size` bytes."""
    weights = inputs * width + (depth - 1) * width**2 + width
    return size * (points * inputs + weights + points**2 + points * width)


def jacobian_bytes(points: int, width: int, depth: int, inputs: int, size: int) -> int:
    """The bytes of the gradients of all points."""
    return size * points * (inputs * width + (depth - 1) * width**2 + width)


def beyond(worker: Worker, floor: Worker) -> int:
    """The peak memory in bytes, less that of a small case."""
    return max(worker.peak - floor.peak, 1)


def empirical(points: int, width: int, depth: int, dtype: str, repeats: int) -> Iterator[Row | str]:
    size, shape = int(dtype[-2:]) // 8, (points, width, depth, INPUTS)
    case = {"task": "empirical", "points": points, "width": width, "depth": depth, "inputs": INPUTS, "dtype": dtype}
    entries = [("ntkviz", case), ("numpy", {"task": "multiply", "dtype": dtype}), ("neural_tangents", case)]
    if 2 * jacobian_bytes(*shape, size) < TORCH_MEMORY and dtype == "float32":
        entries.append(("torch", case))
    thin = points // 2 + 1, THIN, depth, INPUTS
    floor = race([("ntkviz", {**case, "points": thin[0], "width": THIN})], 1)[0]
    ours, peak, library, *tutorial = race(entries, repeats)
    for needed in (floor, ours, peak):
        if isinstance(needed, Absent):
            raise needed
    name = f"{(points, width, depth)} {dtype[-2:]}"
    for rival, claim, aim in (
        (library, "neural-tangents, structured", AIMS[dtype]),
        *((t, "PyTorch's tutorial", 150) for t in tutorial),
    ):
        if isinstance(rival, Absent):
            yield str(rival)
            continue
        times = milliseconds(ours.median), milliseconds(rival.median)
        yield Row(name, f"faster than {claim}", *times, rival.median / ours.median, aim)
    operations = empirical_operations(*shape)
    rates = rate(operations, ours.median), rate(PEAK_OPERATIONS, peak.median)
    share = operations / ours.median / (PEAK_OPERATIONS / peak.median)
    yield Row(name, "share of numpy's multiplication", *rates, share, 0.85, "%")
    used, allowed = beyond(ours, floor) + empirical_bytes(*thin, size), 3 * empirical_bytes(*shape, size)
    yield Row(name, "memory: 3 x what must be held", megabytes(used), megabytes(allowed), allowed / used, 1)


def living(points: int, width: int, depth: int, repeats: int) -> Iterator[Row | str]:
    """The row against NetKet, the one library with an empirical kernel on today's JAX."""
    case = {"task": "empirical", "points": points, "width": width, "depth": depth, "inputs": INPUTS, "dtype": "float32"}
    ours, library = race([("ntkviz", case), ("netket", case)], repeats)
    if isinstance(ours, Absent):
        raise ours
    if isinstance(library, Absent):
        yield str(library)
        return
    times = milliseconds(ours.median), milliseconds(library.median)
    yield Row(
        f"{(points, width, depth)} 32", "faster than NetKet's Jacobians", *times, library.median / ours.median, 50
    )


def infinite(activation: str, points: int, aims: tuple[float, float | None], repeats: int) -> Iterator[Row | str]:
    """The rows for depth 3 in float64; `aims` are the targets for time and for memory."""
    case = {"task": "infinite", "points": points, "depth": 3, "inputs": INPUTS, "activation": activation}
    floors = race([(name, {**case, "points": 32}) for name in ("ntkviz", "neural_tangents")], 1)
    ours, library = race([("ntkviz", case), ("neural_tangents", case)], repeats)
    if isinstance(ours, Absent):
        raise ours
    if isinstance(library, Absent):
        yield str(library)
        return
    name, times = f"{activation}, N = {points}", (milliseconds(ours.median), milliseconds(library.median))
    rule = "jitted kernel" if activation == "relu" else "quadrature"
    yield Row(name, f"faster than neural-tangents' {rule}", *times, library.median / ours.median, aims[0])
    if aims[1] is not None:
        used, theirs = (beyond(worker, floor) for worker, floor in zip((ours, library), floors, strict=True))
        yield Row(name, "of its memory, times less", megabytes(used), megabytes(theirs), theirs / used, aims[1])


def accuracy(table: str) -> Iterator[Row | str]:
    ours, library = race([(name, {"task": "accuracy", "table": table}) for name in ("ntkviz", "neural_tangents")], 0)
    if isinstance(ours, Absent):
        raise ours
    if isinstance(library, Absent):
        yield str(library)
        return
    errors = f"{ours.error:.1e}", f"{library.error:.1e}"
    yield Row("tanh, depth 2", "more accurate than its quadrature", *errors, library.error / ours.error, 1)


def rows(repeats: int) -> Iterator[Row | str]:
    yield "Empirical kernel of one output, (N, n, L), float32 and float64"
    for dtype in AIMS:
        for points, width, depth in EMPIRICAL:
            yield from empirical(points, width, depth, dtype, repeats)
    yield from living(*NETKET, repeats)
    yield "Infinite kernel of ReLU, depth 3, float64"
    yield from infinite("relu", 4000, (2, 4), repeats)
    yield "Infinite kernel of a nonlinearity without a closed form, depth 3, float64"
    yield from infinite("tanh", 400, (50, None), repeats)
    yield from accuracy("num0")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repeats", type=int, default=7)
    options.add_argument("--json", type=Path, metavar="FILE", help="where to write the table")
    asked = options.parse_args()
    print(HEADER)
    made = []
    for row in rows(asked.repeats):
        print(row.line() if isinstance(row, Row) else f"\n{row}", flush=True)
        made += [asdict(row)] if isinstance(row, Row) else []
    if asked.json:
        table = {"environment": surroundings(), "repeats": asked.repeats, "rows": made}
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
