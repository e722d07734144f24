"""Why batch normalization is worse in evaluation mode: call these on the model as it is evaluated, after training."""

import torch
from torch import nn


def batch_norms(model):
    """Find the layers that keep running statistics."""
    kind = nn.modules.batchnorm._BatchNorm
    return {
        k: m
        for k, m in model.named_modules()
        if isinstance(m, kind) and m.running_mean is not None
    }


def statistics_that_are_no_numbers(model):
    """Look for NaN or inf in the running statistics; the weights may all be finite."""
    for name, layer in batch_norms(model).items():
        bad = ~(torch.isfinite(layer.running_mean) & torch.isfinite(layer.running_var))
        if bad.any():
            return f"layer {name}: the running statistics of {int(bad.sum())} of {len(bad)} channels are NaN or inf"


def statistics_never_updated(model):
    """Find layers that still have mean 0 and variance 1, as they were made."""
    layers = batch_norms(model)
    fresh = [
        name
        for name, layer in layers.items()
        if layer.num_batches_tracked == 0
        and not layer.running_mean.any()
        and (layer.running_var == 1).all()
    ]
    if fresh:
        return f"{len(fresh)} of {len(layers)} layers never updated their statistics: {', '.join(fresh[:3])}"


def batches_that_count(model):
    """Ask over how many batches the running statistics average: about 1 / momentum."""
    for name, layer in batch_norms(model).items():
        if layer.momentum is not None and layer.momentum > 0.5:
            return f"layer {name}: momentum {layer.momentum} averages over {1 / layer.momentum:.1f} batches"


def share_of_initial_statistics(model):
    """Ask how much of the initial mean 0 and variance 1 is left; a variance below that share was set otherwise."""
    for name, layer in batch_norms(model).items():
        updates = int(layer.num_batches_tracked)
        left = 0.0 if layer.momentum is None else (1 - layer.momentum) ** updates
        if updates and left > 0.05 and layer.running_var.min() > 0.99 * left:
            return f"layer {name}: after {updates} updates {left:.0%} of the running statistics are the initial values"


def batches_not_alike(train_loader):
    """Compare how much the means of batches vary with what chance alone gives: about 1. Costs one pass of loading."""
    means, variances, size = [], [], 0
    generator = getattr(train_loader, "generator", None)
    state = None if generator is None else generator.get_state()
    try:
        with torch.random.fork_rng():
            for inputs, *_ in train_loader:
                x = inputs.float().flatten(1)
                size = size or len(x)
                if len(x) == size > 1:
                    means.append(x.mean(dim=0))
                    variances.append(x.var(dim=0))
    finally:
        if state is not None:
            generator.set_state(state)
    if len(means) < 2:
        return None
    between, within = torch.stack(means).var(dim=0), torch.stack(variances).mean(dim=0)
    ratios = size * between[within > 0] / within[within > 0]
    ratio = ratios.mean().item() if len(ratios) else 0.0
    if ratio > 5:
        return f"the means of batches vary {ratio:.0f} times as much as those of batches drawn at random"


def data_scaled_differently(x_train, x_test):
    """Compare mean and standard deviation of the training and the test inputs."""
    (mean, std), (test_mean, test_std) = (
        (x.float().mean().item(), x.float().std().item()) for x in (x_train, x_test)
    )
    if abs(test_mean - mean) > 0.5 * std or not 0.5 * std <= test_std <= 2 * std:
        return f"training inputs have mean {mean:.2f} and std {std:.2f}, test inputs {test_mean:.2f} and {test_std:.2f}"


def statistics_of_other_data(model, inputs):
    """Compare the first layer's running mean with the mean of one training batch; one forward pass in eval mode."""
    layers, seen = batch_norms(model), []

    def look(name):
        def hook(layer, arguments):
            x = arguments[0].detach().transpose(0, 1).flatten(1).float()
            far = (x.mean(dim=1) - layer.running_mean).abs() / (x.std(dim=1) + 1e-6)
            seen.append((name, far.mean().item()))

        return hook

    modes = [(module, module.training) for module in model.modules()]
    handles = [m.register_forward_pre_hook(look(name)) for name, m in layers.items()]
    try:
        model.eval()
        with torch.no_grad(), torch.random.fork_rng():
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    if seen and seen[0][1] > 0.5:  # by chance about 0.8 / sqrt(number of samples)
        return (
            f"layer {seen[0][0]}: the running means lie {seen[0][1]:.1f} standard deviations from "
            "those of this training batch: they are those of other data"
        )
