"""Kaiming initialization of a ReLU network: weight variance 2 / fan_in, biases 0.

Source: He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
"""

import math

import torch
from torch import nn


@torch.no_grad()
def init_relu_layer(module: nn.Module, slope: float = 0.0) -> None:
    """Initialize a layer whose output goes into a ReLU or leaky ReLU; for ``model.apply``.

    Args:
        module: any module; only Linear, Conv and ConvTranspose layers are changed, with any stride and groups.
        slope: negative slope of the leaky ReLU; 0 for a ReLU.
    """
    if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        nn.init.kaiming_normal_(module.weight, slope, mode="fan_in", nonlinearity="leaky_relu")
    elif isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        nn.init.kaiming_normal_(module.weight, slope, mode="fan_out", nonlinearity="leaky_relu")  # (in, out, *kernel)
        module.weight.mul_(math.sqrt(math.prod(module.stride) * module.groups))  # inputs that reach one output
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def deep_relu_network(width: int, depth: int) -> nn.Sequential:
    """A stack of ``depth`` pairs Linear(width, width), ReLU, initialized for its activation.

    Shape:
        (batch, width) -> (batch, width)
    """
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.ReLU()]
    model = nn.Sequential(*layers)
    model.apply(init_relu_layer)
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    weight = nn.init.kaiming_normal_(torch.empty(256, 64, 3, 3), nonlinearity="relu")  # (out, in, height, width)
    print(f"std of a 3x3 convolution of 64 channels {weight.std():.3f}, closed form {(2 / (64 * 9)) ** 0.5:.3f}")
    model = deep_relu_network(width=512, depth=50)
    x = torch.randn(64, 512)  # (batch, features)
    ratio = model(x).square().mean() / x.square().mean()
    print("second moment after 50 ReLU layers within a factor of 10 of the input's:", 0.1 < ratio.item() < 10)
