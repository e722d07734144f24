"""The gradient of a batch as a weighted mean of the gradients of its parts.

Source: the mean over n targets is the mean over the parts, each weighted by its share of the targets.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def accumulated_gradient(
    model: nn.Module,
    mean_loss: Callable[[Tensor, Tensor], Tensor],
    parts: Sequence[tuple[Tensor, Tensor]],
    ignore_index: int = -100,
) -> list[Tensor]:
    """Gradients of the mean loss over all parts, of the parameters that are not frozen; ``.grad`` is left alone."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    counts = [int((targets != ignore_index).sum()) for _, targets in parts]
    result = [torch.zeros_like(p) for p in parameters]
    for (inputs, targets), count in zip(parts, counts, strict=True):
        if count == 0:
            continue  # a mean over nothing is NaN
        of_part = torch.autograd.grad(mean_loss(model(inputs), targets), parameters)
        for total, g in zip(result, of_part, strict=True):
            total += count / sum(counts) * g
    return result


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    x, y = torch.randn(32, 8), torch.arange(32) % 3
    y[20:30] = -100
    loss_fn = nn.CrossEntropyLoss()
    ours = accumulated_gradient(model, loss_fn, list(zip(x.split(8), y.split(8), strict=True)))
    reference = torch.autograd.grad(loss_fn(model(x), y), list(model.parameters()))
    difference = max((a - b).abs().max().item() for a, b in zip(ours, reference, strict=True))
    print(f"differs from the gradient of the whole batch by less than 1e-6: {difference < 1e-6}")
