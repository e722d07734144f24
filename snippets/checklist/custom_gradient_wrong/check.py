"""Whether a gradient written by hand is right: call these with the last batch; they change nothing."""

import copy

import torch


def loss_against_differences(loss_fn, outputs, targets):
    """Compare the gradient of a loss with differences of its values at 50 places, in float64. Costs 100 calls."""
    few = targets[:4].double() if targets.is_floating_point() else targets[:4]
    numbers = torch.Generator().manual_seed(0)
    z = torch.randn(len(few), *outputs.shape[1:], generator=numbers).double()
    if outputs.min() >= 0 and outputs.max() <= 1:  # probabilities
        z = z.sigmoid()
    z = z.to(outputs.device).requires_grad_()
    if isinstance(loss_fn, torch.nn.Module):
        loss_fn = copy.deepcopy(loss_fn).double()

    def value(at):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return loss_fn(at, few).sum()

    with torch.enable_grad():
        loss = value(z)
        if not loss.requires_grad:
            return "the loss has no gradient: its graph was cut"
        (given,) = torch.autograd.grad(loss, z)
    places = torch.randperm(z.numel(), generator=numbers)[:50].to(z.device)
    given, measured = given.flatten()[places], []
    step = 1e-4 if loss.dtype == torch.float64 else 1e-2  # float32 inside
    with torch.no_grad():
        for place in places:
            change = torch.zeros_like(z)
            change.view(-1)[place] = step
            measured.append((value(z + change) - value(z - change)) / (2 * step))
    slope = torch.stack(measured)
    error = ((given - slope).norm() / slope.norm().clamp(min=1e-12)).item()
    if slope.any() and error > 0.01:
        return f"the gradient differs from the slope of the loss by {error:.0%} of the slope's size"


def gradient_that_ignores_the_loss(model, loss_fn, inputs, targets):
    """Ask whether twice the loss gives twice the gradient in all layers. Costs one forward, two backward passes."""
    weights = {
        name: weight
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        with torch.random.fork_rng(), torch.enable_grad():
            loss = loss_fn(model(inputs), targets)
            once = torch.autograd.grad(
                loss, list(weights.values()), retain_graph=True, allow_unused=True
            )
            twice = torch.autograd.grad(
                2 * loss, list(weights.values()), allow_unused=True
            )
    finally:
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
    wrong = [
        name
        for name, a, b in zip(weights, once, twice, strict=True)
        if a is not None and (b - 2 * a).norm() > 0.01 * (2 * a).norm()
    ]
    if wrong:
        return f"twice the loss does not give twice the gradient in {', '.join(wrong[:4])}: look behind these layers"


def loss_without_slope(loss_fn, outputs, targets):
    """Ask whether the gradient of the loss is exactly zero for outputs that are not perfect."""
    z = outputs.detach().clone().requires_grad_()
    with torch.enable_grad():
        loss = loss_fn(z, targets).sum()
        if not loss.requires_grad:
            return "the loss has no gradient: its graph was cut"
        (gradient,) = torch.autograd.grad(loss, z)
    if loss.item() != 0 and not gradient.any():
        return f"the loss is {loss.item():.2f}, and its gradient is exactly 0 at all {gradient.numel()} outputs"
