"""Dynamic tanh in the place of each layer normalization of a model.

Source: Zhu et al., "Transformers without Normalization", 2025, algorithm 1
"""

import copy

import torch
from torch import Tensor, nn


class DynamicTanh(nn.Module):
    """``tanh(alpha * x) * weight + bias``, with one learned alpha and a gain and a bias for each feature.

    Args:
        width: features, the size of the last dimension.
        alpha: where alpha starts.
    """

    def __init__(self, width: int, alpha: float = 0.5) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), alpha))
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Bounded x, of the same shape."""
        return torch.tanh(self.alpha * x) * self.weight + self.bias


def replace_layer_norm(model: nn.Module, alpha: float = 0.5) -> nn.Module:
    """A copy of the model with dynamic tanh in the place of each nn.LayerNorm over the last dimension.

    Gains and biases are taken over. Train the copy from scratch: it does not compute what the model did.
    """
    holder = nn.ModuleDict({"model": copy.deepcopy(model)})
    for parent in list(holder.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.LayerNorm) and len(child.normalized_shape) == 1:
                made = DynamicTanh(child.normalized_shape[0], alpha)
                if child.elementwise_affine:
                    made.weight = child.weight
                    made.bias = child.bias if child.bias is not None else made.bias
                parent.add_module(name, made)
    return holder["model"]


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, num_layers=2, norm=nn.LayerNorm(32), enable_nested_tensor=False)
    changed = replace_layer_norm(encoder)
    print(f"replaced: {sum(isinstance(part, DynamicTanh) for part in changed.modules())}", end=", ")
    print(f"left: {sum(isinstance(part, nn.LayerNorm) for part in changed.modules())}")
    print(f"output {tuple(changed(torch.randn(2, 10, 32)).shape)}")
