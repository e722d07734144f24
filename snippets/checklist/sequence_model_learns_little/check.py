"""Why a recurrent network learns little: call these with one batch, sequences (samples, time, …). They change nothing."""

from contextlib import nullcontext

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence


def reads_past_the_end(model, inputs, pad=0, most=32):
    """Cut the padding behind single samples off, and compare: as many forward passes as `most`.

    Padding is `pad` in all features, behind the last step that is not; nothing is said of a `pad` that is as common
    before it, as a word or a value of its own is.
    """
    recurrent = any(isinstance(layer, nn.RNNBase) for layer in model.modules())
    ends = ends_of(inputs, pad)
    short = (ends < inputs.shape[1]).logical_and(ends > 0).nonzero().flatten()
    before = torch.arange(inputs.shape[1], device=ends.device) < ends[:, None]
    inside = (before & ~real_steps(inputs, pad)).sum() / before.sum()
    outputs = undisturbed(model, inputs)
    if not recurrent or outputs.dim() > 2 or len(short) <= 2 * inside * len(inputs):
        return None
    if not torch.equal(outputs, undisturbed(model, inputs, seed=1)):
        return None  # it draws random numbers in evaluation mode
    short = short[:most]
    alone = torch.stack(
        [undisturbed(model, inputs[[i, i], : ends[i]])[0] for i in short.tolist()]
    )  # each twice: a model may squeeze its outputs
    change = (outputs[short] - alone).abs().reshape(len(short), -1).amax(dim=1)
    change = change / outputs.abs().max()
    if change.max() > rounding(outputs):
        return (
            f"outputs of {int((change > rounding(outputs)).sum())} of {len(short)} padded samples change, "
            f"by up to {change.max():.0%} of the largest, when the padding behind their end is cut off"
        )


def backward_half_at_the_end(model, inputs, pad=0):
    """Ask which positions of a bidirectional layer's states the outputs depend on: one forward pass."""
    layers = {
        layer: name
        for name, layer in model.named_modules()
        if isinstance(layer, nn.RNNBase) and layer.bidirectional
    }
    seen = []

    def cut(layer, args, result):
        states = result[0].data if isinstance(result[0], PackedSequence) else result[0]
        leaf = states.detach().requires_grad_()
        seen.append((layer, leaf, result[0]))
        if isinstance(result[0], PackedSequence):
            return result[0]._replace(data=leaf), result[1]
        return leaf, result[1]

    hooks = [layer.register_forward_hook(cut) for layer in layers]
    try:
        outputs = undisturbed(model, inputs, grad=True)
    finally:
        for hook in hooks:
            hook.remove()
    if not seen or outputs.dim() > 2 or not outputs.requires_grad:
        return None
    layer, leaf, states = seen[-1]
    weights = torch.rand(
        outputs.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    (slopes,) = torch.autograd.grad(
        (outputs * weights.to(outputs)).sum(), leaf, allow_unused=True
    )
    if slopes is None or leaf.dim() + isinstance(states, PackedSequence) != 3:
        return None
    slopes, lengths = samples_first(slopes, states, layer)
    used = slopes[..., slopes.shape[-1] // 2 :].abs().sum(dim=-1) > 0
    place, time = used.float().argmax(dim=1), used.shape[1]  # the first that is used
    last = (ends_of(inputs, pad) if lengths is None else lengths).to(place) - 1
    if len(inputs) != len(used):
        return None
    at_the_end = (place == time - 1) | (place == last)
    alive = used.any(dim=1)  # not so where a ReLU behind is 0
    if alive.any() and at_the_end[alive].all() and place[alive].any():
        return (
            f"{layers[layer] or 'the layer'}: the backward half of the states is read at the end only, "
            "where it has seen nothing of what stands before"
        )


def samples_first(slopes, states, layer):
    """Give the slopes as (samples, time, features), and the lengths where the states are packed."""
    if isinstance(states, PackedSequence):
        return pad_packed_sequence(states._replace(data=slopes), batch_first=True)
    return slopes if layer.batch_first else slopes.transpose(0, 1), None


def pieces_against_the_whole(model, inputs, answer=None):
    """Compare what you get in pieces, `answer` (sequences → last outputs), with one call on the whole sequences."""
    whole = undisturbed(model, inputs)
    pieces = undisturbed(model, inputs, answer)
    if pieces.shape != whole.shape:
        return None
    if not torch.equal(whole, undisturbed(model, inputs, seed=1)):
        return None  # it draws random numbers in evaluation mode
    change = ((pieces - whole).abs().max() / whole.abs().max()).item()
    if change > rounding(whole):
        return (
            f"in pieces, outputs differ from those of the whole sequences by up to {change:.0%} of the largest: "
            "the pieces do not continue each other"
        )


def ends_of(inputs, pad):
    """Give the place behind the last step of each sample that is not padding."""
    real = real_steps(inputs, pad)
    return (real * torch.arange(1, real.shape[1] + 1).to(real.device)).amax(dim=1)


def real_steps(inputs, pad):
    """Tell which steps are not `pad` in all features."""
    return inputs != pad if inputs.dim() == 2 else (inputs != pad).flatten(2).any(dim=2)


def rounding(outputs):
    """Give the relative change that is put down to rounding: more in half precision."""
    kind = outputs.dtype if outputs.is_floating_point() else torch.float32
    return max(1e-3, 4 * torch.finfo(kind).eps)


def undisturbed(model, inputs, function=None, grad=False, seed=0):
    """Run the model, or a function that calls it, in evaluation mode; all modules are then as before."""
    kept = [(module, dict(vars(module))) for module in model.modules()]
    buffers = [(module._buffers, dict(module._buffers)) for module, _ in kept]
    values = [
        (b, b.clone()) for _, held in buffers for b in held.values() if b is not None
    ]
    native = torch.backends.cudnn.flags(
        enabled=False
    )  # cuDNN: no gradient in eval mode
    try:
        model.eval()
        with (
            native if grad else nullcontext(),
            torch.set_grad_enabled(grad),
            torch.random.fork_rng(),
        ):
            torch.manual_seed(seed)
            outputs = (function or model)(inputs)
    finally:
        for module, attributes in kept:
            vars(module).clear()
            vars(module).update(attributes)
        for names, held in buffers:
            names.clear()
            names.update(held)
        for buffer, value in values:
            if not torch.equal(buffer, value):
                buffer.data.copy_(value)
    return outputs[0] if isinstance(outputs, tuple) else outputs
