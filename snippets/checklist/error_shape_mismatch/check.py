"""Which shape does not fit: call these with the model and the batch at hand when the error was raised."""

import random

import numpy as np
import torch
from torch import nn


def run_until_error(model, inputs):
    """Run the model on the batch: the error, the layer that raised it, and the shape that the layer got."""
    entered, hooks = [], []

    def enter(layer, args):
        entered.append(
            (layer, args[0].shape if args and torch.is_tensor(args[0]) else ())
        )

    def leave(layer, args, output):
        entered.pop()

    for layer in model.modules():
        if not list(layer.children()):
            hooks += [
                layer.register_forward_pre_hook(enter),
                layer.register_forward_hook(leave),
            ]
    modes = [(one, one.training) for one in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            model(inputs)
        return None, None, None
    except Exception as error:
        return error, *(entered[-1] if entered else (None, None))
    finally:
        for hook in hooks:
            hook.remove()
        for one, mode in modes:
            one.training = mode


def linear_layer_with_other_size(model, inputs):
    """Name the linear layer whose in_features is not the length of the rows that reach it."""
    _, layer, shape = run_until_error(model, inputs)
    if (
        isinstance(layer, nn.Linear)
        and len(shape) == 2
        and shape[0] == len(inputs)
        and shape[1] != layer.in_features
    ):
        return f"{layer} gets rows of {shape[1]} numbers: write nn.Linear({shape[1]}, {layer.out_features})"


def image_that_was_not_flattened(model, inputs):
    """Ask whether a linear layer gets images, channels and all, whose numbers together are its in_features."""
    _, layer, shape = run_until_error(model, inputs)
    if (
        isinstance(layer, nn.Linear)
        and len(shape) > 2
        and shape[1:].numel() == layer.in_features
    ):
        return f"{layer} gets {list(shape)}: flattened, each sample has {shape[1:].numel()} numbers, which fit"


def channels_at_the_end(model, inputs):
    """Ask whether the channels of a convolution's images or sequences stand last, or have no axis at all."""
    _, layer, shape = run_until_error(model, inputs)
    if not isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return None
    dims = layer.weight.dim() - 2
    first, *middle, last = shape[-dims - 1 :]  # of one sample
    if first != layer.in_channels == last < min([first, *middle]):
        start = len(shape) - dims - 1
        axes = [*range(start), len(shape) - 1, *range(start, len(shape) - 1)]
        return f"{layer} wants {last} channels on axis {start} and gets {list(shape)}: permute{tuple(axes)}"
    if (
        len(shape) == dims + 1
        and layer.in_channels == 1
        and shape[0] == len(inputs) > 4
    ):
        return f"{layer} takes {list(shape)} for one sample of {first} channels: unsqueeze(1)"


def number_of_channels(model, inputs):
    """Ask whether a convolution gets channels on the right axis, but too few or too many (3 for colour, 1 for grey)."""
    _, layer, shape = run_until_error(model, inputs)
    if (
        isinstance(layer, nn.Conv2d)
        and len(shape) == 4
        and layer.in_channels != shape[1]
        and not (shape[1] == shape[2] > shape[3])  # square images, channels last
        and not channels_at_the_end(model, inputs)
    ):
        return f"{layer} wants {layer.in_channels} channels and gets {shape[1]}, in a batch of shape {list(shape)}"


def batch_that_changed_its_size(model, inputs, targets):
    """Ask whether as many rows leave the model as samples enter it, or as there are targets."""
    modes = [(one, one.training) for one in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            outputs = model(inputs)
    except Exception:
        return None
    finally:
        for one, mode in modes:
            one.training = mode
    rows = len(outputs) if torch.is_tensor(outputs) and outputs.dim() else len(targets)
    if rows not in (len(inputs), len(targets)):
        return f"{len(inputs)} samples enter the model and {rows} rows leave it: a view or reshape changed the batch"


def target_of_other_shape(outputs, targets):
    """Ask whether outputs and targets hold as many numbers, in different shapes."""
    if outputs.shape != targets.shape and outputs.numel() == targets.numel():
        without_ones = [
            [size for size in one.shape if size > 1] for one in (outputs, targets)
        ]
        remedy = (
            "squeeze or unsqueeze one"
            if without_ones[0] == without_ones[1]
            else "reshape one"
        )
        return f"outputs have shape {list(outputs.shape)} and targets {list(targets.shape)}, as many numbers: {remedy}"


def labels_with_an_axis_too_many(outputs, targets):
    """Ask whether class numbers have an axis too many, as (samples, 1) or (samples, 1, height, width), or are one-hot."""
    if outputs.dim() < 2 or outputs.shape[1] < 2 or (targets != targets.round()).any():
        return None
    if targets.shape == (len(outputs), 1, *outputs.shape[2:]):
        return f"targets have shape {list(targets.shape)}, an axis too many for class numbers: targets.squeeze(1).long()"
    if (
        targets.shape == outputs.shape
        and not targets.is_floating_point()
        and (targets.sum(dim=1) == 1).all()
    ):
        return f"targets have shape {list(targets.shape)}, a single 1 for each sample: targets.argmax(dim=1)"


def labels_outside_the_outputs(outputs, targets, ignore_index=-100):
    """Ask whether a class number is negative or not smaller than the number of outputs."""
    labels = targets[targets != ignore_index]
    if labels.is_floating_point() or outputs.dim() < 2 or not len(labels):
        return None
    classes = (
        outputs.shape[-1] if outputs.shape[:-1] == targets.shape else outputs.shape[1]
    )
    if classes > 1 and (labels.min() < 0 or labels.max() >= classes):
        return f"labels go from {labels.min()} to {labels.max()}, and outputs stand for 0 to {classes - 1}"


def numbers_outside_a_table(model, inputs):
    """Name the embedding that gets a number for which it has no row."""
    seen, hooks = {}, []

    def note(layer, args, kwargs):
        numbers = args[0] if args else kwargs["input"]
        if numbers.numel():
            seen[layer] = numbers.min().item(), numbers.max().item()

    for layer in model.modules():
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
            hooks.append(layer.register_forward_pre_hook(note, with_kwargs=True))
    try:
        run_until_error(model, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    for name, layer in model.named_modules():
        low, high = seen.get(layer, (0, 0))
        if low < 0 or high >= getattr(layer, "num_embeddings", high + 1):
            return f"{name or 'the embedding'} has {layer.num_embeddings} rows and gets numbers from {low} to {high}"


def size_that_halving_lost(model, inputs):
    """Ask whether a layer halves an odd size, so that after doubling it a skip connection does not fit."""
    odd = []

    def note(layer, args):
        size = args[0].shape[args[0].dim() - dims[layer] :]
        stride = (
            layer.stride
            if isinstance(layer.stride, tuple)
            else (layer.stride,) * len(size)
        )
        if any(number % step for number, step in zip(size, stride, strict=True)):
            odd.append(f"{type(layer).__name__} divides {list(size)} by {stride[0]}")

    dims = {
        layer: int(type(layer).__name__[-2])  # MaxPool2d, Conv1d
        for layer in model.modules()
        if hasattr(layer, "stride") and type(layer).__name__[-2:] in ("1d", "2d", "3d")
        if not getattr(layer, "transposed", False)
    }
    hooks = [layer.register_forward_pre_hook(note) for layer in dims]
    try:
        error, _, _ = run_until_error(model, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    fits = (
        not error
        or "must match" not in str(error)
        or "non-singleton dimension 1" in str(error)
    )
    if odd and not fits:
        return f"{odd[0]}: {error}"


def samples_of_different_shapes(train_loader):
    """Compare the shapes of up to 100 samples, and of their labels."""
    if (
        train_loader.collate_fn is not torch.utils.data.default_collate
        or train_loader.batch_size in (None, 1)
    ):
        return None
    shapes, states = {}, (random.getstate(), np.random.get_state())
    try:
        with torch.random.fork_rng():
            for number in range(min(100, len(train_loader.dataset))):
                sample = train_loader.dataset[number]
                parts = (
                    sample.values()
                    if isinstance(sample, dict)
                    else sample
                    if isinstance(sample, tuple)
                    else [sample]
                )
                shapes.setdefault(
                    tuple(tuple(np.shape(part)) for part in parts), number
                )
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    if len(shapes) > 1:
        (one, first), (other, second) = list(shapes.items())[:2]
        return f"sample {first} has shapes {one}, sample {second} has {other}, and there is no collate_fn that pads"
