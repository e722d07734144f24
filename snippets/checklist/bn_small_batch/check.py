"""Why batch normalization suffers: call these on the model as it trains, with one of its batches."""

import torch
from torch import nn

BATCH_NORM = nn.modules.batchnorm._BatchNorm


def fewest_values_in_a_mean(model, inputs):
    """Count the values behind each mean of a batch normalization in training mode: one forward pass."""
    counts, modes = {}, [(module, module.training) for module in model.modules()]

    def look(module, args):
        parts = 1
        if isinstance(module, nn.SyncBatchNorm) and torch.distributed.is_initialized():
            parts = torch.distributed.get_world_size(module.process_group)
        values = parts * args[0].numel() // args[0].shape[1]
        counts[names[module]] = min(values, counts.get(names[module], values))

    names = {
        m: name
        for name, m in model.named_modules()
        if isinstance(m, BATCH_NORM) and m.training
    }
    hooks = [module.register_forward_pre_hook(look) for module in names]
    model.eval()
    try:
        with torch.no_grad():
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes:
            module.training = training
    name = min(counts, key=counts.get, default=None)
    if name is not None and counts[name] < 16:
        return f"layer {name}: {counts[name]} values per mean, so it is off by {counts[name] ** -0.5:.0%} of a deviation"


def forward_passes_per_step(model, optimizer, start=None):
    """Compare passes in training mode with Adam's steps; pre-trained models need start, a state dict from before."""
    passes = [
        int(m.num_batches_tracked)
        - int((start or {}).get(f"{name}.num_batches_tracked", 0))
        for name, m in model.named_modules()
        if isinstance(m, BATCH_NORM) and m.track_running_stats and m.training
    ]
    steps = [
        int(state["step"]) for state in optimizer.state.values() if "step" in state
    ]
    if passes and steps and max(passes) >= 1.5 * max(steps):
        return f"{max(passes)} batches were normalized in {max(steps)} steps: each step's batch came in pieces"


def statistics_moved_since(model, start):
    """Compare running means with those of a state dict from before fine-tuning, in standard deviations."""
    largest, where = 0.0, ""
    for name, layer in model.named_modules():
        if isinstance(layer, BATCH_NORM) and f"{name}.running_mean" in start:
            before = start[f"{name}.running_mean"]
            deviation = (start[f"{name}.running_var"] + layer.eps).sqrt()
            moved = ((layer.running_mean - before).abs() / deviation).mean().item()
            largest, where = max((largest, where), (moved, name))
    if largest > 0.3:
        return f"layer {where}: the running means moved by {largest:.2f} standard deviations on average"


def independent_samples_per_batch(train_loader):
    """Estimate to how many independent samples a batch amounts, from how much its mean varies: one pass of loading."""
    means, squares, size = [], [], 0
    generator = getattr(train_loader, "generator", None)
    state = generator.get_state() if generator is not None else None
    try:
        with torch.random.fork_rng():
            for inputs, *_ in train_loader:
                x = inputs.float().flatten(1)
                size = size or len(x)
                if len(x) == size:
                    means.append(x.mean(dim=0))
                    squares.append(x.square().mean(dim=0))
    finally:
        if generator is not None:
            generator.set_state(state)
    if len(means) < 5:
        return None  # too few to tell how much a mean varies
    mean = torch.stack(means).mean(dim=0)
    variance = (torch.stack(squares).mean(dim=0) - mean.square()).mean().item()
    effective = variance / torch.stack(means).var(dim=0).mean().item()
    if effective < size / 4:
        return (
            f"a batch of {size} varies like one of {effective:.1f} independent samples"
        )
