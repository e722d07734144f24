"""What the loss rewards: call these with the loss and one batch."""

import torch
from torch.nn import functional as F


def class_numbers_as_quantities(outputs, targets):
    """Ask whether a single output is compared with whole numbers that may be names of classes."""
    if outputs.numel() != len(outputs) or targets.numel() != len(outputs):
        return None
    values = targets.flatten().unique()
    consecutive = (
        values.numel() > 2
        and bool(values[-1] - values[0] < 2 * values.numel())
        and bool((values == values.round()).all())
    )
    if consecutive and values.numel() <= len(outputs) // 2:
        return f"one output, and targets are the whole numbers {values[0]:.0f} to {values[-1]:.0f}: are these names?"


def several_labels_share_a_softmax(loss_fn, outputs, targets):
    """Ask whether the loss is blind to a constant that is added to all outputs, while rows have several ones."""
    if (
        targets.shape != outputs.shape
        or outputs.dim() < 2
        or not bool(((targets.sum(dim=1) - 1).abs() > 0.01).any())
    ):
        return None
    with torch.no_grad():
        loss, shifted = (
            loss_fn(outputs, targets).item(),
            loss_fn(outputs + 5.0, targets).item(),
        )
    if abs(loss - shifted) < 1e-4 * abs(loss):
        most = int(targets.sum(dim=1).max())
        return f"the loss stays {loss:.3f} if 5 is added to all outputs, so no output has a threshold; up to {most} labels"


def constant_that_is_best(loss_fn, targets):
    """Compare the loss of two constant answers, the mean of the targets and their median, where both lie far apart.

    For losses that compare outputs with targets in the targets' unit: not for logits or the logarithm of a rate.
    """
    if targets.unique().numel() < 3:
        return None
    mean, median = targets.float().mean(), targets.float().median()
    if (mean - median).abs() < 0.2 * targets.float().std():
        return None
    losses = [
        loss_fn(value.expand_as(targets).float(), targets.float()).item()
        for value in (mean, median)
    ]
    if losses[1] < losses[0]:
        return f"the loss is {losses[1]:.2f} for the median, {median:.1f}, and {losses[0]:.2f} for the mean, {mean:.1f}"


def loss_of_right_and_wrong(loss_fn, outputs, targets):
    """Compare the loss of answers that are right and very sure with that of answers that are all wrong."""
    one = targets
    if not targets.is_floating_point() and targets.dim() == outputs.dim() - 1:
        one = F.one_hot(targets.long().clamp(min=0), outputs.shape[1]).movedim(-1, 1)
    if one.shape != outputs.shape or not bool(((one == 0) | (one == 1)).all()):
        return None
    if outputs.min() >= 0 and outputs.max() <= 1:  # probabilities
        best = (0.001 + 0.998 * one).to(outputs.dtype)
        worst = 1 - best
    else:
        best = (40.0 * one - 20.0).to(outputs.dtype)
        worst = -best
    with torch.no_grad():
        right, wrong = loss_fn(best, targets).item(), loss_fn(worst, targets).item()
    if right > wrong:
        return f"the loss of perfect answers is {right:.3f}, and of answers that are all wrong {wrong:.3f}: it is a score"


def loss_of_two_samples(loss_fn, outputs, targets):
    """Ask whether the loss depends on one or two samples only: an index of zeros and ones reaches two rows."""
    if len(outputs) < 8:
        return None
    generator = torch.Generator().manual_seed(0)
    # numbers that can be logits and probabilities
    made_up = torch.rand(outputs.shape, generator=generator)
    leaf = made_up.to(outputs).requires_grad_()
    with torch.enable_grad(), torch.random.fork_rng():
        loss = loss_fn(leaf, targets).mean()
        if not loss.requires_grad:
            return None  # no gradient at all is another fault
        slope = torch.autograd.grad(loss, leaf)[0]
    reached = (slope != 0).reshape(len(slope), -1).any(dim=1).sum().item()
    if 0 < reached <= 2:
        return f"the loss depends on {reached} of {len(outputs)} samples"
