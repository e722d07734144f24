"""Whether a loss depends on the size of what it gets: call these with one batch; they change nothing."""

import torch


def adds_up(loss_fn, outputs, targets, dim):
    """Give the loss its data once, twice and four times along an axis: how often it has the loss, if it adds up.

    A contrastive loss grows as well, because there are more negatives, but less and less.
    """
    once, twice, four = [
        loss_fn(
            torch.cat([outputs.detach()] * times, dim),
            torch.cat([targets] * times, dim),
        )
        .mean()
        .item()
        for times in (1, 2, 4)
    ]
    grows = once and twice / once > 1.5 and (four - twice) / (twice - once) > 1.8
    return twice / once if grows else None


def loss_that_grows_with_the_batch(loss_fn, outputs, targets):
    """Give the loss the same batch twice over: a mean stays the same."""
    times = adds_up(loss_fn, outputs, targets, 0)
    if times:
        return f"the same batch twice over has {times:.2f} times the loss"


def loss_that_grows_with_length(loss_fn, outputs, targets):
    """Give the loss each sequence twice over, along axis 1 of (batch, time, …): a mean stays the same."""
    if outputs.dim() < 3 or outputs.shape[:2] != targets.shape[:2]:
        return None
    times = adds_up(loss_fn, outputs, targets, 1)
    if times:
        return f"sequences of twice the length have {times:.2f} times the loss"


def terms_that_grow_with_size(model, inputs, targets, terms=None):
    """Give each term of the loss a batch of images that stand there twice. Costs two forward passes.

    `terms(model, inputs, targets)` returns the terms by name, each a tensor with one number. The model has to take
    images of any size.
    """
    if terms is None:
        return None
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            once = terms(model, inputs, targets)
            twice = terms(
                model, torch.cat([inputs] * 2, dim=-1), torch.cat([targets] * 2, dim=-1)
            )
    except RuntimeError:  # a model for one size
        return None
    finally:
        for module, mode in modes:
            module.training = mode
    growth = {
        name: float(twice[name]) / float(once[name])
        for name in once
        if float(once[name])
    }
    if growth and max(growth.values()) > 1.5 * min(growth.values()):
        return "in images of twice the size: " + ", ".join(
            f"{name} x {times:.2f}" for name, times in growth.items()
        )
