"""Where a gradient gets lost on its way to the first layers: call these with one batch; they change nothing."""

import copy
import math

import torch
from torch import nn


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def arrives(model, loss_fn, inputs, targets):
    """Whether the first weight matrix gets a hundredth of the gradient of the last, as with skip connections.

    Costs a forward and a backward pass of a copy.
    """
    own = copied(model)
    weights = [p for p in own.parameters() if p.requires_grad and p.dim() > 1]
    with torch.random.fork_rng(), torch.enable_grad():
        loss = loss_fn(own(inputs), targets)
    first, last = torch.autograd.grad(loss, [weights[0], weights[-1]])
    return first.norm() > 0.01 * last.norm()


def slopes_of_activations(model, loss_fn, inputs, targets):
    """Multiply the mean slopes of all sigmoids and tanhs, if the gradient is small at the first weights."""
    slopes, hooks, modes = (
        [],
        [],
        [(module, module.training) for module in model.modules()],
    )

    def note(module, _, out):
        slope = out * (1 - out) if isinstance(module, nn.Sigmoid) else 1 - out**2
        slopes.append(slope.float().mean().item())

    for module in model.modules():
        if isinstance(module, nn.Sigmoid | nn.Tanh):
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
    if math.prod(slopes) < 1e-3 and not arrives(model, loss_fn, inputs, targets):
        return f"the mean slopes of {len(slopes)} sigmoids or tanhs multiply to {math.prod(slopes):.1e}"


def gain_of_weights(model, loss_fn, inputs, targets):
    """Multiply how much the weights of each layer enlarge, if the gradient is small at the first of them."""
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
    product = math.prod(gains)
    if product < 1e-3 and not arrives(model, loss_fn, inputs, targets):
        return f"the weights of {len(gains)} layers multiply the signal by {min(gains):.2f} or more each: {product:.1e}"


def gradient_by_time(model, loss_fn, inputs, targets):
    """Compare first and last step of inputs (batch, time, features). Costs one forward and one backward pass."""
    if inputs.dim() != 3 or not inputs.is_floating_point():
        return None  # of token ids take the output of the embedding as the inputs
    x = inputs.detach().clone().requires_grad_()
    with torch.random.fork_rng(), torch.enable_grad():
        loss = loss_fn(copied(model)(x), targets)
    (gradient,) = torch.autograd.grad(loss, x)
    first, last = gradient[:, 0].norm().item(), gradient[:, -1].norm().item()
    if first < 1e-3 * last:
        return f"the gradient is {last:.1e} at the last of {x.shape[1]} steps and {first:.1e} at the first"


def gradients_too_small_for_half(model, loss_fn, inputs, targets, outputs, scaler=None):
    """Count the numbers of the float32 gradient that float16 would make 0. Costs a forward and backward pass."""
    if outputs.dtype != torch.float16:
        return None
    own = copied(model)
    weights = [weight for weight in own.parameters() if weight.requires_grad]
    off = torch.autocast(inputs.device.type, enabled=False)
    with torch.random.fork_rng(), torch.enable_grad(), off:
        gradients = torch.autograd.grad(
            loss_fn(own(inputs), targets), weights, allow_unused=True
        )
    scale = scaler.get_scale() if scaler is not None else 1.0
    numbers = torch.cat([g.flatten() for g in gradients if g is not None]).abs()
    numbers = numbers[numbers > 0] * scale
    lost = (
        (numbers < 2**-25).float().mean().item()
    )  # half of the smallest number of float16, 2**-24
    if lost > 0.1:
        return f"{lost:.0%} of the gradient's numbers are under 3e-8 and become 0 in float16 (loss scale {scale:.0f})"
