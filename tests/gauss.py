"""Gaussian expectations by plain quadrature in the plane, independent of the library."""

import math
from collections.abc import Callable

import numpy as np

REACH = 13.0  # standard deviations: e^{−REACH²/2} is 2e-37


def _panels(edges: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    unit, weight = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + unit)).ravel(), (half * weight).ravel()


def expectation(f: Callable, g: Callable, q1: float, q2: float, rho: float) -> float:
    """E[f(u) g(v)] for variances q1, q2 and correlation rho, for f and g that are smooth but for 0.

    In polar coordinates u = √q1 r cos t and v = √q2 r cos(t − θ) with θ = arccos rho: both change sign along rays,
    so panels in t end there, and what happens near 0 is resolved by panels in r and t that halve towards it.
    """
    theta = math.acos(rho)
    rays = np.array([math.pi / 2, 3 * math.pi / 2, theta + math.pi / 2, theta + 3 * math.pi / 2]) % (2 * math.pi)
    ends = np.unique(np.concatenate([[0.0, 2 * math.pi], rays]))
    graded = [end + sign * (np.pi / 2) * 2.0 ** -np.arange(1, 9) for end in ends for sign in (-1, 1)]
    edges = np.unique(np.clip(np.concatenate([ends, *graded]), 0.0, 2 * math.pi))
    t, t_weight = _panels(edges, 12)
    r, r_weight = _panels(np.concatenate([[0.0], 2.0 ** np.arange(-6, 1), np.arange(2.0, REACH + 1)]), 16)
    r_weight = r_weight * r * np.exp(-(r**2) / 2) / (2 * math.pi)
    u = math.sqrt(q1) * np.outer(np.cos(t), r)
    v = math.sqrt(q2) * np.outer(np.cos(t - theta), r)
    return float(t_weight @ (np.asarray(f(u)) * np.asarray(g(v))) @ r_weight)
