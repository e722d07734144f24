"""MobileOne in the form that is trained, with branches, and in the form that is deployed, without.

Source: Vasu et al., "MobileOne: An Improved One millisecond Mobile Backbone", 2022, section 3.2 and table 2
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DEPTHS, BASE = (2, 8, 10, 1), (64, 128, 256, 512)
WIDTHS = {
    "s0": (0.75, 1.0, 1.0, 2.0),
    "s1": (1.5, 1.5, 2.0, 2.5),
    "s2": (1.5, 2.0, 2.5, 4.0),
    "s3": (2.0, 2.5, 3.0, 4.0),
    "s4": (3.0, 3.5, 3.5, 4.0),
}
BRANCHES = {"s0": 4}  # convolutions side by side; one in the other sizes
SQUEEZED = {"s4": (0, 0, 5, 1)}  # how many pairs of blocks at the end of each stage weight their channels


class Squeeze(nn.Module):
    """Multiplies each channel by a number from 0 to 1 that two small layers compute from the means of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, channels // 16, 1), nn.Conv2d(channels // 16, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.second(self.first(x.mean(dim=(2, 3), keepdim=True)).relu()).sigmoid()


class Block(nn.Module):
    """Convolutions side by side and, where shapes allow, the input, each normalized; their sum; ReLU.

    Args:
        channels: of the input.
        out: of the output.
        kernel: 3 for a depthwise block, 1 for a pointwise one.
        stride: of the convolutions.
        groups: of the convolutions.
        branches: how many convolutions with this kernel.
        squeeze: whether channels are weighted before the ReLU.
    """

    def __init__(
        self, channels: int, out: int, kernel: int, stride: int, groups: int, branches: int, squeeze: bool
    ) -> None:
        super().__init__()
        self.skip = nn.BatchNorm2d(out) if channels == out and stride == 1 else None
        kernels = [kernel] * branches + [1] * (kernel > 1)
        convs = [nn.Conv2d(channels, out, k, stride, k // 2, groups=groups, bias=False) for k in kernels]
        self.branches = nn.ModuleList(nn.Sequential(conv, nn.BatchNorm2d(out)) for conv in convs)
        self.after = nn.Sequential(Squeeze(out), nn.ReLU()) if squeeze else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        y = self.branches[0](x)
        for branch in self.branches[1:]:
            y = y + branch(x)
        return self.after(y if self.skip is None else y + self.skip(x))

    def fused(self) -> nn.Sequential:
        """One convolution with a bias that gives what the block gives in eval mode."""
        branches: Any = self.branches
        like = branches[0][0]
        conv = nn.Conv2d(
            like.in_channels, like.out_channels, like.kernel_size, like.stride, like.padding, groups=like.groups
        ).to(like.weight)
        parts = [(branch[0].weight, branch[1]) for branch in branches]
        if self.skip is not None:
            same, i = torch.zeros_like(like.weight), torch.arange(like.out_channels, device=like.weight.device)
            same[i, i % same.shape[1], like.kernel_size[0] // 2, like.kernel_size[0] // 2] = 1  # gives back its input
            parts.append((same, self.skip))
        weight, bias = torch.zeros_like(conv.weight), torch.zeros_like(like.weight[:, 0, 0, 0])
        for kernel, norm in parts:
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            pad = (like.kernel_size[0] - kernel.shape[-1]) // 2  # a 1 × 1 kernel stands in the middle of a 3 × 3 one
            weight = weight + F.pad(kernel * scale[:, None, None, None], (pad, pad, pad, pad))
            bias = bias + norm.bias - norm.running_mean * scale
        conv.weight, conv.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
        return nn.Sequential(conv, copy.deepcopy(self.after))


class MobileOne(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        size: s0 to s4.
        classes: of the last layer.
        depths: pairs of blocks in each stage.
        base: channels of each stage before they are multiplied by the size's widths.
    """

    def __init__(
        self, size: str = "s1", classes: int = 1000, depths: tuple[int, ...] = DEPTHS, base: tuple[int, ...] = BASE
    ) -> None:
        super().__init__()
        channels, count = min(64, int(base[0] * WIDTHS[size][0])), BRANCHES.get(size, 1)
        self.stem = Block(3, channels, 3, 2, 1, 1, False)
        for i, (depth, wide, last) in enumerate(zip(depths, base, SQUEEZED.get(size, (0,) * 4), strict=True)):
            stage, out = nn.Sequential(), int(wide * WIDTHS[size][i])
            for place in range(depth):
                stride, squeeze = 2 if place == 0 else 1, place >= depth - last
                stage.append(Block(channels, channels, 3, stride, channels, count, squeeze))
                stage.append(Block(channels, out, 1, 1, 1, count, squeeze))
                channels = out
            self.add_module(f"stage{i + 1}", stage)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


def deployed(model: nn.Module) -> nn.Module:
    """A copy in eval mode in which each block is one convolution."""
    model = copy.deepcopy(model).eval()
    for name, block in list(model.named_modules()):
        if isinstance(block, Block):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, block.fused())
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    published = {"s0": 5_293_272, "s1": 4_825_192, "s2": 7_884_648, "s3": 10_170_600, "s4": 14_951_248}  # timm's counts
    with torch.device("meta"):
        models = {size: MobileOne(size) for size in published}
        counts = {size: sum(p.numel() for p in model.parameters()) for size, model in models.items()}
        fewer = {size: sum(p.numel() for p in deployed(model).parameters()) for size, model in models.items()}
    print(f"parameters when deployed: {fewer}")
    print(f"largest difference to timm's numbers: {max(abs(counts[s] - n) for s, n in published.items())}")
    model, x = MobileOne("s0").double(), torch.rand(2, 3, 64, 64).double()
    model(x)  # moves the running statistics
    before, after = model.eval()(x), deployed(model)(x)
    print(f"relative difference after fusing below 1e-10: {(after - before).norm() / before.norm() < 1e-10}")
