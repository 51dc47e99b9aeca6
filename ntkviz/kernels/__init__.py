"""Tangent kernels and NNGP kernels of networks of finite and of infinite width."""

from ntkviz.kernels.finite import empirical_nngp, empirical_ntk
from ntkviz.kernels.infinite import (
    KernelError,
    Kernels,
    infinite_kernels,
    infinite_layers,
    infinite_nngp,
    infinite_ntk,
    kernel_error,
    ntk_and_across,
)

__all__ = [
    "KernelError",
    "Kernels",
    "empirical_nngp",
    "empirical_ntk",
    "infinite_kernels",
    "infinite_layers",
    "infinite_nngp",
    "infinite_ntk",
    "kernel_error",
    "ntk_and_across",
]
