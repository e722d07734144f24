"""Why several ranks are no better than one. models, loaders, batches: one entry per rank, at the end of an update."""

import torch
from torch.utils.data import DistributedSampler


def gradients_that_differ(models):
    """Compare the gradients of all ranks after backward(): once they are averaged, they are the same."""
    worst, name = 0.0, ""
    for parts in zip(*(model.named_parameters() for model in models), strict=True):
        sizes = [p.grad.norm().item() for _, p in parts if p.grad is not None]
        if sizes and max(sizes) > 0 and (max(sizes) - min(sizes)) / max(sizes) > worst:
            worst, name = (max(sizes) - min(sizes)) / max(sizes), parts[0][0]
    if worst > 0.01:
        return f"the gradient of {name} differs by {worst:.0%} between ranks: nothing averages it"


def ranks_with_one_number(loaders):
    """Look for samplers that believe to be the same rank."""
    samplers = [loader.sampler for loader in loaders]
    if not all(isinstance(sampler, DistributedSampler) for sampler in samplers):
        return None
    numbers = [sampler.rank for sampler in samplers]
    if len(set(numbers)) < len(numbers):
        parts = samplers[0].num_replicas
        return (
            f"{len(numbers)} ranks draw as rank {sorted(set(numbers))} of {parts}: "
            f"{len(set(numbers)) / parts:.0%} of the data is seen"
        )


def batches_without_sampler(loaders, batches):
    """Compare the batches of all ranks, where no sampler divides the data."""
    if any(isinstance(loader.sampler, DistributedSampler) for loader in loaders):
        return None
    first = batches[0][0]
    same = sum(torch.equal(first, inputs) for inputs, _ in batches)
    if same > 1:
        return f"{same} of {len(batches)} ranks have the same batch, and no DistributedSampler divides the data"
