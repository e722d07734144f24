"""Why a policy does not learn: call these with what one update of it was computed from; they change nothing."""

import torch


def values_beyond_the_end(targets, rewards, done):
    """Compare targets, or returns before they are normalized, at each end with the reward that they were made of."""
    if not targets.shape == rewards.shape == done.shape or not done.any():
        return None
    targets = targets.detach().float()
    if abs(targets.mean()) < 1e-3 and abs(targets.std() - 1) < 1e-2:
        return None  # normalized: no reward is to be found in them
    ends = done.bool()
    excess = (targets - rewards)[ends].abs().mean().item()
    if excess > 0.01 * targets.abs().max().item():
        return (
            f"at {int(ends.sum())} ends of episodes, targets and last rewards differ by {excess:.3f} on average: "
            "right only where a time limit cut the episode off"
        )


def log_probs_of_other_actions(dist, actions, log_probs):
    """Compute the log-probabilities of the actions anew; `dist` is what these `log_probs` came from."""
    expected = dist.log_prob(actions)
    if expected.dim() > log_probs.dim() and expected.shape == actions.shape:
        expected = expected.sum(dim=-1)  # an action of several numbers
    if expected.shape != log_probs.shape:
        return None
    other = ((expected - log_probs).abs() > 0.05).float().mean().item()
    if other > 0:
        return f"{100 * other:.0f}% of the log-probabilities are not those of the actions that were taken"


def constants_with_a_gradient(advantages=None, targets=None):
    """Ask whether a gradient flows through what weighs log-probabilities, or through what values are to reach."""
    given = {"advantages": advantages, "targets": targets}
    found = [
        name
        for name, value in given.items()
        if value is not None and value.requires_grad
    ]
    if found:
        return f"{' and '.join(found)} carry a gradient: the loss also falls by changing them"


def never_explored(actions, outputs=None, dist=None):
    """Count actions other than the likeliest of `dist`, or, for Q-learning, other than the one of greatest output."""
    if isinstance(dist, torch.distributions.Categorical):
        likeliest, expected = (
            dist.probs.max(dim=-1)[1],
            (1 - dist.probs.amax(dim=-1)).sum().item(),
        )
        rule = "drawn from `dist`"
    elif (
        outputs is not None
        and not actions.is_floating_point()
        and outputs.shape[:-1] == actions.shape
    ):
        likeliest, choices = outputs.argmax(dim=-1), outputs.shape[-1]
        expected, rule = 0.05 * actions.numel() * (1 - 1 / choices), "with epsilon 0.05"
    else:
        return None
    if (
        likeliest.shape == actions.shape
        and bool((likeliest == actions).all())
        and expected > 10
    ):
        return f"all {actions.numel()} actions are the greatest output; {rule}, about {expected:.0f} would be others"
