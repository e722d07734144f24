"""A block with three branches for training that becomes one convolution for inference, and a network of such blocks.

Source: Ding et al., "RepVGG: Making VGG-style ConvNets Great Again", 2021, section 3.3
"""

import torch
from torch import Tensor, nn


class RepBlock(nn.Module):
    """ReLU(identity + 3×3 + 1×1), each normalized by itself; after ``fuse`` ReLU(3×3)."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.single: nn.Conv2d | None = None
        self.large, self.large_norm = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.small, self.small_norm = nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
        self.identity = nn.BatchNorm2d(out) if stride == 1 and channels == out else None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        if self.single is not None:
            return self.single(x).relu()
        y = self.large_norm(self.large(x)) + self.small_norm(self.small(x))
        return (y if self.identity is None else y + self.identity(x)).relu()

    @torch.no_grad()
    def fuse(self) -> None:
        """Replace the branches by one convolution with their running statistics; there is no way back."""
        if self.single is not None:
            return
        kernel, bias = scaled(self.large.weight, self.large_norm)
        parts = [scaled(self.small.weight, self.small_norm)]
        if self.identity is not None:
            one = torch.eye(kernel.shape[0]).to(kernel)[:, :, None, None]  # the identity as a 1×1 kernel
            parts.append(scaled(one, self.identity))
        for centre, more in parts:
            kernel[:, :, 1:2, 1:2] += centre
            bias += more
        self.single = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, self.large.stride[0], 1).to(kernel)
        self.single.load_state_dict({"weight": kernel, "bias": bias})
        del self.large, self.large_norm, self.small, self.small_norm, self.identity


def scaled(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a convolution with the batch normalization after it, as in eval mode."""
    mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    factor = norm.weight / (variance + norm.eps).sqrt()
    return weight * factor[:, None, None, None], norm.bias - mean * factor


def repvgg_for_small_images(classes: int, widths: tuple[int, ...] = (64, 128, 256), blocks: int = 4) -> nn.Sequential:
    """For images of about 32 by 32: each stage after the first halves height and width."""
    layers: list[nn.Module] = []
    channels = 3
    for stage, out in enumerate(widths):
        for place in range(blocks):
            layers.append(RepBlock(channels, out, 2 if stage and not place else 1))
            channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = repvgg_for_small_images(classes=10)
    for _ in range(3):  # stands for training
        model(torch.randn(8, 3, 32, 32))
    x = torch.randn(2, 3, 32, 32)  # (batch, channels, height, width)
    before, parameters = model.eval()(x), sum(p.numel() for p in model.parameters())
    for module in model:
        if isinstance(module, RepBlock):
            module.fuse()
    print(f"parameters: {parameters:,} before, {sum(p.numel() for p in model.parameters()):,} after")
    print(f"largest change of a logit: {(model(x) - before).abs().max():.0e}")
