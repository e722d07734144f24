"""Why a score changes with the validation batch size. Each check is one pass over the validation set, or less."""

import contextlib
import copy

import torch


@contextlib.contextmanager
def chance_set_back(val_loader):
    """Set back torch's random state and that of the loader's and its sampler's own generators."""
    owners = val_loader, val_loader.sampler
    own = [getattr(owner, "generator", None) for owner in owners]
    states = [(g, g.get_state()) for g in own if g is not None]
    try:
        with torch.random.fork_rng():
            yield
    finally:
        for generator, state in states:
            generator.set_state(state)


def predictions(model, val_loader):
    """Outputs in evaluation mode and targets, batch by batch."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with chance_set_back(val_loader), torch.no_grad():
            return [(model(batch[0]), batch[1]) for batch in val_loader]
    finally:
        for module, training in modes:
            module.training = training


def scores_three_ways(model, val_loader, metric):
    """The metric of all predictions at once, as mean of batches, and as mean weighted by size."""
    pairs = predictions(model, val_loader)
    scores = torch.tensor([float(metric(o, t)) for o, t in pairs], dtype=torch.float64)
    sizes = torch.tensor([len(t) for _, t in pairs], dtype=torch.float64)
    whole = metric(torch.cat([o for o, _ in pairs]), torch.cat([t for _, t in pairs]))
    weighted = (scores * sizes).sum() / sizes.sum()
    return float(whole), scores.mean().item(), weighted.item()


def metric_that_must_not_be_averaged(model, val_loader, metric, score):
    """Ask whether your score is a mean of batch scores, and no mean gives the true one."""
    whole, mean, weighted = scores_three_ways(model, val_loader, metric)
    scale = max(abs(whole), abs(mean))
    is_a_mean = min(abs(score - mean), abs(score - weighted)) < 1e-4 * scale
    if is_a_mean and abs(weighted - whole) > 5e-3 * scale:
        return f"your score, {score:.3f}, is a mean over batches; over all predictions it is {whole:.3f}"


def last_batch_with_too_much_weight(model, val_loader, metric, score):
    """Ask whether weighting batches by their size gives another score, and the true one."""
    whole, mean, weighted = scores_three_ways(model, val_loader, metric)
    scale = max(abs(whole), abs(mean))
    far = max(5e-3 * scale, abs(whole - weighted))
    if abs(score - mean) < 1e-4 * scale and abs(mean - weighted) > far:
        return f"your score, {score:.3f}, counts every batch alike; weighted by size it is {weighted:.3f}"


def outputs_rescaled_by_batch(model, val_loader, metric, score):
    """Ask whether your score is the one of outputs that each batch brought into 0 to 1 in its own way."""
    pairs = predictions(model, val_loader)

    def of(rescale):
        outputs = torch.cat([rescale(o.float()) for o, _ in pairs])
        return float(metric(outputs, torch.cat([t for _, t in pairs])))

    def if_outside(function):
        return lambda o: function(o) if o.min() < 0 or o.max() > 1 else o

    ways = {
        "sigmoid in batches with an output outside 0 to 1": if_outside(torch.sigmoid),
        "each batch stretched from 0 to 1 by its own minimum and maximum": lambda o: (
            (o - o.min()) / (o.max() - o.min()).clamp(min=1e-12)
        ),
    }
    if pairs[0][0].dim() > 1:
        softmax = if_outside(lambda o: o.softmax(dim=1))
        ways["softmax in batches with an output outside 0 to 1"] = softmax
    whole = of(lambda o: o)
    scale = max(abs(whole), abs(score))
    for name, way in ways.items():
        if abs(of(way) - score) < 1e-4 * scale and abs(score - whole) > 5e-3 * scale:
            return f"the outputs as they are score {whole:.3f}; {name} gives your {score:.3f}"


def samples_left_out(val_loader):
    """Count the samples that the loader gives, and those that its sampler has."""
    batches = val_loader.batch_sampler
    if not hasattr(getattr(batches, "sampler", None), "__len__"):
        return None
    has = len(batches.sampler)
    with chance_set_back(val_loader):
        given = sum(len(batch) for batch in batches)
    if given < has:
        size = batches.batch_size
        return f"{has - given} of {has} validation samples are never scored: drop_last, batches of {size}"


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def layers_that_look_at_the_batch(model, x_val):
    """Score 64 samples, and half of them again, with the model as it is when you validate (on a copy)."""
    twin = copied(model)
    active = sum(module.training for module in twin.modules())
    with torch.random.fork_rng(), torch.no_grad():
        half = min(len(x_val), 64) // 2
        whole, part = twin(x_val[: 2 * half])[:half].float(), twin(x_val[:half])
    change = ((whole - part).abs().max() / whole.abs().max()).item()
    if change > max(1e-3, 8 * torch.finfo(part.dtype).eps):
        return f"outputs change by {change:.0%} in a batch of half the size: {active} modules are in training mode"
