"""A transformer encoder with Pre-LN or Post-LN, with the last LayerNorm that Pre-LN needs.

Source: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020.
"""

import torch
from torch import nn


def make_encoder(width: int, heads: int, depth: int, pre: bool = True, dropout: float = 0.1) -> nn.TransformerEncoder:
    """torch's encoder for (batch, tokens, width).

    Args:
        width: features of a token.
        heads: attention heads; they divide the width.
        depth: number of layers.
        pre: Pre-LN, with a LayerNorm after the last layer; otherwise Post-LN, which ends with one anyway.
        dropout: share of numbers that are set to 0 in training.
    """
    layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, batch_first=True, norm_first=pre)
    last = nn.LayerNorm(width) if pre else None
    return nn.TransformerEncoder(layer, depth, norm=last, enable_nested_tensor=not pre)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 5, 32)  # (batch, tokens, width)
    for pre in (True, False):
        encoder = make_encoder(32, heads=4, depth=6, pre=pre, dropout=0.0)
        stream = x
        for layer in encoder.layers:
            stream = layer(stream)
        name = "Pre-LN" if pre else "Post-LN"
        spread = [each.std(dim=-1).mean().item() for each in (stream, encoder(x))]
        print(f"{name}: spread of a token after six layers {spread[0]:.1f}, at the end {spread[1]:.1f}")
