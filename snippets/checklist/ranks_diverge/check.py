"""Why several ranks are no better than one. models, loaders, batches, outputs: one entry per rank, at an update's end."""

import torch
from torch.utils.data import DistributedSampler


def gradients_that_differ(models):
    """Compare the gradients of all ranks after the last backward() of an update: DDP makes them the same."""
    worst, name = 0.0, ""
    for parts in zip(*(model.named_parameters() for model in models), strict=True):
        sizes = [0.0 if p.grad is None else p.grad.norm().item() for _, p in parts]
        if max(sizes) > 0 and (max(sizes) - min(sizes)) / max(sizes) > worst:
            worst, name = (max(sizes) - min(sizes)) / max(sizes), parts[0][0]
    if worst > 0.01:
        return f"the gradient of {name} differs by {worst:.0%} between ranks: nothing averages it"


def last_forward_without_averaging(models):
    """Ask DDP's flag, before optimizer.step(), whether the last forward pass armed averaging. On one rank: [model]."""
    flags = [getattr(model, "require_forward_param_sync", True) for model in models]
    if not all(flags):
        return f"the last forward pass before this update was in no_sync() on {flags.count(False)} of {len(flags)} ranks"


def sampler_of(loader):
    """Find what draws the samples, also within a batch_sampler."""
    return getattr(loader.batch_sampler, "sampler", loader.sampler)


def ranks_with_one_number(loaders):
    """Look for samplers that believe to be the same rank, while no sampler draws the part of another."""
    samplers = [sampler_of(loader) for loader in loaders]
    if not all(isinstance(sampler, DistributedSampler) for sampler in samplers):
        return None
    numbers, parts = {sampler.rank for sampler in samplers}, samplers[0].num_replicas
    if len(numbers) < min(len(samplers), parts):
        return (
            f"{len(samplers)} ranks draw as rank {sorted(numbers)} of {parts}: "
            f"{len(numbers) / parts:.0%} of the data is seen in an epoch"
        )


def batches_without_sampler(loaders, batches):
    """Compare the batches of all ranks, where no sampler divides the data."""
    samplers = [sampler_of(loader) for loader in loaders]
    if any(
        isinstance(sampler, DistributedSampler) and sampler.num_replicas > 1
        for sampler in samplers
    ):
        return None
    same = max(
        sum(torch.equal(one, other) for other, _ in batches) for one, _ in batches
    )
    if same > 1:
        return f"{same} of {len(batches)} ranks have the same batch, and no DistributedSampler divides the data"


def candidates_of_one_rank(loss_fn, outputs, targets):
    """Ask a contrastive loss about equal embeddings: with N candidates it is then log N, at every temperature.

    outputs, targets: one tensor per rank. In a real run hand over ones on all ranks at once, and read exp(loss).
    """
    if torch.is_tensor(outputs):
        return None  # there is one rank only
    equal = [[torch.ones_like(rows) for rows in ranks] for ranks in (outputs, targets)]
    with torch.no_grad(), torch.random.fork_rng():
        found = float(torch.as_tensor(loss_fn(*equal)).exp())
    local, whole = len(outputs[0]), sum(len(rows) for rows in outputs)
    if local < whole and found < 1.5 * local:  # of all ranks, at least twice as many
        return f"{found:.0f} candidates, and {whole} samples on {len(outputs)} ranks"
