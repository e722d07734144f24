"""Whether a metric fits the task: score answers whose worth you know. `metric(outputs, targets)` returns a number."""

import torch


def score_of_an_almost_perfect_answer(metric, targets):
    """Score the targets themselves, and the targets with an error of a thousandth of their spread."""
    if len(targets.unique()) <= 2:
        return None
    perfect = metric(targets, targets)
    almost = metric(targets + 1e-3 * targets.std(), targets)
    if perfect - almost > 0.5 * perfect > 0 <= almost:
        return f"a perfect answer scores {perfect:.2f}, one that is wrong by a thousandth scores {almost:.2f}"


def score_of_a_constant(metric, outputs, targets):
    """Score the lowest and the highest output as the answer for all samples."""
    ends = (
        torch.full_like(outputs, end.item()) for end in (outputs.min(), outputs.max())
    )
    best, own = max(metric(end, targets) for end in ends), metric(outputs, targets)
    if best > 0.8 and own - best < (1 - best) / 2:
        return (
            f"one answer for all samples scores {best:.3f}, your model scores {own:.3f}"
        )


def outputs_that_do_not_matter(metric, outputs, targets):
    """Turn all outputs round: a metric that reads them must change."""
    own, turned = metric(outputs, targets), metric(-outputs, targets)
    positive = (outputs > 0).float().mean().item()
    if own == turned and 0.05 < positive < 0.95:
        return f"outputs and their negatives score the same, {own:.3f}, though {positive:.0%} are above 0"


def rows_that_decide(metric, outputs, targets):
    """Score without the rows whose target is near zero."""
    small = (targets.abs() < 0.05 * targets.abs().mean()).flatten()
    if not 0 < small.sum() < len(small) / 2:
        return None
    all_rows, rest = metric(outputs, targets), metric(outputs[~small], targets[~small])
    if rest - all_rows > 1:
        return (
            f"{small.float().mean():.0%} of rows have a target near 0; "
            f"without them the score goes from {all_rows:.3g} to {rest:.2f}"
        )
