"""The compiled pieces of `ntkviz.training`: what is trained, a chunk of steps, what is seen of it.

Each function is compiled once for an architecture and the shapes of the data; the step, α and the number of steps
are arguments like any other. A leading axis S holds the networks of a sweep; a single run has S = 1.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ntkviz.errors import InvalidInput
from ntkviz.kernels.finite import layerwise
from ntkviz.nets import Architecture, Layer, Params, apply, multiplications
from ntkviz.training.sharpness import Sharpness, top_hessian

EXPLOSION = 1e6  # a loss so many times the first has diverged; a catapult's peak stays far below
SIDE_BY_SIDE = 1e6  # operations of one network's step; above, a sweep is faster one network after another


class Problem(NamedTuple):
    """What is trained, on what: constant through a run. S networks, N points."""

    start: Params  # (S, …)
    x: Array  # (N, d)
    y: Array  # (N, K)
    offset: Array  # (S, N, K) f(w₀) where centred, else 0
    eta: Array  # (S,)
    alpha: Array  # (S,)
    limit: Array  # (S,) the loss that counts as diverged
    x_test: Array | None
    y_test: Array | None
    offset_test: Array | None


class State(NamedTuple):
    params: Params  # (S, …)
    step: Array  # ()
    fell: Array  # (S,) the step by which each diverged, or -1
    order: Array  # (N,) this epoch's order of the points
    key: Array


class Seen(NamedTuple):
    """One recorded step of S networks."""

    f_train: Array  # (S, N, K)
    f_test: Array | None
    movement: Array  # (S,)
    layer_movement: Array  # (S, depth + 1)


def problem(
    arch: Architecture,
    params: Params,
    x: ArrayLike,
    y: ArrayLike,
    eta: ArrayLike,
    alpha: ArrayLike,
    *,
    centred: bool,
    x_test: ArrayLike | None,
    y_test: ArrayLike | None,
    dtype: jnp.dtype,
) -> Problem:
    """Everything in one dtype and one shape, checked once; raises `InvalidInput`."""
    start, rates, outer = _lanes(params, eta, alpha, dtype)
    points = _points(x, dtype)
    test = None if x_test is None else _points(x_test, dtype)
    if y_test is not None and test is None:
        raise InvalidInput("Test targets need their test inputs.")

    def offset(points: Array) -> Array:
        outputs = _outputs(arch, start, points)
        return outputs if centred else jnp.zeros_like(outputs)

    made = Problem(
        start=start,
        x=points,
        y=_targets(y, points, arch),
        offset=offset(points),
        eta=rates,
        alpha=outer,
        limit=outer,
        x_test=test,
        y_test=None if test is None or y_test is None else _targets(y_test, test, arch),
        offset_test=None if test is None else offset(test),
    )
    first = squared_loss(observe(arch, made, start).f_train, made.y)
    if not np.all(np.isfinite(first)):
        raise InvalidInput("The network's outputs are not finite before training; lower the scale of the inputs.")
    return made._replace(limit=jnp.asarray(np.where(first > 0, EXPLOSION * first, np.inf), dtype))


def _lanes(params: Params, eta: ArrayLike, alpha: ArrayLike, dtype: jnp.dtype) -> tuple[Params, Array, Array]:
    """Weights, steps and scales with a leading axis S, the longest of theirs."""
    stacked = jnp.ndim(params[0].weight) == 3
    lead = [jnp.shape(params[0].weight)[0] if stacked else 1, np.size(eta), np.size(alpha)]
    if any(size not in (1, max(lead)) for size in lead):
        raise InvalidInput(
            f"There are {lead[0]} networks, {lead[1]} steps η and {lead[2]} scales α; give one or as many."
        )
    if not all(np.all(np.isfinite(v) & (np.asarray(v) > 0)) for v in (eta, alpha)):
        raise InvalidInput("Steps η and output scales α must be positive numbers.")

    def spread(array: ArrayLike, led: bool) -> Array:
        array = jnp.asarray(array, dtype)
        array = array if led else array[None]
        return jnp.broadcast_to(array, (max(lead), *array.shape[1:]))

    start = jax.tree.map(lambda a: spread(a, stacked), params)
    return start, spread(np.ravel(eta), True), spread(np.ravel(alpha), True)


def _points(x: ArrayLike | None, dtype: jnp.dtype) -> Array:
    points = jnp.asarray(x, dtype)
    if points.ndim != 2 or 0 in points.shape or not bool(jnp.isfinite(points).all()):
        raise InvalidInput(f"Inputs must be finite numbers of shape (N, d); these have shape {points.shape}.")
    return points


def _targets(y: ArrayLike, points: Array, arch: Architecture) -> Array:
    targets = jnp.asarray(y, points.dtype)
    targets = targets[:, None] if targets.ndim == 1 else targets
    shape = (len(points), arch.outputs)
    if targets.shape != shape or not bool(jnp.isfinite(targets).all()):
        raise InvalidInput(f"Targets must be finite numbers of shape {shape}; these have shape {targets.shape}.")
    return targets


def start(problem: Problem, key: Array | None) -> State:
    lanes, points = len(problem.eta), len(problem.x)
    key = jax.random.key(0) if key is None else key
    return State(problem.start, jnp.asarray(0), jnp.full(lanes, -1), jnp.arange(points), key)


def operations(arch: Architecture, input_dim: int, points: int) -> float:
    """Floating-point operations of a step: 2 forward and 4 backward for each use of a weight."""
    return 6.0 * points * multiplications(arch, input_dim)


def _each(function: Callable[..., Any], vectorised: bool, *lanes: Any) -> Any:
    """`function` on each network of the leading axis: alone, vmapped, or one after another."""
    if len(jax.tree.leaves(lanes)[0]) == 1:
        alone = function(*jax.tree.map(lambda a: a[0], lanes))
        return jax.tree.map(lambda a: a[None], alone)
    return jax.vmap(function)(*lanes) if vectorised else jax.lax.map(lambda lane: function(*lane), lanes)


@partial(jax.jit, static_argnums=1)
def advance(arch: Architecture, batch: int | None, problem: Problem, state: State, end: Array) -> State:
    """Steps up to `end`, or until every network has diverged. One compilation serves any step, α and `end`."""
    points = len(problem.x)
    epoch = points if batch is None else points // batch  # in steps; what does not fill a batch waits for another epoch

    def alive(state: State) -> Array:
        return (state.step < end) & jnp.any(state.fell < 0)

    def step(state: State) -> State:
        order = state.order
        x, y, offset, share = problem.x, problem.y, problem.offset, 1.0
        if batch is not None:
            at = state.step % epoch
            shuffle = partial(jax.random.permutation, jax.random.fold_in(state.key, state.step // epoch), points)
            order = jax.lax.cond(at == 0, shuffle, lambda: order)
            rows = jax.lax.dynamic_slice(order, (at * batch,), (batch,))
            x, y, offset, share = x[rows], y[rows], offset[:, rows], points / batch

        def descend(params: Params, offset: Array, eta: Array, alpha: Array) -> tuple[Params, Array]:
            def scaled_loss(params: Params) -> Array:
                return share / 2 * jnp.sum((apply(arch, params, x) - offset - y / alpha) ** 2)  # L/α²

            loss, slope = jax.value_and_grad(scaled_loss)(params)
            return jax.tree.map(lambda w, g: w - eta * g, params, slope), loss * alpha**2

        vectorised = operations(arch, *x.shape[::-1]) < SIDE_BY_SIDE
        params, loss = _each(descend, vectorised, state.params, offset, problem.eta, problem.alpha)
        fell = jnp.where((state.fell < 0) & ~(loss < problem.limit), state.step, state.fell)
        return State(params, state.step + 1, fell, order, state.key)

    return jax.lax.while_loop(alive, step, state)


@jax.jit
def _outputs(arch: Architecture, params: Params, x: Array) -> Array:
    """(S, N, K): f of each network."""
    outputs: Array = _each(
        lambda params: apply(arch, params, x), operations(arch, *x.shape[::-1]) < SIDE_BY_SIDE, params
    )
    return outputs


@jax.jit
def kernels(arch: Architecture, params: Params, x: Array) -> Array:
    """(S, N, N): the empirical kernel of each network."""
    return jax.lax.map(lambda params: layerwise(arch, params, x), params)


@partial(jax.jit, static_argnums=1)
def sharpnesses(arch: Architecture, products: int, problem: Problem, params: Params, directions: Array) -> Sharpness:
    """The sharpness of each network, from `directions` (S, P)."""

    def one(lane: tuple[Params, Array, Array, Array]) -> Sharpness:
        params, alpha, offset, direction = lane
        return top_hessian(arch, products, params, problem.x, problem.y, alpha, offset, direction)

    found: Sharpness = jax.lax.map(one, (params, problem.alpha, problem.offset, directions))
    return found


@jax.jit
def observe(arch: Architecture, problem: Problem, params: Params) -> Seen:
    """The outputs and how far the weights moved."""

    def squares(layer: Layer) -> Array:
        parts = [jnp.sum(a**2, axis=tuple(range(1, a.ndim))) for a in layer if a is not None]
        return jnp.sum(jnp.stack(parts), axis=0)

    moved = jax.tree.map(lambda w, start: w - start, params, problem.start)
    change = jnp.stack([squares(layer) for layer in moved], axis=-1)
    size = jnp.stack([squares(layer) for layer in problem.start], axis=-1)
    alpha = problem.alpha[:, None, None]
    test = problem.x_test
    return Seen(
        f_train=alpha * (_outputs(arch, params, problem.x) - problem.offset),
        f_test=None if test is None else alpha * (_outputs(arch, params, test) - problem.offset_test),
        movement=jnp.sqrt(change.sum(-1) / size.sum(-1)),
        layer_movement=jnp.sqrt(change / size),
    )


def squared_loss(outputs: ArrayLike, y: ArrayLike) -> np.ndarray:
    """½ Σ ‖F - y‖² over the last two axes, in float64."""
    with np.errstate(over="ignore", invalid="ignore"):  # a diverged run's loss may be infinite
        return np.asarray(
            0.5 * np.sum((np.asarray(outputs, np.float64) - np.asarray(y, np.float64)) ** 2, axis=(-2, -1))
        )
