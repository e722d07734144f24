"""Muon for the hidden matrices, AdamW for everything else.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.optim.lr_scheduler import LambdaLR
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


def hidden_and_others(model: nn.Module, blocks: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split a model's trained parameters: the matrices of its blocks for Muon, all the rest for AdamW.

    Call ``matrices`` for packed or convolutional weights of the blocks first.

    Args:
        model: the whole model.
        blocks: the part that holds its blocks and no embedding or output layer, such as ``model.transformer.h``.
    """
    hidden = {id(p): p for p in blocks.parameters() if p.ndim == 2 and p.requires_grad}
    return list(hidden.values()), [p for p in model.parameters() if p.requires_grad and id(p) not in hidden]


def make_optimizer(
    parameters: ParamsT,
    lr: float = 1e-3,
    momentum: float = 0.95,
    weight_decay: float = 0.1,
    ns_steps: int = 5,
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
    adjust_lr_fn: str = "match_rms_adamw",
) -> torch.optim.Optimizer:
    """Muon; as it stands, its step has the size of AdamW's, so that AdamW's learning rate can be kept.

    Args:
        parameters: matrices only, as tensors, named tensors or parameter groups.
        lr: learning rate, on AdamW's scale with ``match_rms_adamw``.
        momentum: decay rate of the running mean of gradients.
        weight_decay: each step multiplies weights by 1 - lr * weight_decay.
        ns_steps: how often the polynomial is applied.
        ns_coefficients: of the polynomial, for the powers 1, 3 and 5.
        adjust_lr_fn: scale of the step, ``"match_rms_adamw"`` or ``"original"``.

    Raises:
        ValueError: for a negative setting, another ``adjust_lr_fn`` or a parameter that is not two-dimensional.
    """
    return torch.optim.Muon(
        parameters,
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        ns_steps=ns_steps,
        ns_coefficients=ns_coefficients,
        adjust_lr_fn=adjust_lr_fn,
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(d_model=64, nhead=4, dim_feedforward=128, dropout=0.0, batch_first=True)
    blocks = nn.TransformerEncoder(layer, num_layers=2)
    model = nn.Sequential(nn.Embedding(16, 64), blocks, nn.Linear(64, 16))
    for block in blocks.layers:
        matrices(block.self_attn, "in_proj_weight", count=3)  # queries, keys and values
    hidden, others = hidden_and_others(model, blocks)
    optimizers = [make_optimizer(hidden, lr=3e-3), torch.optim.AdamW(others, lr=3e-3, betas=(0.9, 0.95))]
    warmup, steps = 5, 50
    schedulers = [LambdaLR(o, lambda step: min((step + 1) / warmup, 1 - step / steps)) for o in optimizers]
    print(f"{len(hidden)} matrices with Muon, {len(others)} other parameters with AdamW")
    for step in range(steps):
        x = torch.randint(16, (64, 8))  # (batch, tokens)
        y = (x + 1) % 16  # of each token, the next in the alphabet
        loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, scheduler in zip(optimizers, schedulers, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
        if step in (0, steps - 1):
            print(f"step {step:2d}  loss {loss.item():.1f}")
    kernel = matrices(nn.Conv2d(16, 32, kernel_size=3))
    print("matrices of a convolution:", [tuple(p.shape) for p in kernel])
