"""A highway layer for maps, with which a convolutional network can be made deeper without normalization.

Source: Srivastava et al., "Highway Networks", 2015, section 2
"""

import torch
from torch import Tensor, nn


class ConvHighway(nn.Module):
    """Two convolutions on one input: what it is changed to, and the share of the change at each place and channel.

    Args:
        channels: of input and output.
        kernel: of both convolutions, odd.
        bias: of the gate at the start, -1 to -3 in the paper; -2 passes 88% of the input on.
    """

    def __init__(self, channels: int, kernel: int = 3, bias: float = -2.0) -> None:
        super().__init__()
        self.transform = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.gate = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        nn.init.constant_(self.gate.get_parameter("bias"), bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        share = self.gate(x).sigmoid()
        return share * self.transform(x).relu() + (1 - share) * x


def small_network(classes: int, channels: int = 32, layers: int = 6) -> nn.Sequential:
    """Stem, three stages of highway layers with a pooling between them, head; a map of 8 by 8 before the mean."""
    parts: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1), nn.ReLU()]
    for stage in range(3):
        parts += [ConvHighway(channels) for _ in range(layers)]
        if stage < 2:
            parts.append(nn.MaxPool2d(2))
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    model, x = small_network(classes=10), torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    weights = [layer.transform.weight for layer in model if isinstance(layer, ConvHighway)]
    norms = [grad.norm().item() for grad in torch.autograd.grad(model(x).square().mean(), weights)]
    print(f"logits: {tuple(model(x).shape)}, highway layers: {len(norms)}")
    print(f"gradient of the first layer over that of the last: {norms[0] / norms[-1]:.1f}")
