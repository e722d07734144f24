"""Why ReLU units are dead: `dead_units` counts them; the others ask for the cause, with all inputs at hand."""

import torch
from torch import nn


def dead_units(model, inputs):
    """Count units that are zero for all inputs, at each call of an `nn.ReLU` (it does not see `torch.relu`).

    Costs one forward pass: give it many inputs.
    """
    alive, hooks, units = {}, [], {"axis": 1}
    modes = [(module, module.training) for module in model.modules()]
    for name, module in model.named_modules():

        def note(module, _, out, name=name):
            if not isinstance(module, nn.ReLU):
                units["axis"] = -1 if isinstance(module, nn.Linear) else 1
                return
            calls = sum(key.split(" ")[0] == name for key in alive)
            active = (out > 0).transpose(0, units["axis"]).flatten(1).any(dim=1)
            alive[f"{name} (call {calls + 1})" if calls else name] = active

        if isinstance(module, nn.ReLU | nn.Linear | nn.modules.conv._ConvNd):
            hooks.append(module.register_forward_hook(note))
    model.eval()
    try:
        with torch.no_grad():
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return {name: (int((~active).sum()), len(active)) for name, active in alive.items()}


def inputs_off_centre(x_train):
    """Compare the mean of all inputs with their spread around the mean of each feature."""
    x = x_train.detach().float().flatten(1)
    mean, spread = (
        x.mean().abs().item(),
        (x - x.mean(dim=0)).square().mean().sqrt().item(),
    )
    if mean > 5 * spread:
        return f"the inputs have a mean of {mean:.0f}, and differ between samples by {spread:.1f} only"


def inputs_far_outside(x_train):
    """Look for samples whose largest value is far above that of the other samples."""
    largest = x_train.detach().float().flatten(1).abs().amax(dim=1)
    usual = largest.median().item()
    far = (largest > 100 * usual).nonzero().flatten().tolist()
    if far and usual > 0:
        return f"{len(far)} samples reach {largest.max().item():.3g}, half of all stay below {usual:.3g}: {far[:5]}"


def bias_below_all_inputs(model, x_train):
    """Compare biases with what the inputs of the first layer can add to them, at the start of training."""
    layer = next(
        (
            m
            for m in model.modules()
            if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d)
        ),
        None,
    )
    if (
        layer is None
        or layer.bias is None
        or not any(isinstance(m, nn.ReLU) for m in model.modules())
    ):
        return None
    with torch.no_grad():
        units = -1 if isinstance(layer, nn.Linear) else 1
        signal = layer(x_train).transpose(0, units).flatten(1) - layer.bias[:, None]
        below = ((signal.amax(dim=1) + layer.bias) <= 0) & (
            layer.bias < -2 * signal.abs().mean(dim=1)
        )
    if below.float().mean() > 0.5:
        return f"{int(below.sum())} of {len(below)} units are held below 0 by a bias of {layer.bias.mean().item():.1f}"


def steps_too_large(model, optimizer):
    """Compare one step (Adam moves each weight by about lr) with 1/sqrt(inputs), the size of initial weights."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if weight.grad is None or weight.dim() < 2 or id(weight) in tables:
                continue
            adam = "exp_avg_sq" in optimizer.state.get(weight, {})
            step = group["lr"] * (
                1.0 if adam else weight.grad.square().mean().sqrt().item()
            )
            share = step * weight[0].numel() ** 0.5
            if share > 0.3:
                return f"{names.get(id(weight), '?')}: one step moves a weight by {share:.1f} times a usual initial one"
