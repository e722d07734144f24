"""Which shape does not fit: call these with the model and the batch at hand when the error was raised."""

import torch
from torch import nn


def run_until_error(model, inputs):
    """Run the model on the batch: the error, the layer that raised it, and the shape that the layer got."""
    entered, hooks = [], []

    def enter(layer, args):
        entered.append((layer, args[0].shape))

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
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model(inputs)
        return None, None, None
    except (RuntimeError, ValueError) as error:
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
    """Ask whether a convolution's channels stand on another axis than the second."""
    _, layer, shape = run_until_error(model, inputs)
    if isinstance(layer, nn.Conv2d) and shape[1] != layer.in_channels == shape[-1]:
        return f"{layer} wants {layer.in_channels} channels on axis 1 and gets {list(shape)}: permute(0, 3, 1, 2)"


def number_of_channels(model, inputs):
    """Ask whether a convolution gets channels on the right axis, but too few or too many (3 for colour, 1 for grey)."""
    _, layer, shape = run_until_error(model, inputs)
    if (
        isinstance(layer, nn.Conv2d)
        and len(shape) == 4
        and layer.in_channels not in (shape[1], shape[-1])
    ):
        return f"{layer} wants {layer.in_channels} channels and gets {shape[1]}, in a batch of shape {list(shape)}"


def batch_that_changed_its_size(model, inputs):
    """Ask whether as many rows leave the model as samples enter it."""
    modes = [(one, one.training) for one in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            rows = len(model(inputs))
    except (RuntimeError, ValueError):
        return None
    finally:
        for one, mode in modes:
            one.training = mode
    if rows != len(inputs):
        return f"{len(inputs)} samples enter the model and {rows} rows leave it: a view or reshape mixes samples"


def target_of_other_shape(outputs, targets):
    """Ask whether outputs and targets hold as many numbers, in different shapes."""
    if outputs.shape != targets.shape and outputs.numel() == targets.numel():
        return f"outputs have shape {list(outputs.shape)} and targets {list(targets.shape)}, the same numbers: squeeze(1)"


def labels_with_an_axis_too_many(outputs, targets):
    """Ask whether class numbers stand in a column, of shape (samples, 1)."""
    whole = not targets.is_floating_point()
    if (
        whole
        and outputs.dim() == 2
        and outputs.shape[1] > 1
        and targets.shape == (len(outputs), 1)
    ):
        return f"targets have shape {list(targets.shape)}, a column, instead of [{len(targets)}]: targets.squeeze(1)"


def labels_outside_the_outputs(outputs, targets, ignore_index=-100):
    """Ask whether a class number is negative or not smaller than the number of outputs."""
    labels = targets[targets != ignore_index]
    if labels.is_floating_point() or outputs.dim() < 2:
        return None
    if labels.min() < 0 or labels.max() >= outputs.shape[1]:
        return f"labels go from {labels.min()} to {labels.max()}, and outputs stand for 0 to {outputs.shape[1] - 1}"


def size_that_halving_lost(model, inputs):
    """Ask whether halving and doubling an odd size lost a row, so that a skip connection does not fit."""
    error, _, _ = run_until_error(model, inputs)
    strides = [one.stride for one in model.modules() if hasattr(one, "stride")]
    factor = max(
        [stride if isinstance(stride, int) else stride[0] for stride in strides],
        default=1,
    )
    height, width = inputs.shape[-2:]
    if error and "must match" in str(error) and (height % factor or width % factor):
        return f"images are {height} × {width}, and a layer divides that by {factor}: {error}"


def samples_of_different_shapes(train_loader):
    """Compare the shapes of up to 100 samples."""
    shapes = {}
    with torch.random.fork_rng(devices=[]):
        for number in range(min(100, len(train_loader.dataset))):
            sample = train_loader.dataset[number][0]
            shapes.setdefault(tuple(torch.as_tensor(sample).shape), number)
    plain = train_loader.collate_fn is torch.utils.data.default_collate
    if len(shapes) > 1 and plain:
        (one, first), (other, second) = list(shapes.items())[:2]
        return f"sample {first} has shape {one}, sample {second} has {other}, and there is no collate_fn that pads"
