"""Whether a gradient written by hand is right: call these with the last batch; they change nothing."""

import torch


def loss_against_differences(loss_fn, outputs, targets):
    """Compare the gradient of a loss with differences of its values, in float64. Costs 80 calls for ten classes."""
    few = targets[:4]
    numbers = torch.Generator().manual_seed(0)
    z = torch.randn(
        (len(few), *outputs.shape[1:]), generator=numbers, dtype=torch.float64
    ).to(outputs.device)
    z.requires_grad_()
    with torch.enable_grad():
        loss = loss_fn(z, few)
        if not loss.requires_grad:
            return "the loss has no gradient: its graph was cut"
        (given,) = torch.autograd.grad(loss, z)
    step, measured = 1e-4, torch.zeros_like(given)
    with torch.no_grad():
        for place in range(z.numel()):
            change = torch.zeros_like(z).flatten()
            change[place] = step
            change = change.view_as(z)
            difference = loss_fn(z + change, few) - loss_fn(z - change, few)
            measured.view(-1)[place] = difference / (2 * step)
    error = ((given - measured).norm() / measured.norm().clamp(min=1e-12)).item()
    if measured.any() and error > 0.01:
        return f"the gradient differs from the slope of the loss by {error:.0%} of the slope's size"


def gradient_that_ignores_the_loss(model, loss_fn, inputs, targets):
    """Ask whether twice the loss gives twice the gradient in all layers. Costs one forward, two backward passes."""
    weights = {
        name: weight
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    with torch.enable_grad():
        loss = loss_fn(model(inputs), targets)
        once = torch.autograd.grad(
            loss, list(weights.values()), retain_graph=True, allow_unused=True
        )
        twice = torch.autograd.grad(2 * loss, list(weights.values()), allow_unused=True)
    for module, mode in modes:
        module.training = mode
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
        loss = loss_fn(z, targets)
        if not loss.requires_grad:
            return "the loss has no gradient: its graph was cut"
        (gradient,) = torch.autograd.grad(loss, z)
    if loss.item() > 0 and not gradient.any():
        return f"the loss is {loss.item():.2f}, and its gradient is exactly 0 at all {gradient.numel()} outputs"
