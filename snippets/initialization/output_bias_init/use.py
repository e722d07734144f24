"""Output-bias initialization: let the untrained model predict the class frequencies, or the mean of the targets.

Source: Lin et al., "Focal Loss for Dense Object Detection", 2017 (binary case, pi = 0.01).
"""

import math

import torch
from torch import Tensor, nn


@torch.no_grad()
def init_binary_bias(layer: nn.Module, prior: float | Tensor = 0.01, weight_std: float = 0.01) -> nn.Module:
    """Sigmoid outputs start near ``prior``.

    Args:
        layer: last layer, linear or convolutional, with a bias.
        prior: frequency of the positive class, in (0, 1); a number, or one for each output.
        weight_std: standard deviation of the weights; small, so that the bias decides.

    Raises:
        ValueError: if a prior is not strictly between 0 and 1.
    """
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    wide = torch.promote_types(bias.dtype, torch.float32)  # in bfloat16 0.999 would be 1
    p = torch.as_tensor(prior, dtype=wide, device=bias.device)
    if not bool(((p > 0) & (p < 1)).all()):
        raise ValueError(f"prior must be strictly between 0 and 1, got {prior}")
    nn.init.normal_(weight, 0.0, weight_std)
    bias.copy_((p / (1 - p)).log().expand_as(bias))
    return layer


@torch.no_grad()
def init_class_bias(layer: nn.Module, counts: Tensor, smoothing: float = 1.0, weight_std: float = 0.01) -> nn.Module:
    """Softmax outputs start near the class frequencies.

    Args:
        layer: last layer with as many outputs as classes.
        counts: samples of each class, shape (classes,).
        smoothing: added to each count, so that an empty class does not get minus infinity; with no more samples than
            classes take less than 1, or it outweighs the counts.
        weight_std: standard deviation of the weights.
    """
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    wide = torch.promote_types(bias.dtype, torch.float32)  # float16 ends at 65,504
    frequency = counts.to(bias.device, wide) + smoothing
    nn.init.normal_(weight, 0.0, weight_std)
    bias.copy_((frequency / frequency.sum()).log())
    return layer


@torch.no_grad()
def init_mean_bias(layer: nn.Module, targets: Tensor, weight_std: float = 0.01) -> nn.Module:
    """Regression outputs start near the mean of ``targets``, shape (samples, outputs)."""
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    nn.init.normal_(weight, 0.0, weight_std)
    bias.copy_(targets.to(bias).mean(0))
    return layer


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(1000, 64)  # (batch, features)
    y = (torch.arange(1000) % 100 == 0).float()  # one positive in a hundred
    layer = nn.Linear(64, 1)
    before = nn.functional.binary_cross_entropy_with_logits(layer(x).squeeze(1), y)
    init_binary_bias(layer, prior=0.01)
    after = nn.functional.binary_cross_entropy_with_logits(layer(x).squeeze(1), y)
    entropy = -(0.01 * math.log(0.01) + 0.99 * math.log(0.99))
    print(f"bias {layer.bias.item():.3f}, mean prediction {layer(x).sigmoid().mean():.3f}")
    print(f"loss at the start: {before:.2f} by default, {after:.3f} with the prior, entropy {entropy:.3f}")
