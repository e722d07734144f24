"""Where a checkerboard comes from: call these after training, with the last batch; they change nothing."""

import torch
from torch import nn


def uneven_overlap(model, inputs):
    """Look for transposed convolutions that write on some pixels more often than on others."""
    found = _patterns(model, inputs, nn.ConvTranspose2d)
    for name, module, share in found:
        sizes = zip(module.kernel_size, module.stride, strict=True)
        if share > 0.1 and any(kernel % stride for kernel, stride in sizes):
            kernel, stride = module.kernel_size, module.stride
            return f"{name}: kernel {kernel}, no multiple of stride {stride}; the pattern is {share:.0%} of the contrast"


def sub_pixels_that_differ(model, inputs):
    """Ask whether the sub-pixels that PixelShuffle sets side by side have different means."""
    for name, module, share in _patterns(model, inputs, nn.PixelShuffle):
        if share > 0.1:
            cell = module.upscale_factor
            return f"{name}: means of the {cell} x {cell} sub-pixels differ by {share:.0%} of its output's contrast"


def _patterns(model, inputs, kinds):
    """What share of the spread of such layers' outputs is a pattern of the period of their stride."""
    found, hooks = [], []

    def look(name, module, output):
        cell = getattr(module, "upscale_factor", None) or max(module.stride)
        found.append((name, module, _spread(output.detach(), cell)))

    for name, module in model.named_modules():
        if isinstance(module, kinds):
            hooks.append(
                module.register_forward_hook(
                    lambda module, _, output, name=name: look(name, module, output)
                )
            )
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return found


def _spread(picture, cell):
    """How far the means at the places of a cell spread, in share of the contrast of a channel; over all channels."""
    rows = picture.shape[-2] // cell * cell
    columns = picture.shape[-1] // cell * cell
    channels = picture[..., :rows, :columns].reshape(
        -1, *picture.shape[-3:-2], rows, columns
    )
    places = (
        channels.unfold(2, cell, cell)
        .unfold(3, cell, cell)
        .mean(dim=(0, 2, 3))
        .flatten(1)
    )
    contrast = channels.var(dim=(0, 2, 3)).sum().clamp(min=1e-24)
    return (places.var(dim=1).sum() / contrast).sqrt().item()


def gradient_with_a_grid(model, loss_fn, inputs, targets):
    """Compare the gradient that reaches the picture at the four places of 2 x 2 pixels. Costs a backward pass."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.enable_grad(), torch.random.fork_rng():
            picture = inputs.detach().clone().requires_grad_()
            loss = loss_fn(model(picture), targets)
            (gradient,) = torch.autograd.grad(loss, picture)
    finally:
        for module, mode in modes:
            module.training = mode
    size = gradient.abs()
    means = torch.stack([size[..., y::2, x::2].mean() for y in (0, 1) for x in (0, 1)])
    chance = size.std() / (size.numel() / 4) ** 0.5  # the error of such a mean
    if means.max() > 1.25 * means.min() > 0 and means.max() - means.min() > 5 * chance:
        return f"one pixel in four gets {means.max() / means.min():.1f} times the gradient of another: look at the strides"


def tiles_that_do_not_add_up(predict, page):
    """Sew a white page together from tiles, with a model that returns what it is given: it must stay white."""
    sewn = predict(nn.Identity(), torch.ones_like(page))
    low, high = sewn.min().item(), sewn.max().item()
    if not (abs(low - 1) < 0.01 and abs(high - 1) < 0.01):
        return f"sewn together from tiles, a page of ones has values from {low:.2f} to {high:.2f}"
