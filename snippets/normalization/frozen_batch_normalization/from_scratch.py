"""Batch normalization that is a fixed scale and shift of each channel, and puts itself in the place of trained layers.

Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class FrozenBatchNorm(nn.Module):
    """Scale and shift each channel by fixed statistics, weight and bias; all four are buffers."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, start in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), start))

    def forward(self, x: Tensor) -> Tensor:
        """Scale and shift (batch, channel, *space)."""
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        shape = (1, -1, *(1 for _ in range(x.dim() - 2)))
        return (x * scale.view(shape) + shift.view(shape)).to(x.dtype)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        state_dict.pop(prefix + "num_batches_tracked", None)  # a count that only training needs
        super()._load_from_state_dict(state_dict, prefix, *rest)


def freeze(model: nn.Module) -> nn.Module:
    """Put a FrozenBatchNorm in the place of each batch normalization, with its values; returns the model."""
    if isinstance(model, _BatchNorm):
        frozen = FrozenBatchNorm(model.num_features, model.eps).to(model.running_mean)
        frozen.load_state_dict(model.state_dict(), strict=model.affine)
        return frozen
    for name, child in model.named_children():
        setattr(model, name, freeze(child))
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).double(), torch.rand(16, 3, 8, 8).double()
    for _ in range(10):
        model(x)
    expected = model.eval()(x)
    difference = (freeze(model).train()(x) - expected).abs().max().item()
    print(f"largest difference to eval mode, in train mode, below 1e-12: {difference < 1e-12}")
    print(f"parameters that are left: {[name for name, _ in model.named_parameters()]}")
