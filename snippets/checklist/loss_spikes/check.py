"""Why a loss jumps in the middle of training: a few values, the last batch, or the memory of the optimizer."""

import statistics

import torch


def values_far_from_the_rest(x_train, y_train):
    """Look for samples, and for targets of a regression, that lie far outside of all others."""
    numbers = {"inputs": x_train.flatten(1).float().norm(dim=1)}
    if y_train.is_floating_point():
        numbers["targets"] = (
            y_train.flatten(1).float().norm(dim=1)
            if y_train.dim() > 1
            else y_train.abs()
        )
    for name, sizes in numbers.items():
        usual = sizes[:100_000].quantile(0.9).item()
        far = (~(sizes <= 10 * usual)).nonzero().flatten().tolist()
        if far:
            worst = sizes[far].max().item()
            return f"{name}: {len(far)} of {len(sizes)} samples are over 10 times the others, up to {worst:.4g}: {far[:4]}"


def spikes_at_the_last_batch(losses, train_loader):
    """Ask whether the large losses come at the end of an epoch, where a batch can be tiny."""
    steps, size = len(train_loader), getattr(train_loader, "batch_size", None)
    rest = (
        len(train_loader.dataset) % size if size and not train_loader.drop_last else 0
    )
    last, others = (
        losses[steps - 1 :: steps],
        [loss for i, loss in enumerate(losses) if (i + 1) % steps],
    )
    if (
        0 < rest < size / 4
        and len(last) > 2
        and statistics.median(last) > 3 * statistics.median(others)
    ):
        ratio = statistics.median(last) / statistics.median(others)
        return f"the last batch of an epoch has {rest} samples, not {size}, and {ratio:.0f} times the usual loss"


def adam_that_divides_by_almost_zero(optimizer):
    """Look at what Adam divides by: how far would an ordinary gradient of 0.001 move a weight now?"""
    moves = []
    for group in optimizer.param_groups:
        for p in group["params"]:
            state = optimizer.state.get(p, {})
            if "exp_avg_sq" in state:
                v = state["exp_avg_sq"].flatten().float()
                moves.append(
                    1e-3 * float(group["lr"]) / (v[v > 0].sqrt() + group["eps"])
                )
    if moves:
        far = (torch.cat(moves) > 1).float().mean().item()
        if far > 0.1:
            return f"for {far:.0%} of the weights a gradient of 0.001 would mean a move by more than 1"
