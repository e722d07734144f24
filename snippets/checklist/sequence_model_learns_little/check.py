"""Why a recurrent network learns little: call these with one batch, sequences (samples, time, …). They change nothing."""

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence


def reads_past_the_end(model, inputs, pad=0, most=32):
    """Cut the padding behind single samples off, and compare: as many forward passes as `most`.

    Padding is `pad` in all features, behind the last step that is not.
    """
    recurrent = any(isinstance(layer, nn.RNNBase) for layer in model.modules())
    ends = ends_of(inputs, pad)
    short = (ends < inputs.shape[1]).logical_and(ends > 0).nonzero().flatten()[:most]
    outputs = undisturbed(model, inputs)
    if not recurrent or len(short) == 0 or outputs.dim() > 2:
        return None
    if not torch.equal(outputs, undisturbed(model, inputs, seed=1)):
        return None  # it draws random numbers in evaluation mode
    alone = torch.stack(
        [undisturbed(model, inputs[i : i + 1, : ends[i]])[0] for i in short]
    )
    change = (outputs[short] - alone).abs().reshape(len(short), -1).amax(dim=1)
    change = change / outputs.abs().max()
    if change.max() > 1e-3:
        return (
            f"outputs of {int((change > 1e-3).sum())} of {len(short)} padded samples change, "
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
    lengths = None
    if isinstance(states, PackedSequence):
        slopes, lengths = pad_packed_sequence(
            states._replace(data=slopes), batch_first=True
        )
    elif not layer.batch_first:
        slopes = slopes.transpose(0, 1)
    used = slopes[..., slopes.shape[-1] // 2 :].abs().sum(dim=-1) > 0
    place, time = used.float().argmax(dim=1), used.shape[1]  # the first that is used
    last = (
        ends_of(inputs, pad).to(place) if lengths is None else lengths.to(place)
    ) - 1
    at_the_end = (place == time - 1) | (place == last)
    if len(inputs) == len(used) and at_the_end.all() and place.any():
        return (
            f"{layers[layer] or 'the layer'}: the backward half of the states is read at the end only, "
            "where it has seen nothing of what stands before"
        )


def pieces_against_the_whole(model, inputs, answer=None):
    """Compare what you get in pieces, `answer` (sequences → last outputs), with one call on the whole sequences."""
    whole = undisturbed(model, inputs)
    pieces = undisturbed(model, inputs, answer)
    if pieces.shape != whole.shape:
        return None
    change = ((pieces - whole).abs().max() / whole.abs().max()).item()
    if change > 1e-3:
        return (
            f"in pieces, outputs differ from those of the whole sequences by up to {change:.0%} of the largest: "
            "the pieces do not continue each other"
        )


def ends_of(inputs, pad):
    """Give the place behind the last step of each sample that is not padding."""
    real = inputs != pad if inputs.dim() == 2 else (inputs != pad).flatten(2).any(dim=2)
    return (real * torch.arange(1, real.shape[1] + 1).to(real.device)).amax(dim=1)


def undisturbed(model, inputs, function=None, grad=False, seed=0):
    """Run the model, or a function that calls it, in evaluation mode; all modules are then as before."""
    kept = [(module, dict(vars(module))) for module in model.modules()]
    model.eval()
    try:
        with torch.set_grad_enabled(grad), torch.random.fork_rng():
            torch.manual_seed(seed)
            outputs = (function or model)(inputs)
    finally:
        for module, values in kept:
            vars(module).clear()
            vars(module).update(values)
    return outputs[0] if isinstance(outputs, tuple) else outputs
