"""RepVGG-A0 to B3, and each block of it as one convolution, found by showing the block single pixels.

Source: Ding et al., "RepVGG: Making VGG-style ConvNets Great Again", 2021, section 3 and table 2
"""

import copy

import torch
from torch import Tensor, nn

DEEP_A, DEEP_B = (2, 4, 14, 1), (4, 6, 16, 1)  # blocks of the four stages after the first block
VARIANTS = {"A0": (DEEP_A, 0.75, 2.5), "A1": (DEEP_A, 1, 2.5), "A2": (DEEP_A, 1.5, 2.75), "B0": (DEEP_B, 1, 2.5)}
VARIANTS |= {"B1": (DEEP_B, 2, 4), "B2": (DEEP_B, 2.5, 5), "B3": (DEEP_B, 3, 5)}


class RepBlock(nn.Module):
    """ReLU(identity + 3×3 + 1×1), each normalized by itself; no identity where the shape changes.

    Args:
        channels: of the input.
        out: of the output.
        stride: 2 halves height and width.
    """

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.identity = nn.BatchNorm2d(out) if stride == 1 and channels == out else None
        self.large, self.large_norm = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.small, self.small_norm = nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)

    def branches(self, x: Tensor) -> Tensor:
        """What goes into the ReLU: in eval mode, linear in x but for a constant."""
        y = self.large_norm(self.large(x)) + self.small_norm(self.small(x))
        return y if self.identity is None else y + self.identity(x)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return self.branches(x).relu()


def as_convolution(block: RepBlock) -> nn.Conv2d:
    """The convolution with which the block's branches agree in eval mode.

    Each of 9 * channels inputs is zero but for one pixel. What one place of the output answers is a kernel's entry.
    """
    weight = block.large.weight  # (out, channels, 3, 3)
    out, channels, stride = *weight.shape[:2], block.large.stride[0]
    pixels = torch.eye(9 * channels, dtype=weight.dtype, device=weight.device).view(-1, channels, 3, 3)
    inputs = nn.functional.pad(torch.cat([torch.zeros_like(pixels[:1]), pixels]), (1, 1, 1, 1))
    with torch.no_grad():
        answers = block.eval().branches(inputs)[:, :, 2 // stride, 2 // stride]  # this place sees all nine pixels
    conv = nn.Conv2d(channels, out, 3, stride, 1).to(weight)
    conv.load_state_dict({"weight": (answers[1:] - answers[0]).T.reshape(weight.shape), "bias": answers[0]})
    return conv


class RepVGG(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        blocks: of stages 1 to 4; before them stands one block.
        width: factor for the channels of the first three stages.
        last: factor for the channels of the last stage.
        classes: of the last layer.
    """

    def __init__(
        self, blocks: tuple[int, ...] = DEEP_A, width: float = 0.75, last: float = 2.5, classes: int = 1000
    ) -> None:
        super().__init__()
        channels = min(64, int(64 * width))
        self.stem = nn.Sequential(RepBlock(3, channels, 2))
        for stage, count in enumerate(blocks):
            made, out = [], int((64 << stage) * (last if stage == 3 else width))
            for place in range(count):
                made.append(RepBlock(channels, out, 1 if place else 2))
                channels = out
            self.add_module(f"stage{stage + 1}", nn.Sequential(*made))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


def fused(model: RepVGG) -> RepVGG:
    """A copy in which each block is one 3×3 convolution and ReLU, for inference."""
    plain = copy.deepcopy(model).eval()
    for name, part in plain.named_children():
        if name.startswith("st"):  # the stem and the stages
            blocks = [block for block in part.children() if isinstance(block, RepBlock)]
            setattr(plain, name, nn.Sequential(*(layer for b in blocks for layer in (as_convolution(b), nn.ReLU()))))
    return plain


if __name__ == "__main__":
    torch.manual_seed(0)
    model = RepVGG((1, 2, 2, 1), width=0.125, last=0.25, classes=10)
    for _ in range(3):  # running statistics that are not 0 and 1
        model(torch.randn(8, 3, 64, 64) + 0.5)
    x = torch.randn(2, 3, 64, 64)
    difference = (fused(model)(x) - model.eval()(x)).abs().max().item()
    print(f"largest difference between branches and single convolutions: {difference:.0e}")
    with torch.device("meta"):
        count = sum(p.numel() for p in RepVGG().parameters())
    print(f"difference to timm's number of parameters, A0: {abs(count - 9_108_968)}")
