"""Whether the outputs can reach the targets: call these with one batch after some steps of training."""

import torch
from torch import nn
from torch.nn import functional as F


def share_at_the_edge(outputs, targets, low, high):
    """Of the targets beyond low to high: the share whose output lies at the edge that is next to them."""
    if not targets.is_floating_point() or outputs.shape != targets.shape:
        return 0.0
    near = 0.05 * min(high - low, 2)
    below, above = targets < low, targets > high
    edge = (below & (outputs < low + near)) | (above & (outputs > high - near))
    return edge.sum().item() / max(1, int((below | above).sum()))


def targets_above_one(outputs, targets):
    """Ask whether all outputs are between 0 and 1, at an edge where targets are beyond it, and none is exactly 0."""
    inside = outputs.min() > 0 and outputs.max() <= 1
    if inside and share_at_the_edge(outputs, targets, 0.0, 1.0) > 0.5:
        share = ((targets < 0) | (targets > 1)).float().mean().item()
        return f"outputs are {outputs.min():.2f} to {outputs.max():.2f}, and {share:.0%} of targets are beyond 0 to 1"


def targets_below_zero(outputs, targets):
    """Ask whether no output is negative, and outputs are 0 where targets are negative."""
    zeros = (outputs == 0).float().mean().item()
    some = outputs.max() > 1 or zeros > 0
    if (
        outputs.min() >= 0
        and some
        and share_at_the_edge(outputs, targets, 0.0, float("inf")) > 0.5
    ):
        share = (targets < 0).float().mean().item()
        kind = "a ReLU" if zeros > 0 else "a softplus, or an exponential"
        return f"{share:.0%} of targets are negative, no output is, and {zeros:.0%} of outputs are exactly 0: {kind}"


def targets_beyond_tanh(outputs, targets):
    """Ask whether all outputs are between -1 and 1, on both sides of 0, and at an edge where targets are beyond it."""
    inside = -1 <= outputs.min() < 0 and outputs.max() <= 1
    if inside and share_at_the_edge(outputs, targets, -1.0, 1.0) > 0.5:
        beyond = (targets.abs() > 1).float().mean().item()
        return f"outputs are {outputs.min():.2f} to {outputs.max():.2f}, and {beyond:.0%} of targets are beyond -1 to 1"


def outputs_that_are_all_one(outputs):
    """Ask whether a single output is exactly 1 for all samples."""
    single = outputs.dim() == 1 or outputs.shape[1] == 1
    if single and len(outputs) > 1 and bool((outputs == 1).all()):
        return f"all {len(outputs)} outputs are exactly 1: a softmax over one number, if they were 1 from the start"


def outputs_that_share_one(outputs, targets):
    """Ask whether rows of outputs sum to 1 although rows of targets have several ones, or none."""
    if outputs.shape != targets.shape or outputs.dim() < 2 or outputs.shape[1] < 2:
        return None
    ones = targets.sum(dim=1)
    if torch.allclose(outputs.float().sum(dim=1), torch.ones(()), atol=1e-2) and bool(
        ((ones - 1).abs() > 0.1).any()
    ):
        return f"rows of outputs sum to 1, rows of targets to {ones.min():.0f} to {ones.max():.0f}: a softmax"


def outputs_that_are_no_probabilities(model, loss_fn, inputs):
    """Ask whether BCELoss gets outputs that are below 0 or above 1."""
    modes = [(one, one.training) for one in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            outputs = model(inputs)
    finally:
        for one, mode in modes:
            one.training = mode
    takes_probabilities = (
        isinstance(loss_fn, nn.BCELoss) or loss_fn is F.binary_cross_entropy
    )
    if takes_probabilities and (outputs.min() < 0 or outputs.max() > 1):
        return f"BCELoss wants probabilities, and outputs are {outputs.min():.2f} to {outputs.max():.2f}"


def outputs_that_are_all_zero(outputs):
    """Ask whether every number of what must not be negative, such as a density, is exactly 0: its ReLU then has no gradient."""
    if outputs.is_floating_point() and outputs.numel() > 1 and not outputs.any():
        return f"all {outputs.numel()} outputs are exactly 0: a ReLU gives them no gradient, and nothing learns"
