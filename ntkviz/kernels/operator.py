r"""Products of kernels with vectors, for kernels that are too large for the memory (matrix-free operators).

    Θ v = J (Jᵀ v)                      of a network: a backward and a forward pass, without the Jacobian J
    (Θ v)_b = Θ(x_b, x) v               at infinite width: from the rows of one block of points at a time

A product with the kernel of a network of P weights takes about 6NP operations, and memory for a few times P and
B · L · n numbers, with blocks of B points. At infinite width it takes as long as the kernel, N² L duals, and B · N
numbers. A kernel in a file (`blocks.write_kernel`) is read once for each product. At N = 20,000, n = 1024 and L = 2
this took 0.9 s, J Jᵀ took 5.6 s, and writing the file took 39 s. J Jᵀ is therefore for few products, or a small disk.

`ntkviz.spectra.lanczos` computes eigenvalues of an operator. To add an operator, write its product for traced code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from ntkviz.errors import InvalidInput
from ntkviz.kernels.infinite import recursion, recursion_of
from ntkviz.kernels.tiles import starts
from ntkviz.nets import Architecture, Params, apply

BUFFER = 32e6  # bytes of a file that are read at a time


@dataclass(frozen=True, eq=False)
class Operator:
    """A symmetric matrix (size, size), given by its product with a vector, for traced code."""

    size: int
    dtype: np.dtype  # the precision of the products; vectors are float64
    product: Callable[..., Array]  # takes v (size,) and the operands to (size,); the same object for the same program
    operands: tuple[Any, ...]  # arrays and pytrees of arrays

    def __matmul__(self, v: ArrayLike) -> np.ndarray:
        """The product with a vector v (size,); raises `InvalidInput` for one of another shape."""
        vector = np.asarray(v, np.float64)
        if vector.shape != (self.size,):
            raise InvalidInput(f"The vector has shape {vector.shape}; the kernel needs one of {self.size} numbers.")
        return np.asarray(_product(self.product, vector, *self.operands))


_product = jax.jit(lambda product, v, *operands: product(v, *operands), static_argnums=0)


def empirical_operator(arch: Architecture, params: Params, x: ArrayLike, *, rows: int = 1000) -> Operator:
    """The trace NTK of a network as an operator, in the precision of the weights.

    Args:
        arch: the architecture.
        params: the weights.
        x: (N, d), the inputs.
        rows: points in a block.

    Raises:
        InvalidInput: where the inputs are not finite or do not fit the network.
    """
    dtype = params[0].weight.dtype
    points = np.asarray(x, dtype)
    if points.ndim != 2 or 0 in points.shape or not np.isfinite(points).all():
        raise InvalidInput(f"The inputs have shape {points.shape}; pass at least one point as (N, d), all finite.")
    apply(arch, params, points[:1])  # raises an error where the shapes do not fit
    return Operator(len(points), np.dtype(dtype), _network_product(rows), (arch, params, jnp.asarray(points)))


@lru_cache(maxsize=32)
def _network_product(rows: int) -> Callable[..., Array]:
    def product(v: Array, arch: Architecture, params: Params, x: Array) -> Array:
        blocks = -(-len(x) // rows)
        size = -(-len(x) // blocks)
        fill = blocks * size - len(x)  # copies of the last point fill the last block; v is 0 there
        points = jnp.pad(x, ((0, fill), (0, 0)), mode="edge").reshape(blocks, size, -1)
        weights = jnp.pad(v, (0, fill)).astype(x.dtype).reshape(blocks, size)

        def of_output(output: Array) -> Array:
            def back(total: Params, block: tuple[Array, Array]) -> tuple[Params, None]:
                inputs, share = block
                pull = jax.vjp(lambda params: apply(arch, params, inputs), params)[1]
                return jax.tree.map(jnp.add, total, pull(share[:, None] * output)[0]), None

            gradient, _ = lax.scan(back, jax.tree.map(jnp.zeros_like, params), (points, weights))

            def forth(inputs: Array) -> Array:
                return jax.jvp(lambda params: apply(arch, params, inputs), (params,), (gradient,))[1] @ output

            return lax.map(forth, points)

        each = lax.map(of_output, jnp.eye(arch.outputs, dtype=x.dtype))
        return each.mean(axis=0).reshape(-1)[: len(x)].astype(v.dtype)

    return product


def infinite_operator(arch: Architecture, x: ArrayLike, *, rows: int = 400) -> Operator:
    """The infinite-width NTK as an operator.

    Args:
        arch: the architecture.
        x: (N, d), the inputs.
        rows: rows of the kernel in a block.
    """
    points, rest = recursion_of(arch, x)
    return Operator(len(points), np.dtype(np.float64), _rows_product(rows), (points, *rest))


@lru_cache(maxsize=32)
def _rows_product(rows: int) -> Callable[..., Array]:
    def product(v: Array, x: Array, *rest: Any) -> Array:
        first = starts(len(x), rows)
        size = -(-len(x) // len(first))

        def of(start: Array) -> Array:
            (kernel,), _ = recursion(("ntk",), lax.dynamic_slice_in_dim(x, start, size), x, *rest)
            return kernel @ v

        blocks = lax.map(of, jnp.asarray(first))
        return jnp.zeros_like(v).at[jnp.asarray(first)[:, None] + jnp.arange(size)].set(blocks)

    return product


def dense_operator(kernel: ArrayLike) -> Operator:
    """A kernel (N, N) in memory as an operator; raises `InvalidInput` unless it is square."""
    matrix = jnp.asarray(kernel)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise InvalidInput(f"The kernel has shape {matrix.shape}; a square matrix (N, N) is needed.")
    return Operator(len(matrix), np.dtype(matrix.dtype), _dense_product, (matrix,))


def _dense_product(v: Array, matrix: Array) -> Array:
    return (matrix @ v.astype(matrix.dtype)).astype(v.dtype)


def stored_operator(path: Path) -> Operator:
    """A kernel (N, N) in a .npy file as an operator. The file is read block by block for each product.

    Raises `InvalidInput` where the file holds no kernel.
    """
    try:
        kernel = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise InvalidInput(f"{path.name} is no .npy file of a kernel; make one with write_kernel.") from None
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not kernel.size or kernel.dtype.kind != "f":
        raise InvalidInput(f"{path.name} holds {kernel.dtype} of shape {kernel.shape}; a kernel (N, N) is needed.")
    return Operator(len(kernel), kernel.dtype, _file_product(path, len(kernel), kernel.dtype, kernel.offset), ())


def _file_product(path: Path, size: int, dtype: np.dtype, offset: int) -> Callable[..., Array]:
    rows = max(1, int(BUFFER / (size * dtype.itemsize)))

    def read(v: np.ndarray) -> np.ndarray:
        """The product, computed with NumPy, because the compiled program calls it while JAX is busy.

        The file is read and not mapped, because mapped pages count as memory of the process.
        """
        vectors, out = np.asarray(v).T, np.empty(np.shape(v)[::-1])
        buffer = np.empty((min(rows, size), size), dtype)
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            for first in range(0, size, rows):
                block = buffer[: size - first]
                file.readinto(block.data.cast("B"))
                out[first : first + rows] = block @ vectors
        return out.T

    def product(v: Array) -> Array:
        return jax.pure_callback(read, jax.ShapeDtypeStruct(v.shape, v.dtype), v, vmap_method="expand_dims")

    return product
