"""Why the large batch is worse; lrs maps each batch size to its learning rates by update."""

import torch


def still_rises(rates):
    """Ask whether the learning rate is highest at the end, and was lower a tenth of the run before."""
    return rates[-1] == max(rates) > 1.001 * rates[int(0.9 * (len(rates) - 1))]


def way_of_the_large_batch(lrs):
    """Compare two runs by the sum of their learning rates; Adam's square root rule leaves 1 / sqrt(factor) of it."""
    small, large = (lrs[size] for size in sorted(lrs))
    if still_rises(large):
        return None  # then the warm-up has not ended
    share = sum(large) / sum(small)
    if share < 0.8 * (min(lrs) / max(lrs)) ** 0.5:
        return (
            f"batch {max(lrs)} makes {len(large)} updates at {max(large):.2g}, batch "
            f"{min(lrs)} {len(small)} at {max(small):.2g}: {share:.0%} of the way"
        )


def loss_that_grows_with_the_batch(model, loss_fn, inputs, targets):
    """Compute the loss of a batch, and of the same batch twice and three times: a sum grows in equal steps."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            once, twice, thrice = (
                loss_fn(model(torch.cat([inputs] * n)), torch.cat([targets] * n)).item()
                for n in (1, 2, 3)
            )
    finally:
        for module, mode in modes.items():
            module.training = mode
    if abs(twice) > 1.5 * abs(once) and (thrice - twice) / (twice - once) > 0.9:
        return (
            f"the batch twice has {twice / once:.2f} times the loss: the gradient grows "
            "with the batch even before the learning rate is scaled"
        )


def warm_up_that_never_ends(lrs):
    """Ask whether the learning rate of the largest batch still rises at the end."""
    size = max(lrs)
    if still_rises(lrs[size]):
        return (
            f"with batch {size} the learning rate still rises at the last of "
            f"{len(lrs[size])} updates: the warm-up is longer than the run"
        )
