"""Why several GPUs train differently from one; batches holds the last batch of every rank, single_… the run on one."""

import copy

import torch
from torch import nn


def learning_rate_per_sample(
    single_optimizer, single_loader, optimizer, train_loader, world_size
):
    """Compare samples per update, and learning rates, of the run on one device and of the run on all ranks."""
    few, many = single_loader.batch_size, train_loader.batch_size * world_size
    lrs = [o.param_groups[0]["lr"] for o in (single_optimizer, optimizer)]
    if many > 1.5 * few and lrs[1] < 0.8 * lrs[0] * (many / few) ** 0.5:
        return f"an update sees {many} samples in place of {few}, at learning rate {lrs[1]:.2g} (alone: {lrs[0]:.2g})"


def order_that_never_changes(train_loader, epoch):
    """Ask the sampler which epoch it believes in: its order depends on that number and on its seed alone."""
    sampler = train_loader.sampler
    believed = getattr(sampler, "epoch", None)
    if believed is not None and getattr(sampler, "shuffle", True) and believed != epoch:
        drawn = len(train_loader) * train_loader.batch_size
        left = max(len(sampler) - drawn, 0)
        return (
            f"in epoch {epoch} the sampler still believes in epoch {believed}: each epoch has the "
            f"same batches, and the same {left} of the {len(sampler)} samples of a rank in none"
        )


def gradient_of_the_ranks(model, loss_fn, batches):
    """Compare the gradient that the ranks agreed on with that of all their samples in one batch, by its direction."""
    inputs, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    judge = copy.deepcopy(model)
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in judge.modules()):
        return None  # its statistics differ as well: look at them first
    pairs = list(zip(model.parameters(), judge.parameters(), strict=True))
    agreed = torch.cat([p.grad.flatten() for p, _ in pairs if p.grad is not None])
    held = [twin for p, twin in pairs if p.grad is not None]
    with torch.enable_grad():
        loss = loss_fn(judge(inputs), targets)
        whole = torch.cat([g.flatten() for g in torch.autograd.grad(loss, held)])
    cosine = torch.cosine_similarity(agreed, whole, dim=0).item()
    counts = [int((t != -100).sum()) for _, t in batches]
    if cosine < 0.8 and max(counts) > 1.5 * min(counts):
        return (
            f"{min(counts)} to {max(counts)} targets count per rank, and the gradient of the ranks "
            f"has a cosine of {cosine:.2f} with that of all samples"
        )


def statistics_of_one_rank(model, batches):
    """Compare what BatchNorm makes of a rank's batch alone, and of the same samples among those of all ranks."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    if not any(isinstance(module, kinds) for module in model.modules()):
        return None
    judge, inputs = copy.deepcopy(model), [batch[0] for batch in batches]
    if not judge.training:
        judge.train()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        apart = torch.cat([judge(part) for part in inputs])
        together = judge(torch.cat(inputs))
    change = ((apart - together).norm() / together.norm()).item()
    if change > 0.2:
        return f"with the statistics of {len(inputs[0])} samples in place of {len(together)}, outputs change by {change:.0%}"
