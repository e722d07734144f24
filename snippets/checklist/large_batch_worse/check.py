"""Why the large batch is worse; lrs maps each batch size to its learning rates by update."""

import torch


def way_of_the_large_batch(lrs):
    """Compare two runs by the sum of their learning rates, which is how far SGD can go."""
    small, large = (lrs[size] for size in sorted(lrs))
    if large[-1] > 1.05 * large[len(large) // 2]:
        return None  # then the warm-up has not ended
    share = sum(large) / sum(small)
    if share < 0.2:
        return (
            f"batch {max(lrs)} makes {len(large)} updates at {max(large):.2g}, batch "
            f"{min(lrs)} {len(small)} at {max(small):.2g}: {share:.0%} of the way"
        )


def loss_that_grows_with_the_batch(model, loss_fn, inputs, targets):
    """Compute the loss of a batch and of the same batch twice."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        once = loss_fn(model(inputs), targets).item()
        both = model(torch.cat([inputs, inputs]))
        twice = loss_fn(both, torch.cat([targets, targets])).item()
    model.train(was_training)
    if twice > 1.5 * once > 0:
        return (
            f"the batch twice has {twice / once:.2f} times the loss: the gradient grows "
            "with the batch even before the learning rate is scaled"
        )


def warm_up_that_never_ends(lrs):
    """Ask whether the learning rate of the largest batch still rises at the end."""
    size = max(lrs)
    last, half = lrs[size][-1], lrs[size][len(lrs[size]) // 2]
    if last == max(lrs[size]) and last > 1.05 * half:
        return (
            f"with batch {size} the learning rate still rises at the last of "
            f"{len(lrs[size])} updates: the warm-up is longer than the run"
        )
