"""The empirical kernel as PyTorch's tutorial "Neural Tangent Kernels" computes it: by contracting Jacobians."""

from itertools import pairwise
from typing import Any

import torch
from protocol import Call, serve
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap


def empirical(case: dict[str, Any]) -> Call:
    torch.manual_seed(0)
    sizes = [case["inputs"], *[case["width"]] * case["depth"], 1]
    dense = [nn.Linear(m, n, bias=False) for m, n in pairwise(sizes)]
    net = nn.Sequential(*(layer for linear in dense[:-1] for layer in (linear, nn.ReLU())), dense[-1])
    dtype = getattr(torch, case["dtype"])
    params = {name: value.detach().to(dtype) for name, value in net.named_parameters()}
    x = torch.randn(case["points"], case["inputs"], dtype=dtype)

    def output(params: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(net, params, (x.unsqueeze(0),)).squeeze(0)

    def jacobian(x: Tensor) -> list[Tensor]:
        return [part.flatten(2) for part in vmap(jacrev(output), (None, 0))(params, x).values()]

    def kernel() -> Tensor:
        parts = zip(jacobian(x), jacobian(x), strict=True)
        return torch.stack([torch.einsum("Naf,Mbf->NMab", one, other) for one, other in parts]).sum(0)

    return kernel


serve({"empirical": empirical})
