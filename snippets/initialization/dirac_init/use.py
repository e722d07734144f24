"""Dirac initialization: a convolution that starts as the identity, with noise for channels that would start dead.

Source: Zagoruyko and Komodakis, "DiracNets", 2017; the interface of ``torch.nn.init.dirac_``.
"""

import torch
from torch import Tensor, nn


@torch.no_grad()
def dirac_init_(tensor: Tensor, groups: int = 1, generator: torch.Generator | None = None) -> Tensor:
    """Fill a convolution's weight in place so that, with padding k // 2, stride 1 and no bias, it returns its input.

    With fewer outputs than inputs it returns the first channels of each group; with more, further outputs are zero.

    Args:
        tensor: weight, (out_channels, in_channels / groups, *kernel), 3 to 5 dimensions, odd kernel sizes.
        groups: the layer's own number of groups; out_channels must be a multiple of it.
        generator: unused, since nothing is random.

    Raises:
        ValueError: for other numbers of dimensions, or if groups does not divide out_channels.
    """
    return nn.init.dirac_(tensor, groups)


def identity_stack(channels: int, depth: int, noise: float = 0.01) -> nn.Sequential:
    """``depth`` times 3x3 convolution and ReLU; starts close to the identity for non-negative images.

    Args:
        channels: in and out of each convolution.
        depth: number of convolutions.
        noise: standard deviation added to every weight, so that channels can part from each other.
    """
    layers: list[nn.Module] = []
    for _ in range(depth):
        convolution = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            dirac_init_(convolution.weight).add_(noise * torch.randn_like(convolution.weight))
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        layers += [convolution, nn.ReLU()]
    return nn.Sequential(*layers)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(2, 16, 8, 8)  # (batch, channels, height, width)
    convolution = nn.Conv2d(16, 16, 3, padding=1, bias=False)
    dirac_init_(convolution.weight)
    print("the convolution returns its input:", torch.equal(convolution(x), x))
    grouped = nn.Conv2d(16, 16, 3, padding=1, groups=4, bias=False)
    dirac_init_(grouped.weight, groups=4)
    print("so does a grouped one:", torch.equal(grouped(x), x))
    print("50 layers without noise return it too:", torch.equal(identity_stack(16, 50, noise=0.0)(x), x))
