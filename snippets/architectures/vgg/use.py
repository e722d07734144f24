"""VGG for small images: 3×3 convolutions with batch normalization, and one linear layer in place of the three.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014, table 1
"""

import copy

import torch
from torch import Tensor, nn


def make_vgg(classes: int = 10, convs: tuple[int, ...] = (2, 2, 3, 3, 3), width: int = 64) -> nn.Sequential:
    """VGG-16's convolutions; each stage halves the image, and the last features are averaged over what is left.

    Args:
        classes: number of classes.
        convs: convolutions of each stage; images have at least 2**len(convs) pixels a side.
        width: channels of the first stage; they double up to eight times that.
    """
    layers: list[nn.Module] = []
    channels = 3
    for place, count in enumerate(convs):
        out = width * min(2**place, 8)
        for _ in range(count):
            layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
            channels = out
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def frozen_features(network: nn.Sequential, layers: int) -> nn.Sequential:
    """The first layers of a trained network to compare images by (perceptual loss): fixed, in eval mode."""
    # in place, a ReLU would overwrite what is compared
    layers_kept = [nn.ReLU() if isinstance(layer, nn.ReLU) else layer for layer in list(network)[:layers]]
    return copy.deepcopy(nn.Sequential(*layers_kept)).eval().requires_grad_(False)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = make_vgg(width=16)
    x: Tensor = torch.randn(4, 3, 32, 32)
    print(
        f"logits: {tuple(model(x).shape)}; parameters at width 64: {sum(p.numel() for p in make_vgg().parameters()):,}"
    )
    features = frozen_features(model, 6)
    distance = (features(x) - features(x.flip(-1))).square().mean()
    print(f"distance of an image to itself and to its mirror image differ: {distance.item() > 0}")
