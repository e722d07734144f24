"""Why several GPUs train differently from one; batches holds the last batch of every rank, single_… the run on one."""

import copy

import torch
from torch import nn


def learning_rate_per_sample(
    single_optimizer, single_loader, optimizer, train_loader, world_size
):
    """Compare samples per update, without accumulation, and first learning rates of the run on one device and on all."""
    few, many = (
        getattr(loader.batch_sampler, "batch_size", 0)
        for loader in (single_loader, train_loader)
    )
    many, groups = (
        many * world_size,
        [o.param_groups[0] for o in (single_optimizer, optimizer)],
    )
    lrs = [group.get("initial_lr", group["lr"]) for group in groups]
    if many > 1.5 * few > 0 and lrs[1] < 0.8 * lrs[0] * (many / few) ** 0.5:
        return f"an update sees {many} samples in place of {few}, at learning rate {lrs[1]:.2g} (alone: {lrs[0]:.2g})"


def order_that_never_changes(train_loader, epoch):
    """Ask the sampler, in the third epoch or later, which epoch it believes in: its order depends on that number."""
    batches = train_loader.batch_sampler
    sampler = getattr(batches, "sampler", train_loader.sampler)
    believed = getattr(sampler, "epoch", epoch)
    if getattr(sampler, "shuffle", True) and abs(believed - epoch) > 1:
        left = max(
            len(sampler)
            - len(train_loader) * getattr(batches, "batch_size", len(sampler)),
            0,
        )
        lost = (
            f", and the same {left} of the {len(sampler)} samples of a rank in none"
            if left
            else ""
        )
        return f"in epoch {epoch} the sampler still believes in epoch {believed}: each epoch has the same batches{lost}"


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def gradient_of_the_ranks(model, loss_fn, batches):
    """Ask, before the update, whether the ranks agreed on the mean of their gradients where targets are unequal."""
    judge = copied(model)
    if any(
        isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training
        for m in judge.modules()
    ):
        return None  # its statistics differ as well: look at them first
    for module in judge.modules():
        module.training &= not isinstance(module, nn.modules.dropout._DropoutNd)
    ignored = getattr(loss_fn, "ignore_index", -100)
    counts = [int((targets != ignored).sum()) for _, targets in batches]
    pairs = [
        pair
        for pair in zip(model.parameters(), judge.parameters(), strict=True)
        if pair[0].grad is not None
    ]
    if not pairs or max(counts) <= 1.5 * min(counts):
        return None
    agreed, own = torch.cat([p.grad.flatten() for p, _ in pairs]), []
    with torch.random.fork_rng(), torch.enable_grad():
        for inputs, targets in batches:
            loss, twins = loss_fn(judge(inputs), targets), [twin for _, twin in pairs]
            grads = torch.autograd.grad(
                loss, twins, allow_unused=True, materialize_grads=True
            )
            own.append(torch.cat([g.flatten() for g in grads]))
    means = sum(own) / len(own)
    whole = sum(n * g for n, g in zip(counts, own, strict=True)) / sum(counts)
    of_means, of_all = (
        torch.cosine_similarity(agreed, g, dim=0).item() for g in (means, whole)
    )
    if of_all < 0.8 and of_means > of_all + 0.2:
        return (
            f"{min(counts)} to {max(counts)} targets count per rank, and the gradient of the ranks "
            f"has a cosine of {of_all:.2f} with that of all samples"
        )


def statistics_of_one_rank(model, batches):
    """Compare what BatchNorm makes of a rank's batch alone, and of the same samples among those of all ranks."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    judge, inputs = copied(model).eval(), [batch[0] for batch in batches]
    for old, new in zip(model.modules(), judge.modules(), strict=True):
        trained = (
            old.training
            if model.training
            else any(p.requires_grad for p in old.parameters())
        )
        new.training = (
            isinstance(new, kinds) and trained
        )  # without dropout; frozen BatchNorm stays frozen
    if not any(module.training for module in judge.modules()):
        return None
    with torch.no_grad(), torch.random.fork_rng():
        apart = torch.cat([judge(part) for part in inputs])
        together = judge(torch.cat(inputs))
    change = ((apart - together).norm() / together.norm()).item()
    if change > 0.2:
        return f"with the statistics of {len(inputs[0])} samples in place of {len(together)}, outputs change by {change:.0%}"
