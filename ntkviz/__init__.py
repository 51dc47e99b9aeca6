"""ntkviz: the neural tangent kernel, computed live for a class.

Importing the package turns on 64-bit floats in JAX, because the kernels need them.
"""

import jax

jax.config.update("jax_enable_x64", True)

__version__ = "0.1.0"
