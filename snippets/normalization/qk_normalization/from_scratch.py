"""Attention with normalized queries and keys, with the softmax written out, in its two forms.

Source: Henry et al., "Query-Key Normalization for Transformers", 2020, section 3
"""

import torch
from torch import Tensor, nn


def rms(x: Tensor, weight: Tensor, eps: float = 1e-6) -> Tensor:
    """x divided by the root of its mean square over the last dimension, times a gain for each feature."""
    return x * (x.square().mean(dim=-1, keepdim=True) + eps).rsqrt() * weight


def attention(q: Tensor, k: Tensor, v: Tensor, q_weight: Tensor, k_weight: Tensor, eps: float = 1e-6) -> Tensor:
    """As in language models of today: RMSNorm, then the usual division by the root of the head's size.

    Args:
        q: queries, (batch, heads, tokens, features of a head).
        k: keys, of that shape.
        v: values, of that shape.
        q_weight: gains of the queries, (features of a head,).
        k_weight: gains of the keys, (features of a head,).
        eps: added to the mean squares.
    """
    logits = rms(q, q_weight, eps) @ rms(k, k_weight, eps).transpose(-2, -1) / q.shape[-1] ** 0.5
    return logits.softmax(dim=-1) @ v


def cosine_attention(q: Tensor, k: Tensor, v: Tensor, scale: Tensor) -> Tensor:
    """As in the paper: queries and keys of length 1, so logits are cosines times a learned scale."""
    q, k = q / q.norm(dim=-1, keepdim=True), k / k.norm(dim=-1, keepdim=True)
    return (scale * q @ k.transpose(-2, -1)).softmax(dim=-1) @ v


if __name__ == "__main__":
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 4, 10, 16, dtype=torch.float64)
    norm = nn.RMSNorm(16, eps=1e-6, dtype=torch.float64)
    expected = nn.functional.scaled_dot_product_attention(norm(q), norm(k), v)
    ours = attention(q, k, v, norm.weight, norm.weight)
    print(
        f"largest difference to torch's attention of normalized queries and keys: {(ours - expected).abs().max():.0e}"
    )
    ones = torch.ones(16)
    both = cosine_attention(q, k, v, torch.tensor(4.0)) - attention(q, k, v, ones, ones, eps=0.0)
    print(f"with a scale of 4, the root of 16, the two forms differ by {both.abs().max():.0e}")
