"""Which tensor has another dtype or device than the rest: call these with what is at hand when the error was raised."""

import torch
from torch import nn


def inputs_in_float64(model, inputs):
    """Ask whether inputs are float64, NumPy's default, and weights are not."""
    dtype = next(model.parameters()).dtype
    if inputs.dtype == torch.float64 and dtype != torch.float64:
        return f"inputs are {inputs.dtype} and weights are {dtype}: inputs.float()"


def inputs_in_whole_numbers(model, inputs):
    """Ask whether whole numbers go into a layer other than an embedding."""
    first = next(
        layer for layer in model.modules() if list(layer.parameters(recurse=False))
    )
    if not inputs.is_floating_point() and not isinstance(
        first, nn.Embedding | nn.EmbeddingBag
    ):
        return f"inputs are {inputs.dtype}, from {inputs.min()} to {inputs.max()}, and go into {first}: inputs.float()"


def weights_of_fewer_bits(model, inputs):
    """Ask whether weights are float16 or bfloat16 and inputs are float32."""
    dtype = next(model.parameters()).dtype
    if dtype in (torch.float16, torch.bfloat16) and inputs.dtype == torch.float32:
        return f"weights are {dtype} and inputs are {inputs.dtype}: autocast, or model.float()"


def class_numbers_in_floats(outputs, targets):
    """Ask whether targets are whole numbers that are stored as floats, one for each row of outputs."""
    classes = (
        outputs.dim() > 1
        and outputs.shape[1] > 1
        and targets.dim() == outputs.dim() - 1
    )
    if (
        classes
        and targets.is_floating_point()
        and bool((targets == targets.round()).all())
    ):
        return f"targets are class numbers, stored as {targets.dtype}: targets.long()"


def targets_in_whole_numbers(outputs, targets):
    """Ask whether targets of the outputs' shape are whole numbers, and not one-hot."""
    one_hot = (
        targets.dim() > 1
        and targets.shape[1] > 1
        and bool((targets.sum(dim=1) == 1).all())
    )
    if (
        outputs.shape == targets.shape
        and not targets.is_floating_point()
        and not one_hot
    ):
        return f"outputs are {outputs.dtype} and targets are {targets.dtype}, of one shape: targets.float()"


def one_hot_in_whole_numbers(outputs, targets):
    """Ask whether targets are one-hot and stored as whole numbers."""
    table = (
        outputs.shape == targets.shape and targets.dim() > 1 and targets.shape[1] > 1
    )
    if (
        table
        and not targets.is_floating_point()
        and bool((targets.sum(dim=1) == 1).all())
    ):
        return f"targets are one-hot in {targets.dtype}: targets.argmax(dim=1), or targets.float()"


def batch_on_another_device(model, inputs, targets):
    """Compare where weights, inputs and targets are."""
    device = next(model.parameters()).device
    for name, tensor in (("inputs", inputs), ("targets", targets)):
        if tensor.device != device:
            return f"weights are on {device} and {name} on {tensor.device}: {name} = {name}.to(device)"


def tensors_left_behind(model):
    """Look for tensors that layers hold as plain attributes, which model.to(device) does not move."""
    device = next(model.parameters()).device
    for place, layer in model.named_modules():
        for name, value in vars(layer).items():
            held = value if isinstance(value, list | tuple) else [value]
            if any(
                isinstance(one, torch.Tensor) and one.device != device for one in held
            ):
                return f"weights are on {device}, and {place or 'model'}.{name} is not: register_buffer('{name}', …)"


def weights_of_the_loss_left_behind(loss_fn, outputs):
    """Compare where outputs and the tensors of the loss are."""
    held = dict(loss_fn.named_buffers()) if isinstance(loss_fn, nn.Module) else {}
    for name, tensor in held.items():
        if tensor.device != outputs.device:
            return f"outputs are on {outputs.device} and loss_fn.{name} on {tensor.device}: loss_fn.to(device)"
