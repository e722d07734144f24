"""Why a loss jumps in the middle of training: a few values, the last batch, or the memory of the optimizer."""

import statistics

import torch


def values_far_from_the_rest(x_train, y_train):
    """Look for samples, and for targets of a regression, that lie far outside of all others."""
    for name, values in (("inputs", x_train), ("targets", y_train)):
        if not values.is_floating_point():  # numbers of tokens or classes have no size
            continue
        sizes = values.reshape(len(values), -1).float().norm(dim=1)
        sound = sizes[sizes.isfinite() & (sizes > 0)][:100_000]
        usual = sound.quantile(0.9).item() if len(sound) else 0.0
        far = (~(sizes <= 10 * usual)).nonzero().flatten().tolist()
        if far:
            worst = sizes[far].max().item()
            return f"{name}: {len(far)} of {len(sizes)} samples are over 10 times the others, up to {worst:.4g}: {far[:4]}"


def spikes_at_the_last_batch(losses, train_loader):
    """Ask whether the large losses come at the end of an epoch, where a batch can be tiny."""
    steps, size = len(train_loader), getattr(train_loader, "batch_size", None)
    rest = (
        len(train_loader.sampler) % size if size and not train_loader.drop_last else 0
    )
    last, others = (
        losses[steps - 1 :: steps],
        [loss for i, loss in enumerate(losses) if (i + 1) % steps],
    )
    if (
        0 < rest < size / 4
        and len(last) > 2
        and others
        and statistics.median(last) > 3 * statistics.median(others)
    ):
        ratio = statistics.median(last) / statistics.median(others)
        return f"the last batch of an epoch has {rest} samples, not {size}, and {ratio:.0f} times the usual loss"


def adam_that_divides_by_almost_zero(optimizer):
    """Look at what Adam divides by: is it less than a hundred-thousandth of the learning rate?"""
    shares = []
    for group in optimizer.param_groups:
        for p in group["params"]:
            state = optimizer.state.get(p, {})
            if "exp_avg_sq" in state and "betas" in group:
                v = state.get("max_exp_avg_sq", state["exp_avg_sq"]).flatten().float()
                v = v[v > 0] / (1 - group["betas"][1] ** float(state["step"]))
                shares.append(
                    (v.sqrt() + group["eps"]) / max(float(group["lr"]), 1e-30)
                )
    if shares:
        tiny = (torch.cat(shares) < 1e-5).float().mean().item()
        if tiny > 0.5:
            return f"for {tiny:.0%} of the weights Adam divides by less than 0.00001 of the learning rate"
