"""Weight standardization of every convolution of a model, as a parametrization; group normalization goes with it.

Source: Qiao et al., "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization", 2019.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class Standardized(nn.Module):
    """Gives each output channel's filter mean 0 and variance 1."""

    def __init__(self, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, weight: Tensor) -> Tensor:
        """The weight that the layer uses, of the form of the parameter."""
        var, mean = torch.var_mean(weight.flatten(1), dim=1, correction=0)
        shape = [-1] + [1] * (weight.dim() - 1)
        return (weight - mean.view(shape)) * (var.view(shape) + self.eps).rsqrt()


def standardize_weights_(model: nn.Module, eps: float = 1e-6) -> None:
    """Standardize every convolution with more than one weight in a filter, from now on; transposed ones stay."""
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) and module.weight[0].numel() > 1:
            parametrize.register_parametrization(module, "weight", Standardized(eps))


def fold_(model: nn.Module) -> None:
    """Put the standardized weights in place of the parameters, for export; the outputs stay as they are."""
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, bias=False), nn.GroupNorm(4, 16), nn.ReLU(), nn.Conv2d(16, 8, 1))
    standardize_weights_(model)
    for layer in (model[0], model[3]):
        weight = layer.weight
        assert isinstance(weight, Tensor)
        print(
            f"mean of a filter {weight[0].mean().abs().item():.3f}  variance {weight[0].var(correction=0).item():.3f}"
        )
    x = torch.randn(2, 3, 8, 8)
    before = model(x)
    fold_(model)
    print(f"folded back: {torch.allclose(model(x), before, atol=1e-6)}")
