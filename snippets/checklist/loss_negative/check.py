"""Why a loss is negative: call these with the last batch; they change nothing."""

import torch
from torch import nn
from torch.nn import functional as F


def nll_without_logarithm(loss_fn, outputs, targets):
    """Ask whether the loss is minus the mean output at the targets, and the outputs are no log-probabilities."""
    outputs = outputs.detach().float()
    if targets.is_floating_point() or targets.shape != outputs[:, :1].squeeze(1).shape:
        return None
    weight, ignored = (
        getattr(loss_fn, "weight", None),
        getattr(loss_fn, "ignore_index", -100),
    )
    picked = F.nll_loss(outputs, targets, weight, ignore_index=ignored)
    total = outputs.exp().sum(dim=1).mean().item()
    if (
        torch.allclose(loss_fn(outputs, targets), picked, atol=1e-5)
        and abs(total - 1) > 1e-2
    ):
        return f"exp(outputs) sums to {total:.2f} for each sample, and must sum to 1 for NLLLoss"


def targets_outside_zero_and_one(loss_fn, outputs, targets):
    """Look at the range of targets, where the loss is a binary cross-entropy by name or by its values."""
    low, high = targets.min().item(), targets.max().item()
    if not targets.is_floating_point() or (low >= 0 and high <= 1):
        return None
    binary = isinstance(loss_fn, nn.BCELoss | nn.BCEWithLogitsLoss)
    zeros = torch.zeros_like(outputs.detach())
    try:  # two classes that change places, and a line between them
        no, half, yes, other = [
            float(loss_fn(zeros + output, zeros + target))
            for output, target in ((0.7, 0.0), (0.7, 0.5), (0.7, 1.0), (-0.7, 0.0))
        ]
        line = abs(no - 2 * half + yes) < 1e-4 < no - yes
        binary = binary or (line and abs(yes - other) < 1e-4)
    except RuntimeError as error:  # a loss that takes probabilities alone
        binary = binary or "between 0 and 1" in str(error)
    if binary:
        return f"targets reach from {low:g} to {high:g}; binary cross-entropy is made for 0 to 1"


def kl_without_logarithm(loss_fn, outputs, targets):
    """Ask whether targets are distributions and the outputs are not the logarithms of such."""
    if (
        not targets.is_floating_point()
        or outputs.shape != targets.shape
        or outputs.dim() < 2
    ):
        return None
    given = targets.sum(dim=1).mean().item()
    total = outputs.detach().float().exp().sum(dim=1).mean().item()
    if abs(given - 1) > 1e-3 or abs(total - 1) < 1e-2:
        return None
    right = targets.clamp(min=1e-30).log()
    best, shifted = float(loss_fn(right, targets)), float(loss_fn(right + 1, targets))
    if (
        abs(best) < 1e-4 and shifted < best - 1e-4
    ):  # a cross-entropy does not change with the shift
        return f"targets sum to {given:.2f}, exp(outputs) sums to {total:.2f}: KLDivLoss wants log-probabilities"


def right_answers_cost_more(loss_fn, outputs, targets):
    """Compare the loss of answers that are right with that of answers that are wrong."""
    if targets.is_floating_point() or outputs.dim() != 2 or targets.dim() != 1:
        return None
    classes = outputs.shape[1]
    right = 10.0 * F.one_hot(targets.clamp(min=0), classes).to(outputs.dtype)
    answers = [
        (logits.log_softmax(dim=1), targets)
        for logits in (right, right.roll(1, dims=1))
    ]
    good, bad = (loss_fn(*answer).mean().item() for answer in answers)
    if good > bad:
        return f"right answers have a loss of {good:.2f}, wrong ones of {bad:.2f}: training makes them wrong"
