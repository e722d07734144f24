"""Why other samples change a prediction: call these with the model and one batch; four forward passes at most."""

import torch
from torch import nn


def statistics_of_the_batch(model):
    """List layers that normalize with the statistics of the batch: those in training mode, or without running ones."""
    kind = nn.modules.batchnorm._BatchNorm
    layers = {
        name: layer for name, layer in model.named_modules() if isinstance(layer, kind)
    }
    found = [
        name
        for name, layer in layers.items()
        if layer.training or layer.running_mean is None
    ]
    if found:
        return f"{len(found)} of {len(layers)} batch normalizations use the batch's statistics: {', '.join(found[:3])}"


def softmax_over_the_batch(outputs):
    """Ask whether the outputs sum to 1 over the samples, and not over the classes."""
    shares = outputs.detach().float()
    if shares.max() <= 0:
        shares = shares.exp()  # logarithms of probabilities
    sums = shares.sum(dim=0), shares.sum(dim=-1)
    over_samples, over_classes = ((s - 1).abs().max().item() < 1e-2 for s in sums)
    if over_samples and not over_classes and shares.min() >= 0:
        return f"outputs of a class sum to 1 over {len(outputs)} samples; those of a sample sum to {sums[1][0]:.2f}"


def attention_over_the_batch(model, inputs):
    """List attention and recurrent layers that take the samples for the sequence: one forward pass."""
    found, samples = [], len(inputs)
    kinds = (
        nn.MultiheadAttention,
        nn.RNNBase,
        nn.TransformerEncoder,
        nn.TransformerEncoderLayer,
    )

    def look(module, args, kwargs):
        first = args[0] if args else next(iter(kwargs.values()))
        attention = getattr(module, "self_attn", module)
        time_first = not getattr(attention, "batch_first", True)
        plain = torch.is_tensor(first) and not first.is_nested
        time_first = time_first and plain and first.dim() == 3
        if time_first and first.shape[0] == samples and first.shape[1] != samples:
            found.append(
                f"{names[module]} gets {tuple(first.shape)} and has batch_first=False"
            )

    names = {
        module: name
        for name, module in model.named_modules()
        if isinstance(module, kinds)
    }
    hooks = [
        module.register_forward_pre_hook(look, with_kwargs=True) for module in names
    ]
    in_eval_mode(model, inputs, hooks)
    if found:
        return f"with {samples} samples, {found[0]}"


def padding_that_counts(model, inputs, padding=0):
    """Ask whether more padding at the end changes the outputs: for a batch of token ids, (samples, tokens)."""
    if inputs.is_floating_point() or inputs.dim() != 2:
        return None
    more = torch.cat([inputs, torch.full_like(inputs[:, :8], padding)], dim=1)
    before, after = in_eval_mode(model, inputs), in_eval_mode(model, more)
    if before.shape != after.shape:
        after = after[:, : before.shape[1]]  # an output for each token
    change = (after - before).abs().max().item()
    rounding = max(1e-4, 8 * torch.finfo(before.dtype).eps)
    if change > rounding * max(1.0, before.abs().max().item()):
        return f"{more.shape[1] - inputs.shape[1]} more tokens of padding change the outputs by up to {change:.3f}"


def first_layer_that_mixes(model, inputs):
    """Replace all samples but the first, and name the first layer whose output for the first one changes."""
    found = layers_that_mix(model, inputs)
    fewer = layers_that_mix(model, inputs[:-1]) if len(inputs) > 2 else found
    for name, change in found.items():
        if name in fewer:  # where time is as long as the batch, it is not so in both
            return f"in layer '{name}' sample 0 changes by {change:.3f} when the other samples are set to 0"


def layers_that_mix(model, inputs):
    """The layers whose output for the first sample changes, and by how much: two forward passes."""
    names = {
        module: name
        for name, module in model.named_modules()
        if not list(module.children())
    }
    seen = []
    for batch in (inputs, torch.cat([inputs[:1], torch.zeros_like(inputs[1:])])):
        outputs = []

        def keep(module, args, output, outputs=outputs):
            plain = torch.is_tensor(output) and not output.is_nested
            if plain and output.dim() and len(output) == len(inputs):
                outputs.append((names[module], output[0].clone()))

        hooks = [module.register_forward_hook(keep) for module in names]
        in_eval_mode(model, batch, hooks)
        seen.append(outputs)
    found = {}
    for (name, one), (_, other) in zip(*seen, strict=True):
        change = (one - other).abs().max().item()
        if change > 1e-4 * one.abs().max().item() + 1e-6:
            found.setdefault(name, change)
    return found


def in_eval_mode(model, inputs, hooks=()):
    """Outputs in evaluation mode, with the same chance each time; hooks go, modes and chance are set back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            return model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes:
            module.training = training
