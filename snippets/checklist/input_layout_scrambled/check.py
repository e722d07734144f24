"""Whether axes stand where the network expects them: call these on one batch. They change nothing."""

import torch
from torch.nn import functional


def pictures_that_were_reshaped(inputs):
    """Ask whether pixels fit their neighbours better when channels are put last."""
    if inputs.dim() != 4:
        return None
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
    """Reorder all other samples, and see whether the output for the last one changes."""
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    with torch.no_grad():
        other = torch.cat([inputs[:-1].flip(0), inputs[-1:]])
        before, after = model(inputs)[-1], model(other)[-1]
    for module, training in modes:
        module.training = training
    change = ((after - before).abs().max() / before.abs().max()).item()
    if change > 1e-3:
        return f"the output for one sample changes by {change:.0%} when the others change places"


def loss_of_rearranged_logits(outputs, targets, loss):
    """Compute the cross-entropy of (sample, place, class) logits place by place, and compare."""
    right = functional.cross_entropy(outputs.flatten(0, -2), targets.flatten()).item()
    if abs(loss.item() - right) > 1e-3 * max(1.0, right):
        return f"the loss is {loss.item():.3f}; place by place it is {right:.3f}"


def attention_that_moves_tokens(attention, hidden):
    """Reverse the tokens: self-attention without mask or positions only reverses its output."""
    modes = [(m, m.training) for m in attention.modules()]
    attention.eval()
    with torch.no_grad():
        straight, back = attention(hidden), attention(hidden.flip(1)).flip(1)
    for module, training in modes:
        module.training = training
    change = ((straight - back).abs().max() / straight.abs().max()).item()
    if change > 1e-3:
        return f"reversing the tokens changes their outputs by {change:.0%}: parts of them change places inside"
