"""Why a policy does not learn: call these with what one update of it was computed from; they change nothing."""

import torch


def values_beyond_the_end(targets, rewards, done):
    """Compare targets, or returns as yet neither centred nor scaled, at each end with the reward of the same step."""
    if not targets.shape == rewards.shape == done.shape or not done.any():
        return None
    targets = targets.detach().float()
    if abs(targets.mean()) < 1e-3 * targets.abs().max():
        return None  # centred: no reward is to be found in them
    ends = done.bool()
    excess = (targets - rewards)[ends].abs().mean().item()
    if excess > 0.01 * targets.abs().max().item():
        return (
            f"at {int(ends.sum())} ends of episodes, targets and last rewards differ by {excess:.3f} on average: "
            "right only where a time limit cut the episode off, or `done` marks the step after the end"
        )


def time_limit_as_end(targets, rewards, done, truncated=None):
    """Compare targets and rewards where a time limit cut the episode off, and where it went on.

    `truncated` as the world returned it with each of these steps: keep it beside `done` for this check.
    """
    if truncated is None or not targets.shape == rewards.shape == truncated.shape:
        return None
    cut, over = truncated.bool(), done.bool() | truncated.bool()
    added = (targets.detach() - rewards).abs()  # the value of what comes next
    if not cut.any() or over.all() or not added[~over].mean():
        return None
    later, at_cut = added[~over].mean().item(), added[cut].mean().item()
    if at_cut < 0.01 * later:
        return (
            f"targets add {later:.3g} to the reward where the episode goes on, {at_cut:.3g} at the {int(cut.sum())} "
            "steps where a time limit cut it off: wrong if the task itself goes on"
        )


def log_probs_of_other_actions(dist, actions, log_probs):
    """Compute the log-probabilities anew, of actions as `dist` drew them: before they are clipped or squashed."""
    expected = dist.log_prob(actions)
    if expected.dim() > log_probs.dim() and expected.shape == actions.shape:
        expected = expected.sum(dim=-1)  # an action of several numbers
    if expected.shape != log_probs.shape:
        return None
    other = int(((expected - log_probs).abs() > 0.05).sum())
    if other:
        return f"{other} of {log_probs.numel()} log-probabilities are not those that `dist` gives to the actions"


def constants_with_a_gradient(advantages=None, targets=None):
    """Ask whether a gradient flows through what weighs log-probabilities, or through what values are to reach."""
    given = {"advantages": advantages, "targets": targets}
    found = [
        name for name, value in given.items() if getattr(value, "requires_grad", False)
    ]
    if found:
        return (
            f"{' and '.join(found)} carry a gradient: "
            "unless it takes `.detach()` of them, the loss also falls by changing them"
        )


def never_explored(actions, outputs=None, dist=None):
    """Count actions other than the likeliest of `dist`, or than the greatest of the Q-values that they came from."""
    if isinstance(dist, torch.distributions.Categorical):
        likeliest, rule = dist.probs.argmax(dim=-1), "drawn from `dist`"
        expected = (1 - dist.probs.amax(dim=-1)).sum().item()
    elif isinstance(dist, torch.distributions.Normal):
        likeliest, rule = dist.mean, "drawn from `dist`"
        expected = actions.numel()
    elif outputs is not None and not actions.is_floating_point():
        likeliest, rule = outputs.argmax(dim=-1), "with epsilon 0.05"
        expected = 0.05 * actions.numel() * (1 - 1 / outputs.shape[-1])
    else:
        return None
    if actions.numel() != likeliest.numel() or expected < 10:
        return None
    if bool((likeliest == actions.reshape(likeliest.shape)).all()):
        return f"all {actions.numel()} actions are the likeliest ones; {rule}, about {expected:.0f} would be others"
