r"""The part of a convolution, whose weights are used at many positions, in the empirical kernel, without a Jacobian.

    ∂f/∂W = a Σ_p h_p δ_pᵀ,    ⟨∂f(x)/∂W, ∂f(x′)/∂W⟩ = a² Σ_{p,q} ⟨h_p(x), h_q(x′)⟩ ⟨δ_p(x), δ_q(x′)⟩

h (N, P, fan_in) are the inputs of the layer at P positions, and δ (N, K, P, fan_out) the back-propagated gradients of
K outputs. Either side of the equation can be computed. The left side takes the gradients, for a block of inputs of the
layer at a time. The right side takes the products of all pairs of positions, for a block of points at a time; it is
cheaper for few positions and many channels. The cheaper one is used. An intermediate array has at most `HELD` numbers,
or those of one point.

Both ways are structured derivatives of Novak, Sohl-Dickstein & Schoenholz 2022.
"""

import math

import jax.numpy as jnp
from jax import Array, lax

from ntkviz.nets import Size

HELD = 2**22  # most numbers of an intermediate array


def weights_share(h1: Array, h2: Array, d1: Array, d2: Array, *, full: bool) -> Array:
    """The products of the gradients in the weights, without the factor a².

    Args:
        h1: (N1, P, fan_in), the inputs of the layer for one set of points.
        h2: (N2, P, fan_in), those for another set.
        d1: (N1, K, P, fan_out), the back-propagated gradients of one set.
        d2: (N2, K, P, fan_out), those of the other set.
        full: whether to return every pair of outputs (N1·K, N2·K), or the sum over outputs (N1, N2).
    """
    size = Size(h1.shape[2], d1.shape[3], h1.shape[1:2])
    gradients, products = costs(size, len(h1), len(h2), d1.shape[1], full)
    return _by_gradients(h1, h2, d1, d2, full) if gradients < products else _by_positions(h1, h2, d1, d2, full)


def bias_share(d1: Array, d2: Array, *, full: bool) -> Array:
    """The products of the gradients in the biases, which are sums of δ over positions, without the factor c².

    Args:
        d1: (N1, K, P, fan_out), the back-propagated gradients of one set of points.
        d2: (N2, K, P, fan_out), those of another set.
        full: see `weights_share`.
    """
    one, other = (_rows(d.sum(axis=2), full) for d in (d1, d2))
    return one @ other.T


def costs(layer: Size, n: int, m: int, outputs: int = 1, full: bool = False) -> tuple[float, float]:
    """The multiplications that both ways take: by gradients, and by positions.

    Args:
        layer: the size of the layer.
        n: the number of points in one set.
        m: the number of points in the other set.
        outputs: K.
        full: see `weights_share`.
    """
    pairs = n * m * (outputs**2 if full else outputs)
    gradients = (n + m) * outputs * layer.uses * layer.fan_in * layer.fan_out + pairs * layer.fan_in * layer.fan_out
    return gradients, layer.uses**2 * (n * m * layer.fan_in + pairs * layer.fan_out)


def _rows(array: Array, full: bool) -> Array:
    """An array (N, K, …) as rows, one for each point, or one for each point and output."""
    return array.reshape(array.shape[0] * array.shape[1] if full else array.shape[0], -1)


def _by_gradients(h1: Array, h2: Array, d1: Array, d2: Array, full: bool) -> Array:
    fan_in = h1.shape[2]
    size = max(1, min(fan_in, HELD // max(d.shape[0] * d.shape[1] * d.shape[3] for d in (d1, d2))))
    blocks = math.ceil(fan_in / size)

    def split(h: Array) -> Array:
        padded = jnp.pad(h, ((0, 0), (0, 0), (0, blocks * size - fan_in)))
        return jnp.moveaxis(padded.reshape(*h.shape[:2], blocks, size), 2, 0)

    def add(total: Array, block: tuple[Array, Array]) -> tuple[Array, None]:
        one, other = (_rows(jnp.einsum("npf,nkpc->nkfc", h, d), full) for h, d in zip(block, (d1, d2), strict=True))
        return total + one @ other.T, None

    rows = d1.shape[1] if full else 1
    start = jnp.zeros((rows * len(h1), rows * len(h2)), d1.dtype)
    return lax.scan(add, start, (split(h1), split(h2)))[0]


def _by_positions(h1: Array, h2: Array, d1: Array, d2: Array, full: bool) -> Array:
    (_, outputs, positions, _), m = d1.shape, len(h2)
    rows = outputs if full else 1
    one, other = (_by_position(d, full) for d in (d1, d2))

    def row(point: tuple[Array, Array]) -> Array:
        h, d = point
        entering = jnp.einsum("pf,mqf->pmq", h, h2)
        back = jnp.einsum("kpc,mlqc->kpmlq", d, other)
        return jnp.einsum("pmq,kpmlq->kml", entering, back).reshape(rows, m * rows)

    size = max(1, HELD // (m * (positions * rows) ** 2))
    return lax.map(row, (h1, one), batch_size=min(size, len(h1))).reshape(-1, m * rows)


def _by_position(d: Array, full: bool) -> Array:
    """The gradients (N, K, P, fan_out), or with all outputs as features of one output (N, 1, P, K·fan_out)."""
    return d if full else jnp.moveaxis(d, 1, 2).reshape(d.shape[0], 1, d.shape[2], -1)
