"""A gate for each channel, and a small residual network for images of about 32 by 32 with such gates.

Source: Hu et al., "Squeeze-and-Excitation Networks", 2017
"""

import torch
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1, computed from the means of all channels."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(8, channels // reduction)
        self.gate = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.gate(x.mean(dim=(2, 3)))[:, :, None, None]


class Residual(nn.Module):
    """ReLU(shortcut(x) + gate(branch(x))): the gate stands before the sum."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        first = [nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        second = [nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)]
        self.branch = nn.Sequential(*first, *second, SqueezeExcite(out))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return (self.shortcut(x) + self.branch(x)).relu()


def se_resnet_for_small_images(classes: int, width: int = 64) -> nn.Sequential:
    """Stem without a stride, four stages of two blocks, head."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for stage in range(4):
        out = width << stage
        layers += [Residual(out // 2 if stage else out, out, 2 if stage else 1), Residual(out, out)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width << 3, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = se_resnet_for_small_images(classes=10)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    gates = [module for module in model.modules() if isinstance(module, SqueezeExcite)]
    held, total = (sum(p.numel() for m in modules for p in m.parameters()) for modules in (gates, [model]))
    print(f"{len(gates)} gates hold {held:,} of {total:,} parameters, {held / total:.1%}")
    print(f"logits: {tuple(model(x).shape)}")
