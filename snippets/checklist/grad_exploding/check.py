"""Why gradients are huge: call these right after a step of training; they change nothing."""

import math

import torch
from torch import nn


def stored_and_fresh(model, loss_fn, inputs, targets):
    """The norm of the gradient in the weights, and that of this batch alone. Costs a forward and a backward pass."""
    weights = [weight for weight in model.parameters() if weight.grad is not None]
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.enable_grad():
            fresh = torch.autograd.grad(
                loss_fn(model(inputs), targets), weights, allow_unused=True
            )
    finally:
        for module, mode in modes:
            module.training = mode
    stored = (
        torch.stack([weight.grad.float().norm() for weight in weights]).norm().item()
    )
    return stored, torch.stack(
        [g.float().norm() for g in fresh if g is not None]
    ).norm().item()


def gradients_of_earlier_steps(model, loss_fn, inputs, targets):
    """Ask whether the weights hold much more gradient than this batch makes."""
    stored, fresh = stored_and_fresh(model, loss_fn, inputs, targets)
    if stored > 10 * fresh:
        return f"the stored gradient has a norm of {stored:.3g}; this batch alone makes {fresh:.3g}"


def gradients_clipped_to_nothing(model, loss_fn, inputs, targets, scaler=None):
    """Ask whether the optimizer got much less gradient than this batch makes, and a loss scale is at work."""
    stored, fresh = stored_and_fresh(model, loss_fn, inputs, targets)
    if scaler is not None and stored < fresh / 100:
        return f"this batch makes a gradient of {fresh:.3g}, and {stored:.3g} reached the optimizer"


def targets_out_of_scale(targets):
    """Compare the size of regression targets with 1, which initial weights are made for."""
    if not targets.is_floating_point():
        return None
    size = targets.float().square().mean().sqrt().item()
    if size > 30:
        return f"targets have a size of {size:.3g}: the gradient of a squared error is as many times larger"


def gain_of_weights(model, inputs):
    """Ask at step 0 how much larger the outputs are than the inputs: lost runs have large weights too."""
    if not inputs.is_floating_point():
        return None  # of token ids take the output of the embedding as the inputs
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            outputs = model(inputs).float()
    finally:
        for module, mode in modes:
            module.training = mode
    growth = (outputs.square().mean() / inputs.float().square().mean()).sqrt().item()
    layers = [
        m
        for m in model.modules()
        if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
    ]
    gains = [
        layer.weight.detach().square().mean().sqrt().item()
        * layer.weight[0].numel() ** 0.5
        for layer in layers
    ]
    if growth > 100 and gains:
        return f"outputs are {growth:.1e} times as large as inputs; weights multiply by up to {max(gains):.1f} a layer"


def growth_over_time(model, inputs):
    """Raise the largest eigenvalue of recurrent weights to the number of steps of inputs (batch, time, features)."""
    for name, weight in model.named_parameters():
        if "weight_hh" in name and weight.shape[0] == weight.shape[1]:
            largest = torch.linalg.eigvals(weight.detach().float()).abs().max().item()
            power = inputs.shape[1] * math.log10(largest)
            if power > 3:
                return f"{name}: largest eigenvalue {largest:.2f}, which is 1e{power:.0f} after {inputs.shape[1]} steps"
