"""An Inception network for images of 32 by 32 with an auxiliary head, and the loss that trains both heads.

Source: Szegedy et al., "Going Deeper with Convolutions", 2014, section 5
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(channels: int, out: int, kernel: int) -> nn.Sequential:
    """Convolution that keeps the map's size, batch normalization, ReLU."""
    layer = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out), nn.ReLU())


class Inception(nn.Module):
    """Branches of 1×1, 3×3, 5×5 and pooling, each of a fourth of the outputs; 1×1 reduces before 3×3 and 5×5.

    Args:
        channels: of the input.
        out: of the output, a multiple of 16.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        part = out // 4
        self.branches = nn.ModuleList(
            [
                conv(channels, part, 1),
                nn.Sequential(conv(channels, part // 2, 1), conv(part // 2, part, 3)),
                nn.Sequential(conv(channels, part // 4, 1), conv(part // 4, part, 5)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(channels, part, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height, width) out."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class SmallInception(nn.Module):
    """Two stages; in training it returns the logits of both heads, in evaluation those of the last one.

    Args:
        classes: of both heads.
        width: of the first stage, a multiple of 16.
    """

    def __init__(self, classes: int, width: int = 64) -> None:
        super().__init__()
        self.first = nn.Sequential(conv(3, width, 3), Inception(width, width), Inception(width, 2 * width))
        self.second = nn.Sequential(nn.MaxPool2d(2), Inception(2 * width, 2 * width), Inception(2 * width, 4 * width))
        self.auxiliary, self.head = (
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
            for channels in (2 * width, 4 * width)
        )

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """(batch, 3, height, width) in, logits (batch, classes) out."""
        x = self.first(x)
        logits = self.head(self.second(x))
        return (logits, self.auxiliary(x)) if self.training else logits


def loss_of_both(outputs: tuple[Tensor, Tensor], targets: Tensor, weight: float = 0.3) -> Tensor:
    """Cross-entropy of the last head, and ``weight`` times that of the auxiliary one."""
    return F.cross_entropy(outputs[0], targets) + weight * F.cross_entropy(outputs[1], targets)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = SmallInception(classes=10, width=32)
    x, y = torch.rand(4, 3, 32, 32), torch.tensor([1, 2, 3, 4])
    loss_of_both(model(x), y).backward()
    print(f"parameters without a gradient: {sum(p.grad is None for p in model.parameters())}")
    print(f"logits in evaluation: {tuple(model.eval()(x).shape)}")
