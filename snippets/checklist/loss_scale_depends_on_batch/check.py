"""Whether a loss depends on the size of what it gets: call these with one batch; they change nothing."""

import torch


def loss_that_grows_with_the_batch(loss_fn, outputs, targets):
    """Give the loss the same batch twice over: a mean stays the same."""
    once = float(loss_fn(outputs.detach(), targets))
    twice = float(loss_fn(torch.cat([outputs.detach()] * 2), torch.cat([targets] * 2)))
    if twice > 1.5 * once > 0:
        return f"the same batch twice over has {twice / once:.2f} times the loss"


def loss_that_grows_with_length(loss_fn, outputs, targets):
    """Give the loss each sequence twice over, along axis 1 of (batch, time, …): a mean stays the same."""
    if outputs.dim() < 3 or targets.dim() < 2:
        return None
    once = float(loss_fn(outputs.detach(), targets))
    twice = float(
        loss_fn(
            torch.cat([outputs.detach()] * 2, dim=1), torch.cat([targets] * 2, dim=1)
        )
    )
    if twice > 1.5 * once > 0:
        return f"sequences of twice the length have {twice / once:.2f} times the loss"


def terms_that_grow_with_size(model, inputs, targets, terms=None):
    """Give each term of the loss a batch of images that stand there twice. Costs two forward passes.

    `terms(model, inputs, targets)` returns the terms by name, each a tensor with one number.
    """
    if terms is None:
        return None
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    with torch.no_grad():
        once = terms(model, inputs, targets)
        twice = terms(
            model, torch.cat([inputs] * 2, dim=-1), torch.cat([targets] * 2, dim=-1)
        )
    for module, mode in modes:
        module.training = mode
    growth = {
        name: float(twice[name]) / float(once[name])
        for name in once
        if float(once[name]) > 0
    }
    if growth and max(growth.values()) > 1.5 * min(growth.values()):
        return "in images of twice the size: " + ", ".join(
            f"{name} x {times:.2f}" for name, times in growth.items()
        )
