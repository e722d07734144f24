"""GPT-2's initialization: normal weights, and those that write to the residual stream shrunk with depth.

Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, section 2.3.
"""

import math

import torch
from torch import Tensor, nn


def gpt2_residual_std(shape: tuple[int, ...], blocks: int = 12, std: float = 0.02) -> float:
    """Standard deviation of ``gpt2_residual_``: std / sqrt(2 * blocks), whatever the shape."""
    return std / math.sqrt(2 * blocks)


@torch.no_grad()
def gpt2_residual_(
    tensor: Tensor, blocks: int = 12, std: float = 0.02, generator: torch.Generator | None = None
) -> Tensor:
    """Fill in place a weight whose output is added to the residual stream.

    Args:
        tensor: weight of an attention's output projection or of an MLP's second layer.
        blocks: number of Transformer blocks; each adds to the stream twice.
        std: standard deviation of all other weights.
        generator: source of randomness; torch's default one if None.

    Returns:
        ``tensor``, normal with standard deviation std / sqrt(2 * blocks).
    """
    return nn.init.normal_(tensor, 0.0, gpt2_residual_std(tuple(tensor.shape), blocks, std), generator)


class Block(nn.Module):
    """Pre-norm Transformer block with causal attention: (batch, time, width) -> the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.attention_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp_in, self.mlp_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True
        )  # (batch, heads, time, width / heads)
        x = x + self.attention_out(mixed.transpose(1, 2).flatten(2))
        return x + self.mlp_out(nn.functional.gelu(self.mlp_in(self.norm2(x))))


def init_gpt2(model: nn.Module, blocks: int, std: float = 0.02) -> nn.Module:
    """Initialize every linear layer and embedding of ``model``; biases zero.

    Linear layers whose names end in ``attention_out`` or ``mlp_out`` write to the residual stream and start smaller.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=std)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        if name.endswith(("attention_out", "mlp_out")) and isinstance(module, nn.Linear):
            gpt2_residual_(module.weight, blocks, std)
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 0.02 * torch.randn(2, 16, 256)  # (batch, time, width), embeddings
    for blocks in (4, 32):
        model = init_gpt2(nn.Sequential(*[Block(256, 4) for _ in range(blocks)]), blocks)
        with torch.no_grad():
            print(f"{blocks} blocks: std of the residual stream {model(x).std():.2f}")
