"""Rows brought to length 1, their gradient by hand, and the cosine.

Source: Wang et al., "NormFace: L2 Hypersphere Embedding for Face Verification", 2017, section 3.1
"""

import torch
from torch import Tensor


def root(total: Tensor, p: float = 2.0) -> Tensor:
    """The p-th root, with slope 0 at 0 in place of an infinite one, which would make a zero vector's gradient NaN."""
    positive = total > 0
    return torch.where(positive, total, 1).pow(1 / p) * positive


def normalize(x: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x over its p-norm along ``dim``; a norm below eps counts as eps."""
    largest = p == float("inf")
    norm = x.abs().amax(dim, keepdim=True) if largest else root(x.abs().pow(p).sum(dim, keepdim=True), p)
    return x / norm.clamp(min=eps)


def gradient(x: Tensor, grad: Tensor, dim: int = 1) -> Tensor:
    """What reaches x, when ``grad`` reaches its 2-normalized form: the part across x, over the length of x."""
    length = x.square().sum(dim, keepdim=True).sqrt()
    unit = x / length
    return (grad - unit * (unit * grad).sum(dim, keepdim=True)) / length


def cosine_similarity(x: Tensor, y: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The dot product of both over the product of their lengths, each at least eps."""
    lengths = [root(rows.square().sum(dim)).clamp(min=eps) for rows in (x, y)]
    return (x * y).sum(dim) / (lengths[0] * lengths[1])


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(32, 8, requires_grad=True), torch.randn(32, 8)
    reference = torch.nn.functional.normalize(x)
    reference.backward(y)
    assert x.grad is not None
    differences = [
        normalize(x) - reference,
        gradient(x, y) - x.grad,
        cosine_similarity(x, y) - torch.nn.functional.cosine_similarity(x, y),
    ]
    print(f"differs from torch by less than 1e-6: {max(d.abs().max().item() for d in differences) < 1e-6}")
