"""Why a loss explodes at once: ask for the size of everything that multiplies the first step."""

import math

import torch


def loss_of_the_best_constant(y_train):
    """Log C for classes of equal size, the variance for numbers; sound networks start near it if targets average 0."""
    y = torch.as_tensor(y_train)
    return y.var().item() if y.is_floating_point() else math.log(len(y.unique()))


def growth_from_a_sound_start(losses, y_train):
    """Ask whether the first loss is as it should be, and only the following ones are not."""
    constant, worst = loss_of_the_best_constant(y_train), max(losses[:20])
    if losses[0] < 3 * constant and not worst < 5 * max(losses[0], constant):
        return f"the first loss is {losses[0]:.3g}, as it should be ({constant:.3g}); within 20 steps it is {worst:.4g}"


def inputs_too_large(inputs):
    """Look at the size of the numbers that enter the network."""
    if inputs.is_floating_point():
        size = inputs.square().mean().sqrt().item()
        if size > 10:
            return f"inputs lie between {inputs.min():.4g} and {inputs.max():.4g}; the root mean square is {size:.3g}"


def targets_too_large(targets):
    """Look at the size of the numbers that a regression should predict."""
    if targets.is_floating_point():
        size = targets.square().mean().sqrt().item()
        if size > 10:
            return f"targets lie between {targets.min():.4g} and {targets.max():.4g}; their root mean square is {size:.3g}"


def loss_that_grows_with_the_batch(model, loss_fn, inputs, targets):
    """Compare the loss of the batch with those of its halves; a mean lies between them, a sum is their sum."""
    half = len(inputs) // 2
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            parts = [slice(0, half), slice(half, 2 * half), slice(0, 2 * half)]
            first, second, both = (
                loss_fn(model(inputs[part]), targets[part]).item() for part in parts
            )
    finally:
        for module, mode in modes:
            module.training = mode
    if both > 0 and abs(first + second - both) < 0.01 * both:
        return f"the loss of {2 * half} samples is {both:.4g}, of its halves {first:.4g} and {second:.4g}: it is a sum"


def weights_too_large(model, losses, y_train):
    """Compare the weights with their number of inputs: std · sqrt(fan in) is 1.4 for Kaiming, 1 for LeCun."""
    gains = {}
    for name, p in model.named_parameters():
        if p.dim() > 1:
            gains[name] = p.detach().std().item() * math.sqrt(p[0].numel())
    name = max(gains, key=gains.get)
    if gains[name] > 3 and losses[0] > 3 * loss_of_the_best_constant(y_train):
        return f"the first loss is {losses[0]:.4g}, and the weights of {name} have a gain of {gains[name]:.1f}"
