"""What dropout does to a network with batch normalization: call these with the trained model and a batch."""

import math

import torch
from torch import nn

BATCH_NORM = nn.modules.batchnorm._BatchNorm
DROPOUT = nn.modules.dropout._DropoutNd


def variance_shift(model, inputs):
    """Compare the running variance with that of the inputs in evaluation mode: one forward pass."""
    ratios = {}

    def look(module, args):
        dims = [d for d in range(args[0].dim()) if d != 1]
        seen = args[0].var(dim=dims).mean().item()
        if module.running_var is not None and seen > 0:
            ratios[names[module]] = module.running_var.mean().item() / seen

    names = {
        module: name
        for name, module in model.named_modules()
        if isinstance(module, BATCH_NORM)
    }
    hooks = [module.register_forward_pre_hook(look) for module in names]
    in_eval_mode(model, inputs, hooks)
    worst = max(ratios, key=ratios.get, default=None)
    if worst is not None and ratios[worst] > 1.5:
        return f"layer {worst}: the running variance is {ratios[worst]:.1f} times that in evaluation mode"


def dropout_behind_the_last_layer(model, inputs):
    """Ask whether the last module that runs is a dropout: one forward pass."""
    order = []
    leaves = [module for module in model.modules() if not list(module.children())]
    hooks = [
        module.register_forward_pre_hook(lambda module, args: order.append(module))
        for module in leaves
    ]
    in_eval_mode(model, inputs, hooks)
    if order and isinstance(order[-1], DROPOUT):
        return f"the last module that runs is a dropout: it sets {order[-1].p:.0%} of the outputs to zero in training"


def paths_that_survive(model):
    """Multiply the shares that all dropout layers keep: the chance that a path through all of them survives."""
    kept = [1 - module.p for module in model.modules() if isinstance(module, DROPOUT)]
    if math.prod(kept) < 0.01:
        return f"{len(kept)} dropout layers leave {math.prod(kept):.2%} of the paths through the network"


def in_eval_mode(model, inputs, hooks):
    """Run one forward pass in evaluation mode, remove the hooks and set the modes back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    with torch.no_grad():
        model(inputs)
    for hook in hooks:
        hook.remove()
    for module, training in modes:
        module.training = training
