"""Why embeddings collapse to one point: call these with one batch, its embeddings and the loss."""

import torch
from torch import nn


def loss_at_the_margin(loss, margin, outputs):
    """Compare a triplet loss with its margin: equal distances give exactly the margin."""
    spread = torch.pdist(outputs.detach()).mean().item()
    value = loss.item() if isinstance(loss, torch.Tensor) else loss
    if abs(value - margin) < 0.05 * margin and spread < 0.1 * margin:
        return f"the loss is {value:.4f}, the margin {margin:g}, the mean distance {spread:.4f}: one point"


def batch_without_negatives(targets):
    """Count the classes in a batch: with one class, nothing is pushed apart."""
    if not targets.is_floating_point() and len(targets.unique()) == 1:
        return f"all {len(targets)} samples of the batch are of class {int(targets[0])}: there is no negative"


def constant_that_is_perfect(loss_fn, outputs, targets):
    """Compare the loss of one and the same embedding for all with that of a perfect one."""
    n, width = outputs.shape
    same = torch.ones(n, width)
    if targets.is_floating_point():
        perfect = torch.randn(n, width, generator=torch.Generator().manual_seed(0))
        best, constant = loss_fn(perfect, perfect), loss_fn(same, same)
    else:
        perfect = (
            10
            * nn.functional.one_hot(targets, max(width, int(targets.max()) + 1)).float()
        )
        best, constant = loss_fn(perfect, targets), loss_fn(same, targets)
    if constant <= best + 1e-5:
        return f"one point for all has the loss {float(constant):.3f}, a perfect embedding {float(best):.3f}"
