"""Whether the outputs can reach the targets: call these with one batch after some steps of training."""

import torch
from torch import nn


def targets_above_one(outputs, targets):
    """Ask whether all outputs are between 0 and 1, and targets are not."""
    beyond = (targets < 0) | (targets > 1)
    if (
        targets.is_floating_point()
        and outputs.min() >= 0
        and outputs.max() <= 1
        and beyond.any()
    ):
        share = beyond.float().mean().item()
        return f"outputs are {outputs.min():.2f} to {outputs.max():.2f}, and {share:.0%} of targets are beyond 0 to 1"


def targets_below_zero(outputs, targets):
    """Ask whether no output is negative although they go above 1, and targets are."""
    share = (targets < 0).float().mean().item()
    if outputs.min() >= 0 and outputs.max() > 1 and share > 0:
        zeros = (outputs == 0).float().mean().item()
        return f"{share:.0%} of targets are negative, no output is, and {zeros:.0%} of outputs are exactly 0: a ReLU"


def targets_beyond_tanh(outputs, targets):
    """Ask whether all outputs are between -1 and 1, on both sides of 0, and targets are not."""
    beyond = (targets.abs() > 1).float().mean().item()
    if -1 <= outputs.min() < 0 and outputs.max() <= 1 and beyond > 0:
        return f"outputs are {outputs.min():.2f} to {outputs.max():.2f}, and {beyond:.0%} of targets are beyond -1 to 1"


def outputs_that_are_all_one(outputs):
    """Ask whether a single output is exactly 1 for all samples."""
    if outputs.dim() == 2 and outputs.shape[1] == 1 and bool((outputs == 1).all()):
        return f"all {len(outputs)} outputs are exactly 1: a softmax over one number"


def outputs_that_share_one(outputs, targets):
    """Ask whether rows of outputs sum to 1 although rows of targets have several ones, or none."""
    if outputs.shape != targets.shape or outputs.dim() < 2 or outputs.shape[1] < 2:
        return None
    ones = targets.sum(dim=1)
    if torch.allclose(outputs.sum(dim=1), torch.ones(()), atol=1e-3) and bool(
        (ones != 1).any()
    ):
        return f"rows of outputs sum to 1, rows of targets to {ones.min():.0f} to {ones.max():.0f}: a softmax"


def outputs_that_are_no_probabilities(model, loss_fn, inputs):
    """Ask whether BCELoss gets outputs that are below 0 or above 1."""
    modes = [(one, one.training) for one in model.modules()]
    model.eval()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        outputs = model(inputs)
    for one, mode in modes:
        one.training = mode
    if isinstance(loss_fn, nn.BCELoss) and (outputs.min() < 0 or outputs.max() > 1):
        return f"BCELoss wants probabilities, and outputs are {outputs.min():.2f} to {outputs.max():.2f}"
