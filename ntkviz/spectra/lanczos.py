r"""Eigenvalues of kernels that are too large to decompose, from their products with vectors.

    A Q = Q T + r e_mᵀ,    T tridiagonal: eigenvalues at the ends of the spectrum of A are eigenvalues of T first
    #{λ > s} ≈ N · mean_z Σ_i w_i 1[θ_i > s],    θ, w: eigenvalues and squared first components of T from z/‖z‖

The first line gives the largest eigenpairs (`top`), the second, stochastic Lanczos quadrature, the density of all of
them (`density`). The tridiagonalisation is matfree's, with full reorthogonalisation. Where the Krylov space of a start
is exhausted matfree goes on with noise that is not orthogonal to it: `tridiagonal` ends there.

Sources: Lanczos 1950; Golub & Meurant 1994 (quadrature); Ubaru, Chen & Saad 2017 (its error over random starts).
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.experimental import io_callback
from matfree.decomp import tridiag_sym  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal

from ntkviz.errors import InvalidInput, NtkvizError
from ntkviz.kernels.operator import Operator
from ntkviz.spectra.spectrum import rounding_floor

Floats = NDArray[np.float64]
Progress = Callable[[float], None]

ROUNDS = 20  # restarts: each finds at least one new eigenpair, as a rule all distinct ones that are asked for


class Tridiagonal(NamedTuple):
    """A = Q T Qᵀ on the Krylov space of a start; entries past an exhausted space are 0."""

    basis: Array  # (m, n), the rows of Qᵀ
    diagonal: Array  # (m,) of T
    beside: Array  # (m - 1,) of T
    rest: Array  # ‖r‖: the distance of A Q to Q T
    alive: Array  # (m,) which rows of the basis there are

    def eigh(self) -> tuple[Array, Array]:
        """Eigenvalues (m,), ascending, and eigenvectors of T; those past an exhausted space are 0."""
        return jnp.linalg.eigh(jnp.diag(self.diagonal) + jnp.diag(self.beside, 1) + jnp.diag(self.beside, -1))


def tridiagonal(product: Callable[[Array], Array], start: Array, products: int) -> Tridiagonal:
    """The first `products` steps of Lanczos for a symmetric operator, for traced code; products ≤ len(start)."""
    length = jnp.linalg.norm(start)
    start = jnp.where(length > 0, start, 1.0)  # nothing to start from: any direction is as good
    decomposed = tridiag_sym(products, materialize=False, custom_vjp=False)(product, start)
    basis, (diagonal, beside), residual, _ = decomposed
    rest = jnp.linalg.norm(residual)
    coupling = jnp.concatenate([beside, rest[None]])
    noise = 10 * float(np.finfo(start.dtype).eps) * math.sqrt(len(start)) * lax.cummax(jnp.abs(diagonal))
    going_on = jnp.cumprod(coupling > noise).astype(bool)
    alive = jnp.concatenate([jnp.ones(1, bool), going_on[:-1]])
    return Tridiagonal(
        basis=jnp.where(alive[:, None], basis, 0.0),
        diagonal=jnp.where(alive, diagonal, 0.0),
        beside=jnp.where(alive[1:], beside, 0.0),
        rest=jnp.where(going_on[-1], rest, 0.0),
        alive=alive,
    )


@dataclass(frozen=True, eq=False)
class Top:
    """The largest eigenpairs of a kernel: k of them, or fewer where no more lie above the floor."""

    eigenvalues: Floats  # (k,) descending
    eigenvectors: Floats  # (N, k)
    errors: Floats  # (k,) distance of each to an eigenvalue, at most, but for rounding
    floor: float  # below it an eigenvalue cannot be told from zero (`spectra.rounding_floor`)
    dtype: str  # what the kernel was computed in


@dataclass(frozen=True, eq=False)
class Density:
    """How many eigenvalues lie where, from S random starts with m products each."""

    nodes: Floats  # (S, m) θ, ascending
    weights: Floats  # (S, m) sum to 1 for each start
    size: int  # N
    floor: float
    dtype: str

    def above(self, threshold: float) -> tuple[float, float]:
        """The number of eigenvalues above a threshold, and its standard error over the starts."""
        return self._mean(np.where(self.nodes > threshold, 1.0, 0.0))

    @property
    def trace(self) -> tuple[float, float]:
        """The sum of the eigenvalues and its standard error."""
        return self._mean(self.nodes)

    def _mean(self, values: Floats) -> tuple[float, float]:
        each = self.size * np.sum(self.weights * values, axis=1)
        return float(each.mean()), float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else math.inf


def _unwatched(fraction: float) -> None:
    """Nobody watches."""


def top(
    operator: Operator,
    k: int,
    *,
    products: int | None = None,
    tolerance: float = 1e-8,
    seed: int = 0,
    report: Progress = _unwatched,
) -> Top:
    """The k largest eigenpairs, each within `tolerance` · λ_max of an eigenvalue, equal ones as often as they occur.

    One start sees equal eigenvalues once. What is found is projected out and Lanczos run again, `products` steps each
    time (2k + 30 by default, twice as many where they resolve nothing), until a run finds nothing larger than the k-th.
    Holds N (k + products) numbers. Raises `NtkvizError` where `ROUNDS` runs are not enough.
    """
    steps = min(products or 2 * k + 30, operator.size)
    if not 1 <= k <= operator.size or steps < 1:
        raise InvalidInput(f"Ask for 1 to {operator.size} eigenpairs of this kernel, with at least one product.")
    values, errors, vectors = np.zeros(0), np.zeros(0), np.zeros((operator.size, 0))
    rng, largest = np.random.default_rng(seed), 0.0
    for turn in range(ROUNDS):
        known = np.zeros((operator.size, k))
        known[:, : len(values)] = vectors
        found = _run(operator, rng.standard_normal(operator.size), known, steps, _share(report, turn))
        m = int(np.sum(found.alive))
        theta, s = eigh_tridiagonal(np.asarray(found.diagonal)[:m], np.asarray(found.beside)[: m - 1])
        theta, s = theta[::-1], s[:, ::-1]
        wrong = float(found.rest) * np.abs(s[-1])
        largest = max(largest, float(np.abs(theta).max()))
        floor = rounding_floor(np.array([largest, *np.zeros(operator.size - 1)]), operator.dtype)
        wanted = max(floor, values[-1] + tolerance * largest if len(values) == k else 0.0)
        if theta[0] + wrong[0] <= wanted:
            report(1.0)
            return Top(values, vectors, errors, floor, operator.dtype.name)
        good = np.cumprod(wrong <= max(tolerance * largest, floor)).astype(bool) & (theta > floor)
        if not good.any():
            steps = min(2 * steps, operator.size)
            continue
        order = np.argsort(-np.concatenate([values, theta[good]]), kind="stable")[:k]
        vectors = np.concatenate([vectors, np.asarray(found.basis)[:m].T @ s[:, good]], axis=1)[:, order]
        values, errors = (np.concatenate(both)[order] for both in ((values, theta[good]), (errors, wrong[good])))
    raise NtkvizError(f"{ROUNDS} runs with up to {steps} products did not find {k} eigenpairs: ask for fewer.")


def density(
    operator: Operator, *, starts: int = 8, products: int = 60, seed: int = 0, report: Progress = _unwatched
) -> Density:
    """The density of eigenvalues by stochastic Lanczos quadrature; the starts are random signs, all at once.

    Counts of the few largest eigenvalues err by their share of the starts, counts of many by 1/√(starts · count).
    """
    steps = min(products, operator.size)
    if starts < 1 or steps < 1:
        raise InvalidInput("The density needs at least one start and one product.")
    signs = np.sign(np.random.default_rng(seed).random((starts, operator.size)) - 0.5)
    found = _run(operator, signs, np.zeros((operator.size, 0)), steps, report)
    nodes, s = (np.asarray(part) for part in jax.vmap(Tridiagonal.eigh)(found))
    weights = s[:, 0] ** 2
    largest = np.where(weights > 0, np.abs(nodes), 0.0).max()
    floor = rounding_floor(np.array([largest, *np.zeros(operator.size - 1)]), operator.dtype)
    return Density(nodes, weights / weights.sum(axis=1, keepdims=True), operator.size, floor, operator.dtype.name)


def _share(report: Progress, turn: int) -> Progress:
    """Of a run that is one of an unknown number: two are the rule."""
    return lambda fraction: report(1 - 0.5 ** (turn + fraction) if turn else fraction / 2)


def _run(operator: Operator, start: Floats, known: Floats, steps: int, report: Progress) -> Tridiagonal:
    """Lanczos off the `known` eigenvectors (N, k), from one start (N,) or several (S, N) at once."""
    with _watched(report, steps) as (ticket, failure):
        found = _decomposed(operator.product, steps, ticket, jnp.asarray(start), jnp.asarray(known), operator.operands)
        found = jax.block_until_ready(found)
    if failure:
        raise failure[0]
    if not all(np.isfinite(np.asarray(part)).all() for part in (found.diagonal, found.beside, found.rest)):
        raise InvalidInput("The kernel is not finite; check the inputs and the weights behind it.")
    return found


@partial(jax.jit, static_argnums=(0, 1))
def _decomposed(
    product: Callable[..., Array], steps: int, ticket: Array, start: Array, known: Array, operands: tuple[Array, ...]
) -> Tridiagonal:
    def projected(v: Array) -> Array:
        v = v - known @ (known.T @ v)
        wanted = io_callback(_tick, jax.ShapeDtypeStruct((), jnp.bool_), ticket)  # the same for all starts
        v = lax.cond(wanted, lambda v: product(v, *operands), jnp.zeros_like, v)
        return v - known @ (known.T @ v)

    def of(start: Array) -> Tridiagonal:
        return tridiagonal(projected, start - known @ (known.T @ start), steps)

    return jax.vmap(of)(start) if start.ndim == 2 else of(start)


# A compiled run calls back before each product, with the number under which its watcher is entered here.
_watchers: dict[int, Callable[[], bool]] = {}
_tickets = count()
_lock = threading.Lock()


def _tick(ticket: Array) -> np.ndarray:
    return np.asarray(_watchers[int(ticket)]())


@contextmanager
def _watched(report: Progress, steps: int) -> Iterator[tuple[Array, list[BaseException]]]:
    """A ticket for a run of so many products, and what `report` raised: from then on nothing is multiplied."""
    done, failure = count(), list[BaseException]()

    def tick() -> bool:
        if not failure:
            try:
                report(next(done) / steps)
            except BaseException as error:  # raised again where the run was called
                failure.append(error)
        return not failure

    with _lock:
        number = next(_tickets)
    _watchers[number] = tick
    try:
        yield jnp.asarray(number), failure
    finally:
        del _watchers[number]
