"""MobileNetV4's universal bottleneck, and a small network of such blocks for images of 32 by 32.

Source: Qin et al., "MobileNetV4: Universal Models for the Mobile Ecosystem", 2024, section 3
"""

import torch
from torch import Tensor, nn

FORMS = {"inverted bottleneck": (0, 3), "ConvNeXt-like": (3, 0), "extra depthwise": (3, 3), "feed-forward": (0, 0)}


class UniversalBottleneck(nn.Module):
    """Widen by a 1×1 convolution and narrow by another, with depthwise convolutions before, between, both or neither.

    Args:
        channels: of the input.
        out: of the output; where it equals the input's and the stride is 1, the input is added.
        start: kernel of the depthwise convolution on the narrow channels, odd, 0 for none.
        middle: kernel of the one on the wide channels, odd, 0 for none.
        factor: by which the block widens.
        stride: of the depthwise convolution in the middle, or else of the one at the start.

    Raises:
        ValueError: when the stride is not 1 and there is no depthwise convolution to take it.
    """

    def __init__(self, channels: int, out: int, start: int, middle: int, factor: int = 4, stride: int = 1) -> None:
        super().__init__()
        if stride != 1 and not (start or middle):
            raise ValueError("a block without a depthwise convolution cannot have a stride")
        wide, layers = factor * channels, list[nn.Module]()
        if start:
            step = 1 if middle else stride
            layers += [nn.Conv2d(channels, channels, start, step, start // 2, groups=channels, bias=False)]
            layers += [nn.BatchNorm2d(channels)]  # no activation on the narrow channels
        layers += [nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
        if middle:
            layers += [nn.Conv2d(wide, wide, middle, stride, middle // 2, groups=wide, bias=False)]
            layers += [nn.BatchNorm2d(wide), nn.ReLU()]
        self.branch = nn.Sequential(*layers, nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out))
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


def small_network(classes: int, width: int = 32) -> nn.Sequential:
    """Stem, three stages of a block that sees much and two that cost little, head; a map of 8 by 8 before the mean."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    channels = width
    for stage in range(3):
        out = width << stage
        layers.append(UniversalBottleneck(channels, out, 3, 5, stride=1 if stage == 0 else 2))
        layers += [UniversalBottleneck(out, out, *FORMS[form]) for form in ("inverted bottleneck", "ConvNeXt-like")]
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    for form, (start, middle) in FORMS.items():
        block = UniversalBottleneck(64, 64, start, middle)
        print(f"{form}: {sum(p.numel() for p in block.parameters()):,} parameters")
    model = small_network(classes=10)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"map before the mean: {tuple(model[:-3](x).shape[2:])}, logits: {tuple(model(x).shape)}")
