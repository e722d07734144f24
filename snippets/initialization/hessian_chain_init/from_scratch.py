"""For one sample and ReLU the Hessian block of a layer is a Kronecker product; its norm without any Hessian.

Source: derived on the page, after Skorski et al., "Revisiting Initialization of Neural Networks", 2020.
"""

from itertools import pairwise

import torch
from torch import Tensor


def block_norms(x: Tensor, weights: list[Tensor]) -> list[float]:
    """|z|^2 * |B^T (diag(p) - p p^T) B| for each layer of a ReLU network with cross entropy, z its input.

    B is the Jacobian of the logits in the layer's pre-activation; x, (features,), is the network's input.
    """
    inputs, masks = [x], []
    for w in weights[:-1]:
        masks.append((w @ inputs[-1] > 0).to(x.dtype))
        inputs.append(masks[-1] * (w @ inputs[-1]))
    p = (weights[-1] @ inputs[-1]).softmax(0)
    curvature = p.diag() - torch.outer(p, p)  # Hessian of the loss in the logits, (classes, classes)
    norms = []
    b = torch.eye(len(p), dtype=x.dtype)  # B
    for layer in reversed(range(len(weights))):
        norms.append((inputs[layer].square().sum() * torch.linalg.matrix_norm(b.T @ curvature @ b, 2)).item())
        if layer:
            b = b @ weights[layer] * masks[layer - 1]
    return norms[::-1]


def autograd_norm(x: Tensor, weights: list[Tensor], layer: int, target: int) -> float:
    """The same from torch's full Hessian."""

    def loss(w: Tensor) -> Tensor:
        z = x
        for i, other in enumerate(weights):
            z = (w if i == layer else other) @ z
            z = z if i == len(weights) - 1 else z.relu()
        return z.logsumexp(0) - z[target]

    hessian = torch.autograd.functional.hessian(loss, weights[layer]).reshape(weights[layer].numel(), -1)
    return torch.linalg.matrix_norm(hessian, 2).item()


if __name__ == "__main__":
    torch.manual_seed(0)
    sizes = [6, 8, 8, 4]
    weights = [torch.randn(b, a, dtype=torch.float64) * (2 / a) ** 0.5 for a, b in pairwise(sizes)]
    x = torch.randn(6, dtype=torch.float64)
    ours = block_norms(x, weights)
    theirs = [autograd_norm(x, weights, layer, target=1) for layer in range(3)]
    difference = max(abs(a / b - 1) for a, b in zip(ours, theirs, strict=True))
    print(f"largest relative difference below 1e-10: {difference < 1e-10}")
