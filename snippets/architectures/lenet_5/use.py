"""LeNet-5 in the form that is used today: full connections, ReLU, max pooling and one linear output layer.

Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998, section II.B
"""

import torch
from torch import Tensor, nn


class LeNet5(nn.Module):
    """Logits of small images in one channel.

    Args:
        classes: number of classes.
        padding: 0 for images of 32 by 32 pixels, 2 for MNIST's 28 by 28.
    """

    def __init__(self, classes: int = 10, padding: int = 0) -> None:
        super().__init__()
        self.c1 = nn.Sequential(nn.Conv2d(1, 6, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2))
        self.c3 = nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2))
        self.c5 = nn.Sequential(nn.Conv2d(16, 120, 5), nn.ReLU())
        self.f6 = nn.Sequential(nn.Linear(120, 84), nn.ReLU())
        self.out = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, 32, 32) in, (batch, classes) out; with padding 2 (batch, 1, 28, 28) in."""
        return self.out(self.f6(self.c5(self.c3(self.c1(x))).flatten(1)))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = LeNet5(padding=2)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"logits of 28 by 28 pixels: {tuple(model(torch.randn(4, 1, 28, 28)).shape)}")
