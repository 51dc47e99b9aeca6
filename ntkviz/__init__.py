"""ntkviz: the neural tangent kernel, computed live for a class.

Importing the package turns on 64-bit floats in JAX, because the kernels need them, and gives BLAS one thread.

OpenBLAS's threads wait for each other by spinning, and a machine that serves a class is never idle. Two cores beside
five busy processes: eigh of N = 500, 1000, 2000 took 0.21, 0.73, 9.1 s with one thread and 2.2, 5.7, 50 s with two
(medians, interleaved; at worst 20 s at N = 1000). On an idle machine two threads gain 40 % at N = 2000. XLA's threads
sleep while they wait: one or two made no difference beyond the noise beside the same processes, so it keeps its own.
"""

import jax
import scipy.linalg  # noqa: F401  (its BLAS is another library than NumPy's, limited once it is loaded)
from threadpoolctl import threadpool_limits

jax.config.update("jax_enable_x64", True)
threadpool_limits(limits=1, user_api="blas")

__version__ = "0.1.0"
