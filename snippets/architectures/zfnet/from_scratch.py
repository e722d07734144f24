"""ZFNet.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013, figure 3
"""

import torch
from torch import Tensor, nn


class Contrast(nn.Module):
    """Divides by the size of five neighbouring channels; AlexNet's settings, since the paper states none."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        square = nn.functional.pad(x.square(), (0, 0, 0, 0, 2, 2))
        around = torch.stack([square[:, place : place + x.shape[1]] for place in range(5)]).mean(0)
        return x / (2.0 + 5e-4 * around) ** 0.75


class ZFNet(nn.Module):
    """Images (batch, 3, side, side) to logits (batch, classes).

    Args:
        classes: of the last layer.
        side: of the images.
        width: factor for the channels of all layers.
        dropout: before the first two linear layers.
    """

    def __init__(self, classes: int = 1000, side: int = 224, width: float = 1.0, dropout: float = 0.5) -> None:
        super().__init__()
        c1, c2, c3, hidden = (int(n * width) for n in (96, 256, 384, 4096))
        first = [nn.Conv2d(3, c1, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), Contrast()]
        second = [nn.Conv2d(c1, c2, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1), Contrast()]
        third = [nn.Conv2d(c2, c3, 3, 1, 1), nn.ReLU(), nn.Conv2d(c3, c3, 3, 1, 1), nn.ReLU()]
        last = [nn.Conv2d(c3, c2, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2)]
        self.layer1, self.layer2 = nn.Sequential(*first), nn.Sequential(*second)
        self.layers345 = nn.Sequential(*third, *last)
        for kernel, stride, padding in ((7, 2, 1), (3, 2, 1), (5, 2, 0), (3, 2, 1), (3, 2, 0)):
            side = (side + 2 * padding - kernel) // stride + 1
        linear = [nn.Dropout(dropout), nn.Linear(c2 * side**2, hidden), nn.ReLU()]
        linear += [nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, classes)]
        self.head = nn.Sequential(nn.Flatten(), *linear)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        return self.head(self.layers345(self.layer2(self.layer1(x))))


if __name__ == "__main__":
    with torch.device("meta"):
        model = ZFNet()
    sides = []
    x = torch.empty(1, 3, 224, 224, device="meta")
    for layer in (*model.layer1, *model.layer2, *model.layers345):
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            sides.append(x.shape[-1])
    print(f"sides of the maps: {sides}")
    print(
        f"difference to the figure's: {[a - b for a, b in zip(sides, [110, 55, 26, 13, 13, 13, 13, 6], strict=True)]}"
    )
