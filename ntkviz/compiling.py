"""How programs are compiled that run for a short time: kernels, and what is measured of networks.

XLA has two ways to make loops of fused operations for the CPU. The newer one takes a third longer to compile (measured
with JAX 0.10: 0.45 in place of 0.30 s for the recursion of a ReLU kernel) and makes the steps of a training up to twice
as fast, but kernels not. Kernels are therefore compiled in the older way. Training is compiled by `jax.jit`.
"""

from collections.abc import Callable
from typing import Any

import jax

QUICK = {"xla_cpu_use_fusion_emitters": False}


def quickly(function: Callable[..., Any], **options: Any) -> Any:
    """`jax.jit` for a program whose compilation takes longer than its runs; not for use in traced code.

    Args:
        function: what is compiled.
        **options: of `jax.jit`, such as `static_argnums`.

    >>> double = quickly(lambda x: 2 * x)
    >>> float(double(3.0))
    6.0
    """
    return jax.jit(function, compiler_options=QUICK, **options)
