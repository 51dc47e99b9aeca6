"""The compiled parts of training: many steps in one call, and what is observed of the networks between such calls.

Each function is compiled once for an architecture, a loss, a class of optimiser and the shapes of the data. The step η,
the scale α, the hyperparameters, the weights of the points and the number of steps are ordinary arguments: another
value compiles nothing. Arrays have a leading axis S for the networks of a sweep; a single run has S = 1.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax  # type: ignore[import-untyped]  # it ships no types
from jax import Array
from jax.typing import ArrayLike

from ntkviz.errors import InvalidInput
from ntkviz.nets import Architecture, Layer, Params, apply, multiplications
from ntkviz.nets.padding import bucket, padded
from ntkviz.training.losses import SQUARED, Loss, objective
from ntkviz.training.optimisers import GRADIENT_DESCENT, Optimiser

EXPLOSION = 1e6  # a run has diverged at this multiple of its first loss; the peak of a catapult stays far below
SIDE_BY_SIDE = 1e6  # operations of one network's step; above, a sweep is faster one network after another


class Problem(NamedTuple):
    """What is trained and on which data: constant during a run. S networks, N points, K outputs."""

    start: Params  # (S, …), the weights w₀
    x: Array  # (N, d); unless there are batches, padded with points of weight 0 (see `nets.padding`)
    y: Array  # (N, K)
    point_weights: Array  # (S, N), the weight of each point in the loss
    offset: Array  # (S, N, K), the outputs that the model subtracts: f(w₀) where it is centred, else 0
    eta: Array  # (S,)
    alpha: Array  # (S,)
    loss: Loss
    optimiser: Optimiser  # its hyperparameters have shape (S,)
    limit: Array  # (S,), the loss from which a network counts as diverged
    x_test: Array | None  # (M, d)
    y_test: Array | None  # (M, K)
    test_weights: Array | None  # (M,), 0 for the points with which the others are padded
    offset_test: Array | None  # (S, M, K)


class State(NamedTuple):
    """A run between two steps."""

    params: Params  # (S, …)
    memory: Any  # the state of the optimiser, with leading axes S
    step: Array  # (), the number of steps taken
    diverged_at: Array  # (S,), the step by which each network diverged, or -1
    order: Array  # (N,), the order of the points in this epoch
    key: Array | None  # of the orders; None where all points are in each step


class Observation(NamedTuple):
    """What is observed of S networks at one step. Losses are in float64."""

    f_train: Array  # (S, N, K)
    f_test: Array | None  # (S, M, K)
    loss: Array  # (S,)
    test_loss: Array | None  # (S,)
    movement: Array  # (S,)
    layer_movement: Array  # (S, layers)


def problem(
    arch: Architecture,
    params: Params,
    x: ArrayLike,
    y: ArrayLike,
    eta: ArrayLike,
    alpha: ArrayLike = 1.0,
    *,
    loss: Loss = SQUARED,
    optimiser: Optimiser = GRADIENT_DESCENT,
    point_weights: ArrayLike | None = None,
    batch: int | None = None,
    centred: bool = False,
    x_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    dtype: np.dtype,
) -> Problem:
    """The problem of a sweep: everything checked, in one precision, and with a leading axis S where networks differ.

    Args:
        arch: the architecture.
        params: the weights at the start, of one network or with a leading axis S.
        x: (N, d), the inputs.
        y: (N,) or (N, K), the targets.
        eta: the step, one number or (S,).
        alpha: the output scale, one number or (S,).
        loss: the loss function.
        optimiser: its hyperparameters are single numbers or have shape (S,).
        point_weights: (N,) or (S, N), the weight of each point in the loss; None is 1 for each.
        batch: the number of points in a step, or None for all.
        centred: subtract the outputs at the start.
        x_test: (M, d).
        y_test: (M,) or (M, K).
        dtype: the precision of the computation.

    Raises:
        InvalidInput: where shapes do not fit, numbers are not finite or out of range, or targets do not suit the loss.
    """
    points = _points(x, dtype)
    if batch is not None and not 1 <= batch <= len(points):
        raise InvalidInput(f"A batch must hold between 1 and {len(points)} points, not {batch}.")
    start, (eta, alpha, weights), networks = _per_network(params, eta, alpha, point_weights, optimiser, points)
    test = None if x_test is None else _points(x_test, dtype)
    if y_test is not None and test is None:
        raise InvalidInput("Test targets need their test inputs.")
    targets = _targets(y, points, arch, loss)
    y_test = None if test is None or y_test is None else padded(_targets(y_test, test, arch, loss))
    tested = None if test is None else np.arange(bucket(len(test))) < len(test)
    if batch is None:
        beyond = bucket(len(points)) - len(points)
        points, targets, weights = padded(points), padded(targets), np.pad(weights, ((0, 0), (0, beyond)))
    test = None if test is None else padded(test)
    arrays = {
        "start": start,
        "x": points,
        "y": targets,
        "point_weights": weights,
        "offset": np.zeros((networks, len(points), arch.outputs), dtype),
        "eta": eta,
        "alpha": alpha,
        "optimiser": optimiser.spread(networks, len(start), dtype),
        "limit": np.full(networks, np.inf, dtype),
        "x_test": test,
        "y_test": y_test,
        "test_weights": None if tested is None else tested.astype(dtype),
        "offset_test": None if test is None else np.zeros((networks, len(test), arch.outputs), dtype),
    }
    made = Problem(loss=loss, **jax.device_put(arrays))
    if centred:
        unscaled = made._replace(alpha=jax.device_put(np.ones_like(alpha)))
        seen = _at_start(arch, batch, unscaled)
        made = made._replace(offset=seen.f_train, offset_test=seen.f_test)
    first = np.asarray(_at_start(arch, batch, made).loss)
    if not np.all(np.isfinite(first)):
        raise InvalidInput("The network's outputs are not finite before training; lower the scale of the inputs.")
    return made._replace(limit=jax.device_put(np.where(first > 0, EXPLOSION * first, np.inf).astype(dtype)))


def _at_start(arch: Architecture, batch: int | None, problem: Problem) -> Observation:
    """What is observed before the first step, by the program that trains."""
    return advance(arch, batch, problem, start(problem, batch), 0, True)[1]


def _per_network(
    params: Params,
    eta: ArrayLike,
    alpha: ArrayLike,
    point_weights: ArrayLike | None,
    optimiser: Optimiser,
    x: np.ndarray,
) -> tuple[Params, tuple[np.ndarray, np.ndarray, np.ndarray], int]:
    """Weights, then steps (S,), scales (S,) and weights of the points (S, N), and the number of networks S."""
    stacked = np.ndim(params[0].weight) == 3
    weights = np.ones(len(x)) if point_weights is None else np.asarray(point_weights)
    if weights.ndim not in (1, 2) or weights.shape[-1] != len(x):
        raise InvalidInput(f"Give a weight for each of the {len(x)} points, not weights of shape {weights.shape}.")
    if not np.all(np.isfinite(weights) & (weights >= 0)) or not np.all(weights.any(axis=-1)):
        raise InvalidInput("The weights of the points must not be negative, and at least one must be positive.")
    if not all(np.all(np.isfinite(v) & (np.asarray(v) > 0)) for v in (eta, alpha)):
        raise InvalidInput("Steps η and output scales α must be positive numbers.")
    sizes = {
        "networks": np.shape(params[0].weight)[0] if stacked else 1,
        "steps η": np.size(eta),
        "scales α": np.size(alpha),
        "lists of point weights": len(np.atleast_2d(weights)),
        "values of a hyperparameter": max(optimiser.sizes()),
    }
    networks = max(sizes.values())
    if any(size not in (1, networks) for size in [*sizes.values(), *optimiser.sizes()]):
        listed = ", ".join(f"{size} {name}" for name, size in sizes.items() if size > 1)
        raise InvalidInput(f"A sweep cannot be made of {listed}: of each, give one or as many.")

    def spread(array: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(np.asarray(array, x.dtype), (networks, *shape))

    start: Params = jax.tree.map(lambda w: spread(w, w.shape[1:] if stacked else w.shape), params)
    return start, (spread(np.ravel(eta), ()), spread(np.ravel(alpha), ()), spread(weights, (len(x),))), networks


def _points(x: ArrayLike, dtype: np.dtype) -> np.ndarray:
    points = np.asarray(x, dtype)
    if points.ndim != 2 or 0 in points.shape or not np.isfinite(points).all():
        raise InvalidInput(f"Inputs must be finite numbers of shape (N, d); these have shape {points.shape}.")
    return points


def _targets(y: ArrayLike, points: np.ndarray, arch: Architecture, loss: Loss) -> np.ndarray:
    targets = np.asarray(y, points.dtype)
    targets = targets[:, None] if targets.ndim == 1 else targets
    shape = (len(points), arch.outputs)
    if targets.shape != shape or not np.isfinite(targets).all():
        raise InvalidInput(f"Targets must be finite numbers of shape {shape}; these have shape {targets.shape}.")
    loss.check(targets)
    return targets


def start(problem: Problem, batch: int | None, key: Array | None = None) -> State:
    """The state before the first step.

    Args:
        problem: what is trained.
        batch: the number of points in a step, or None for all.
        key: decides the order of the points in batches; None is the key 0.
    """

    def memory(optimiser: Optimiser, eta: Array, params: Params) -> Any:
        return optimiser.transformation(eta).init(params)

    networks = problem.optimiser, problem.eta, problem.start
    empty = jax.tree.map(lambda made: np.zeros(made.shape, made.dtype), jax.eval_shape(jax.vmap(memory), *networks))
    numbers = {
        "memory": empty,  # every optimiser starts from zeros
        "step": np.asarray(0),
        "diverged_at": np.full(len(problem.eta), -1),
        "order": np.arange(len(problem.x)),
    }
    if batch is not None and key is None:
        key = jax.random.key(0)
    return State(params=problem.start, key=None if batch is None else key, **jax.device_put(numbers))


def operations(arch: Architecture, input_dim: int, points: int) -> float:
    """Floating-point operations of a step: two forward and four backward for each use of a weight.

    Args:
        arch: the architecture.
        input_dim: d, the numbers in an input.
        points: the number of points in a step.
    """
    return 6.0 * points * multiplications(arch, input_dim)


def _over_networks(function: Callable[..., Any], vectorised: bool, *arguments: Any) -> Any:
    """Apply a function to each network on the leading axes of the arguments, all at once or one after another."""
    if len(jax.tree.leaves(arguments)[0]) == 1:
        single = function(*jax.tree.map(lambda a: a[0], arguments))
        return jax.tree.map(lambda a: a[None], single)
    if vectorised:
        return jax.vmap(function)(*arguments)
    return jax.lax.map(lambda of_one: function(*of_one), arguments)


@partial(jax.jit, static_argnums=1)
def advance(
    arch: Architecture, batch: int | None, problem: Problem, state: State, end: ArrayLike, look: ArrayLike
) -> tuple[State, Observation]:
    """Train until step `end`, or until every network has diverged, and observe the networks there.

    This is one program, because two take longer to compile.

    Args:
        arch: the architecture.
        batch: the number of points in a step, or None for all.
        problem: what is trained.
        state: the state to go on from.
        end: the number of the step to stop at.
        look: whether to observe; what is returned has zeros otherwise.
    """
    state = trained(arch, batch, problem, state, end)

    def nothing(params: Params) -> Observation:
        shapes = jax.eval_shape(partial(observe, arch, problem), params)
        zeros: Observation = jax.tree.map(lambda each: jnp.zeros(each.shape, each.dtype), shapes)
        return zeros

    seen: Observation = jax.lax.cond(look, partial(observe, arch, problem), nothing, state.params)
    return state, seen


def trained(arch: Architecture, batch: int | None, problem: Problem, state: State, end: ArrayLike) -> State:
    """The state at step `end`, or where every network has diverged, for traced code; arguments as in `advance`."""

    def going_on(state: State) -> Array:
        return (state.step < end) & jnp.any(state.diverged_at < 0)

    return jax.lax.while_loop(going_on, partial(_step, arch, batch, problem), state)


def _step(arch: Architecture, batch: int | None, problem: Problem, state: State) -> State:
    """One step of every network, for traced code."""
    x, y, offset, point_weights, order = problem.x, problem.y, problem.offset, problem.point_weights, state.order
    if batch is not None:
        rows, order = _batch_rows(batch, state, len(x))
        share = len(x) / batch  # so that the loss of a batch is L in expectation
        x, y, offset, point_weights = x[rows], y[rows], offset[:, rows], share * point_weights[:, rows]

    def descend(
        params: Params,
        memory: Any,
        start: Params,
        offset: Array,
        weights: Array,
        eta: Array,
        alpha: Array,
        how: Optimiser,
    ) -> tuple[Params, Any, Array]:
        scaled = objective(problem.loss, arch, x, y, alpha=alpha, offset=offset, point_weights=weights)
        loss, gradient = jax.value_and_grad(scaled)(params)
        change, memory = how.transformation(eta).update(gradient, memory, how.decaying(params, start))
        return optax.apply_updates(params, change), memory, loss * alpha**2

    vectorised = operations(arch, *x.shape[::-1]) < SIDE_BY_SIDE
    sweep = (problem.start, offset, point_weights, problem.eta, problem.alpha, problem.optimiser)
    params, memory, loss = _over_networks(descend, vectorised, state.params, state.memory, *sweep)
    exploded = (state.diverged_at < 0) & ~(loss < problem.limit)
    return State(params, memory, state.step + 1, jnp.where(exploded, state.step, state.diverged_at), order, state.key)


def _batch_rows(batch: int, state: State, points: int) -> tuple[Array, Array]:
    """The points of this step's batch (B,), and the order of all points in this epoch (N,).

    An epoch has ⌊N/B⌋ steps. The points that do not fill a batch are left out of it.
    """
    if state.key is None:
        raise TypeError("Minibatches need the key that decides the order of the points.")
    epoch, position = jnp.divmod(state.step, points // batch)
    shuffle = partial(jax.random.permutation, jax.random.fold_in(state.key, epoch), points)
    order = jax.lax.cond(position == 0, shuffle, lambda: state.order)
    return jax.lax.dynamic_slice(order, (position * batch,), (batch,)), order


def _outputs(arch: Architecture, params: Params, x: Array) -> Array:
    """(S, N, K): the outputs f of each network, for traced code."""
    vectorised = operations(arch, *x.shape[::-1]) < SIDE_BY_SIDE
    outputs: Array = _over_networks(lambda params: apply(arch, params, x), vectorised, params)
    return outputs


def observe(arch: Architecture, problem: Problem, params: Params) -> Observation:
    """The outputs, the losses and the movement of the weights, for traced code.

    Args:
        arch: the architecture.
        problem: what is trained.
        params: the weights, with leading axes S.
    """

    def squares(layer: Layer) -> Array:
        parts = [jnp.sum(a**2, axis=tuple(range(1, a.ndim))) for a in layer if a is not None]
        return jnp.sum(jnp.stack(parts), axis=0)

    def loss(outputs: Array, targets: Array, point_weights: ArrayLike) -> Array:
        return problem.loss.total(outputs.astype(jnp.float64), targets.astype(jnp.float64), point_weights)

    moved = jax.tree.map(lambda w, start: w - start, params, problem.start)
    change = jnp.stack([squares(layer) for layer in moved], axis=-1)
    size = jnp.stack([squares(layer) for layer in problem.start], axis=-1)
    alpha = problem.alpha[:, None, None]
    f_train, f_test, test_loss = None, None, None
    if problem.x_test is None or problem.offset_test is None:
        f_train = alpha * (_outputs(arch, params, problem.x) - problem.offset)
    else:  # one pass for both sets of points compiles faster than two
        outputs = _outputs(arch, params, jnp.concatenate([problem.x, problem.x_test]))
        offset = jnp.concatenate([problem.offset, problem.offset_test], axis=1)
        f_train, f_test = jnp.split(alpha * (outputs - offset), [len(problem.x)], axis=1)
        if problem.y_test is not None and problem.test_weights is not None:
            test_loss = loss(f_test, problem.y_test, problem.test_weights)
    return Observation(
        f_train=f_train,
        f_test=f_test,
        loss=loss(f_train, problem.y, problem.point_weights),
        test_loss=test_loss,
        movement=jnp.sqrt(change.sum(-1) / size.sum(-1)),
        layer_movement=jnp.sqrt(change / size),
    )
