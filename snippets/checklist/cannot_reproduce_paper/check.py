"""Compare your run with the paper; paper is a dict of what its tables and its code say."""

import torch
from torch.nn.functional import interpolate


def parameter_count(model, paper):
    """Count the parameters, shared ones once, and say where they lie."""
    ours = sum(p.numel() for p in model.parameters())
    digits = str(paper["parameters"])
    rounding = 10 ** (len(digits) - len(digits.rstrip("0")))  # of the paper's table
    if abs(ours - paper["parameters"]) >= max(rounding, 1):
        largest = sorted(model.named_parameters(), key=lambda one: -one[1].numel())[:3]
        where = ", ".join(f"{name} {p.numel()}" for name, p in largest)
        return f"{ours} parameters, the paper has {paper['parameters']}; the largest of ours: {where}"


def rate_of_another_batch(optimizer, inputs, paper):
    """Scale the paper's learning rate to this batch: linearly for SGD, by the root for others; before any cut."""
    power = 1.0 if isinstance(optimizer, torch.optim.SGD) else 0.5
    factor = (len(inputs) / paper["batch_size"]) ** power
    group = optimizer.param_groups[0]
    rate = group.get("max_lr", group.get("initial_lr", group["lr"]))
    ratio = rate / (paper["lr"] * factor)
    if not 0.499 < ratio < 2.001:
        return (
            f"batch {len(inputs)} at {rate:.3g}, the paper has batch {paper['batch_size']} at "
            f"{paper['lr']:.3g}: that is {ratio:.3g} times the learning rate for this batch"
        )


def accuracy_by_crop(model, images_test, x_test, y_test, crop_ratio):
    """Score the same images at several crop ratios; costs four forward passes."""
    size = x_test.shape[-1]
    modes = {module: module.training for module in model.modules()}
    wrong = {}
    model.eval()
    try:
        for ratio in {crop_ratio, 0.8, 0.875, 0.95, 1.0}:
            whole = round(size / ratio)
            edge = (whole - size) // 2
            x = interpolate(images_test, whole, mode="bilinear")
            x = x[..., edge : edge + size, edge : edge + size]
            with torch.no_grad():
                wrong[ratio] = model(x).argmax(dim=1) != y_test
    finally:
        for module, mode in modes.items():
            module.training = mode
    best = min(wrong, key=lambda ratio: wrong[ratio].sum().item())
    changed = (wrong[best] != wrong[crop_ratio]).sum().item()
    gained = (wrong[crop_ratio].sum() - wrong[best].sum()).item()
    if (
        gained > 2 * changed**0.5
    ):  # by chance in fewer than one set in ten, for four ratios
        return (
            f"error {wrong[crop_ratio].float().mean():.3f} at crop ratio {crop_ratio}, "
            f"{wrong[best].float().mean():.3f} at crop ratio {best}"
        )


def average_left_out(ema, x_test, y_test, test_outputs):
    """Ask whether the score is that of the averaged weights; costs one forward pass."""
    modes = {module: module.training for module in ema.modules()}
    ema.eval()
    try:
        with torch.no_grad():
            averaged = ema(x_test).float()
    finally:
        for module, mode in modes.items():
            module.training = mode
    if not torch.allclose(averaged, test_outputs.float(), rtol=1e-3, atol=1e-3):
        raw, mean = (
            (o.argmax(dim=1) != y_test).float().mean().item()
            for o in (test_outputs, averaged)
        )
        return f"the score {raw:.3f} is not that of the averaged weights, whose error is {mean:.3f}"


def vectors_that_decay(optimizer):
    """List biases, gains and other vectors with weight decay: many recipes leave them out."""
    decayed = [
        p
        for group in optimizer.param_groups
        for p in group["params"]
        if p.dim() < 2 and p.numel() and p.requires_grad
        if group.get("weight_decay", 0) > 0
    ]
    if decayed:
        largest = max(p.abs().max().item() for p in decayed)
        return f"biases and gains with weight decay: {len(decayed)}; the largest of their values is {largest:.1f}"


def epsilon_outside_the_root(optimizer, paper):
    """Compare RMSprop's divisor with the one of TensorFlow, where epsilon is inside the root."""
    if not isinstance(optimizer, torch.optim.RMSprop) or "eps" not in paper:
        return None
    eps = optimizer.param_groups[0]["eps"]
    states = [s for s in optimizer.state.values() if "square_avg" in s]
    squares = [s["square_avg"].flatten() for s in states]
    if not squares:
        return None  # before the first update
    v = torch.cat(squares)
    ratio = ((v + paper["eps"]).sqrt() / (v.sqrt() + eps)).median().item()
    if ratio > 2:
        return f"half of all updates are over {ratio:.0f} times as large as with epsilon {paper['eps']} inside the root"


def batch_norm_of_the_other_convention(model):
    """Look for running statistics that forget all but the last batches."""
    norms = [
        m
        for m in model.modules()
        if isinstance(m, torch.nn.modules.batchnorm._BatchNorm) and m.momentum
    ]
    fast = [m.momentum for m in norms if m.momentum > 0.5]
    if fast:
        return (
            f"{len(fast)} batch norms have momentum {max(fast)}: the last batch alone makes "
            f"{max(fast):.0%} of what is used in evaluation"
        )
