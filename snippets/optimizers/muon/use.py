"""Muon for the hidden matrices, AdamW for everything else.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.optim.optimizer import ParamsT


class Blocks(nn.Module):
    """Keeps a weight as matrices, one below the other; the layer goes on seeing the weight in its own shape.

    Args:
        shape: of the weight, (rows, ...).
        count: number of matrices, each with its share of the rows.
    """

    def __init__(self, shape: torch.Size, count: int) -> None:
        super().__init__()
        self.shape, self.count = shape, count

    def forward(self, *blocks: Tensor) -> Tensor:
        """The weight, from its matrices."""
        return torch.cat(blocks).view(self.shape)

    def right_inverse(self, weight: Tensor) -> list[Tensor]:
        """The matrices (rows / count, all other sizes multiplied), from the weight."""
        return [block.clone() for block in weight.flatten(1).chunk(self.count)]


def matrices(layer: nn.Module, name: str = "weight", count: int = 1) -> list[nn.Parameter]:
    """Make a layer keep a weight as matrices, which Muon takes, and return them.

    For a convolution's kernel, and with ``count=3`` for queries, keys and values that are packed in one weight.
    Call it before the optimizer is made; ``torch.nn.utils.parametrize.remove_parametrizations`` undoes it.

    Args:
        layer: the layer that owns the weight.
        name: of the weight.
        count: number of matrices, each with an equal share of the rows.
    """
    parametrize.register_parametrization(layer, name, Blocks(getattr(layer, name).shape, count))
    return list(layer.get_submodule(f"parametrizations.{name}").parameters(recurse=False))


def make_optimizer(parameters: ParamsT, lr: float = 1e-3) -> torch.optim.Optimizer:
    """Muon whose step has the size of AdamW's, so that AdamW's learning rate can be kept.

    Args:
        parameters: matrices only, as tensors, named tensors or parameter groups.
        lr: learning rate, on AdamW's scale because of ``match_rms_adamw``.

    Raises:
        ValueError: if ``lr`` is negative or a parameter is not two-dimensional.
    """
    return torch.optim.Muon(parameters, lr=lr, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    middle = nn.Linear(64, 64)
    model = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), middle, nn.Tanh(), nn.Linear(64, 1))
    hidden = [middle.weight]  # hidden matrices; not the first and last layer, embeddings, biases or norms
    others = [p for p in model.parameters() if all(p is not h for h in hidden)]
    optimizers = [make_optimizer(hidden, lr=1e-2), torch.optim.AdamW(others, lr=1e-2)]
    for step in range(201):
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
    kernel = matrices(nn.Conv2d(16, 32, kernel_size=3))
    packed = matrices(nn.MultiheadAttention(64, num_heads=4), "in_proj_weight", count=3)
    print("matrices of a convolution:", [tuple(p.shape) for p in kernel])
    print("matrices of packed attention:", [tuple(p.shape) for p in packed])
