"""Why a score changes with the validation batch size. Each check is one pass over the validation set, or less."""

import copy

import torch


def scores_three_ways(model, val_loader, metric):
    """The metric of all predictions at once, as mean of batches, and as mean weighted by size."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        pairs = [(model(batch[0]), batch[1]) for batch in val_loader]
    for module, training in modes:
        module.training = training
    scores = torch.tensor([float(metric(o, t)) for o, t in pairs], dtype=torch.float64)
    sizes = torch.tensor([len(t) for _, t in pairs], dtype=torch.float64)
    whole = metric(torch.cat([o for o, _ in pairs]), torch.cat([t for _, t in pairs]))
    weighted = (scores * sizes).sum() / sizes.sum()
    return float(whole), scores.mean().item(), weighted.item()


def metric_that_must_not_be_averaged(model, val_loader, metric, score):
    """Ask whether your score is a mean of batch scores, and no mean gives the true one."""
    whole, mean, weighted = scores_three_ways(model, val_loader, metric)
    is_a_mean = min(abs(score - mean), abs(score - weighted)) < 1e-4
    if is_a_mean and abs(weighted - whole) > 5e-3:
        return f"your score, {score:.3f}, is a mean over batches; over all predictions it is {whole:.3f}"


def last_batch_with_too_much_weight(model, val_loader, metric, score):
    """Ask whether weighting batches by their size gives another score, and the true one."""
    whole, mean, weighted = scores_three_ways(model, val_loader, metric)
    if abs(score - mean) < 1e-4 < 5e-3 < abs(mean - weighted) > abs(whole - weighted):
        return f"your score, {score:.3f}, counts every batch alike; weighted by size it is {weighted:.3f}"


def samples_left_out(val_loader):
    """Count the samples that the loader gives, and those that the data set has."""
    has = len(val_loader.dataset)
    given = len(val_loader) * val_loader.batch_size if val_loader.drop_last else has
    if given < has:
        size = val_loader.batch_size
        return f"{has - given} of {has} validation samples are never scored: drop_last, batches of {size}"


def layers_that_look_at_the_batch(model, x_val):
    """Score 64 samples, and half of them again, with the model as it is when you validate (on a copy)."""
    twin = copy.deepcopy(model)
    active = sum(module.training for module in twin.modules())
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        whole, part = twin(x_val[:64])[:32], twin(x_val[:32])
    change = ((whole - part).abs().max() / whole.abs().max()).item()
    if active and change > 1e-3:
        return f"outputs change by {change:.0%} in a batch of half the size: {active} modules are in training mode"
