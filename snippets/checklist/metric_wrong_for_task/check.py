"""Whether a metric fits the task: score answers whose worth you know. `metric(outputs, targets)` returns a number."""

import torch


def score_of_an_almost_perfect_answer(metric, targets):
    """Score the targets themselves, and the targets with an error of a thousandth of their spread."""
    if not targets.is_floating_point() or len(targets.unique()) <= 2:
        return None
    perfect = metric(targets, targets)
    almost = metric(targets + 1e-3 * targets.std(), targets)
    if perfect - almost > 0.5 * perfect > 0 <= almost:
        return f"a perfect answer scores {perfect:.2f}, one that is wrong by a thousandth scores {almost:.2f}"


def score_of_a_constant(metric, outputs, targets):
    """Score the lowest and the highest output, or each class of several, as the answer for all samples."""
    low, high = outputs.min(), outputs.max()
    same = [low.expand_as(outputs), high.expand_as(outputs)]
    if outputs.dim() == 2 and outputs.shape[1] > 1:
        classes = torch.eye(outputs.shape[1], dtype=torch.bool)
        same = [torch.where(one.to(low.device), high, low) for one in classes]
    best = max(metric(one.expand_as(outputs).clone(), targets) for one in same)
    own = metric(outputs, targets)
    if best > 0.8 and own - best < (1 - best) / 2:
        return (
            f"one answer for all samples scores {best:.3f}, your model scores {own:.3f}"
        )


def outputs_that_do_not_matter(metric, outputs, targets):
    """Turn all outputs round, and give them to other samples: a metric that reads them must change."""
    own, turned = metric(outputs, targets), metric(-outputs, targets)
    moved = [metric(outputs.roll(places, 0), targets) for places in (1, 2, 3)]
    level = 0.5 if outputs.min() >= 0 and outputs.max() <= 1 else 0.0
    above = (outputs > level).float().mean().item()
    if all(own == score for score in (turned, *moved)) and 0.05 < above < 0.95:
        return f"outputs and their negatives score the same, {own:.3f}, though {above:.0%} are above {level:g}"


def rows_that_decide(metric, outputs, targets):
    """Score without the rows whose target is near zero, and with all targets and outputs moved away from zero."""
    near = targets.abs() < 0.05 * targets.abs().mean()
    small = near.reshape(len(near), -1).any(dim=1)
    if not 0 < small.sum() < len(small):
        return None
    all_rows, rest = metric(outputs, targets), metric(outputs[~small], targets[~small])
    away = 2 * targets.abs().max()
    moved = metric(outputs + away, targets + away)
    if min(rest, moved) - all_rows > max(1, abs(rest)):
        return (
            f"{small.float().mean():.0%} of rows have a target near 0; "
            f"without them the score goes from {all_rows:.3g} to {rest:.2f}"
        )


def score_of_chance(metric, outputs, targets):
    """Give each sample the output of another, and compare with one answer for all: chance should do no better."""
    generator = torch.Generator().manual_seed(0)
    others = [torch.randperm(len(outputs), generator=generator) for _ in range(5)]
    chance = (
        sum(metric(outputs[other.to(outputs.device)], targets) for other in others) / 5
    )
    best = max(
        metric(end.expand_as(outputs).clone(), targets)
        for end in (outputs.min(), outputs.max())
    )
    own = metric(outputs, targets)
    # ranks give 0.5 to chance, an F1 of frequent positives what it gives to a constant
    if chance > max(0.6 * own, best + 0.3, 0.6):
        return f"outputs of other samples score {chance:.2f}, your model scores {own:.2f}: the metric adds what is right"


def score_of_the_truth(metric, targets):
    """Score targets of 0 and 1 as their own answer, for a score whose best value is 1."""
    if not bool(((targets == 0) | (targets == 1)).all()) or targets.dim() < 2:
        return None
    perfect = float(metric(targets, targets))
    empty = (targets.flatten(1).sum(dim=1) == 0).float().mean().item()
    if empty and not (perfect > 0.99 or perfect <= 0):  # minus an error is 0 at best
        return f"the perfect answer scores {perfect:.2f}: {empty:.0%} of the targets are empty"
