"""Which tensor has another dtype or device than the rest: call these with what is at hand when the error was raised."""

import torch
from torch import nn

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)
WITH_WEIGHTS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def inputs_in_float64(model, inputs):
    """Ask whether inputs are float64, NumPy's default, and weights are not."""
    dtype = next(model.parameters()).dtype
    if inputs.dtype == torch.float64 and dtype != torch.float64:
        return f"inputs are {inputs.dtype} and weights are {dtype}: inputs.float()"


def inputs_in_whole_numbers(model, inputs):
    """Run the model, and ask whether whole numbers reach a layer with weights other than an embedding."""
    found = []

    def look(layer, args):
        if args and torch.is_tensor(args[0]) and args[0].dtype in WHOLE:
            found.append((args[0].dtype, layer))

    hooks = [
        layer.register_forward_pre_hook(look)
        for layer in model.modules()
        if list(layer.parameters(recurse=False))
        and type(layer).__module__.startswith("torch.nn")
        if not isinstance(layer, nn.Embedding | nn.EmbeddingBag)
    ]
    modes = {layer: layer.training for layer in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            model(inputs)
    except Exception:  # the error in question; what it met is noted
        pass
    finally:
        for hook in hooks:
            hook.remove()
        for layer, mode in modes.items():
            layer.training = mode
    if found:
        dtype, layer = found[0]
        return f"{dtype} goes into {layer}; inputs are {inputs.dtype}, from {inputs.min()} to {inputs.max()}: .float()"


def weights_of_fewer_bits(model, inputs):
    """Ask whether layers are float16 or bfloat16, and inputs or other layers are float32."""
    layers = {
        name: layer.weight.dtype
        for name, layer in model.named_modules()
        if isinstance(layer, WITH_WEIGHTS)
    }
    dtypes = set(layers.values()) or {next(model.parameters()).dtype}
    half = dtypes & {torch.float16, torch.bfloat16}
    if half and inputs.dtype == torch.float32:
        return f"weights are {half.pop()} and inputs are {inputs.dtype}: autocast, or model.float()"
    if half and torch.float32 in dtypes:
        full = [name for name, dtype in layers.items() if dtype == torch.float32]
        return f"weights are {half.pop()}, and those of {full[0]} are torch.float32: model.to(…) after all layers are in it"


def class_numbers_in_floats(outputs, targets):
    """Ask whether targets are whole numbers, one for each row of outputs, stored as floats or as short integers."""
    classes = (
        outputs.dim() > 1
        and outputs.shape[1] > 1
        and targets.dim() == outputs.dim() - 1
    )
    if (
        classes
        and targets.dtype not in (torch.int64, torch.uint8)
        and bool((targets == targets.float().round()).all())
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
    """Look for tensors and layers that a model holds outside parameters, buffers and submodules: .to skips them."""
    device = next(model.parameters()).device
    for place, layer in model.named_modules():
        for name, value in vars(layer).items():
            if name in ("_parameters", "_buffers", "_modules"):
                continue
            held = (
                value.values()
                if isinstance(value, dict)
                else value
                if isinstance(value, list | tuple)
                else [value]
            )
            for one in held:
                tensors = (
                    [*one.parameters(), *one.buffers()]
                    if isinstance(one, nn.Module)
                    else [one]
                )
                if any(
                    torch.is_tensor(tensor) and tensor.device != device
                    for tensor in tensors
                ):
                    remedy = (
                        "nn.ModuleList"
                        if isinstance(one, nn.Module)
                        else f"register_buffer('{name}', …)"
                    )
                    return f"weights are on {device}, and {place or 'model'}.{name} is not: {remedy}"


def weights_of_the_loss_left_behind(loss_fn, outputs):
    """Compare where outputs and the tensors of the loss are."""
    held = dict(loss_fn.named_buffers()) if isinstance(loss_fn, nn.Module) else {}
    for name, tensor in held.items():
        if tensor.device != outputs.device:
            return f"outputs are on {outputs.device} and loss_fn.{name} on {tensor.device}: loss_fn.to(device)"
