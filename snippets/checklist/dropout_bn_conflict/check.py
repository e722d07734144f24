"""What dropout does to a network with batch normalization: call these with the trained model and a batch."""

import math

import torch
from torch import nn

BATCH_NORM = nn.modules.batchnorm._BatchNorm
DROPOUT = nn.modules.dropout._DropoutNd


def variance_shift(model, inputs):
    """Compare running variances with those in evaluation mode, and those with only dropout on: two forward passes."""
    seen = {}

    def look(module, args):
        dims = [d for d in range(args[0].dim()) if d != 1]
        seen[module] = args[0].float().var(dim=dims).mean().item()

    names = {
        module: name
        for name, module in model.named_modules()
        if isinstance(module, BATCH_NORM) and module.running_var is not None
    }
    hooks = [module.register_forward_pre_hook(look) for module in names]
    try:
        run(model, inputs, lambda module: False)
        without = dict(seen)
        awake = {m for m in model.modules() if m.training or not model.training}
        run(model, inputs, lambda m: m in awake and not isinstance(m, BATCH_NORM))
    finally:
        for hook in hooks:
            hook.remove()
    ratios = {
        module: module.running_var.mean().item() / variance
        for module, variance in without.items()
        if variance > 0 and seen[module] > 1.2 * variance  # dropout, not age
    }
    worst = max(ratios, key=ratios.get, default=None)
    if worst is not None and ratios[worst] > 1.5:
        return f"layer {names[worst]}: the running variance is {ratios[worst]:.1f} times that in evaluation mode"


def dropout_behind_the_last_layer(model, inputs):
    """Ask whether the outputs are those of a dropout: one forward pass."""
    last = []
    leaves = [module for module in model.modules() if not list(module.children())]
    hooks = [
        module.register_forward_hook(
            lambda module, args, output: last.append((module, output))
        )
        for module in leaves
    ]
    try:
        outputs = run(model, inputs, lambda module: False)
    finally:
        for hook in hooks:
            hook.remove()
    if not last or not isinstance(last[-1][0], DROPOUT) or not last[-1][0].p:
        return None
    module, dropped = last[-1]
    if (
        dropped.numel() == outputs.numel()
        and (dropped.flatten() == outputs.flatten()).all()
    ):
        return f"the last module that runs is a dropout: it sets {module.p:.0%} of the outputs to zero in training"


def paths_that_survive(model):
    """Multiply the shares that dropout layers keep, if their rate is above 0.3: the chance that a path survives."""
    kept = [1 - m.p for m in model.modules() if isinstance(m, DROPOUT) and m.p > 0.3]
    if math.prod(kept) < 0.01:
        return f"{len(kept)} dropout layers leave {math.prod(kept):.2%} of the paths through the network"


def run(model, inputs, training):
    """One forward pass with the mode that is asked for each module; modes and chance are set back."""
    modes = [(module, module.training) for module in model.modules()]
    wanted = [(module, training(module)) for module, _ in modes]
    try:
        for module, mode in wanted:
            module.training = mode
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            return model(inputs)
    finally:
        for module, mode in modes:
            module.training = mode
