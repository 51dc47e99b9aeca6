r"""Eigenvalues of kernels that are too large to decompose, from their products with vectors (the Lanczos method).

    A Q = Q T + r e_mᵀ,    T tridiagonal
    #{λ > s} ≈ N · mean_z Σ_i w_i 1[θ_i > s]

The eigenvalues of T converge to those of A, at the ends of the spectrum first: `top` finds the largest eigenpairs so.
The second line is stochastic Lanczos quadrature, which estimates the density of all eigenvalues (`density`). There z
are random starts, θ_i the eigenvalues of T from the start z/‖z‖, and w_i the squared first components of its
eigenvectors.

The tridiagonalisation is that of matfree, with full reorthogonalisation. Where the Krylov space of a start is
exhausted, matfree continues with noise that is not orthogonal to the space; `tridiagonal` ends there.

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

ROUNDS = 20  # most restarts: each finds one new eigenpair or more, and usually all the distinct ones


class Tridiagonal(NamedTuple):
    """The operator A = Q T Qᵀ on the Krylov space of a start; entries beyond the end of the space are 0."""

    basis: Array  # (m, n), the rows of Qᵀ
    diagonal: Array  # (m,), of T
    beside: Array  # (m - 1,), of T, beside the diagonal
    rest: Array  # ‖r‖, the distance of A Q from Q T
    alive: Array  # (m,), which rows of the basis belong to the space

    def eigh(self) -> tuple[Array, Array]:
        """Eigenvalues (m,) of T, ascending, and its eigenvectors (m, m); the entries of T beyond the space are 0."""
        return jnp.linalg.eigh(jnp.diag(self.diagonal) + jnp.diag(self.beside, 1) + jnp.diag(self.beside, -1))


def tridiagonal(product: Callable[[Array], Array], start: Array, products: int) -> Tridiagonal:
    """The first steps of the Lanczos method for a symmetric operator, for traced code.

    Args:
        product: takes a vector (n,) to the operator's product with it.
        start: (n,), the first vector of the Krylov space.
        products: the number m of steps, at most n.
    """
    length = jnp.linalg.norm(start)
    start = jnp.where(length > 0, start, 1.0)  # a start of zero gives no direction, and any other will do
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
    """The k largest eigenpairs of a kernel, or fewer where no more lie above the floor."""

    eigenvalues: Floats  # (k,) descending
    eigenvectors: Floats  # (N, k)
    errors: Floats  # (k,), up to rounding an eigenvalue of the kernel lies within this distance of each
    floor: float  # the size below which an eigenvalue cannot be told from zero (`spectra.rounding_floor`)
    dtype: str  # the precision in which the kernel was computed


@dataclass(frozen=True, eq=False)
class Density:
    """An estimate of the density of eigenvalues, from S random starts with m products each."""

    nodes: Floats  # (S, m), θ, ascending
    weights: Floats  # (S, m), their sum is 1 for each start
    size: int  # N, the number of eigenvalues
    floor: float  # the size below which an eigenvalue cannot be told from zero
    dtype: str  # the precision in which the kernel was computed

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
    """Do nothing: the progress of a run that nobody follows."""


def top(
    operator: Operator,
    k: int,
    *,
    products: int | None = None,
    tolerance: float = 1e-8,
    seed: int = 0,
    report: Progress = _unwatched,
) -> Top:
    """The k largest eigenpairs of a kernel; equal eigenvalues are found as often as they occur.

    From one start the Lanczos method finds equal eigenvalues only once. The eigenvectors found are therefore projected
    out and the method is run again, until a run finds nothing larger than the k-th eigenvalue. N (k + products) numbers
    are held in memory.

    Args:
        operator: the kernel, as its products with vectors.
        k: how many eigenpairs.
        products: products in a run, 2k + 30 by default. They are doubled where a run finds no eigenpair.
        tolerance: the largest distance of each to an eigenvalue, over λ_max.
        seed: of the random starts.
        report: is called with the fraction done; what it raises ends the run.

    Raises:
        InvalidInput: where k or `products` is out of range, or the kernel is not finite.
        NtkvizError: where `ROUNDS` runs are not enough.
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
    """The density of eigenvalues by stochastic Lanczos quadrature, from random signs as starts.

    The relative error of a count of many eigenvalues is about 1/√(starts · count).

    Args:
        operator: the kernel, as its products with vectors.
        starts: the number S of random starts, which are computed at once.
        products: the number m of products for each start.
        seed: of the starts.
        report: is called with the fraction done; what it raises ends the run.

    Raises:
        InvalidInput: where there is no start or no product, or the kernel is not finite.
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
    """Progress of run `turn` as part of all the runs, whose number is unknown: usually there are two."""
    return lambda fraction: report(1 - 0.5 ** (turn + fraction) if turn else fraction / 2)


def _run(operator: Operator, start: Floats, known: Floats, steps: int, report: Progress) -> Tridiagonal:
    """The Lanczos method with `known` eigenvectors (N, k) projected out, from one start (N,) or several (S, N)."""
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
        wanted = io_callback(_tick, jax.ShapeDtypeStruct((), jnp.bool_), ticket)  # one call for all starts
        v = lax.cond(wanted, lambda v: product(v, *operands), jnp.zeros_like, v)
        return v - known @ (known.T @ v)

    def of(start: Array) -> Tridiagonal:
        return tridiagonal(projected, start - known @ (known.T @ start), steps)

    return jax.vmap(of)(start) if start.ndim == 2 else of(start)


# Before each product a compiled run calls the function that is entered here under the run's number, its ticket.
_watchers: dict[int, Callable[[], bool]] = {}
_tickets = count()
_lock = threading.Lock()


def _tick(ticket: Array) -> np.ndarray:
    return np.asarray(_watchers[int(ticket)]())


@contextmanager
def _watched(report: Progress, steps: int) -> Iterator[tuple[Array, list[BaseException]]]:
    """A ticket for a run of so many products, and a list for what `report` raises; after that products are skipped."""
    done, failure = count(), list[BaseException]()

    def tick() -> bool:
        if not failure:
            try:
                report(next(done) / steps)
            except BaseException as error:  # `_run` raises it again when the compiled code has returned
                failure.append(error)
        return not failure

    with _lock:
        number = next(_tickets)
    _watchers[number] = tick
    try:
        yield jnp.asarray(number), failure
    finally:
        del _watchers[number]
