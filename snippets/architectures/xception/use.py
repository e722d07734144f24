"""A small Xception for images of about 32 by 32: a stem that keeps the size, and fewer blocks.

Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2016, section 3 and figure 5
"""

import torch
from torch import Tensor, nn


class SeparableBlock(nn.Module):
    """Two separable convolutions, each with a ReLU before it, beside a shortcut; stride 2 halves height and width."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside in (channels, out):
            depthwise = nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False)
            layers += [nn.ReLU(), depthwise, nn.Conv2d(inside, out, 1, bias=False), nn.BatchNorm2d(out)]
        if stride > 1:
            layers.append(nn.MaxPool2d(3, stride, 1))
        self.branch = nn.Sequential(*layers)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return self.shortcut(x) + self.branch(x)


def xception_for_small_images(classes: int, width: int = 64, middle: int = 4) -> nn.Sequential:
    """32 by 32 pixels become 8 by 8 places with 4 * width channels, before their mean is taken."""
    stem = [nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    blocks = [SeparableBlock(width, 2 * width, 2), SeparableBlock(2 * width, 4 * width, 2)]
    blocks += [SeparableBlock(4 * width, 4 * width) for _ in range(middle)]
    head = [nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * width, classes)]
    model = nn.Sequential(*stem, *blocks, *head)
    for parameter in model.parameters():
        if parameter.dim() == 4:  # fan_out would not know of the groups
            nn.init.kaiming_normal_(parameter, mode="fan_in", nonlinearity="relu")
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    model = xception_for_small_images(classes=10)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"map before the mean: {tuple(model[:-5](x).shape[1:])}, logits: {tuple(model(x).shape)}")
