"""RMS normalization with torch.nn.RMSNorm, and a LayerNorm turned into one by folding the mean into the layer before.

Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019; Jiang et al., 2023.
"""

import copy

import torch
from torch import nn


def without_the_mean(linear: nn.Linear) -> nn.Linear:
    """A copy whose outputs have mean 0 over the features: RMSNorm after it does what LayerNorm did, but for its bias.

    Subtracting the mean of the outputs is linear: it can be done to the weights once, instead of to each output.
    """
    centred = copy.deepcopy(linear)
    with torch.no_grad():
        centred.weight.sub_(centred.weight.mean(dim=0))
        if centred.bias is not None:
            centred.bias.sub_(centred.bias.mean())
    return centred


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 7, 32)  # (batch, tokens, features)
    out = nn.RMSNorm(32, eps=1e-6)(5 * x)
    print(f"mean square of each token is 1: {torch.allclose(out.square().mean(dim=-1), torch.ones(2, 7), atol=1e-3)}")
    print(f"parameters: {nn.RMSNorm(32).weight.numel()}, and no bias")
    linear = nn.Linear(32, 64)
    layer, rms = nn.LayerNorm(64, eps=1e-6), nn.RMSNorm(64, eps=1e-6)
    difference = (layer(linear(x)) - rms(without_the_mean(linear)(x))).abs().max().item()
    print(f"LayerNorm, and RMSNorm with the mean folded in, differ by less than 1e-5: {difference < 1e-5}")
