"""Highway layers, and a deep network of them.

Source: Srivastava et al., "Highway Networks", 2015, section 2
"""

import torch
from torch import Tensor, nn


class Highway(nn.Module):
    """A layer whose gate decides, for each unit, how much of its output and how much of its input goes on.

    Args:
        width: of input and output.
        bias: of the gate at the start; the more negative, the more of the input is passed on.
    """

    def __init__(self, width: int, bias: float = -2.0) -> None:
        super().__init__()
        self.transform, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, width) in, the same shape out."""
        share = self.gate(x).sigmoid()
        return share * self.transform(x).relu() + (1 - share) * x


class HighwayNetwork(nn.Module):
    """Features (batch, inputs) to logits (batch, classes).

    Args:
        inputs: features of a sample.
        classes: of the last layer.
        width: of the layers.
        depth: highway layers.
        bias: of the gates at the start.
    """

    def __init__(self, inputs: int, classes: int, width: int = 50, depth: int = 50, bias: float = -2.0) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.layers = nn.Sequential(*(Highway(width, bias) for _ in range(depth)))
        self.last = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        return self.last(self.layers(self.first(x).relu()))


if __name__ == "__main__":
    torch.manual_seed(0)
    layer, x = Highway(8), torch.randn(4, 8)
    with torch.no_grad():
        for share, reference in {0: x, 1: layer.transform(x).relu()}.items():
            layer.gate.weight.zero_()
            layer.gate.bias.fill_(1000.0 * (2 * share - 1))
            print(f"gate {share}: largest difference to the reference {(layer(x) - reference).abs().max():.0e}")
