"""Whether axes stand where the network expects them: call these on one batch. They change nothing."""

import torch
from torch.nn import functional


def pictures_that_were_reshaped(inputs):
    """Ask whether pixels fit their neighbours better when channels are put last."""
    if inputs.dim() != 4:
        return None
    inputs = inputs.float()
    n, c, h, w = inputs.shape
    undone = inputs.reshape(n, h, w, c).permute(0, 3, 1, 2)
    jumps, jumps_undone = (
        (x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean()).item()
        for x in (inputs, undone)
    )
    if c > 1 and jumps_undone < 0.8 * jumps:
        return (
            f"neighbouring pixels differ by {jumps / 2:.3f}, and by {jumps_undone / 2:.3f} "
            "when read as (height, width, channel)"
        )


def samples_that_see_each_other(model, inputs):
    """Put copies of the first sample for all but the last, and see whether the output for the last one changes."""
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        other = torch.cat([inputs[:1].expand_as(inputs[:-1]), inputs[-1:]])
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            before = model(inputs)[-1].float()
            torch.manual_seed(0)
            after = model(other)[-1].float()
    finally:
        for module, training in modes:
            module.training = training
    change = ((after - before).abs().max() / before.abs().max()).item()
    if change > 1e-3:
        return f"the output for one sample changes by {change:.0%} when other samples stand beside it"


def loss_of_rearranged_logits(outputs, targets, loss):
    """Compute the cross-entropy of (sample, place, class) logits place by place, and compare."""
    if outputs.shape[:-1] != targets.shape:
        return None  # classes do not stand last, or the targets are no class numbers
    logits = outputs.flatten(0, -2).float()
    right = functional.cross_entropy(logits, targets.flatten()).item()
    if abs(loss.item() - right) > 1e-2 * max(1.0, right):
        return f"the loss is {loss.item():.3f}; place by place it is {right:.3f}"


def attention_that_moves_tokens(attention, hidden):
    """Move the tokens by one place: self-attention without mask or positions only moves its outputs."""
    modes = [(m, m.training) for m in attention.modules()]
    attention.eval()
    try:
        with torch.no_grad():
            straight = attention(hidden).float()
            back = attention(hidden.roll(1, 1)).roll(-1, 1).float()
    finally:
        for module, training in modes:
            module.training = training
    change = ((straight - back).abs().max() / straight.abs().max()).item()
    if change > max(1e-3, 8 * torch.finfo(hidden.dtype).eps):
        return f"moving the tokens by one place changes their outputs by {change:.0%}: parts of them change places inside"
