"""Clipping by norm and by value, without torch's functions.

Source: Pascanu et al., "On the difficulty of training Recurrent Neural Networks", 2012, section 3.2, algorithm 1.
"""

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def clip_norm_(parameters: Iterable[Tensor], max_norm: float, norm_type: float = 2.0) -> Tensor:
    """Scale all gradients by one factor, so that their joint norm is at most ``max_norm``; returns the norm before."""
    grads = [p.grad for p in parameters if p.grad is not None]
    if not grads:
        return torch.tensor(0.0)
    norm = torch.linalg.vector_norm(torch.cat([grad.flatten() for grad in grads]), norm_type)
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)  # torch adds 1e-6 as well
    for grad in grads:
        grad.mul_(factor)
    return norm


@torch.no_grad()
def clip_value_(parameters: Iterable[Tensor], clip_value: float) -> None:
    """Cut every number of every gradient to at most ``clip_value`` in size."""
    for p in parameters:
        if p.grad is not None:
            p.grad.clamp_(-clip_value, clip_value)


if __name__ == "__main__":
    torch.manual_seed(0)
    ours, theirs = ([torch.zeros(30, 20), torch.zeros(30)] for _ in range(2))
    for p, q in zip(ours, theirs, strict=True):
        p.grad = 3 * torch.randn_like(p)
        q.grad = p.grad.clone()
    norm = clip_norm_(ours, max_norm=1.0)
    reference = torch.nn.utils.clip_grad_norm_(theirs, max_norm=1.0)
    clipped = [torch.cat([p.grad.flatten() for p in side if p.grad is not None]) for side in (ours, theirs)]
    difference = (clipped[0] - clipped[1]).abs().max().item()
    print(f"norm before {norm.item():.1f}, torch says {reference.item():.1f}")
    print(f"differs from clip_grad_norm_ by less than 1e-7: {difference < 1e-7}")
