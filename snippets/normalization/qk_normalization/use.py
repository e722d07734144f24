"""Self-attention whose queries and keys are normalized, head by head, with torch.nn.RMSNorm.

Source: Henry et al., "Query-Key Normalization for Transformers", 2020; with RMSNorm as in Qwen3
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """Self-attention with normalized queries and keys.

    Args:
        width: features of a token.
        heads: they divide the width.
        eps: of the normalization.
    """

    def __init__(self, width: int, heads: int = 8, eps: float = 1e-6) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_norm = nn.RMSNorm(width // heads, eps=eps)  # over the features of one head
        self.k_norm = nn.RMSNorm(width // heads, eps=eps)
        self.proj = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, causal: bool = False) -> Tensor:
        """Output (batch, tokens, width) of an input of that shape."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (batch, heads, tokens, head)
        q, k = self.q_norm(q), self.k_norm(k)  # a rotary embedding comes after this line
        y = scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.proj(y.transpose(1, 2).flatten(-2))


if __name__ == "__main__":
    torch.manual_seed(0)
    attention, x = Attention(64, heads=4), torch.randn(2, 10, 64)
    print(f"output {tuple(attention(x).shape)}")
    with torch.no_grad():
        before = attention(x)
        attention.qkv.weight[:128] *= 100  # queries and keys a hundred times as large
        print(f"the same for queries and keys of 100 times the size: {torch.allclose(attention(x), before, atol=1e-4)}")
