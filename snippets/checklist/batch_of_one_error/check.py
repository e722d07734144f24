"""Why a normalization gets one value per channel: call these with the model and the batch that raises the error."""

import torch
from torch import nn

BATCH_NORM = nn.modules.batchnorm._BatchNorm
INSTANCE_NORM = nn.modules.instancenorm._InstanceNorm


def last_batch_of_one(train_loader):
    """Ask whether the loader's last batch has one sample."""
    samples, size = len(train_loader.sampler), train_loader.batch_size
    if size and size > 1 and samples % size == 1 and not train_loader.drop_last:
        return f"{samples} samples in batches of {size}: the last batch has 1 sample"


def answers_in_eval_mode(model, inputs):
    """Ask whether a model in training mode would answer a single sample in evaluation mode: one forward pass."""
    training = [
        name
        for name, module in model.named_modules()
        if isinstance(module, BATCH_NORM) and module.training
    ]
    if (
        len(inputs) == 1
        and training
        and forward_in_eval_mode(model, inputs) is not None
    ):
        return f"1 sample, and {len(training)} batch normalization layer(s) in training mode; eval() would answer"


def one_pixel_of_one_sample(model, inputs):
    """Name batch normalizations behind a map of one pixel, where the batch has one sample: one forward pass."""
    found = maps_of_one_pixel(model, inputs, BATCH_NORM)
    if found and len(inputs) == 1:
        return f"layer {found[0][0]} gets a map of shape {found[0][1]}: 1 value per channel"


def one_pixel_of_each_sample(model, inputs):
    """Name instance normalizations behind a map of one pixel, whatever the batch: one forward pass."""
    found = maps_of_one_pixel(model, inputs, INSTANCE_NORM)
    if found:
        return f"layer {found[0][0]} gets a map of shape {found[0][1]}: 1 value per channel of each sample"


def maps_of_one_pixel(model, inputs, kind):
    """List layers of a kind, and the shape of their input, that get maps of one pixel."""
    found = []

    def look(module, args):
        if args[0].dim() > 2 and args[0][0, 0].numel() == 1:
            found.append((names[module], tuple(args[0].shape)))

    names = {
        module: name
        for name, module in model.named_modules()
        if isinstance(module, kind)
    }
    hooks = [module.register_forward_pre_hook(look) for module in names]
    forward_in_eval_mode(model, inputs)
    for hook in hooks:
        hook.remove()
    return found


def forward_in_eval_mode(model, inputs):
    """Run the model in evaluation mode and set its modes back; None where it raises the error in question."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            return model(inputs)
    except ValueError:
        return None
    finally:
        for module, training in modes:
            module.training = training
