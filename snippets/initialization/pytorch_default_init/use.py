"""PyTorch's default initialization: what ``kaiming_uniform_(a=sqrt(5))`` draws, and the two lines that replace it.

Source: torch.nn.Linear.reset_parameters and torch.nn.Conv2d.reset_parameters; the replacement is He et al.,
"Delving Deep into Rectifiers", 2015, section 2.2.
"""

import math

import torch
from torch import Tensor, nn


def pytorch_default_(tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight in place as ``nn.Linear`` and ``nn.Conv1d/2d/3d`` do: uniform within 1/sqrt(fan_in).

    Args:
        tensor: weight of shape (out, in, *kernel), at least two dimensions; fan_in = in * prod(kernel).
        generator: source of randomness; None for torch's global one.

    Returns:
        ``tensor``.

    Raises:
        ValueError: for tensors of fewer than two dimensions, which have no fan.
    """
    return nn.init.kaiming_uniform_(tensor, a=math.sqrt(5), generator=generator)


def pytorch_default_std(shape: tuple[int, ...]) -> float:
    """Standard deviation 1/sqrt(3 fan_in) of the default weights of ``shape``."""
    return 1 / math.sqrt(3 * math.prod(shape[1:]))


def use_kaiming(module: nn.Module) -> None:
    """For ``model.apply``: replace the default before a ReLU, weights by Kaiming's and biases by zero.

    Args:
        module: any module; only linear and convolutional layers are changed.
    """
    if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = nn.Linear(400, 1000)
    print(f"largest weight {layer.weight.abs().max():.4f}, bound 1/sqrt(400) = {1 / math.sqrt(400):.4f}")
    print(f"std of the weights {layer.weight.std():.4f}, 1/sqrt(3 * 400) = {pytorch_default_std((1000, 400)):.4f}")
    print(f"std of the biases  {layer.bias.std():.3f}, also drawn")
    layer.apply(use_kaiming)
    print(f"std after Kaiming  {layer.weight.std():.4f}, sqrt(2 / 400) = {math.sqrt(2 / 400):.4f}")
