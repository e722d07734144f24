"""Why weights do not change: call these after some steps of training; the first that speaks names the layers."""

import torch
from torch import nn


def layers_in_plain_lists(model):
    """Look for layers in a list, tuple or dict of Python, which `model.parameters()` does not see."""
    known = {id(module) for module in model.modules()} | {
        id(weight) for weight in model.parameters()
    }
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if attribute not in vars(nn.Module()):
                lost = [
                    item
                    for item in layers_inside(value)
                    if id(item) not in known and can_learn(item)
                ]
                if lost:
                    place = f"{name}.{attribute}".lstrip(".")
                    return f"{place} is a {type(value).__name__} with {len(lost)} layers that model.parameters() lacks"


def can_learn(item):
    """Tell a layer with weights from an activation, and from a teacher that is frozen."""
    weights = item.parameters() if isinstance(item, nn.Module) else [item]
    return any(weight.requires_grad for weight in weights)


def layers_inside(value):
    """All layers and weights in nested lists, tuples and dicts."""
    if isinstance(value, nn.Module | nn.Parameter):
        return [value]
    items = (
        value.values()
        if isinstance(value, dict)
        else value
        if isinstance(value, list | tuple)
        else ()
    )
    return [layer for item in items for layer in layers_inside(item)]


def weights_the_optimizer_lacks(model, optimizer):
    """Compare the weights of the model with those that the optimizer updates, by identity."""
    held = {
        id(weight)
        for group in optimizer.param_groups
        for weight in group["params"]
        if group["lr"] > 0
    }
    lost = [
        name
        for name, weight in model.named_parameters()
        if weight.requires_grad and id(weight) not in held
    ]
    if lost:
        return f"the optimizer does not update {len(lost)} weights of the model: {', '.join(lost[:5])}"


def weights_that_are_frozen(model):
    """List the weights that ask for no gradient."""
    frozen = [
        name for name, weight in model.named_parameters() if not weight.requires_grad
    ]
    if frozen:
        return (
            f"requires_grad is False for {len(frozen)} weights: {', '.join(frozen[:5])}"
        )


def weights_without_gradient(model, loss_fn, inputs, targets):
    """Ask autograd which weights the loss depends on. Costs one forward and one backward pass."""
    weights = {
        name: weight
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.enable_grad():
            loss = loss_fn(model(inputs), targets)
    finally:
        for module, mode in modes:
            module.training = mode
    if not loss.requires_grad:
        return "the loss depends on no weight: its graph was cut" if weights else None
    gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    cut = [
        name
        for name, gradient in zip(weights, gradients, strict=True)
        if gradient is None
    ]
    if cut:
        return f"no gradient reaches {len(cut)} weights: {', '.join(cut[:5])}"


def updates_that_round_away(model, optimizer):
    """Ask whether the next update of Adam or SGD is too small to change the number that is stored."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    lost = []
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if weight.grad is None or group["lr"] == 0:
                continue
            state = optimizer.state.get(weight, {})
            update = state.get("momentum_buffer")
            update = weight.grad if update is None else update
            if "exp_avg_sq" in state:
                c1, c2 = (1 - beta ** int(state["step"]) for beta in group["betas"])
                size = (state["exp_avg_sq"] / c2).sqrt() + group["eps"]
                update = state["exp_avg"] / c1 / size
            same = (weight.detach() - group["lr"] * update == weight.detach()) & (
                update != 0
            )
            if same.sum() > 0.9 * (update != 0).sum():
                size = weight.detach().float().abs().mean()
                lost.append(
                    f"{names.get(id(weight), '?')} ({weight.dtype}, size {size:.2g}, lr {group['lr']:.0e})"
                )
    if lost:
        return f"updates of over 90 % of the numbers are rounded away in {len(lost)} weights: {', '.join(lost[:3])}"
