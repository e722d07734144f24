"""Dropout after each hidden activation, and its rate changed for the whole model.

Source: Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors", 2012
"""

from itertools import pairwise

import torch
from torch import nn

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def make_mlp(sizes: list[int], p: float = 0.5) -> nn.Sequential:
    """A multilayer perceptron with dropout after each hidden activation, and none after the outputs.

    Args:
        sizes: numbers of units, inputs first, outputs last.
        p: share of the hidden units that is dropped in each training step.

    Raises:
        ValueError: when p is not between 0 and 1.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(p)]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def set_dropout(model: nn.Module, p: float) -> int:
    """Gives all dropout layers of a model the rate p, and returns how many there are.

    Rates inside ``nn.LSTM``, ``nn.MultiheadAttention`` and calls of ``F.dropout`` are numbers, not layers: they stay.

    Raises:
        ValueError: when p is not between 0 and 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p must be between 0 and 1, got {p}")
    layers = [module for module in model.modules() if isinstance(module, DROPOUTS)]
    for layer in layers:
        layer.p = p
    return len(layers)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = make_mlp([64, 128, 128, 10], p=0.5)
    x = torch.randn(32, 64)
    print(f"training: two passes are equal: {torch.equal(model(x), model(x))}")
    model.eval()
    print(f"evaluation: two passes are equal: {torch.equal(model(x), model(x))}")
    print(f"dropout layers set to 0.1: {set_dropout(model, 0.1)}")
