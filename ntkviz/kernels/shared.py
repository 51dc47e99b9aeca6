r"""The share of a layer whose weights are used at many positions, as a convolution's are, without a Jacobian.

    ∂f/∂W = a Σ_p h_p δ_pᵀ,    ⟨∂f(x)/∂W, ∂f(x′)/∂W⟩ = a² Σ_{p,q} ⟨h_p(x), h_q(x′)⟩ ⟨δ_p(x), δ_q(x′)⟩

with what enters the layer, h (N, P, fan_in), and the back-propagated δ (N, K, P, fan_out) for K outputs. Either side of
the equation can be evaluated: the left one needs the gradients, a block of fan-ins at a time; the right one the
products of all pairs of positions, a block of points at a time. The cheaper one is taken: that on the right for few
positions and many channels. Neither holds more than `HELD` numbers at once, or what one point needs.

The two ways are those of the structured derivatives of Novak, Sohl-Dickstein & Schoenholz 2022.
"""

import math

import jax.numpy as jnp
from jax import Array, lax

from ntkviz.nets import Size

HELD = 2**22  # numbers of an intermediate array


def weights_share(h1: Array, h2: Array, d1: Array, d2: Array, *, full: bool) -> Array:
    """Products of gradients, without the factor a²: summed over outputs (N1, N2), or of each pair (N1·K, N2·K)."""
    size = Size(h1.shape[2], d1.shape[3], h1.shape[1:2])
    gradients, products = costs(size, len(h1), len(h2), d1.shape[1], full)
    return _by_gradients(h1, h2, d1, d2, full) if gradients < products else _by_positions(h1, h2, d1, d2, full)


def bias_share(d1: Array, d2: Array, *, full: bool) -> Array:
    """The same of the biases, without the factor c²: a bias has the sum of δ over the positions."""
    one, other = (_rows(d.sum(axis=2), full) for d in (d1, d2))
    return one @ other.T


def costs(layer: Size, n: int, m: int, outputs: int = 1, full: bool = False) -> tuple[float, float]:
    """Multiplications of both ways for n and m points: by gradients, by positions."""
    pairs = n * m * (outputs**2 if full else outputs)
    gradients = (n + m) * outputs * layer.uses * layer.fan_in * layer.fan_out + pairs * layer.fan_in * layer.fan_out
    return gradients, layer.uses**2 * (n * m * layer.fan_in + pairs * layer.fan_out)


def _rows(array: Array, full: bool) -> Array:
    """(N, K, …) as rows: one a point, or one a point and output."""
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
    """(N, K, P, fan_out) as it is, or with all outputs as features of one."""
    return d if full else jnp.moveaxis(d, 1, 2).reshape(d.shape[0], 1, d.shape[2], -1)
