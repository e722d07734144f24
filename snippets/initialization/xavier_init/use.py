"""Xavier initialization of a tanh network: weight variance (5/3)^2 * 2 / (fan_in + fan_out), biases 0.

Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
"""

import torch
from torch import nn


def init_tanh_layer(module: nn.Module) -> None:
    """Initialize a layer whose output goes into a tanh; for ``model.apply``.

    Args:
        module: any module; only Linear and Conv1d/2d/3d layers are changed.
    """
    if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        nn.init.xavier_uniform_(module.weight, gain=nn.init.calculate_gain("tanh"))  # 5/3; the paper has 1
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def init_attention(attention: nn.MultiheadAttention) -> None:
    """Initialize the three stacked input projections one by one: torch takes the stack for one layer of fan_out 3 E.

    Args:
        attention: with equal embedding sizes of query, key and value.

    Raises:
        ValueError: if the projections are not stacked (``kdim`` or ``vdim`` other than the embedding size).
    """
    if attention.in_proj_weight is None:
        raise ValueError("the projections of query, key and value are separate already")
    for projection in attention.in_proj_weight.chunk(3):  # (embedding, embedding)
        nn.init.xavier_uniform_(projection)


if __name__ == "__main__":
    torch.manual_seed(0)
    weight = nn.init.xavier_uniform_(torch.empty(300, 200))  # (out, in)
    print(f"largest weight {weight.abs().max():.3f}, bound sqrt(6 / 500) = {(6 / 500) ** 0.5:.3f}")
    model = nn.Sequential(*[layer for _ in range(50) for layer in (nn.Linear(256, 256), nn.Tanh())])
    model.apply(init_tanh_layer)
    print(f"size of the signal after 50 tanh layers {model(torch.randn(64, 256)).square().mean().sqrt():.1f}")
    attention = nn.MultiheadAttention(256, num_heads=4)
    before = attention.in_proj_weight.std()
    init_attention(attention)
    print(f"std of the query projection: torch {before:.3f}, on its own {attention.in_proj_weight[:256].std():.3f}")
