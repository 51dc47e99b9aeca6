"""Networks: operations, the architectures that are made of them, weights and outputs."""

from ntkviz.nets.architectures import (
    ARCHITECTURES,
    PARAMETERIZATION_NAMES,
    PARAMETERIZATIONS,
    Architecture,
    ConvNet,
    LayerNormMLP,
    ResidualMLP,
)
from ntkviz.nets.network import (
    apply,
    centred,
    forward,
    init,
    init_many,
    multiplications,
    parameter_count,
    scales,
    shapes,
    sizes,
)
from ntkviz.nets.operations import Layer, Params, Scale, Size

__all__ = [
    "ARCHITECTURES",
    "PARAMETERIZATIONS",
    "PARAMETERIZATION_NAMES",
    "Architecture",
    "ConvNet",
    "Layer",
    "LayerNormMLP",
    "Params",
    "ResidualMLP",
    "Scale",
    "Size",
    "apply",
    "centred",
    "forward",
    "init",
    "init_many",
    "multiplications",
    "parameter_count",
    "scales",
    "shapes",
    "sizes",
]
