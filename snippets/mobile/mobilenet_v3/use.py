"""MobileNetV3's block, and a new last layer for fine-tuning on other classes.

Source: Howard et al., "Searching for MobileNetV3", 2019, figure 4 and section 5
"""

import torch
from torch import Tensor, nn


class Squeeze(nn.Module):
    """Multiplies each channel by a number from 0 to 1, computed from the means of all channels."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.narrow, self.widen = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        means = x.mean(dim=(2, 3), keepdim=True)  # (batch, channels, 1, 1)
        return x * nn.functional.hardsigmoid(self.widen(self.narrow(means).relu()))


class MobileBlock(nn.Module):
    """Widen, filter each channel by itself, weight the channels, narrow without an activation.

    Args:
        channels: of the input.
        wide: channels inside.
        out: of the output; where it equals the input's and the stride is 1, the input is added.
        kernel: of the depthwise convolution, odd.
        stride: 2 halves height and width.
    """

    def __init__(self, channels: int, wide: int, out: int, kernel: int = 5, stride: int = 1) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, wide, 1, bias=False),
            nn.BatchNorm2d(wide, eps=1e-3, momentum=0.01),
            nn.Hardswish(),
            nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False),
            nn.BatchNorm2d(wide, eps=1e-3, momentum=0.01),
            nn.Hardswish(),
            Squeeze(wide, wide // 4),
            nn.Conv2d(wide, out, 1, bias=False),
            nn.BatchNorm2d(out, eps=1e-3, momentum=0.01),
        )
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


def new_head(model: nn.Module, classes: int) -> nn.Linear:
    """Put a fresh layer in the place of the model's last linear one, and return it.

    Raises:
        ValueError: when the model has no linear layer.
    """
    linear = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ValueError("the model has no linear layer to replace")
    where, old = linear[-1]
    head = nn.Linear(old.in_features, classes).to(old.weight.device, old.weight.dtype)
    parent, _, name = where.rpartition(".")
    setattr(model.get_submodule(parent), name, head)
    return head


if __name__ == "__main__":
    torch.manual_seed(0)
    blocks = [MobileBlock(16, 64, 24, stride=2), MobileBlock(24, 96, 24)]
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 1000)]
    model = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), *blocks, *end)  # or a pretrained one
    head = new_head(model, classes=5)
    rest = [p for p in model.parameters() if all(p is not own for own in head.parameters())]
    optimizer = torch.optim.AdamW([{"params": rest, "lr": 1e-4}, {"params": head.parameters(), "lr": 1e-3}])
    print(f"logits: {tuple(model(torch.rand(2, 3, 32, 32)).shape)}")
    print(f"learning rates: {[group['lr'] for group in optimizer.param_groups]}")
