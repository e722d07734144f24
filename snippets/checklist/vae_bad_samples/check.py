"""Why samples of a variational autoencoder are bad: call these after some training; they change nothing."""

import torch
from torch import nn


def kl_weighs_too_much(loss_fn, outputs, inputs, mean, log_variance):
    """Ask the loss for the price of a code against that of an error, both per sample and summed over values.

    The error is half a unit in each value. Squared and absolute errors and cross-entropies put 0.12 to 0.7 on it,
    so the answer is right within a factor of 2.5.
    """
    if outputs.numel() != inputs.numel() or not inputs.is_floating_point():
        return None  # made for errors of single values: pixels, samples of sound, measurements
    with torch.no_grad():
        nothing, blank = torch.zeros_like(outputs), torch.zeros_like(inputs)
        zero = torch.zeros_like(mean)
        free = float(loss_fn(nothing, blank, zero, zero))
        error = float(loss_fn(nothing + 0.5, blank, zero, zero)) - free
        code = float(loss_fn(nothing, blank, zero + 2, zero)) - free
    if error <= 0:
        return None
    weight = code / (2 * mean[0].numel()) / (error / (0.3 * outputs[0].numel()))
    if weight > 10:
        return f"KL weighs about {weight:.0f} times as much as in the bound, where both terms are sums"


def sample_without_gradient(reparameterize, mean, log_variance):
    """Ask whether a gradient goes back through the drawn code to the encoder's mean."""
    with torch.enable_grad(), torch.random.fork_rng():
        center = mean.detach().clone().requires_grad_()
        code = reparameterize(center, log_variance.detach())
        if not code.requires_grad:
            return "the drawn code has no gradient at all"
        weights = torch.linspace(1, 2, code.numel(), device=code.device)
        total = (code.flatten() * weights).sum()  # a plain sum may be constant
        (slope,) = torch.autograd.grad(total, center, allow_unused=True)
    if slope is None or not slope.any():
        return "the gradient of the drawn code with respect to the mean is 0 everywhere"


def code_without_content(outputs, inputs, mean, log_variance):
    """Compare what the code holds with what the outputs know: they may know it from elsewhere.

    `outputs` are values like `inputs` (after the sigmoid, if there is one), or logits (batch, length, vocabulary)
    of tokens (batch, length).
    """
    with torch.no_grad():
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).flatten(1).sum(1)
        if inputs.is_floating_point():
            error = (outputs.reshape(inputs.shape) - inputs).square().mean()
            without = (inputs - inputs.mean(0)).square().mean()
        else:
            # Leave out positions that are mostly alike: beginnings and padding.
            varied = (inputs == inputs.mode(0).values).float().mean(0) < 0.5
            inputs = inputs[:, varied].flatten()
            logits = outputs[:, varied].flatten(0, 1)
            error = nn.functional.cross_entropy(logits, inputs)
            shares = inputs.bincount() / inputs.numel()
            without = -torch.special.xlogy(shares, shares).sum()
    empty = kl.mean() < 0.1 and kl.max() < 1  # rare samples may hold all the nats
    if empty and error < 0.7 * without:
        return f"a code holds {kl.mean():.3f} nats, yet the error is {error / without:.0%} of that of a constant"


def codes_off_the_prior(mean, log_variance):
    """Compare the codes of a shuffled batch, 30 or more, with N(0, 1), from which samples are drawn."""
    if len(mean) < 30:
        return None  # too few codes to measure a spread
    with torch.no_grad():
        center = mean.flatten(1).mean(0)
        variance = mean.flatten(1).var(0) + log_variance.flatten(1).exp().mean(0)
        spread = variance.sqrt().clamp(min=1e-6)
    off = (center.abs() > 0.7) | (spread.log().abs() > 0.4)
    if off.float().mean() > 0.2:
        worst = torch.maximum(center.abs() / 0.7, spread.log().abs() / 0.4).argmax()
        found = f"mean {center[worst]:.2f}, deviation {spread[worst]:.2f}"
        return f"{int(off.sum())} of {len(off)} dimensions are not like N(0, 1); the worst has {found}"


def tensors_without_gradient(optimizer):
    """Right after backward(), list what the optimizer should train and no loss reaches."""
    held = [
        p
        for group in optimizer.param_groups
        for p in group["params"]
        if p.requires_grad
    ]
    missed = [p for p in held if p.grad is None or not p.grad.any()]
    if missed and len(missed) < len(held):
        shapes = ", ".join(str(tuple(p.shape)) for p in missed[:3])
        return f"{len(missed)} of {len(held)} tensors in the optimizer get no gradient; their shapes are {shapes}"
