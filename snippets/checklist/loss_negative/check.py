"""Why a loss is negative: call these with the last batch; they change nothing."""

import torch


def nll_without_logarithm(loss_fn, outputs, targets):
    """Ask whether the loss is minus the mean output at the targets, and the outputs are no log-probabilities."""
    if targets.is_floating_point() or outputs.dim() != 2 or targets.dim() != 1:
        return None
    outputs = outputs.detach().float()
    picked = -outputs.gather(1, targets[:, None]).mean()
    total = outputs.exp().sum(dim=1).mean().item()
    if (
        torch.allclose(loss_fn(outputs, targets), picked, atol=1e-5)
        and abs(total - 1) > 1e-2
    ):
        return f"exp(outputs) sums to {total:.2f} for each sample, and must sum to 1 for NLLLoss"


def targets_outside_zero_and_one(loss_fn, outputs, targets):
    """Look at the range of targets, where a target of 1 and one of 2 change the loss as in binary cross-entropy."""
    low, high = targets.min().item(), targets.max().item()
    if not targets.is_floating_point() or (low >= 0 and high <= 1):
        return None
    zeros = torch.zeros_like(outputs.detach())
    losses = [float(loss_fn(zeros + 1, zeros + target)) for target in (0.0, 1.0, 2.0)]
    if (
        abs(losses[0] - 2 * losses[1] + losses[2]) < 1e-4
    ):  # linear in the target: no squared error
        return f"targets reach from {low:g} to {high:g}; binary cross-entropy is made for 0 to 1"


def kl_without_logarithm(loss_fn, outputs, targets):
    """Ask whether targets are distributions and the outputs are not the logarithms of such."""
    if not targets.is_floating_point() or outputs.shape != targets.shape:
        return None
    given = targets.sum(dim=1).mean().item()
    total = outputs.detach().float().exp().sum(dim=1).mean().item()
    if (
        abs(given - 1) < 1e-3
        and abs(total - 1) > 1e-2
        and float(loss_fn(targets.log(), targets)) < 1e-4
    ):
        return f"targets sum to {given:.2f}, exp(outputs) sums to {total:.2f}: KLDivLoss wants log-probabilities"


def right_answers_cost_more(loss_fn, outputs, targets):
    """Compare the loss of answers that are right with that of answers that are wrong."""
    if targets.is_floating_point() or outputs.dim() != 2 or targets.dim() != 1:
        return None
    classes = outputs.shape[1]
    right = 10.0 * torch.nn.functional.one_hot(targets, classes).to(outputs.dtype)
    answers = [
        (logits.log_softmax(dim=1), targets)
        for logits in (right, right.roll(1, dims=1))
    ]
    good, bad = (float(loss_fn(*answer)) for answer in answers)
    if good > bad:
        return f"right answers have a loss of {good:.2f}, wrong ones of {bad:.2f}: training makes them wrong"
