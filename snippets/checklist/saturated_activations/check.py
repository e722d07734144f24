"""Why sigmoid and tanh units saturate: the first function counts them, the others ask for the cause."""

import torch
from torch import nn


def saturated_units(model, inputs):
    """The share of outputs within 0.5 % of the range of an end, for each nn.Sigmoid and nn.Tanh; one forward pass."""
    shares, hooks, modes = (
        {},
        [],
        [(module, module.training) for module in model.modules()],
    )
    for name, module in model.named_modules():
        if isinstance(module, nn.Sigmoid | nn.Tanh):
            low = -1.0 if isinstance(module, nn.Tanh) else 0.0

            def note(_, __, out, name=name, low=low):
                place = (out.float() - low) / (1.0 - low)
                shares[name] = ((place < 0.005) | (place > 0.995)).float().mean().item()

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
    return shares


def size_of_inputs(inputs):
    """Compare the size of the inputs with 1, which initial weights are made for."""
    if not inputs.is_floating_point() and inputs.dtype != torch.uint8:
        return None  # numbers of tokens have no size
    size = inputs.detach().float().square().mean().sqrt().item()
    if size > 10:
        return f"the inputs have a size of {size:.0f} (root of the mean square), in place of about 1"


def gain_of_first_layer(model):
    """Ask how much the first layer's weights enlarge what comes in; Xavier's with a gain for tanh give 1.7."""
    layer = next(
        (
            m
            for m in model.modules()
            if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
        ),
        None,
    )
    if layer is None:
        return None
    gain = (
        layer.weight.detach().float().square().mean().sqrt().item()
        * layer.weight[0].numel() ** 0.5
    )
    if gain > 5:
        return f"the first layer's weights enlarge their inputs {gain:.1f} times"


def steps_too_large(model, optimizer):
    """Compare one step (Adam moves each weight by about lr) with 1/sqrt(inputs), the size of initial weights."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    tables = {
        id(m.weight)
        for m in model.modules()
        if isinstance(m, nn.Embedding | nn.EmbeddingBag)
    }
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
                return f"{names.get(id(weight), '?')}: one step moves a weight by {share:.1f} times its initial size"
