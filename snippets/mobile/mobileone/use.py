"""A block that is trained with branches and deployed as one convolution, for a network of your own.

Source: Vasu et al., "MobileOne: An Improved One millisecond Mobile Backbone", 2022, section 3.2
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


class RepConv(nn.Module):
    """Several convolutions, a 1 × 1 one and the input, each normalized, added up; then ReLU.

    Args:
        channels: of the input.
        out: of the output.
        kernel: of the convolutions, odd.
        stride: of the convolutions.
        groups: as many as channels for a depthwise block.
        branches: convolutions side by side.
    """

    def __init__(
        self, channels: int, out: int, kernel: int = 3, stride: int = 1, groups: int = 1, branches: int = 2
    ) -> None:
        super().__init__()
        kernels = [kernel] * branches + [1] * (kernel > 1)
        convs = [nn.Conv2d(channels, out, k, stride, k // 2, groups=groups, bias=False) for k in kernels]
        if channels == out and stride == 1:
            same = nn.Conv2d(channels, out, 1, groups=groups, bias=False).requires_grad_(False)
            nn.init.dirac_(same.weight, groups)  # the input itself, as a convolution that is never trained
            convs.append(same)
        self.branches = nn.ModuleList(nn.Sequential(conv, nn.BatchNorm2d(out)) for conv in convs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return torch.stack([branch(x) for branch in self.branches]).sum(dim=0).relu()

    def fused(self) -> nn.Sequential:
        """The same function as in eval mode, as one convolution and ReLU."""
        branches: Any = self.branches
        one = copy.deepcopy(branches[0][0]).requires_grad_(True)
        weight, bias = torch.zeros_like(one.weight), torch.zeros_like(one.weight[:, 0, 0, 0])
        for conv, norm in branches:
            stats = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
            w, b = fuse_conv_bn_weights(conv.weight, conv.bias, *stats)
            pad = (one.kernel_size[0] - w.shape[-1]) // 2
            weight, bias = weight + nn.functional.pad(w, (pad, pad, pad, pad)), bias + b
        one.weight, one.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
        return nn.Sequential(one, nn.ReLU())


def deploy(model: nn.Module) -> nn.Module:
    """A copy in eval mode in which each such block is one convolution."""
    model = copy.deepcopy(model).eval()
    for name, block in list(model.named_modules()):
        if isinstance(block, RepConv):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, block.fused())
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    blocks = [RepConv(3, 16, stride=2), RepConv(16, 16, groups=16), RepConv(16, 32, kernel=1)]
    model = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    x = torch.rand(8, 3, 32, 32)
    for _ in range(3):
        model(x)  # training moves the running statistics
    small = deploy(model)
    print(f"parameters: {sum(p.numel() for p in model.parameters())} -> {sum(p.numel() for p in small.parameters())}")
    print(f"largest difference below 1e-5: {(small(x) - model.eval()(x)).abs().max() < 1e-5}")
