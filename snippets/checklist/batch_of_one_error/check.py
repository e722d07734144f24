"""Why a normalization gets one value per channel: call these with the model and the batch that raises the error."""

import torch
from torch import nn

BATCH_NORM = nn.modules.batchnorm._BatchNorm
INSTANCE_NORM = nn.modules.instancenorm._InstanceNorm


def last_batch_of_one(train_loader):
    """Ask whether the loader's last batch has one sample."""
    size = train_loader.batch_size
    if not size or isinstance(train_loader.dataset, torch.utils.data.IterableDataset):
        return None  # how many samples there are is not known
    samples = len(train_loader.sampler)
    if size > 1 and samples % size == 1 and not train_loader.drop_last:
        return f"{samples} samples in batches of {size}: the last batch has 1 sample"


def answers_in_eval_mode(model, inputs):
    """Ask whether a model in training mode would answer a single sample in evaluation mode: one forward pass."""
    found, outputs = single_values(model, inputs, BATCH_NORM)
    training = [name for name, shape in found if shape[0] == 1]
    if training and outputs is not None:
        return f"1 sample, and {len(training)} batch normalization layer(s) in training mode; eval() would answer"


def one_pixel_of_one_sample(model, inputs):
    """Name batch normalizations behind a map of one pixel, where the batch has one sample: one forward pass."""
    found, _ = single_values(model, inputs, BATCH_NORM)
    maps = [(name, shape) for name, shape in found if len(shape) > 2 and shape[0] == 1]
    if maps:
        return (
            f"layer {maps[0][0]} gets a map of shape {maps[0][1]}: 1 value per channel"
        )


def one_pixel_of_each_sample(model, inputs):
    """Name instance normalizations behind a map of one pixel, whatever the batch: one forward pass."""
    found, _ = single_values(model, inputs, INSTANCE_NORM)
    if found:
        return f"layer {found[0][0]} gets a map of shape {found[0][1]}: 1 value per channel of each sample"


def single_values(model, inputs, kind):
    """List layers of a kind that compute statistics of maps of one pixel, or of one sample; and the outputs."""
    found = []

    def look(module, args):
        shape = args[0].shape
        if shape[2:].numel() == 1 and (len(shape) > 2 or len(args[0]) == 1):
            found.append((names[module], tuple(shape)))

    names = {
        module: name
        for name, module in model.named_modules()
        if isinstance(module, kind) and (module.training or module.running_mean is None)
    }
    hooks = [module.register_forward_pre_hook(look) for module in names]
    try:
        return found, forward_in_eval_mode(model, inputs)
    finally:
        for hook in hooks:
            hook.remove()


def forward_in_eval_mode(model, inputs):
    """Run the model in evaluation mode and set its modes back; None where it raises the error in question."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            return model(inputs)
    except ValueError:
        return None
    finally:
        for module, training in modes:
            module.training = training
