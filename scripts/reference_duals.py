"""Makes tests/data/duals_hp.npz: Gaussian expectations of nonlinearities without a closed form, exact to float64.

    python -m scripts.reference_duals            (needs the package gmpy2)

E[φ(u) φ(v)] and E[φ'(u) φ'(v)] = ∫ p(x) φ(√q1 x) ∫ p(z) φ(√q2 (ρx + √(1 − ρ²) z)) dz dx in arithmetic with 50 digits.
Both integrals are Gauss-Legendre sums over panels that end at the kinks. Towards a kink each panel is half as wide as
the one before, down to the smallest scale of the integrand: √(1 − ρ²), or 1/√q. `--check` integrates with more nodes
and prints the largest difference.
"""

import argparse
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import gmpy2
import numpy as np
from gmpy2 import exp, log1p, mpfr, sqrt

FILE = Path(__file__).resolve().parent.parent / "tests" / "data" / "duals_hp.npz"
DIGITS = 50
REACH = 11  # standard deviations: e^{−REACH²/2} is 5e-27
Q1, Q2, RHO = (
    np.array(column)
    for column in zip(
        *itertools.product([1.0], [1.0], [0.3, -0.8, 0.99, 1 - 1e-6, 1.0]),
        *itertools.product([10.0], [10.0], [0.5, 0.95, 0.999, 1 - 1e-6, -0.9999, 1.0, -1.0]),
        *itertools.product([10.0], [10.0 / 9], [-1.0, 0.9999, 1.0]),
        (0.01, 10.0, 0.9),
        (1e-6, 1e-6, 0.99),
        (1e-6, 10.0, 0.9999),
        (3.0, 3.000006, 1 - 1e-9),
        *itertools.product([100.0], [100.0], [0.9, 0.9999]),
        (1000.0, 100.0, 0.999),
        *itertools.product([1e4], [1e4], [0.99, 0.9999]),
        strict=True,
    )
)
SELU_SCALE, SELU_ALPHA = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"
Pair = tuple[mpfr, mpfr]  # φ and φ'
KINKED_AT_ZERO = ("tanh", "sigmoid", "silu", "softplus", "elu", "selu", "softsign")


def at_zero(u: mpfr) -> list[Pair]:
    """φ and φ' of each of `KINKED_AT_ZERO`; one exponential serves them all."""
    size, positive = abs(u), u > 0
    e = exp(-size)
    logistic = 1 / (1 + e) if positive else e / (1 + e)
    bell = e / (1 + e) ** 2
    tanh = (1 - e * e) / (1 + e * e)
    scale, alpha = mpfr(SELU_SCALE), mpfr(SELU_ALPHA)
    return [
        (tanh if positive else -tanh, 1 - tanh * tanh),
        (logistic, bell),
        (u * logistic, logistic + u * bell),
        ((u if positive else mpfr(0)) + log1p(e), logistic),
        (u, mpfr(1)) if positive else (e - 1, e),
        (scale * u, scale) if positive else (scale * alpha * (e - 1), scale * alpha * e),
        (u / (1 + size), 1 / (1 + size) ** 2),
    ]


def hardtanh(u: mpfr) -> list[Pair]:
    inside = abs(u) < 1
    return [(u if inside else mpfr(1 if u > 0 else -1), mpfr(1 if inside else 0))]


def legendre(n: int) -> list[tuple[mpfr, mpfr]]:
    """Gauss-Legendre nodes and weights on [−1, 1], polished by Newton's method."""
    out = []
    for start in np.polynomial.legendre.leggauss(n)[0]:
        x = mpfr(float(start))
        for _ in range(4):
            below, here = mpfr(1), x
            for k in range(2, n + 1):
                below, here = here, ((2 * k - 1) * x * here - (k - 1) * below) / k
            slope = n * (x * here - below) / (x * x - 1)
            x -= here / slope
        out.append((x, 2 / ((1 - x * x) * slope * slope)))
    return out


def edges(points: Sequence[mpfr], narrow: mpfr) -> list[mpfr]:
    """Ends of panels in [−REACH, REACH]: at most 1 wide, halving towards the points until `narrow`."""
    found = {mpfr(i) for i in range(-REACH, REACH + 1)}
    for point in points:
        if abs(point) >= REACH:
            continue
        found.add(point)
        step = mpfr(1)
        while step > narrow / 2:
            found |= {point - step, point + step}
            step /= 2
    ordered = sorted(x for x in found if abs(x) <= REACH)
    return [x for i, x in enumerate(ordered) if i == 0 or x - ordered[i - 1] > narrow * mpfr("1e-9")]


def nodes(rule: list[tuple[mpfr, mpfr]], ends: list[mpfr]) -> list[tuple[mpfr, mpfr]]:
    """Nodes, and weights that hold the normal density."""
    root = 1 / sqrt(2 * gmpy2.const_pi())
    out = []
    for low, high in itertools.pairwise(ends):
        half, middle = (high - low) / 2, (high + low) / 2
        for x, weight in rule:
            at = middle + half * x
            out.append((at, half * weight * root * exp(-at * at / 2)))
    return out


def expectations(
    functions: Callable[[mpfr], list[Pair]], kinks: Sequence[int], q1: float, q2: float, rho: float, order: int
) -> np.ndarray:
    """E[φφ] and E[φ'φ'] of each function, (functions, 2)."""
    rule = legendre(order)
    left, right, r = sqrt(mpfr(q1)), sqrt(mpfr(q2)), mpfr(rho)
    sine = sqrt((1 - r) * (1 + r))
    narrow = min(mpfr(1), 1 / left, 1 / right) / 4
    points = [c / left for c in kinks] + [c / (r * right) for c in kinks]
    total = None
    for x, weight in nodes(rule, edges(points, min(narrow, sine / 4) if sine else narrow)):
        if sine:
            turns = [(c / right - r * x) / sine for c in kinks]
            inner = nodes(rule, edges(turns, min(mpfr(1), 1 / (right * sine)) / 4))
            parts = [[w * f for pair in functions(right * (r * x + sine * z)) for f in pair] for z, w in inner]
            other = [sum(column) for column in zip(*parts, strict=True)]
        else:
            other = [f for pair in functions(right * r * x) for f in pair]
        own = [f for pair in functions(left * x) for f in pair]
        terms = [weight * a * b for a, b in zip(own, other, strict=True)]
        total = terms if total is None else [a + b for a, b in zip(total, terms, strict=True)]
    return np.array([float(each) for each in total]).reshape(-1, 2)


def table(order: int, rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Name -> (rows, 2) for every nonlinearity."""
    out: dict[str, list[np.ndarray]] = {name: [] for name in (*KINKED_AT_ZERO, "hardtanh")}
    for i in rows:
        setting = (float(Q1[i]), float(Q2[i]), float(RHO[i]), order)
        found = [*expectations(at_zero, [0], *setting), *expectations(hardtanh, [-1, 1], *setting)]
        for name, values in zip(out, found, strict=True):
            out[name].append(values)
        print(i, *setting, found[0], flush=True)
    return {name: np.stack(values) for name, values in out.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare a third of the rows with a finer rule")
    arguments = parser.parse_args()
    gmpy2.get_context().precision = int(DIGITS * 3.33) + 2
    if arguments.check:
        rows = range(1, len(RHO), 3)
        coarse, fine = table(16, rows), table(24, rows)
        print({name: float(np.abs(coarse[name] / fine[name] - 1).max()) for name in fine})
        return
    np.savez_compressed(FILE, q1=Q1, q2=Q2, rho=RHO, **table(20, range(len(RHO))))


if __name__ == "__main__":
    main()
